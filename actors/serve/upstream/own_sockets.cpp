#include "actors/serve/upstream/own_sockets.hpp"

#include <sys/mman.h>

#include <cstring>
#include <new>

#include "actors/loop/mix.hpp"
#include "policy/ip_class.hpp"

namespace proxy {

namespace {

std::atomic_ref<uint64_t> shared(uint64_t& slot) { return std::atomic_ref<uint64_t>{slot}; }

} // namespace

socket_ends ends_of(const ip_address& from, uint16_t from_port, const ip_address& to,
                    uint16_t to_port) noexcept {
  if (policy::classify(from) == policy::ip_class::loopback)
    return {from, from_port, to, to_port};
  return {from, from_port};
}

own_sockets::own_sockets(uint64_t seed) : seed_(seed) {
  // Zeroed by the kernel page by page, when it is first used.
  auto* pages =
    ::mmap(nullptr, table_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED)
    throw std::bad_alloc{};
  table_ = static_cast<uint64_t*>(pages);
}

own_sockets::~own_sockets() { ::munmap(table_, table_bytes); }

own_sockets::entry::~entry() {
  if (!slot_)
    return;
  shared(*slot_).store(0);
  of_->count_.fetch_sub(1);
}

uint64_t own_sockets::key_of(const socket_ends& which) const noexcept {
  auto key = seed_ ^ which.from_port ^ uint64_t { which.to_port } << 16;
  for (const auto* ip : {&which.from, &which.to}) {
    uint64_t halves[2]; // of v4 addresses: of their mapped form
    std::memcpy(halves, ip->bytes().data(), sizeof halves);
    key = mix(mix(key ^ halves[0]) ^ halves[1]);
  }
  return key | 1;
}

uint64_t* own_sockets::bucket_of(uint64_t key) const noexcept {
  return table_ + (key >> (64 - bucket_bits)) * slots;
}

own_sockets::entry own_sockets::add(const socket_ends& which) noexcept {
  auto key = key_of(which);
  auto* bucket = bucket_of(key);
  for (auto* slot = bucket; slot < bucket + slots; ++slot)
    if (uint64_t free = 0; shared(*slot).compare_exchange_strong(free, key)) {
      count_.fetch_add(1);
      return {this, slot};
    }
  return {};
}

bool own_sockets::contains(const socket_ends& which) const noexcept {
  if (empty())
    return false;
  auto key = key_of(which);
  auto* bucket = bucket_of(key);
  for (auto* slot = bucket; slot < bucket + slots; ++slot)
    if (shared(*slot).load() == key)
      return true;
  return false;
}

} // namespace proxy
