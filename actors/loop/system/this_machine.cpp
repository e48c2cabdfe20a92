#include <openssl/rand.h>

#include <cstring>
#include <stdexcept>

#include "actors/loop/system/machine.hpp"
#include "actors/loop/system/system_network.hpp"

namespace proxy {

namespace {

class system_time final : public clock {
public:
  steady_time now() const noexcept override { return std::chrono::steady_clock::now(); }
  wall_time wall() const noexcept override { return std::chrono::system_clock::now(); }
};

class system_entropy final : public entropy {
public:
  uint64_t number() override {
    unsigned char bytes[sizeof(uint64_t)];
    if (::RAND_bytes(bytes, sizeof bytes) != 1)
      throw std::runtime_error("the system has no random numbers");
    uint64_t out = 0;
    std::memcpy(&out, bytes, sizeof out);
    return out;
  }
};

} // namespace

const machine& this_machine() noexcept {
  static const system_time time;
  static system_entropy chance;
  static const machine here{time, chance, system_network()};
  return here;
}

} // namespace proxy
