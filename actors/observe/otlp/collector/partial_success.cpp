#include "actors/observe/otlp/collector/partial_success.hpp"

#include <charconv>
#include <nlohmann/json.hpp>
#include <protozero/pbf_reader.hpp>

namespace proxy {

namespace {

std::string shortened(std::string_view words) {
  return std::string{words.substr(0, partial_success::longest_words)};
}

/// A count is an int64: one below zero is none.
uint64_t count_of(uint64_t value) noexcept { return static_cast<int64_t>(value) < 0 ? 0 : value; }

/// @throws protozero::exception where it is no message.
void read_protobuf(protozero::pbf_reader answer, partial_success& out) {
  using protozero::pbf_wire_type;
  while (answer.next(1, pbf_wire_type::length_delimited)) {
    auto said = answer.get_message();
    while (said.next())
      switch (said.tag_and_type()) {
        case protozero::tag_and_type(1, pbf_wire_type::varint):
          out.rejected = count_of(said.get_uint64());
          break;
        case protozero::tag_and_type(2, pbf_wire_type::length_delimited):
          out.words = shortened(said.get_string());
          break;
        default: said.skip();
      }
  }
}

partial_success from_protobuf(std::string_view body) {
  partial_success out;
  try {
    read_protobuf(protozero::pbf_reader{body.data(), body.size()}, out);
  } catch (const protozero::exception&) { // what came before counts
  }
  return out;
}

/// An int64 of protobuf's JSON: a text, or a number.
uint64_t number_of(const nlohmann::json& value) {
  if (value.is_number_unsigned())
    return count_of(value.get<uint64_t>());
  if (!value.is_string())
    return 0;
  const auto& text = value.get_ref<const std::string&>();
  uint64_t out = 0;
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
  return failed == std::errc{} && end == text.data() + text.size() ? count_of(out) : 0;
}

partial_success from_json(std::string_view body) {
  partial_success out;
  auto all = nlohmann::json::parse(body, nullptr, false);
  if (!all.is_object() || !all.contains("partialSuccess") || !all["partialSuccess"].is_object())
    return out;
  for (const auto& [name, value] : all["partialSuccess"].items())
    if (name.starts_with("rejected"))
      out.rejected = number_of(value);
    else if (name == "errorMessage" && value.is_string())
      out.words = shortened(value.get_ref<const std::string&>());
  return out;
}

} // namespace

partial_success decode_partial_success(std::string_view body, config::otlp_encoding encoding) {
  return encoding == config::otlp_encoding::json ? from_json(body) : from_protobuf(body);
}

} // namespace proxy
