#include <cerrno>

#include "actors/loop/calls/socket_call.hpp"
#include "actors/loop/system/network.hpp"

namespace proxy {

namespace {

class plain_executor final : public call_executor {
public:
  explicit plain_executor(network& on) noexcept : network_(on) {}

  void run(std::span<socket_call> calls) noexcept override {
    for (auto& call : calls) {
      auto done = make(call);
      call.result = done < 0 ? -errno : done;
    }
  }

private:
  ssize_t make(const socket_call& call) noexcept {
    switch (call.what) {
      case socket_call::kind::none: break;
      case socket_call::kind::read: return network_.read(call.fd, {call.bytes, call.size});
      case socket_call::kind::write: return network_.write(call.fd, {call.bytes, call.size}, false);
      case socket_call::kind::accept: return network_.accept(call.fd, *call.peer);
      case socket_call::kind::watch: return call.by->add(*call.source) ? 0 : -1;
      case socket_call::kind::close: network_.close(call.fd); break;
    }
    return 0;
  }

  network& network_;
};

} // namespace

std::unique_ptr<call_executor> make_plain_executor(network& on) {
  return std::make_unique<plain_executor>(on);
}

} // namespace proxy
