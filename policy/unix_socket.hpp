#pragma once

#include <caf/expected.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "policy/rules.hpp"
#include "protocols/http1/message.hpp"

/// Requests that name a unix socket instead of a host (`x-unix-socket`). No host is judged for
/// them: state, mode and path decide.

namespace proxy::policy {

/// What the configuration says of unix sockets. Views live as long as it does.
struct socket_lists {
  std::span<const std::string> allowed;
  std::span<const std::string> denied; ///< Entries may be anything: what is no path denies nothing.
  bool all = false;                    ///< Every one but those denied.
};

/// Fills in what a request with `x-unix-socket` asks for: its path, and, as no host is involved,
/// the name that answers and records show instead.
/// @returns errc::malformed unless it stands there once, in printable ASCII.
[[nodiscard]] caf::error read_socket_name(const http1::head& of, target& into);

/// An absolute path without `.`, `..`, and slashes that say nothing: what is compared, and what is
/// dialled, so that both mean the same. @returns nothing for relative paths, for the root, and with
/// a NUL.
[[nodiscard]] std::optional<std::string> normal_socket_path(std::string_view path);

/// Whether one of the paths is this one.
/// @param normal  As `normal_socket_path` returns it.
[[nodiscard]] bool lists_socket(std::span<const std::string> paths, std::string_view normal);

/// Proof that a request may go to a unix socket, as far as that can be told without looking at
/// files. Only `judge_socket` makes one.
class socket_permit {
public:
  [[nodiscard]] const std::string& path() const noexcept { return path_; } ///< Normal.
  /// Allowed under the name that was asked for. Else it may be another name of one that is allowed:
  /// whoever dials finds out.
  [[nodiscard]] bool by_name() const noexcept { return by_name_; }

private:
  socket_permit(std::string path, bool by_name) : path_(std::move(path)), by_name_(by_name) {}
  friend std::variant<socket_permit, denial> judge_socket(const rules&, const socket_lists&, bool,
                                                          const target&);
  std::string path_;
  bool by_name_;
};

/// Judges a request for a unix socket: disabled, then the mode, then whether there are any here,
/// then the path.
/// @param served  Whether this proxy dials unix sockets at all; else unix_socket_unsupported.
/// @pre what.unix_socket
[[nodiscard]] std::variant<socket_permit, denial>
judge_socket(const rules& in_force, const socket_lists& lists, bool served, const target& what);

/// Judges one that is under way by a new policy, by names alone.
/// @param real  The path of its file.
[[nodiscard]] std::optional<denial> judge_socket_again(const rules& in_force,
                                                       const socket_lists& lists,
                                                       const target& what, std::string_view real);

/// The denial of a path that is not on the list, and that of a socket of the proxy's own.
[[nodiscard]] denial socket_not_allowed();
[[nodiscard]] denial socket_is_own();

} // namespace proxy::policy
