#define CAF_SUITE actors.loop.system.linux.ring
#include "actors/loop/system/platform.hpp" // unit under test

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <string>
#include <thread>
#include <vector>

#include "actors/loop/calls/socket_call.hpp"
#include "tests/actors/loop/sockets.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

/// From now on this system call fails so on the calling thread, whatever it is given.
bool forbid(unsigned call, int error) {
  std::array code{
    sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
    sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
    sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
    sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/// Some of each kind, and what they came to.
struct exchange {
  using kind = socket_call::kind;

  void run(call_executor& how) {
    std::array calls{socket_call{kind::write, ends.first.fd, said.data(), said.size()},
                     socket_call{kind::read, ends.second.fd, room.data(), room.size()},
                     socket_call{kind::close, ends.first.fd}};
    how.run(calls);
    results = {calls[0].result, calls[1].result, calls[2].result};
    (void)ends.first.release();
  }

  std::pair<endpoint_fd, endpoint_fd> ends = stream_pair();
  std::string said = "said";
  std::string room = std::string(16, '-');
  std::vector<ssize_t> results;
};

} // namespace

CAF_TEST(a kernel that takes no more calls is asked no more and all are made all the same) {
  auto how = platform::make_ring();
  if (!how)
    return CAF_MESSAGE("nor does it take any from the start");
  exchange before;
  before.run(*how);
  CAF_CHECK_EQUAL(how->gave_up(), 0);
  exchange meanwhile;
  exchange after;
  auto is_forbidden = false;
  std::thread{[&] { // a filter stays as long as its thread
    is_forbidden = forbid(SYS_io_uring_enter, ENOMEM);
    meanwhile.run(*how);
    after.run(*how);
  }}
    .join();
  CAF_REQUIRE(is_forbidden);
  CAF_CHECK_EQUAL(how->gave_up(), ENOMEM);
  for (auto* each : {&before, &meanwhile, &after}) {
    CAF_CHECK(each->results == (std::vector<ssize_t>{4, 4, 0}));
    CAF_CHECK_EQUAL(each->room.substr(0, 5), "said-");
    CAF_CHECK_EQUAL(each->ends.second.read_byte(), 0);
  }
}

CAF_TEST(where it is forbidden or there are no descriptors there is none) {
  auto error_of = [](auto forbids) {
    auto error = 0;
    std::thread{[&] {
      if (!forbids() || platform::make_ring())
        return;
      error = errno;
    }}.join();
    return error;
  };
  for (auto error : {EPERM, ENOSYS})
    CAF_CHECK_EQUAL(error_of([&] { return forbid(SYS_io_uring_setup, error); }), error);
  // The first of those that it needs is there no more, then the second, and so on.
  rlimit usual{};
  CAF_REQUIRE_EQUAL(::getrlimit(RLIMIT_NOFILE, &usual), 0);
  auto lowest = ::dup(0); // the next that is free
  CAF_REQUIRE(lowest >= 0);
  ::close(lowest);
  if (!platform::make_ring())
    return CAF_MESSAGE("it is forbidden here, whatever is there");
  auto there = 0;
  for (auto is_made = false; !is_made; ++there) {
    CAF_REQUIRE(there < 20);
    auto few = usual;
    few.rlim_cur = static_cast<rlim_t>(lowest + there);
    CAF_REQUIRE_EQUAL(::setrlimit(RLIMIT_NOFILE, &few), 0);
    auto how = platform::make_ring();
    auto error = errno;
    CAF_REQUIRE_EQUAL(::setrlimit(RLIMIT_NOFILE, &usual), 0);
    is_made = how != nullptr;
    if (!is_made)
      CAF_CHECK_EQUAL(error, EMFILE);
    how.reset();
    auto next = ::dup(0);
    CAF_CHECK_EQUAL(next, lowest); // and none is left behind
    ::close(next);
  }
  CAF_CHECK(there > 4);
}
