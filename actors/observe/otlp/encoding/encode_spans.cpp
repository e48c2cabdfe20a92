#include "actors/observe/otlp/encoding/encode.hpp"
#include "actors/observe/otlp/encoding/envelope.hpp"
#include "actors/observe/otlp/encoding/nanoseconds.hpp"

namespace proxy::otlp {

namespace {

constexpr signal_fields traces{{1, "resourceSpans"}, {2, "scopeSpans"}, {2, "spans"}};

constexpr uint32_t status_error = 2; // opentelemetry.proto.trace.v1.Status.StatusCode

template <class Message>
void write_span(Message& out, const span& one) {
  out.id({1, "traceId"}, one.context.trace);
  out.id({2, "spanId"}, one.context.span);
  if (one.parent != span_id{})
    out.id({4, "parentSpanId"}, one.parent);
  out.text({5, "name"}, one.name());
  out.code({6, "kind"}, static_cast<uint32_t>(one.what));
  out.fixed64({7, "startTimeUnixNano"}, nanoseconds(one.begin));
  out.fixed64({8, "endTimeUnixNano"}, nanoseconds(one.end));
  {
    attribute_writer<Message> write{out, {9, "attributes"}};
    for_each_attribute(one, [&](std::string_view name, auto value) { write(name, value); });
  }
  if (one.failed) {
    Message status{out, {15, "status"}};
    status.code({3, "code"}, status_error);
  }
  out.fixed32({16, "flags"}, one.context.flags);
}

} // namespace

std::string encode_spans(std::span<const span_ptr> spans, const identity& from) {
  return envelope_for(from, traces, [&]<class Message>(auto& list, field in) {
    for (const auto& one : spans) {
      Message out{list, in};
      write_span(out, *one);
    }
  });
}

} // namespace proxy::otlp
