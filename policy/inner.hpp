#pragma once

#include <caf/error.hpp>
#include <span>
#include <string_view>
#include <variant>

#include "policy/evaluate.hpp"

namespace proxy::policy {

/// One request that is read on its way: inside a tunnel that is read, or https in absolute form.
/// Views live as long as it.
struct inner_request {
  std::string_view method;
  std::string_view path; ///< Path and query as received (`http1::request_target::path`).
  /// Those that will be forwarded, without what belongs to the client's connection alone.
  std::span<const http1::field> fields;
  bool upgrade = false;
};

/// A request that may pass, and how.
struct forward {
  std::string_view path; ///< What to send: as received, in canonical form where the host has hooks.
  /// What to do to it (`removes`, then `inject_request_headers`); nullptr: nothing.
  const mitm_hook* hook = nullptr;
  size_t index = 0; ///< Of the hook in the configured list.
};

/// Judges one such request: the host again but for the allowed list, which the tunnel has passed
/// (under newer rules it may be denied or local by now), then the hooks of the host, then the mode,
/// from which a hook saves nobody. Plain HTTP to a hooked host is `mitm_required`. Addresses are
/// not looked at: `vet` does when they are dialled. Allocates nothing but what `path` needs.
/// @param to    What the tunnel leads to; its method and upgrade do not count.
/// @param path  Holds the canonical path that the answer points to; keeps its capacity.
/// @param why   When given, every step passed is appended.
[[nodiscard]] std::variant<forward, denial> judge_inner(const rules& in_force, const target& to,
                                                        const inner_request& request,
                                                        http1::request_path& path,
                                                        trace* why = nullptr);

/// Compares the server name of a client's TLS handshake with the host of its tunnel (RFC 6066 §3).
/// @param server_name  "" when the client sent none, which agrees with every host.
/// @returns errc::misdirected when it names another host or none at all.
[[nodiscard]] caf::error check_server_name(const host& tunnel, std::string_view server_name);

/// Compares what a request inside a tunnel calls its host with the host of the tunnel: Host,
/// `:authority`, or the authority of an absolute-form target (RFC 9110 §7.4). Ports may differ: the
/// request goes to the port of the tunnel.
/// @param authority  "" when the request names none, which agrees with every host.
/// @returns errc::misdirected when it names another host or none at all.
[[nodiscard]] caf::error check_authority(const host& tunnel, std::string_view authority);

} // namespace proxy::policy
