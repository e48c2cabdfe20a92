#include "actors/observe/audit_line.hpp"

#include <algorithm>
#include <concepts>

#include "actors/observe/event_fields.hpp"
#include "actors/observe/json_string.hpp"

namespace proxy {

namespace {

/// Appends members of a JSON object.
class member_writer {
public:
  explicit member_writer(std::string& out) : out_(out) {}

  void operator()(std::string_view name, std::string_view value) {
    begin(name);
    append_json_string(out_, value);
  }
  void operator()(std::string_view name, uint64_t value) {
    begin(name);
    out_ += std::to_string(value);
  }
  void operator()(std::string_view name, std::same_as<bool> auto value) {
    begin(name);
    out_ += value ? "true" : "false";
  }

private:
  void begin(std::string_view name) {
    out_ += out_.empty() || out_.back() == '\n' ? "{\"" : ",\"";
    (out_ += name) += "\":";
  }

  std::string& out_;
};

} // namespace

audit_metadata usable_metadata(const audit_metadata& all) {
  audit_metadata out;
  for (const auto& one : all) {
    const auto& [name, value] = one;
    auto same = [&](const auto& before) { return before.first == one.first; };
    if (!name.empty() && !value.empty() && !is_event_field(name) && std::ranges::none_of(out, same))
      out.push_back(one);
  }
  return out;
}

std::string metadata_members(const audit_metadata& all) {
  std::string out;
  for (const auto& [name, value] : usable_metadata(all)) {
    out += ',';
    append_json_string(out, name);
    out += ':';
    append_json_string(out, value);
  }
  return out;
}

void append_audit_lines(std::string& out, const decision_event& event, std::string_view metadata) {
  for_each_record(event, [&](const event_record& what) {
    member_writer fields{out};
    for_each_field(what, fields);
    if (event.trace) {
      fields("trace_id", std::string_view{to_hex(event.trace->trace)});
      fields("span_id", std::string_view{to_hex(event.trace->span)});
    }
    (out += metadata) += "}\n";
  });
}

} // namespace proxy
