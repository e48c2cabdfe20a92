#include "actors/serve/upstream/socket_dialer.hpp"

#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>

#include "actors/net/own_socket_file.hpp"

namespace proxy {

namespace {

using came_to = socket_dialled::outcome;

/// Where a path leads when all links are followed; "" and an error when nowhere.
std::string real_path(const std::string& path, int& error) {
  std::error_code why;
  auto real = std::filesystem::canonical(path, why);
  error = why.value();
  return why ? std::string{} : real.string();
}

std::optional<file_id> file_at(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0)
    return std::nullopt;
  return file_id{info.st_dev, info.st_ino};
}

bool leads_to_listed(const std::string& real, const std::vector<std::string>& allowed) {
  for (const auto& entry : allowed) {
    auto normal = policy::normal_socket_path(entry);
    int error = 0;
    if (normal && real_path(*normal, error) == real)
      return true;
  }
  return false;
}

/// By its name or as the same file under another one.
bool is_denied(const std::string& real, const file_id& file,
               const std::vector<std::string>& denied) {
  for (const auto& entry : denied) {
    auto normal = policy::normal_socket_path(entry);
    if (normal && (*normal == real || file_at(*normal) == file))
      return true;
  }
  return false;
}

/// @returns nothing where the path is longer than a socket's may be.
std::optional<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un name{};
  if (path.size() >= sizeof name.sun_path)
    return std::nullopt;
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.c_str(), path.size() + 1);
  return name;
}

/// The name that the other end was bound to; a file may have been put in another's place meanwhile.
std::string bound_name_of(const network& net, int fd) {
  auto name = net.peer_address(fd);
  if (name.size <= offsetof(sockaddr_un, sun_path))
    return {};
  auto room = name.size - offsetof(sockaddr_un, sun_path);
  auto* path = reinterpret_cast<const sockaddr_un*>(name.get())->sun_path;
  return std::string(path, ::strnlen(path, room));
}

socket_dialled ended(came_to what, int error = 0) { return {what, error, {}, nullptr}; }

socket_dialled failed(int error) { return ended(came_to::failed, error); }

socket_dialled connect_to(network& net, const sockaddr_un& name) {
  auto fd = net.open(socket_kind::stream, AF_UNIX);
  if (fd < 0)
    return failed(errno);
  socket_dialled out;
  out.made = std::make_shared<open_descriptor>(net, fd);
  if (net.connect(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0 &&
      errno != EINPROGRESS) {
    out.error = errno;
    out.what =
      errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? came_to::busy : came_to::failed;
    out.made.reset();
    return out;
  }
  out.what = is_own_socket(bound_name_of(net, fd)) ? came_to::own : came_to::connected;
  if (out.what == came_to::own)
    out.made.reset();
  return out;
}

} // namespace

socket_dialled dial_unix_socket(const policy::socket_permit& to, const config::proxy_config& config,
                                network& net) {
  int error = 0;
  auto real = real_path(to.path(), error);
  // Of what is not listed nobody learns whether it is there.
  if (!to.by_name() && (real.empty() || !leads_to_listed(real, config.allow_unix_sockets)))
    return ended(came_to::not_allowed);
  auto file = real.empty() ? std::nullopt : file_at(real);
  if (!file)
    return failed(error != 0 ? error : errno);
  if (is_own_socket(*file))
    return ended(came_to::own);
  if (is_denied(real, *file, config.denied_unix_sockets))
    return ended(came_to::not_allowed);
  // What was judged is what is dialled: a link that leads elsewhere by now leads nobody there. Only
  // where the file's own name is too long does the listed one do.
  auto name = address_of(real);
  if (!name && to.by_name())
    name = address_of(to.path());
  if (!name)
    return failed(ENAMETOOLONG);
  auto out = connect_to(net, *name);
  out.path = std::move(real);
  return out;
}

socket_dialer_actor::behavior_type socket_dialer(socket_dialer_actor::pointer, network* net) {
  return {
    [net](atom::dial, const policy::socket_permit& to, const config_ptr& config) {
      return dial_unix_socket(to, *config, *net);
    },
  };
}

} // namespace proxy
