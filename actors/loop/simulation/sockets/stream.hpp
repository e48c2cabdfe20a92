#pragma once

#include <deque>
#include <functional>
#include <string>
#include <utility>

#include "actors/loop/simulation/sockets/byte_queue.hpp"
#include "actors/loop/simulation/sockets/open_file.hpp"
#include "actors/loop/system/clock.hpp"

namespace proxy::simulation {

class stream;
using stream_ptr = std::shared_ptr<stream>;

/// One end of a connection: of TCP, or of a unix socket.
class stream final : public open_file {
public:
  explicit stream(node& on, bool is_unix = false) noexcept : open_file(on), is_unix_(is_unix) {
    if (is_unix)
      local_ = unnamed();
  }

  /// Bytes that may be under way or unread, in one direction.
  static constexpr size_t window = 128 * 1024;

  uint8_t level() const noexcept override;
  void close() override;
  void reset() override;
  int connect(const ip_sockaddr& to) override;
  ssize_t read(std::span<char> into, bool leave) override;
  ssize_t write(std::span<const iovec> parts) override;
  void shutdown_write() override;
  void meet(int error) override;
  int take_error() override { return std::exchange(error_, 0); }
  /// Bytes, in all.
  [[nodiscard]] uint64_t sent() const noexcept { return carried_; }

private:
  enum class state : uint8_t { fresh, connecting, open, over };

  int connect_to_path(const ip_sockaddr& to);
  void refuse_later(node& by, int error);
  /// The connection stands, as this end sees it.
  void established(const stream_ptr& other);
  /// Lets the other end know of something, after the way there.
  void tell(size_t size, std::function<void(stream& far)> what);
  void tell_of_reset();
  /// The same, and this end hears no more of it.
  void send_reset();
  /// A unix socket goes in both directions at once.
  void leave(bool with_unread);
  /// Nothing more goes either way.
  void be_over();
  // What comes from the other end.
  void take_bytes(std::string_view bytes);
  void take_end();
  void take_reset(int error);
  void take_leave(bool with_unread);
  void take_room(size_t size);

  const bool is_unix_;
  state state_ = state::fresh;
  std::weak_ptr<stream> other_;
  byte_queue in_;              ///< Not read yet.
  size_t outstanding_ = 0;     ///< Sent, and not read at the other end yet.
  uint64_t carried_ = 0;       ///< Sent in all.
  steady_time last_arrival_{}; ///< At the other end, of what was sent last.
  int error_ = 0;
  bool ended_in_ = false;  ///< The other end has sent its last byte.
  bool ended_out_ = false; ///< We have.
  bool full_ = false;      ///< A write found no room.
  bool closed_ = false;    ///< Nobody has a descriptor of it any more.

  friend class listening;
};

/// A socket that listens.
class listening final : public open_file {
public:
  using open_file::open_file;
  ~listening() override = default;

  uint8_t level() const noexcept override { return queue_.empty() ? 0 : io_in; }
  void close() override;
  int bind(const ip_sockaddr& at) override;
  int listen();
  [[nodiscard]] bool listens() const noexcept { return listens_; }
  /// @returns nullptr when nobody waits.
  [[nodiscard]] stream_ptr accept();
  /// Whether a connection to this address comes here.
  [[nodiscard]] bool takes(const ip_sockaddr& to) const noexcept;
  /// A connection from elsewhere. @returns our end of it; nullptr when too many wait.
  [[nodiscard]] stream_ptr receive(const stream_ptr& from);
  void share(bool with_others) noexcept { shared_ = with_others; }
  [[nodiscard]] bool is_shared() const noexcept { return shared_; }

private:
  int bind_to_path(const ip_sockaddr& at);

  static constexpr size_t backlog = 128;
  std::deque<stream_ptr> queue_;
  bool listens_ = false;
  bool shared_ = false;
};

} // namespace proxy::simulation
