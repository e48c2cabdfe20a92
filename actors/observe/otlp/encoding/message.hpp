#pragma once

#include <protozero/pbf_writer.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "actors/observe/json_string.hpp"
#include "protocols/trace_context.hpp"

/// A message of OTLP, written once for both of its encodings: protobuf, and its mapping to JSON
/// (opentelemetry.io/docs/specs/otlp, "JSON Protobuf Encoding"). A message is written while it
/// lives, field after field; while a message inside it lives, nothing else is.

namespace proxy::otlp {

/// A field of a message: its number in protobuf, its name in JSON.
struct field {
  uint32_t number;
  std::string_view name;
};

/// Text that is UTF-8, as both encodings want it: each byte that belongs to no character becomes
/// U+FFFD.
[[nodiscard]] std::string_view valid_utf8(std::string_view text, std::string& scratch);

class protobuf_message {
public:
  explicit protobuf_message(std::string& out) : writer_(out) {}
  /// A message in a field of another one; of a field that is a list, the next of it.
  protobuf_message(protobuf_message& parent, field in) : writer_(parent.writer_, in.number) {}

  /// Those of a list, in a row.
  using list = protobuf_message&;
  [[nodiscard]] list in_list(field) noexcept { return *this; }

  void text(field in, std::string_view value) {
    std::string scratch;
    auto valid = valid_utf8(value, scratch);
    writer_.add_string(in.number, valid.data(), valid.size());
  }
  template <class Id>
  void id(field in, const Id& value) {
    writer_.add_bytes(in.number, reinterpret_cast<const char*>(value.data()), value.size());
  }
  void flag(field in, bool value) { writer_.add_bool(in.number, value); }
  void code(field in, uint32_t value) { writer_.add_uint32(in.number, value); }
  void number(field in, uint64_t value) { writer_.add_uint64(in.number, value); }
  void fixed64(field in, uint64_t value) { writer_.add_fixed64(in.number, value); }
  void fixed32(field in, uint32_t value) { writer_.add_fixed32(in.number, value); }
  void real(field in, double value) { writer_.add_double(in.number, value); }
  void fixed64s(field in, std::span<const uint64_t> values) {
    writer_.add_packed_fixed64(in.number, values.begin(), values.end());
  }
  void reals(field in, std::span<const double> values) {
    writer_.add_packed_double(in.number, values.begin(), values.end());
  }
  /// What another writer has made of fields of this message.
  void made(field in, std::string_view fields) {
    writer_.add_message(in.number, fields.data(), fields.size());
  }

private:
  protozero::pbf_writer writer_;
};

/// 64-bit integers are text, ids are hexadecimal, enumerations are numbers.
class json_message {
public:
  explicit json_message(std::string& out) : out_(out) { out_ += '{'; }
  json_message(json_message& parent, field in) : out_(parent.out_) {
    parent.key(in);
    out_ += '{';
  }
  ~json_message() { out_ += '}'; }
  json_message(const json_message&) = delete;

  class list {
  public:
    list(json_message& parent, field in) : out_(parent.out_) {
      parent.key(in);
      out_ += '[';
    }
    ~list() { out_ += ']'; }
    list(const list&) = delete;

  private:
    friend json_message;
    std::string& out_;
  };
  [[nodiscard]] list in_list(field in) { return {*this, in}; }
  /// The next of a list.
  json_message(list& all, field) : out_(all.out_) {
    if (out_.back() != '[')
      out_ += ',';
    out_ += '{';
  }

  void text(field in, std::string_view value) {
    key(in);
    append_json_string(out_, value);
  }
  template <class Id>
  void id(field in, const Id& value) {
    key(in);
    ((out_ += '"') += to_hex(value)) += '"';
  }
  void flag(field in, bool value) {
    key(in);
    out_ += value ? "true" : "false";
  }
  void code(field in, uint32_t value) {
    key(in);
    out_ += std::to_string(value);
  }
  void fixed32(field in, uint32_t value) { code(in, value); }
  void number(field in, uint64_t value) {
    key(in);
    quoted(value);
  }
  void fixed64(field in, uint64_t value) { number(in, value); }
  void real(field in, double value) {
    key(in);
    append(value);
  }
  void fixed64s(field in, std::span<const uint64_t> values) {
    each_of(in, values, [this](uint64_t value) { quoted(value); });
  }
  void reals(field in, std::span<const double> values) {
    each_of(in, values, [this](double value) { append(value); });
  }
  void made(field in, std::string_view fields) {
    key(in);
    out_ += fields;
  }

private:
  void key(field in) {
    out_ += out_.back() == '{' ? "\"" : ",\"";
    (out_ += in.name) += "\":";
  }
  void quoted(uint64_t value) { ((out_ += '"') += std::to_string(value)) += '"'; }
  void append(double value);
  template <class T, class Append>
  void each_of(field in, std::span<const T> values, Append append_one) {
    key(in);
    out_ += '[';
    for (const auto& value : values) {
      if (out_.back() != '[')
        out_ += ',';
      append_one(value);
    }
    out_ += ']';
  }

  std::string& out_;
};

} // namespace proxy::otlp
