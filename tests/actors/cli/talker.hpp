#pragma once

#include "tests/support/peer.hpp"

#include <string>
#include <thread>
#include <utility>

namespace proxy::test {

/// Takes one connection, says something at once, and hears its peer to the end.
class talker {
public:
  explicit talker(std::string says)
    : thread_{[this, says = std::move(says)] {
        auto client = listens_.accept();
        (void)client.send(says);
        client.finish();
        heard_ = client.rest();
      }} {}
  ~talker() {
    if (thread_.joinable())
      thread_.join();
  }

  [[nodiscard]] uint16_t port() const { return listens_.port(); }
  /// What it was told, once its peer has ended.
  [[nodiscard]] const std::string& heard() {
    thread_.join();
    return heard_;
  }

private:
  listening listens_;
  std::string heard_;
  std::thread thread_;
};

} // namespace proxy::test
