#include "actors/dns_channel.hpp"

#include <ares.h>
#include <netinet/in.h>
#include <poll.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "protocols/host.hpp"

namespace proxy {

using std::chrono::milliseconds;

namespace {

/// How often one server is asked, and how many packets of one socket are taken in one go.
constexpr int tries = 3;
constexpr int max_rounds = 64;

/// Brings `ip`, `ip:port` and `[ip6]:port` into the form c-ares reads.
/// @returns "" and the entry at fault in `fault` when one of them is none of these.
std::string servers_csv(const std::vector<std::string>& servers, std::string& fault) {
  std::string csv;
  for (const auto& server : servers) {
    auto ip = ip_address::parse(server);
    std::optional<uint16_t> port;
    if (!ip)
      if (auto parsed = authority::parse(server); parsed && parsed->host.scope().empty()) {
        ip = parsed->host.ip();
        port = parsed->port;
      }
    if (!ip) {
      fault = "name server \"" + server + "\" is not an address";
      return {};
    }
    csv += csv.empty() ? "" : ",";
    csv += ip->is_v4() ? ip->str() : "[" + ip->str() + "]";
    csv += ":" + std::to_string(port.value_or(53)); // c-ares 1.18 reads no bracket without one
  }
  return csv;
}

void add_address(std::vector<ip_address>& to, const ip_address& address) {
  if (to.size() < dns_channel::max_addresses_per_family &&
      std::find(to.begin(), to.end(), address) == to.end())
    to.push_back(address);
}

/// What became of one family.
struct family_answer {
  int family;
  std::vector<ip_address> addresses{};
  int ttl = std::numeric_limits<int>::max();
  int status = ARES_SUCCESS;

  void take(const ares_addrinfo& found) {
    for (auto* node = found.nodes; node; node = node->ai_next) {
      if (node->ai_family != family)
        continue; // nobody asked
      ttl = std::min(ttl, node->ai_ttl);
      if (family == AF_INET) {
        sockaddr_in address{};
        std::memcpy(&address, node->ai_addr, sizeof address);
        add_address(addresses, ip_address::v4(ntohl(address.sin_addr.s_addr)));
      } else {
        sockaddr_in6 address{};
        std::memcpy(&address, node->ai_addr, sizeof address);
        std::array<uint8_t, 16> bytes;
        std::memcpy(bytes.data(), &address.sin6_addr, bytes.size());
        add_address(addresses, ip_address::v6(bytes));
      }
    }
    for (auto* alias = found.cnames; alias; alias = alias->next)
      ttl = std::min(ttl, alias->ttl);
  }

  /// The server said that there is nothing.
  [[nodiscard]] bool none() const noexcept {
    return status == ARES_SUCCESS || status == ARES_ENOTFOUND || status == ARES_ENODATA;
  }
};

caf::error to_error(const std::string& name, int status) {
  switch (status) {
    case ARES_ETIMEOUT:
      return caf::make_error(errc::dns_timeout, name + ": no name server answered in time");
    case ARES_ECANCELLED:
    case ARES_EDESTRUCTION:
      return caf::make_error(errc::cancelled, name + ": the look-up was cancelled");
    default: return caf::make_error(errc::dns_error, name + ": " + ares_strerror(status));
  }
}

} // namespace

/// A question and its two halves. c-ares refers to it until both have come to an end.
struct dns_channel::query final : timer {
  struct half {
    query& whole;
    family_answer answer;
  };

  query(dns_channel& of, std::string text, uint64_t number)
    : owner(of), name(std::move(text)), question(number) {}

  void ask(half& part) {
    ares_addrinfo_hints hints{};
    hints.ai_family = part.answer.family;
    // Sorted by c-ares, each address would cost a socket and a connect(2).
    hints.ai_flags = ARES_AI_NOSORT;
    // Or else each address comes once for every kind of socket.
    hints.ai_socktype = SOCK_STREAM;
    ares_getaddrinfo(owner.channel_, name.c_str(), nullptr, &hints, &dns_channel::on_answer, &part);
  }

  void on_timer() override { tell(); }

  [[nodiscard]] caf::expected<dns_records> result() const {
    std::vector<ip_address> addresses;
    for (const auto* each : {&v6, &v4})
      addresses.insert(addresses.end(), each->answer.addresses.begin(),
                       each->answer.addresses.end());
    if (addresses.empty())
      for (const auto* each : {&v4, &v6})
        if (!each->answer.none())
          return to_error(name, each->answer.status);
    // A TTL with its highest bit set means zero (RFC 2181 §8); c-ares hands it on as it is.
    auto ttl = addresses.empty() ? 0 : std::max(0, std::min(v4.answer.ttl, v6.answer.ttl));
    return dns_records{std::move(addresses), std::chrono::seconds{ttl}};
  }

  void tell() {
    unlink();
    if (!std::exchange(told, true))
      owner.tell_(name, question, result());
  }

  dns_channel& owner;
  std::string name;
  uint64_t question;
  half v4{*this, {AF_INET}};
  half v6{*this, {AF_INET6}};
  int outstanding = 2;
  bool told = false;
};

dns_channel::dns_channel(event_loop& loop, const config::dns& settings, milliseconds patience,
                         listener tell)
  : loop_(loop), tell_(std::move(tell)) {
  static const int library = ares_library_init(ARES_LIB_INIT_ALL);
  auto csv = servers_csv(settings.servers, fault_);
  if (!fault_.empty())
    return;
  // The wait doubles with every try: one server that is down leaves time for the next.
  auto wait = std::clamp(patience / 5, milliseconds{20}, milliseconds{1000});
  interval_ = std::clamp(wait / 4, timer_wheel::tick, milliseconds{100});
  char lookups[] = "b";
  ares_options options{};
  options.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES;
  options.timeout = static_cast<int>(wait.count());
  options.tries = tries;
  options.lookups = lookups;
  options.sock_state_cb = &dns_channel::on_socket;
  options.sock_state_cb_data = this;
  auto mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
              ARES_OPT_DOMAINS | ARES_OPT_SOCK_STATE_CB;
  auto status = library != ARES_SUCCESS ? library : ares_init_options(&channel_, &options, mask);
  if (status == ARES_SUCCESS && !csv.empty())
    status = ares_set_servers_ports_csv(channel_, csv.c_str());
  if (status == ARES_SUCCESS)
    return;
  // Without the servers that were asked for, asking those of the system would betray the names to
  // them.
  fault_ = ares_strerror(status);
  if (channel_)
    ares_destroy(std::exchange(channel_, nullptr));
}

dns_channel::~dns_channel() {
  if (channel_)
    ares_destroy(channel_); // tells of every question, closes every socket
}

void dns_channel::ask(const std::string& name, uint64_t question) {
  if (!channel_) {
    tell_(name, question, caf::make_error(errc::dns_error, name + ": " + fault_));
    return;
  }
  ++active_;
  auto* what = new query{*this, name, question};
  what->ask(what->v4); // may end this half, but not the whole
  what->ask(what->v6);
  keep_time();
}

void dns_channel::on_answer(void* what, int status, int, ares_addrinfo* found) {
  auto& half = *static_cast<query::half*>(what);
  auto& whole = half.whole;
  half.answer.status = status;
  if (found) {
    half.answer.take(*found);
    ares_freeaddrinfo(found);
  }
  if (--whole.outstanding > 0) {
    if (!half.answer.addresses.empty())
      whole.owner.loop_.arm(whole, whole.owner.loop_.now() + grace);
    return;
  }
  std::unique_ptr<query> done{&whole};
  --done->owner.active_;
  done->tell();
}

void dns_channel::on_socket(void* self, int fd, int readable, int writable) {
  auto& channel = *static_cast<dns_channel*>(self);
  auto& socket = channel.sockets_[fd];
  if (socket)
    channel.loop_.unwatch(*socket);
  if (!readable && !writable) {
    channel.sockets_.erase(fd);
    return;
  }
  // Watched anew each time: a socket that c-ares now wants to write to may have been writable for
  // long, and no edge would tell.
  if (!socket)
    socket = std::make_unique<watched>(channel);
  socket->fd = fd;
  socket->wants_write = writable != 0;
  socket->ready = socket->wants_write ? 0 : io_out;
  // Unwatched, its questions end in a timeout.
  [[maybe_unused]] auto ok = channel.loop_.watch(*socket);
}

void dns_channel::watched::on_ready() {
  owner.serve(fd); // may destroy this
}

void dns_channel::serve(int fd) {
  // c-ares takes one piece of a TCP answer at a time, yet an edge comes once: ask until nothing is
  // left.
  for (int round = 0;; ++round) {
    auto at = sockets_.find(fd);
    if (at == sockets_.end())
      break;
    auto& socket = *at->second;
    if (round == max_rounds) { // a flood: let others have their turn, then hear of the rest
      on_socket(this, fd, 1, socket.wants_write ? 1 : 0);
      break;
    }
    // Not yet true again once cleared here: the portable poller reports only bits that are missing.
    socket.ready = socket.wants_write ? 0 : io_out;
    pollfd now{fd, static_cast<short>(socket.wants_write ? POLLIN | POLLOUT : POLLIN), 0};
    if (::poll(&now, 1, 0) <= 0)
      break;
    auto read = (now.revents & ~POLLOUT) != 0;
    auto write = (now.revents & POLLOUT) != 0;
    ares_process_fd(channel_, read ? fd : ARES_SOCKET_BAD, write ? fd : ARES_SOCKET_BAD);
  }
  keep_time();
}

void dns_channel::keep_time() {
  // ares_timeout looks at every question there is, so a steady pace is cheaper than the exact
  // moment.
  if (active_ > 0 && !clock_.linked())
    loop_.arm(clock_, loop_.now() + interval_);
}

void dns_channel::clock::on_timer() {
  ares_process_fd(owner.channel_, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  owner.keep_time();
}

} // namespace proxy
