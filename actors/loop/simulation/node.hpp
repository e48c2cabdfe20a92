#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "actors/loop/simulation/faults.hpp"
#include "actors/loop/simulation/internet.hpp"
#include "actors/loop/simulation/sockets/datagrams.hpp"
#include "actors/loop/simulation/sockets/stream.hpp"

namespace proxy::simulation {

/// How much has been sent on a connection.
struct sent_bytes {
  ip_sockaddr from; ///< This end of it.
  uint64_t bytes;
};

/// A computer of a made-up network, as the network that its loops are given. For one thread.
class node final : public network {
public:
  node(internet& of, std::string name, std::vector<ip_address> addresses);
  ~node() override;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// Descriptors in use: none are left once everybody has gone.
  [[nodiscard]] size_t descriptors() const noexcept {
    return files_.size() + 2 * pipes_.size() + spares_.size();
  }
  [[nodiscard]] size_t sockets() const noexcept { return files_.size(); }
  /// Of these, what `keep_alive` was asked for.
  [[nodiscard]] size_t kept_alive() const noexcept { return kept_alive_.size(); }
  /// What is open, for people: each with its two ends.
  [[nodiscard]] std::string list() const;
  /// From now on there are no more than so many (EMFILE).
  void limit_descriptors(size_t most) noexcept { most_descriptors_ = most; }
  /// Has calls of a kind fail, which are done otherwise: `times` in a row, once `after` more have
  /// been done. One that would have to wait is not counted where accepting fails.
  void fail(call which, int error, size_t times = 1, size_t after = 0) noexcept {
    faults_.plan(which, error, times, after);
  }
  /// How many of these are still to fail.
  [[nodiscard]] size_t to_fail(call which) const noexcept { return faults_.left(which); }

  /// Somebody who watches what leaves here: where a connection is begun to, and what is written on
  /// one. Called before it happens.
  std::function<void(const ip_sockaddr& to)> on_connect;
  std::function<void(const ip_sockaddr& from, const ip_sockaddr& to, std::string_view bytes)>
    on_write;
  /// Of a datagram, before it is sent.
  std::function<void(const ip_sockaddr& to)> on_send;
  /// What has been sent so far on each connection that is open here.
  [[nodiscard]] std::vector<sent_bytes> sent() const;

  // -- as a network --

  std::unique_ptr<poller> make_poller() override;
  std::unique_ptr<call_executor> make_executor() override { return make_plain_executor(*this); }
  int open(socket_kind kind, int family) noexcept override;
  int open_spare() noexcept override;
  void close(int fd) noexcept override;
  void reset(int fd) noexcept override;
  int connect(int fd, const sockaddr* to, socklen_t size) noexcept override;
  int take_error(int fd) noexcept override;
  int bind(int fd, const sockaddr* at, socklen_t size) noexcept override;
  void share_port(int fd, bool share) noexcept override;
  int listen(int fd) noexcept override;
  int accept(int listener, ip_sockaddr& peer) noexcept override;
  void send_at_once(int) noexcept override {}
  void keep_alive(int fd) noexcept override { kept_alive_.insert(fd); }
  ip_sockaddr local_address(int fd) const noexcept override;
  ip_sockaddr peer_address(int fd) const noexcept override;
  std::optional<ip_sockaddr> translated_address(int fd) const noexcept override;
  bool has_way_to(const ip_sockaddr& to) noexcept override;
  ssize_t read(int fd, std::span<char> into) noexcept override;
  ssize_t peek(int fd, std::span<char> into) noexcept override;
  ssize_t write(int fd, std::string_view bytes, bool more) noexcept override;
  ssize_t write(int fd, std::span<const iovec> parts) noexcept override;
  void shutdown_write(int fd) noexcept override;
  pipe_ends open_pipe(size_t capacity) noexcept override;
  ssize_t splice_in(int fd, int pipe, size_t limit) noexcept override;
  ssize_t splice_out(int pipe, int fd, size_t size, bool more) noexcept override;
  ssize_t receive(int fd, datagram_buffer& into) noexcept override;
  ssize_t send(int fd, std::span<const datagram_row> rows) noexcept override;
  ssize_t receive_from(int fd, std::span<char> into, ip_sockaddr* from) noexcept override;
  uint8_t readiness(int fd) noexcept override;

  // -- for what lives on it --

  [[nodiscard]] internet& net() const noexcept { return net_; }
  [[nodiscard]] bool has(const ip_address& address) const noexcept;
  /// Whether a socket may be bound there: an address of its own, or all of them.
  [[nodiscard]] bool may_be_bound(const ip_address& address) const noexcept;
  [[nodiscard]] bool is_reached_by(const ip_address& address) const noexcept;
  /// Our end of a connection to an address.
  [[nodiscard]] ip_sockaddr own_end(const ip_address& towards);
  [[nodiscard]] uint16_t free_port() noexcept;
  [[nodiscard]] bool may_bind(const listening& who, const ip_sockaddr& at) const;
  void begins_listening(listening& who) { listeners_.insert(&who); }
  void stops_listening(listening& who);
  [[nodiscard]] listening* listener_at(const ip_sockaddr& to) const;
  /// Files of unix sockets are those of the system; who listens there is of the node alone.
  void begins_listening(listening& who, const socket_file& at) { paths_[at] = &who; }
  /// @returns nullptr with errno where a connection to this name comes to nobody.
  [[nodiscard]] listening* listener_at_path(const ip_sockaddr& to) const;
  /// @returns false when another one has it at this address.
  [[nodiscard]] bool takes_port(datagrams& who);
  void leaves_port(datagrams& who);
  [[nodiscard]] datagrams* datagrams_at(const ip_sockaddr& to) const;
  /// Keeps what nobody has a descriptor of any more, until it is let go of.
  void keep(open_file_ptr what) { kept_.insert(std::move(what)); }
  void let_go(const open_file_ptr& what) { kept_.erase(what); }
  [[nodiscard]] open_file* file(int fd) const noexcept;

private:
  /// What a pipe holds, under the descriptor of its reading end; the writing end is the next one.
  struct pipe {
    byte_queue bytes;
    size_t capacity;
  };

  [[nodiscard]] bool has_room(size_t more = 1) const noexcept {
    return descriptors() + more <= most_descriptors_;
  }
  [[nodiscard]] int add(open_file_ptr made);
  template <class File>
  [[nodiscard]] File* as(int fd) const noexcept {
    return dynamic_cast<File*>(file(fd));
  }

  internet& net_;
  std::string name_;
  std::vector<ip_address> addresses_;
  std::map<int, open_file_ptr> files_;
  std::set<int> kept_alive_; ///< Descriptors.
  std::set<open_file_ptr> kept_;
  std::map<int, pipe> pipes_;
  std::unique_ptr<char[]> splice_room_; ///< For what is on its way into one.
  std::set<int> spares_;
  faults faults_;
  std::set<listening*> listeners_;
  std::map<socket_file, listening*> paths_;
  std::multimap<std::pair<bool, uint16_t>, datagrams*> ports_; ///< Of UDP: IPv4 or not, and port.
  size_t most_descriptors_ = 1 << 20;
  int next_fd_ = 1 << 24; ///< No real descriptor has such a number.
  uint16_t next_port_ = 32768;
};

} // namespace proxy::simulation
