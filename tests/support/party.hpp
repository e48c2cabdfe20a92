#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "actors/loop/simulation/node.hpp"
#include "actors/loop/simulation/sockets/byte_queue.hpp"
#include "tls/carrier.hpp"
#include "tls/client.hpp"
#include "tls/server.hpp"

namespace proxy::test {

inline ip_address ip(std::string_view text) { return *ip_address::parse(text); }

/// Trust in what a file holds and in nothing else; "": in nobody. (To read the platform's roots
/// takes longer than most tests.)
inline tls::trust only(std::string file) { return {std::move(file), "", nullptr, {}, {}}; }

/// A scripted end of a connection in a made-up world, in the clear or in TLS. What it says waits
/// until it can be said, what it hears is kept in `text`. It knows nothing of the framework that
/// tests run in.
class party final : private tls::carrier {
public:
  explicit party(simulation::node& on) : node_(on) {}
  ~party() { close(); }
  party(const party&) = delete;
  party& operator=(const party&) = delete;

  // -- opening and closing --

  void connect(const ip_address& to, uint16_t port);
  /// To a unix socket of its own node.
  void connect(const std::string& path);
  /// Takes a connection that waits. @returns false when none does.
  bool accept(int listener);
  /// Takes one that was accepted.
  void take(int descriptor) { fd_ = descriptor; }
  void close();
  void reset();
  /// The end of what it says, once all is said.
  void finish() { finishing_ = true; }
  [[nodiscard]] bool is_open() const noexcept { return fd_ >= 0; }

  // -- TLS: what was heard before stays in `text` --

  /// From now on it is the client of a handshake.
  void speak_tls(const tls::client_context& trusting, std::string_view name,
                 tls::client_options options = {});
  /// From now on it is the server of one. @param as  Outlives this.
  void answer_tls(const tls::server_context& with, tls::leaf_ptr as, tls::server_options = {});
  [[nodiscard]] bool has_shaken_hands() const noexcept { return shaken_; }
  [[nodiscard]] const ssl_st* session() const noexcept { return tls_.get(); }
  [[nodiscard]] bool speaks_h2() const noexcept {
    return shaken_ && tls::protocol_of(*tls_) == "h2";
  }

  // -- talking --

  void say(std::string_view bytes);
  /// Whether that has come. `forget` begins anew.
  [[nodiscard]] bool hears(std::string_view what);
  void forget() { text.clear(); }
  /// It was reset, was never connected, or its TLS has failed.
  [[nodiscard]] bool is_broken() const noexcept { return error != 0 || !tls_error.empty(); }
  /// The other end has said its last byte, or is gone.
  [[nodiscard]] bool is_over();
  /// Moves what can be moved. @param most  Nothing is read once `text` has so many bytes.
  void move(size_t most = std::numeric_limits<size_t>::max());
  /// From now on nothing is read: what the other end says stays where it is.
  void read_nothing(bool so = true) { deaf_ = so; }
  [[nodiscard]] ip_sockaddr own_address() const { return node_.local_address(fd_); }
  [[nodiscard]] ip_sockaddr other_address() const { return node_.peer_address(fd_); }
  [[nodiscard]] size_t unsaid() const noexcept { return out_.size(); }
  /// Where, of all bytes that came here, the first TLS record stands that is not whole yet: what
  /// will be read comes in it, or later.
  [[nodiscard]] uint64_t next_record() const noexcept { return record_; }

  std::string text;
  bool ended = false;    ///< The other end has said its last byte.
  int error = 0;         ///< errno: ECONNRESET, ECONNREFUSED.
  std::string tls_error; ///< Why the handshake failed, or the session broke.

private:
  ssize_t receive(char* into, size_t room) noexcept override;
  ssize_t send(const char* bytes, size_t count, bool more) noexcept override;
  void begin(int family, const ip_sockaddr& to);
  void fail_with(int number);
  void begin_tls();
  void shake_hands();
  void move_out();
  void move_in(size_t most);
  void count_records(std::string_view bytes);

  simulation::node& node_;
  int fd_ = -1;
  simulation::byte_queue out_;
  bool finishing_ = false, finished_ = false, deaf_ = false;
  tls::leaf_ptr shown_;
  tls::ssl_ptr tls_;
  bool serves_ = false, shaken_ = false;
  uint64_t came_ = 0;   ///< Bytes of TLS, in all.
  uint64_t record_ = 0; ///< Where the record stands that is not whole, or will come next.
  std::string header_;  ///< The beginning of that one's header.
};

} // namespace proxy::test
