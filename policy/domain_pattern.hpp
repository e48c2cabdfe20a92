#pragma once

#include <caf/expected.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocols/host.hpp"
#include "protocols/ip_address.hpp"

namespace proxy::policy {

/// A host pattern: exact host, `*.x` (below x), `**.x` (x and below), label globs with `*` and `?`
/// that never cross a dot, an IP literal, or a CIDR; each with an optional `:port`.
class domain_pattern {
public:
  enum class kind : uint8_t { exact, below, apex_and_below, glob, address, network };

  /// @returns errc::invalid_config with the reason for `*`, `**`, `**.*`, `*.*`, an empty pattern,
  /// classes
  ///          or alternates, a CIDR with host bits, a bad port, a host that does not normalise.
  [[nodiscard]] static caf::expected<domain_pattern> parse(std::string_view text);

  /// One pattern against one host; `pattern_set` answers for many.
  [[nodiscard]] bool matches(const host& h, uint16_t port) const noexcept;

  /// Whether every (host, port) this matches, `outer` matches too (managed constraints).
  [[nodiscard]] bool is_within(const domain_pattern& outer) const noexcept;

  [[nodiscard]] kind shape() const noexcept { return kind_; }
  /// Normalised name: the host for `exact`, x for `*.x` and `**.x`, the glob, the address or
  /// network.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// The zone of a scoped literal ("lo0" of "fe80::1%lo0"). "": every zone.
  [[nodiscard]] const std::string& scope() const noexcept { return scope_; }
  [[nodiscard]] std::optional<uint16_t> port() const noexcept { return port_; }
  [[nodiscard]] const std::optional<ip_network>& network() const noexcept {
    return network_;
  } ///< address and network kinds.
  /// Normalised text, two spellings of one pattern compare equal by it.
  [[nodiscard]] std::string str() const;

private:
  /// What parse finds behind the port, in its forms. No error: it is read.
  [[nodiscard]] caf::error read_network(std::string_view text);
  [[nodiscard]] caf::error read_host(std::string_view text);
  [[nodiscard]] caf::error read_glob(std::string_view text);
  [[nodiscard]] caf::error read_name(std::string_view text);
  [[nodiscard]] bool covers_name(const domain_pattern& inner) const noexcept;

  kind kind_ = kind::exact;
  std::string name_;
  std::string scope_;
  std::optional<uint16_t> port_;
  std::optional<ip_network> network_;
};

/// Whether `name` lies below `parent` (a label boundary between them); a name is not below itself.
[[nodiscard]] bool is_below(std::string_view name, std::string_view parent) noexcept;

/// Matches a name against a glob, label by label: `*` is any run of characters of one label, `?` is
/// one. Linear in both for each label, no recursion.
[[nodiscard]] bool glob_matches(std::string_view glob, std::string_view name) noexcept;

} // namespace proxy::policy
