#pragma once

#include <caf/expected.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocols/error.hpp"
#include "protocols/ip_address.hpp"

namespace proxy {

/// A domain name or IP literal, normalised once (RFC 3986 §3.2.2, UTS 46): lower case A-labels
/// without a trailing dot, or a canonical IP literal without brackets, its scope id kept apart.
class host {
public:
  host() = default;

  /// Normalises `text`, which carries no port. Odd IPv4 notations (`127.1`, `0x7f.0.0.1`,
  /// `2130706433`, full-width digits) become the address a resolver would make of them.
  /// Already-normalised ASCII names take a fast path without allocation beyond the text itself.
  /// @returns errc::malformed with the reason: empty, label > 63, name > 253, bad character, bad
  /// literal.
  [[nodiscard]] static caf::expected<host> parse(std::string_view text);

  /// The literal of an address that arrived in binary.
  [[nodiscard]] static host from(const ip_address& ip);

  /// "example.com", "127.0.0.1", "::1"; never empty after `parse`.
  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  [[nodiscard]] const std::optional<ip_address>& ip() const noexcept { return ip_; }
  /// The zone of a scoped literal ("eth0" of "fe80::1%eth0"), usually "".
  [[nodiscard]] const std::string& scope() const noexcept { return scope_; }
  /// `localhost` or a name below it.
  [[nodiscard]] bool is_localhost() const noexcept;
  /// It was written with a dot at its end: the whole name, to which no search domain is added.
  [[nodiscard]] bool is_rooted() const noexcept { return rooted_; }
  /// The text as it stands in a URL or Host field: v6 literals in brackets.
  [[nodiscard]] std::string in_url() const;

  /// With or without the dot at the end it is the same host.
  friend bool operator==(const host& a, const host& b) noexcept {
    return a.text_ == b.text_ && a.ip_ == b.ip_ && a.scope_ == b.scope_;
  }

private:
  [[nodiscard]] static caf::expected<host> parse_v6(std::string_view text);

  std::string text_;
  std::optional<ip_address> ip_;
  std::string scope_;
  bool rooted_ = false;
};

/// `host[:port]` (RFC 3986 §3.2 without userinfo).
struct authority {
  proxy::host host;
  std::optional<uint16_t> port; ///< 1–65535, digits only.

  /// @returns errc::malformed on userinfo, whitespace, an empty host, an IPv6 literal without
  /// brackets,
  ///          junk after `]`, or a port that is empty or out of range.
  [[nodiscard]] static caf::expected<authority> parse(std::string_view text);

  friend bool operator==(const authority&, const authority&) = default;
};

} // namespace proxy
