#pragma once

#include <algorithm>
#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/actors/observe/otlp/gunzip.hpp"
#include "tests/support/peer.hpp"

namespace proxy::test {

/// A request as a collector sees it.
struct collected {
  std::string head;
  std::string body; ///< Not compressed any more.
};

/// An answer of HTTP/1.1.
inline std::string answer(int status, const std::string& fields = {},
                          const std::string& body = {}) {
  return "HTTP/1.1 " + std::to_string(status) +
         " Made up\r\ncontent-length: " + std::to_string(body.size()) +
         "\r\nconnection: close\r\n" + fields + "\r\n" + body;
}

/// A collector on a thread of its own: takes one request after the other, each on a connection of
/// its own, and does with it what the test says.
class made_up_collector {
public:
  /// Gets a request and its number, from 0 on. @returns all bytes of the answer; "" to hang up.
  using script = std::function<std::string(const collected&, size_t number)>;

  explicit made_up_collector(script does = [](auto&&...) { return answer(200); })
    : does_(std::move(does)), thread_([this] { run(); }) {}
  ~made_up_collector() {
    ending_ = true;
    (void)connect_to(at_.address());
    {
      std::lock_guard guard{lock_};
      client_.interrupt(); // who may keep its connection
    }
    thread_.join();
  }

  [[nodiscard]] std::string url(const std::string& path = "/v1/logs") const {
    return "http://" + at_.address() + path;
  }
  [[nodiscard]] std::vector<collected> requests() const {
    std::lock_guard guard{lock_};
    return requests_;
  }

private:
  void run() {
    while (!ending_) {
      auto next = at_.accept();
      {
        std::lock_guard guard{lock_};
        client_ = std::move(next);
      }
      if (client_ && !ending_)
        serve(client_);
    }
  }
  void serve(peer& from) {
    collected request;
    request.head = from.read_until("\r\n\r\n");
    if (!request.head.ends_with("\r\n\r\n"))
      return;
    std::string low{request.head};
    std::ranges::transform(low, low.begin(), [](unsigned char c) { return std::tolower(c); });
    auto at = low.find("content-length: ");
    request.body = from.read(at == std::string::npos ? 0 : std::stoul(low.substr(at + 16)));
    if (low.find("content-encoding: gzip") != std::string::npos)
      request.body = gunzip(request.body);
    size_t number = 0;
    {
      std::lock_guard guard{lock_};
      number = requests_.size();
      requests_.push_back(request);
    }
    auto said = does_(request, number);
    from.send(said);
    from.finish();
  }

  listening at_;
  script does_;
  std::atomic<bool> ending_{false};
  mutable std::mutex lock_;
  std::vector<collected> requests_;
  peer client_; ///< Set by the thread.
  std::thread thread_;
};

} // namespace proxy::test
