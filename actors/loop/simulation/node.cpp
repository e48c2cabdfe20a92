#include "actors/loop/simulation/node.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace proxy::simulation {

namespace {

bool is_loopback(const ip_address& a) {
  return a.is_v4() ? a.low32() >> 24 == 127 : a == *ip_address::parse("::1");
}

/// All addresses of a node.
bool is_wide(const ip_address& a) { return a == ip_address{} || a == ip_address::v4(0); }

/// Whether one socket is in the other's way at the same port.
bool meet(const ip_address& a, const ip_address& b) {
  return a.is_v4() == b.is_v4() && (a == b || is_wide(a) || is_wide(b));
}

} // namespace

node::node(internet& of, std::string name, std::vector<ip_address> addresses)
  : net_(of), name_(std::move(name)), addresses_(std::move(addresses)) {}

node::~node() = default;

std::string node::list() const {
  auto name = [](const ip_sockaddr& at) {
    return at.ip() ? at.ip()->str() + ':' + std::to_string(at.port()) : '-' + path_of(at);
  };
  std::string out;
  for (const auto& [fd, what] : files_)
    out += (out.empty() ? "" : ", ") + std::to_string(fd) + ' ' + name(what->local()) + " to " +
           name(what->remote()) + " (" + std::to_string(what->level()) + ')';
  return out;
}

bool node::is_reached_by(const ip_address& address) const noexcept {
  return std::ranges::find(addresses_, address) != addresses_.end();
}

bool node::has(const ip_address& address) const noexcept {
  return is_loopback(address) || is_reached_by(address);
}

ip_sockaddr node::own_end(const ip_address& towards) {
  auto mine = towards;
  if (!is_loopback(towards))
    for (const auto& each : addresses_)
      if (each.is_v4() == towards.is_v4()) {
        mine = each;
        break;
      }
  return make_sockaddr(mine, free_port());
}

uint16_t node::free_port() noexcept {
  next_port_ = next_port_ < 60'999 ? static_cast<uint16_t>(next_port_ + 1) : uint16_t{32'768};
  return next_port_;
}

bool node::may_be_bound(const ip_address& address) const noexcept {
  return has(address) || is_wide(address);
}

bool node::may_bind(const listening& who, const ip_sockaddr& at) const {
  return std::ranges::none_of(listeners_, [&](const listening* other) {
    return other->local().port() == at.port() && meet(*other->local().ip(), *at.ip()) &&
           !(other->is_shared() && who.is_shared());
  });
}

listening* node::listener_at(const ip_sockaddr& to) const {
  listening* wide = nullptr;
  for (auto* each : listeners_)
    if (each->takes(to)) {
      if (each->local().ip() == to.ip())
        return each;
      wide = each;
    }
  return wide;
}

bool node::takes_port(datagrams& who) {
  auto ip = *who.local().ip();
  auto place = std::pair{ip.is_v4(), who.local().port()};
  auto [from, to] = ports_.equal_range(place);
  if (std::any_of(from, to, [&](const auto& e) { return meet(*e.second->local().ip(), ip); }))
    return false;
  ports_.emplace(place, &who);
  return true;
}

void node::leaves_port(datagrams& who) {
  std::erase_if(ports_, [&](const auto& each) { return each.second == &who; });
}

datagrams* node::datagrams_at(const ip_sockaddr& to) const {
  auto [from, end] = ports_.equal_range({to.ip()->is_v4(), to.port()});
  auto found =
    std::find_if(from, end, [&](const auto& e) { return meet(*e.second->local().ip(), *to.ip()); });
  return found == end ? nullptr : found->second;
}

open_file* node::file(int fd) const noexcept {
  auto found = files_.find(fd);
  return found == files_.end() ? nullptr : found->second.get();
}

std::vector<sent_bytes> node::sent() const {
  std::vector<sent_bytes> out;
  for (const auto& [fd, what] : files_)
    if (const auto* of = dynamic_cast<const stream*>(what.get()))
      out.push_back({of->local(), of->sent()});
  return out;
}

void node::stops_listening(listening& who) {
  listeners_.erase(&who);
  std::erase_if(paths_, [&](const auto& each) { return each.second == &who; });
}

listening* node::listener_at_path(const ip_sockaddr& to) const {
  auto path = path_of(to);
  // Who connects must be allowed to write.
  if (::access(path.c_str(), W_OK) != 0)
    return nullptr;
  auto file = socket_file_at(path);
  auto found = file ? paths_.find(*file) : paths_.end();
  if (found != paths_.end())
    return found->second;
  errno = ECONNREFUSED;
  return nullptr;
}

} // namespace proxy::simulation
