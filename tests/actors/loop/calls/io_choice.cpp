#define CAF_SUITE actors.loop.calls.io_choice
#include "actors/loop/calls/io_choice.hpp" // unit under test

#include <cerrno>
#include <string>
#include <vector>

#include "tests/actors/net/gathered.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

/// Makes nothing, and gives up when it is told to.
struct idle_executor final : call_executor {
  explicit idle_executor(const int& why) : error(why) {}
  void run(std::span<socket_call> calls) noexcept override {
    for (auto& call : calls)
      call.result = -EAGAIN;
  }
  [[nodiscard]] int gave_up() const noexcept override { return error; }
  const int& error;
};

struct fixture : gathered_fixture {
  fixture() : gathered_fixture(back_end::usual) { loop.calls().use(nullptr); }

  io_choice::make none(int error) {
    return [error] {
      errno = error;
      return std::unique_ptr<call_executor>{};
    };
  }
  io_choice::tell keep() {
    return [this](const std::string& why) { told.push_back(why); };
  }
  bool gathers() {
    auto out = false;
    in_a_turn([&] {
      (void)sock.write("one");
      out = loop.calls().gathers();
    });
    return out;
  }

  std::vector<std::string> told;
  int given_up = 0;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(io_choice_tests, fixture)

CAF_TEST(what was chosen says what it is and why) {
  struct row {
    const char* wanted;
    bool is_demanded;
  } rows[] = {{"auto", false}, {"batched", true}};
  for (const auto& row : rows) {
    CAF_MESSAGE(row.wanted);
    auto chosen = choose_io(row.wanted, network());
    CAF_CHECK_EQUAL(chosen.is_demanded, row.is_demanded);
    CAF_CHECK_EQUAL(chosen.str(), chosen.error == 0 ? "batched" : "plain");
    CAF_CHECK_EQUAL(chosen.why().empty(), chosen.error == 0);
    CAF_CHECK_EQUAL(chosen.first != nullptr, chosen.error == 0);
  }
  auto plain = choose_io("plain", network());
  CAF_CHECK_EQUAL(plain.str(), "plain");
  CAF_CHECK_EQUAL(plain.error, 0);
  CAF_CHECK_EQUAL(plain.why(), "");
  CAF_CHECK(plain.apply(loop.calls(), none(EMFILE), keep()));
  CAF_CHECK(told.empty()); // nobody wanted it otherwise
  CAF_CHECK(has(io_choice::why(EPERM), "seccomp"));
}

CAF_TEST(a worker for which there is none says so or does not begin) {
  io_choice chosen{nullptr, 0, false, true};
  CAF_CHECK(chosen.apply(loop.calls(), none(EMFILE), keep()));
  CAF_CHECK(told == std::vector<std::string>{"io_uring: Too many open files"});
  CAF_CHECK_EQUAL(chosen.str(), "batched"); // the others
  chosen.is_demanded = true;
  CAF_CHECK(!chosen.apply(loop.calls(), none(ENOMEM), keep()));
  CAF_CHECK_EQUAL(chosen.why(), "io_uring: Cannot allocate memory");
  CAF_CHECK_EQUAL(told.size(), 1u);
}

CAF_TEST(a worker whose calls cannot be made together any more says so once) {
  io_choice chosen{std::make_unique<idle_executor>(given_up), 0, true, true};
  CAF_CHECK(chosen.apply(loop.calls(), none(EMFILE), keep()));
  CAF_CHECK(!chosen.first);
  loop.calls().use(std::make_unique<idle_executor>(given_up), 0); // with one event, too
  CAF_CHECK(gathers());
  CAF_CHECK(told.empty());
  given_up = ENOMEM;
  CAF_CHECK(gathers());
  CAF_CHECK(told == std::vector<std::string>{"io_uring: Cannot allocate memory"});
  CAF_CHECK(!gathers());
  CAF_CHECK_EQUAL(told.size(), 1u);
}

CAF_TEST_FIXTURE_SCOPE_END()
