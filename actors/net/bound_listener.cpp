#include "actors/net/bound_listener.hpp"

#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "actors/loop/system/sockaddr.hpp"
#include "tls/files.hpp"

namespace proxy {

namespace {

caf::error failed(const bound_listener& what, const std::string& call) {
  return caf::make_error(errc::system, "cannot listen on " + what.address() + ": " + call + ": " +
                                         std::strerror(errno));
}

caf::error bind_ip(bound_listener& l, port_sharing sharing) {
  auto ip = ip_address::parse(l.wanted.ip);
  if (!ip)
    return caf::make_error(errc::system, "cannot listen on " + l.wanted.ip + ": not an IP address");
  l.ip = *ip;
  l.port = l.wanted.port;
  auto name = make_sockaddr(l.ip, l.port);
  l.fd = l.on().open(socket_kind::listener, name.family());
  if (l.fd < 0)
    return failed(l, "socket");
  if (sharing == port_sharing::with_our_own)
    l.on().share_port(l.fd, true);
  if (l.on().bind(l.fd, name.get(), name.size) != 0)
    return failed(l, "bind");
  if (l.on().listen(l.fd) != 0)
    return failed(l, "listen");
  if (auto bound = l.on().local_address(l.fd); bound.ip())
    l.port = bound.port();
  return caf::none;
}

/// Whether somebody listens on a unix socket file. Does not wait: one whose queue is full listens
/// too, and may never accept.
bool answers(network& net, const sockaddr_un& name) {
  auto fd = net.open(socket_kind::stream, AF_UNIX);
  auto up =
    fd >= 0 && (net.connect(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0 ||
                errno == EAGAIN || errno == EINPROGRESS);
  if (fd >= 0)
    net.close(fd);
  return up;
}

caf::error bind_path(bound_listener& l) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  const auto& path = l.wanted.path;
  if (path.size() >= sizeof name.sun_path)
    return caf::make_error(errc::system, "cannot listen on unix:" + path + ": path too long");
  if (auto err = tls::check_folder_of(path, tls::shared_by_root::yes))
    return caf::make_error(errc::system, "cannot listen on unix:" + path + ": " + context_of(err));
  std::memcpy(name.sun_path, path.data(), path.size());
  struct stat st {};
  if (::lstat(path.c_str(), &st) == 0) {
    if (!S_ISSOCK(st.st_mode) || answers(l.on(), name)) {
      errno = EADDRINUSE;
      l.wanted.path = path;
      return caf::make_error(errc::system,
                             "cannot listen on unix:" + path + ": " + std::strerror(errno));
    }
    ::unlink(path.c_str());
  }
  l.fd = l.on().open(socket_kind::listener, AF_UNIX);
  if (l.fd < 0)
    return failed(l, "socket");
  if (l.on().bind(l.fd, reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0)
    return failed(l, "bind");
  l.path = path;
  l.listed = own_socket_file{path};
  // Only the owner may talk to the admin API. Nobody gets in meanwhile, whatever mode the umask
  // left the file with: a connection to a socket that does not listen yet is refused.
  if (::chmod(path.c_str(), 0600) != 0)
    return failed(l, "chmod");
  return l.on().listen(l.fd) == 0 ? caf::error{} : failed(l, "listen");
}

} // namespace

bound_listener::~bound_listener() {
  // While it answers nobody else binds there: what has the name is not replaced between the look
  // and the end.
  if (listed.is_in_place())
    ::unlink(path.c_str());
  if (fd >= 0 && !taken_from)
    network_.close(fd);
}

std::string bound_listener::address() const {
  if (!wanted.path.empty())
    return "unix:" + wanted.path;
  auto text = ip.str();
  return (ip.is_v4() ? text : '[' + text + ']') + ':' + std::to_string(port);
}

caf::expected<bound_listener_ptr> bind_listener(endpoint serves,
                                                const config::listen_address& wanted, network& on,
                                                port_sharing sharing) {
  auto made = std::make_shared<bound_listener>(on);
  made->serves = serves;
  made->wanted = wanted;
  auto err = wanted.path.empty() ? bind_ip(*made, sharing) : bind_path(*made);
  if (err)
    return err;
  return bound_listener_ptr{std::move(made)};
}

} // namespace proxy
