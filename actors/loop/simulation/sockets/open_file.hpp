#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "actors/loop/simulation/made_up_poller.hpp"
#include "actors/loop/system/network.hpp"

namespace proxy::simulation {

class node;

/// What a descriptor of a made-up node stands for. Calls that it has no use for fail as the
/// system's do.
class open_file : public std::enable_shared_from_this<open_file> {
public:
  explicit open_file(node& on) noexcept : on_(on) {}
  virtual ~open_file() = default;
  open_file(const open_file&) = delete;
  open_file& operator=(const open_file&) = delete;

  [[nodiscard]] virtual uint8_t level() const noexcept = 0; ///< What it is ready for: io_bits.
  virtual void close() = 0;
  virtual void reset() { close(); }
  virtual int bind(const ip_sockaddr& at);
  virtual int connect(const ip_sockaddr& to);
  virtual ssize_t read(std::span<char> into, bool leave);
  virtual ssize_t write(std::span<const iovec> parts);
  virtual void shutdown_write() {}
  virtual int take_error() { return 0; }
  /// A call about it has failed with this error, for a test wanted that: what comes of it.
  virtual void meet(int) {}

  [[nodiscard]] node& on() const noexcept { return on_; }
  [[nodiscard]] const ip_sockaddr& local() const noexcept { return local_; }
  [[nodiscard]] const ip_sockaddr& remote() const noexcept { return remote_; }

  /// Who watches it: told when something happens.
  void watched_by(made_up_poller* who, io_source* as) noexcept {
    poller_ = who;
    source_ = as;
  }
  void touch() {
    if (poller_)
      poller_->touch(*source_);
  }

protected:
  node& on_;
  ip_sockaddr local_, remote_;

private:
  made_up_poller* poller_ = nullptr;
  io_source* source_ = nullptr;
};

using open_file_ptr = std::shared_ptr<open_file>;

/// -1 with errno.
[[nodiscard]] int failed(int error) noexcept;

/// The path that a unix socket is bound to; "" for all other names.
[[nodiscard]] std::string path_of(const ip_sockaddr& name);
/// The other way round. @param path  At most 107 bytes.
[[nodiscard]] ip_sockaddr name_of(const std::string& path) noexcept;
/// The name of a unix socket that has none.
[[nodiscard]] ip_sockaddr unnamed() noexcept;

/// What tells a unix socket's file from others: device and inode.
using socket_file = std::pair<dev_t, ino_t>;
/// nullopt where there is none.
[[nodiscard]] std::optional<socket_file> socket_file_at(const std::string& path);

} // namespace proxy::simulation
