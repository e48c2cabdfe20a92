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
/// them: state, mode and path decide (`decide`).

namespace proxy::policy {

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

/// A request for a unix socket. Views live as long as the call.
struct socket_query {
  const target& request; ///< With `unix_socket`.
  /// This proxy dials unix sockets at all; else unix_socket_unsupported.
  bool served = true;
  /// Something that is under way: the path of its file. "" for none.
  std::string_view file{};
};

/// Proof that a request may go to a unix socket, as far as that can be told without looking at
/// files. Only `decide` makes one.
class socket_permit {
public:
  [[nodiscard]] const std::string& path() const noexcept { return path_; } ///< Normal.
  /// Allowed under the name that was asked for. Else it may be another name of one that is allowed:
  /// whoever dials finds out.
  [[nodiscard]] bool by_name() const noexcept { return by_name_; }

private:
  socket_permit(std::string path, bool by_name) : path_(std::move(path)), by_name_(by_name) {}
  friend std::variant<socket_permit, denial> decide(const rules&, const socket_query&, trace*);
  std::string path_;
  bool by_name_;
};

/// The denial of a path that is not on the list, and that of a socket of the proxy's own.
[[nodiscard]] denial socket_not_allowed();
[[nodiscard]] denial socket_is_own();

} // namespace proxy::policy
