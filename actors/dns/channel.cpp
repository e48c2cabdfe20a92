#include "actors/dns/channel.hpp"

#include <ares.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <span>

#include "protocols/ascii.hpp"
#include "protocols/host.hpp"

namespace proxy {

using std::chrono::milliseconds;

namespace {

/// How often one server is asked at least, and how many packets of one socket are taken in one go.
constexpr int fewest_tries = 3;
constexpr int max_rounds = 64;

/// So often that the waits, each twice as long as the one before, fill the time there is.
int tries_within(milliseconds patience, milliseconds first_wait) {
  auto tries = fewest_tries;
  while (first_wait * ((int64_t{1} << tries) - 1) < patience)
    ++tries;
  return tries;
}

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

dns_outcome outcome_of(int status) {
  switch (status) {
    case ARES_SUCCESS: // of the other family only
    case ARES_ENODATA: return dns_outcome::no_address;
    case ARES_ENOTFOUND: return dns_outcome::no_name;
    case ARES_ESERVFAIL: return dns_outcome::server_failed;
    case ARES_EREFUSED: return dns_outcome::refused;
    case ARES_ECONNREFUSED: return dns_outcome::no_server;
    case ARES_ETIMEOUT: return dns_outcome::timeout;
    case ARES_ECANCELLED:
    case ARES_EDESTRUCTION: return dns_outcome::cancelled;
    default: return dns_outcome::other;
  }
}

/// The name in the question of a message (RFC 1035 §4.1.2), in lower case; "" when there is none.
std::string name_in_question(std::string_view message) {
  constexpr size_t header = 12, longest_label = 63;
  std::string name;
  for (auto at = header; at < message.size();) {
    auto size = static_cast<uint8_t>(message[at++]);
    if (size == 0)
      return name;
    if (size > longest_label || message.size() - at < size)
      return {};
    if (!name.empty())
      name += '.';
    for (auto c : message.substr(at, size))
      name += ascii::to_lower(c);
    at += size;
  }
  return {};
}

} // namespace

/// A question and its two halves. c-ares refers to it until both have come to an end.
struct dns_channel::query final : timer {
  struct half {
    query& whole;
    family_answer answer;
  };

  query(dns_channel& of, std::string key, uint64_t number, std::string asked)
    : owner(of), name(std::move(key)), question(number), as(std::move(asked)) {}

  void ask(half& part) {
    ares_addrinfo_hints hints{};
    hints.ai_family = part.answer.family;
    // Sorted by c-ares, each address would cost a socket and a connect(2).
    hints.ai_flags = ARES_AI_NOSORT;
    // Or else each address comes once for every kind of socket.
    hints.ai_socktype = SOCK_STREAM;
    // The dot says that this is all of the name. Without it c-ares takes whatever ends in
    // "localhost" for this host and asks nobody.
    auto whole = as + '.';
    ares_getaddrinfo(owner.channel_, whole.c_str(), nullptr, &hints, &dns_channel::on_answer,
                     &part);
  }

  void on_timer() override { tell(); }

  [[nodiscard]] dns_records result() const {
    dns_records out;
    for (const auto* each : {&v6, &v4})
      out.addresses.insert(out.addresses.end(), each->answer.addresses.begin(),
                           each->answer.addresses.end());
    if (out.addresses.empty()) {
      out.outcome = failure();
      if (out.outcome == dns_outcome::other)
        out.detail = ares_strerror(v4.answer.none() ? v6.answer.status : v4.answer.status);
      return out;
    }
    // A TTL with its highest bit set means zero (RFC 2181 §8); c-ares hands it on as it is.
    out.ttl = std::chrono::seconds{std::max(0, std::min(v4.answer.ttl, v6.answer.ttl))};
    return out;
  }

  [[nodiscard]] dns_outcome failure() const {
    for (const auto* each : {&v4, &v6}) {
      if (each->answer.none())
        continue;
      auto what = outcome_of(each->answer.status);
      if (what != dns_outcome::no_server)
        return what;
      // c-ares 1.18 says this of servers that failed or refused, too.
      auto noted = owner.failures_.find(as);
      return noted != owner.failures_.end() ? noted->second : what;
    }
    auto gone = [](const half& h) { return h.answer.status == ARES_ENOTFOUND; };
    return gone(v4) && gone(v6) ? dns_outcome::no_name : dns_outcome::no_address;
  }

  void tell() {
    unlink();
    if (!std::exchange(told, true))
      owner.tell_(name, question, as, result());
  }

  dns_channel& owner;
  std::string name;
  uint64_t question;
  std::string as; ///< What is asked for it.
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
  options.tries = tries_within(patience, wait);
  options.lookups = lookups;
  options.sock_state_cb = &dns_channel::on_socket;
  options.sock_state_cb_data = this;
  auto mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
              ARES_OPT_DOMAINS | ARES_OPT_SOCK_STATE_CB;
  auto status = library != ARES_SUCCESS ? library : ares_init_options(&channel_, &options, mask);
  if (status == ARES_SUCCESS) {
    static const ares_socket_functions functions = [] {
      ares_socket_functions out{}; // the library calls all of them once it has any
      out.asocket = &open_socket;
      out.aclose = [](int fd, void* self) {
        network_of(self).close(fd);
        return 0;
      };
      out.aconnect = [](int fd, const sockaddr* to, socklen_t size, void* self) {
        return network_of(self).connect(fd, to, size);
      };
      out.arecvfrom = &dns_channel::on_datagram;
      out.asendv = [](int fd, const iovec* parts, int count, void* self) {
        std::span all{parts, static_cast<size_t>(count)};
        auto sent = network_of(self).write(fd, all);
        // That is the answer to the datagram before, which would be waited for in vain: the one to
        // this will be read.
        return sent < 0 && errno == ECONNREFUSED ? network_of(self).write(fd, all) : sent;
      };
      return out;
    }();
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations" // what replaces it came with 1.34
    ares_set_socket_functions(channel_, &functions, this);
#pragma GCC diagnostic pop
  }
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

void dns_channel::ask(const std::string& name, uint64_t question, const std::string& as) {
  if (!channel_) {
    tell_(name, question, as, {.outcome = dns_outcome::other, .detail = fault_});
    return;
  }
  ++active_;
  auto* what = new query{*this, name, question, as};
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
  auto& owner = done->owner;
  --owner.active_;
  done->tell();
  if (owner.active_ == 0)
    owner.failures_.clear();
  else if (!owner.failures_.empty())
    owner.failures_.erase(done->as);
}

int dns_channel::open_socket(int family, int type, int, void* self) noexcept {
  auto& by = network_of(self);
  if (type == SOCK_DGRAM)
    return by.open(socket_kind::datagram, family);
  auto fd = by.open(socket_kind::stream, family);
  if (fd >= 0)
    by.send_at_once(fd);
  return fd;
}

network& dns_channel::network_of(void* self) noexcept {
  return static_cast<dns_channel*>(self)->loop_.network();
}

ssize_t dns_channel::on_datagram(int fd, void* into, size_t size, int, sockaddr* from,
                                 socklen_t* from_size, void* self) {
  ip_sockaddr sender;
  auto got = network_of(self).receive_from(fd, {static_cast<char*>(into), size}, &sender);
  if (got >= 0 && from && from_size) {
    std::memcpy(from, sender.get(), std::min(*from_size, sender.size));
    *from_size = sender.size;
  }
  if (got > 0)
    static_cast<dns_channel*>(self)->note_failure(
      {static_cast<const char*>(into), static_cast<size_t>(got)});
  return got;
}

void dns_channel::note_failure(std::string_view message) {
  constexpr size_t code_at = 3; // RFC 1035 §4.1.1
  constexpr int servfail = 2, refused = 5;
  if (message.size() <= code_at)
    return;
  auto code = static_cast<uint8_t>(message[code_at]) & 15;
  if (code != servfail && code != refused)
    return;
  // It may be forged, as nobody has looked at who sent it: it only chooses words.
  if (auto name = name_in_question(message); !name.empty() && failures_.size() <= active_)
    failures_.insert_or_assign(std::move(name), code == servfail ? dns_outcome::server_failed
                                                                 : dns_outcome::refused);
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
    auto now = loop_.network().readiness(fd);
    auto read = (now & io_in) != 0;
    auto write = socket.wants_write && (now & io_out) != 0;
    if (!read && !write)
      break;
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
