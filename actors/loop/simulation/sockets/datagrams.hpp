#pragma once

#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "actors/loop/simulation/sockets/open_file.hpp"

namespace proxy::simulation {

/// A UDP socket.
class datagrams final : public open_file {
public:
  /// @param joins  Takes a row of one sender's datagrams as one.
  datagrams(node& on, bool joins) noexcept : open_file(on), joins_(joins) {}

  struct item {
    ip_sockaddr from;
    std::string bytes;
    size_t segment = 0; ///< Size of each datagram but the last; 0: it is one.
  };

  uint8_t level() const noexcept override {
    return static_cast<uint8_t>(io_out | (queue_.empty() && error_ == 0 ? 0 : io_in));
  }
  void close() override;
  int bind(const ip_sockaddr& at) override;
  int connect(const ip_sockaddr& to) override;
  ssize_t read(std::span<char> into, bool leave) override;
  ssize_t write(std::span<const iovec> parts) override;
  int take_error() override { return std::exchange(error_, 0); }

  /// @returns whether it is sent, as far as anybody can tell here; else errno.
  [[nodiscard]] int send_to(const ip_sockaddr& to, std::string bytes);
  /// The same for a row of datagrams of this size. @param segment  0: it is one.
  [[nodiscard]] int send_row(const ip_sockaddr& to, const std::string& bytes, size_t segment);
  /// The next one; nothing with errno when there is none.
  [[nodiscard]] std::optional<item> take();
  /// The same, with those behind it that can go with it.
  [[nodiscard]] std::optional<item> take_row(size_t limit);
  void receive(item what);
  /// Nobody listens where the last one went.
  void is_refused();

private:
  /// A burst beyond this is lost.
  static constexpr size_t most = 512;
  /// Of one row.
  static constexpr size_t most_in_row = 64;
  static constexpr size_t longest_in_row = 1472;
  void bind_anywhere(const ip_address& towards);

  const bool joins_;
  std::deque<item> queue_;
  bool connected_ = false;
  bool bound_ = false;
  int error_ = 0;
};

} // namespace proxy::simulation
