#include "actors/observe/event_fields.hpp"
#include "actors/observe/otlp/encoding/encode.hpp"
#include "actors/observe/otlp/encoding/envelope.hpp"
#include "actors/observe/otlp/encoding/nanoseconds.hpp"

namespace proxy::otlp {

namespace {

constexpr signal_fields logs{{1, "resourceLogs"}, {2, "scopeLogs"}, {2, "logRecords"}};

// By opentelemetry.proto.logs.v1.SeverityNumber.
constexpr uint32_t severity_info = 9, severity_warn = 13;

template <class Message>
void write_record(Message& record, const event_record& what, const attributes& metadata,
                  moment seen) {
  const auto& event = what.event;
  record.fixed64({1, "timeUnixNano"}, nanoseconds(event.at));
  record.fixed64({11, "observedTimeUnixNano"}, nanoseconds(seen));
  record.code({2, "severityNumber"}, event.fault ? severity_warn : severity_info);
  record.text({3, "severityText"}, event.fault ? "WARN" : "INFO");
  record.text({12, "eventName"}, what.name);
  {
    attribute_writer<Message> write{record, {6, "attributes"}};
    for_each_field(what, [&](std::string_view name, auto value) {
      if (name != "target") // the name of the scope
        write(name, value);
    });
    for (const auto& [name, value] : metadata)
      write(name, std::string_view{value});
  }
  if (event.trace) {
    record.fixed32({8, "flags"}, event.trace->flags);
    record.id({9, "traceId"}, event.trace->trace);
    record.id({10, "spanId"}, event.trace->span);
  }
}

} // namespace

std::string encode_logs(std::span<const decision_event_ptr> events, const identity& from,
                        moment seen) {
  return envelope_for(from, logs, [&]<class Message>(auto& list, field in) {
    for (const auto& event : events)
      for_each_record(*event, [&](const event_record& what) {
        Message record{list, in};
        write_record(record, what, from.metadata, seen);
      });
  });
}

} // namespace proxy::otlp
