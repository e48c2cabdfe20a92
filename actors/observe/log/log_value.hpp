#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "actors/net/client_address.hpp"

namespace proxy {

/// A text as a value of a log line. Nothing in it can end its quotes, begin another key, or be
/// taken for a number or a boolean.
struct log_text {
  std::string_view text;
  bool always_quoted = false; ///< Also where it is a plain word.
};

/// One that is always in quotes.
inline log_text quoted_text(std::string_view text) { return {text, true}; }

/// A member that is left out where its text is empty. Its place is right behind another one:
/// "client={}{}".
struct optional_field {
  const char* key; ///< In static storage.
  std::string_view text;
};

/// ` user="alice"`, or nothing for nobody.
inline optional_field user_field(std::string_view user) { return {"user", user}; }

/// One value of a log line, not formatted yet. Texts belong to somebody else.
struct log_value {
  enum class kind : uint8_t {
    integer, ///< `number`, signed.
    count,   ///< `number`, unsigned.
    boolean,
    word,   ///< A word of ours or an address: a number in it is one.
    text,   ///< In quotes where it is no plain word.
    quoted, ///< Always in quotes.
    client, ///< A `client_address`, whose bytes are the text.
    field,  ///< An `optional_field`.
  };

  kind what = kind::word;
  union {
    uint64_t number = 0;
    const char* key; ///< Of a `field`.
  };
  std::string_view text;

  log_value() = default;
  template <std::integral T>
  explicit log_value(T value)
    : what(std::same_as<T, bool> ? kind::boolean
           : std::is_signed_v<T> ? kind::integer
                                 : kind::count),
      number(static_cast<uint64_t>(value)) {}
  explicit log_value(std::string_view value) : text(value) {}
  explicit log_value(const char* value) : text(value) {}
  explicit log_value(const client_address& value)
    : what(kind::client), text(reinterpret_cast<const char*>(&value), sizeof value) {
    static_assert(std::is_trivially_copyable_v<client_address>);
  }
  explicit log_value(log_text value)
    : what(value.always_quoted ? kind::quoted : kind::text), text(value.text) {}
  explicit log_value(optional_field value) : what(kind::field), key(value.key), text(value.text) {}
};

/// The members of a line: `msg=blocked host={} cause="because of {}"`, a value for each {}. Kept in
/// static storage, and checked when it is compiled.
template <class... Ts>
class log_format {
public:
  consteval log_format(const char* text) : text_(text) { // a literal stands where this is asked for
    if (!std::string_view{text}.starts_with("msg="))
      throw "a log line begins with msg=";
    check(text);
  }
  [[nodiscard]] constexpr const char* text() const noexcept { return text_; }

private:
  static consteval void check(std::string_view text) {
    constexpr bool optional[] = {std::same_as<Ts, optional_field>..., false};
    size_t values = 0;
    for (size_t at = 0; (at = text.find("{}", at)) != std::string_view::npos; at += 2) {
      auto behind_another = text.substr(0, at).ends_with("{}");
      if (values >= sizeof...(Ts))
        throw "more {} than values";
      if (optional[values++] != behind_another)
        throw "an optional field, and nothing else, stands right behind another value";
    }
    if (values != sizeof...(Ts))
      throw "more values than {}";
  }

  const char* text_;
};

} // namespace proxy
