#include "actors/observe/otlp/collector/partial_success.hpp"

#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

namespace proxy {

namespace {

/// One field of a protobuf message (its encoding specification): a number, or bytes.
struct proto_field {
  uint64_t number = 0;
  uint64_t value = 0;
  std::string_view bytes;
};

/// Reads fields one after the other, up to the first that is not whole.
class proto_reader {
public:
  explicit proto_reader(std::string_view of) : rest_(of) {}

  [[nodiscard]] std::optional<proto_field> next() {
    auto key = varint();
    if (!key)
      return std::nullopt;
    switch (*key & 7) {
      case 0: {
        auto value = varint();
        return value ? std::optional{proto_field{*key >> 3, *value, {}}} : std::nullopt;
      }
      case 1: return of_bytes(*key, take(8));
      case 2: {
        auto size = varint();
        return of_bytes(*key, size ? take(*size) : std::nullopt);
      }
      case 5: return of_bytes(*key, take(4));
      default: return std::nullopt;
    }
  }

private:
  [[nodiscard]] static std::optional<proto_field> of_bytes(uint64_t key,
                                                           std::optional<std::string_view> bytes) {
    return bytes ? std::optional{proto_field{key >> 3, 0, *bytes}} : std::nullopt;
  }
  [[nodiscard]] std::optional<std::string_view> take(uint64_t size) {
    if (size > rest_.size())
      return std::nullopt;
    auto out = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return out;
  }
  [[nodiscard]] std::optional<uint64_t> varint() {
    uint64_t out = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      auto byte = take(1);
      if (!byte)
        return std::nullopt;
      auto bits = static_cast<uint8_t>(byte->front());
      out |= static_cast<uint64_t>(bits & 0x7f) << shift;
      if ((bits & 0x80) == 0)
        return out;
    }
    return std::nullopt;
  }

  std::string_view rest_;
};

std::string shortened(std::string_view words) {
  return std::string{words.substr(0, partial_success::longest_words)};
}

/// A count is an int64: one below zero is none.
uint64_t count_of(uint64_t value) noexcept { return static_cast<int64_t>(value) < 0 ? 0 : value; }

partial_success from_protobuf(std::string_view body) {
  partial_success out;
  proto_reader outer{body};
  while (auto message = outer.next())
    if (message->number == 1) {
      proto_reader inner{message->bytes};
      while (auto one = inner.next())
        if (one->number == 1)
          out.rejected = count_of(one->value);
        else if (one->number == 2)
          out.words = shortened(one->bytes);
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
