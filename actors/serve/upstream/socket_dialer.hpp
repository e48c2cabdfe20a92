#pragma once

#include <caf/atom.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/typed_actor.hpp>
#include <memory>
#include <string>

#include "actors/loop/system/machine.hpp"
#include "actors/loop/system/open_descriptor.hpp"
#include "actors/messages.hpp"
#include "policy/unix_socket.hpp"

namespace proxy {

/// What dialling a unix socket came to.
struct socket_dialled {
  enum class outcome : uint8_t {
    connected,
    not_allowed, ///< The file is not one of the list, under whatever name, or is a denied one.
    own,         ///< This process itself listens there.
    busy,        ///< It takes no connection now: later, perhaps.
    failed,      ///< errno in `error`.
  };
  outcome what = outcome::failed;
  int error = 0;
  std::string path; ///< Of the file, links resolved.
  std::shared_ptr<open_descriptor> made;
};

/// Finds out what file a path means, judges that, and connects to it. Looking at files may take as
/// long as a file system likes, and clients choose the paths: a thread of its own, one per proxy,
/// owned by `network_proxy`; there is none where unix sockets are not served.
using socket_dialer_actor = caf::typed_actor<
  caf::replies_to<atom::dial, policy::socket_permit, config_ptr>::with<socket_dialled>>;

/// @param net  What it connects with.
socket_dialer_actor::behavior_type socket_dialer(socket_dialer_actor::pointer self, network* net);

/// What the actor does.
[[nodiscard]] socket_dialled dial_unix_socket(const policy::socket_permit& to,
                                              const config::proxy_config& config,
                                              network& net = this_machine().network);

} // namespace proxy

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(proxy::policy::socket_permit)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(proxy::socket_dialled)
