#include "actors/serve/worker/listener.hpp"

#include <caf/send.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "actors/loop/system/open_descriptor.hpp"
#include "actors/loop/system/sockaddr.hpp"
#include "actors/observe/log/log.hpp"
#include "actors/serve/client/admin_session.hpp"
#include "actors/serve/client/connection.hpp"

namespace proxy {

namespace {

/// Accepted in one go before others of the loop have their turn.
constexpr int batch = 64;

/// How long a listener rests when the process or system has no descriptor left.
constexpr std::chrono::milliseconds pause{100};
/// Without a pause for so long a listener has accepted all that came.
constexpr std::chrono::milliseconds a_while{500};
/// Of pauses alone.
constexpr std::chrono::milliseconds too_long{1'000};

/// A shard this far above the least loaded one hands new connections over.
constexpr uint64_t slack = 64;

} // namespace

void spawn_session(shard_core& on, int descriptor, endpoint serves, const ip_address& ip,
                   uint16_t port, bool held_back) {
  if (!on.admits(serves)) {
    on.loop.network().close(descriptor);
    return;
  }
  client_address from{ip, port, ip == ip_address{} && port == 0};
  if (serves == endpoint::admin) {
    auto made = spawn_on<admin_session>(on.loop, on, from);
    local<admin_session>(made).begin(descriptor);
  } else {
    auto made = spawn_on<connection>(on.loop, on, serves, from);
    local<connection>(made).begin(descriptor, held_back);
  }
}

listener::listener(caf::actor_config& cfg, shard_core& owner, bound_listener_ptr socket)
  : super(cfg), shard_(owner), socket_(std::move(socket)) {
  fd = socket_->fd;
}

listener::~listener() { stop(); }

// May run after the shard is gone: touches the loop alone.
void listener::stop() {
  if (std::exchange(watching_, false))
    loop().unwatch(*this);
  unlink();
}

void listener::close() {
  stop();
  socket_.reset();
}

void listener::begin() {
  watching_ = loop().watch_shared(*this);
  if (!watching_)
    rest();
}

bool listener::accepts() const noexcept {
  auto rests = resting_since_ && loop().now() - rested_at_ <= a_while;
  return socket_ && !(rests && rested_at_ - *resting_since_ >= too_long);
}

void listener::rest() {
  auto now = loop().now();
  if (!resting_since_ || now - rested_at_ > a_while)
    resting_since_ = now;
  rested_at_ = now;
  stop();
  loop().arm(*this, now + pause);
}

listener::behavior_type listener::make_behavior() {
  if (socket_) // else it was closed before its first turn; the shard may be gone by now
    begin();
  return {
    [this](atom::abort) { quit(); },
  };
}

// However it ends: who is killed accepts nobody any more, and keeps no socket open.
void listener::on_exit() { close(); }

void listener::on_timer() { begin(); }

void listener::read_ahead(call_batch& calls) noexcept {
  // One more tells that there are no more.
  asked_ahead_ =
    calls.accept(*this, std::min(expected_ + expected_ / 2 + 1, call_batch::most_accepted));
}

int listener::accept(ip_sockaddr& peer) noexcept {
  if (!asked_ahead_)
    return loop().network().accept(fd, peer);
  auto error = EAGAIN; // where all were accepted, the next turn hears of more
  while (const auto* made = loop().calls().next_accepted(*this)) {
    if (made->fd >= 0) {
      peer = made->peer;
      return made->fd;
    }
    error = -made->fd; // one of them is gone already, or there are no more
  }
  asked_ahead_ = false;
  errno = error;
  return -1;
}

void listener::on_ready() {
  for (int i = 0; i < batch; ++i) {
    ip_sockaddr peer;
    auto accepted = accept(peer);
    if (accepted >= 0) {
      expected_ = static_cast<size_t>(i) + 1; // as many as in this turn, next time
      resting_since_.reset();
      place(accepted, peer.ip().value_or(ip_address{}), peer.ip() ? peer.port() : uint16_t{0});
      continue;
    }
    if ((errno == EMFILE || errno == ENFILE) && accept_on_reserve())
      continue;
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
      ++shard_.counters.accept_pauses;
      shard_.log().warn("msg=accept_paused listener={} error={}", socket_->address(),
                        quoted_text(std::strerror(errno)));
      return rest();
    }
    resting_since_.reset();
    return; // drained, or an error of one connection that is gone already
  }
}

bool listener::accept_on_reserve() {
  auto admin = socket_->serves == endpoint::admin;
  auto& reserve = admin ? shard_.for_admin : shard_.for_clients;
  if (!reserve.give_up()) {
    errno = EMFILE;
    return false;
  }
  ip_sockaddr peer;
  auto accepted = loop().network().accept(fd, peer);
  if (accepted < 0) { // nobody is there, or another thread has got the descriptor
    auto error = errno;
    reserve.refill();
    errno = error;
    return false;
  }
  spawn_session(shard_, accepted, socket_->serves, peer.ip().value_or(ip_address{}),
                peer.ip() ? peer.port() : uint16_t{0}, !admin);
  return true;
}

void listener::place(int descriptor, const ip_address& ip, uint16_t port) {
  auto mine = shard_.process->connections[shard_.index].load(std::memory_order_relaxed);
  if (mine > slack && shard_.peers.size() > 1) {
    size_t least = shard_.index;
    auto fewest = mine;
    for (size_t i = 0; i < shard_.peers.size(); ++i)
      if (auto n = shard_.process->connections[i].load(std::memory_order_relaxed); n < fewest) {
        fewest = n;
        least = i;
      }
    if (mine > fewest + slack + fewest / 4) {
      caf::anon_send(shard_.peers[least], atom::adopt_v,
                     std::make_shared<open_descriptor>(loop().network(), descriptor),
                     socket_->serves, ip, port);
      return;
    }
  }
  spawn_session(shard_, descriptor, socket_->serves, ip, port);
}

} // namespace proxy
