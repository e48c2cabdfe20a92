#define CAF_SUITE actors.observe.log.line_writer
#include "actors/observe/log/line_writer.hpp" // unit under test

#include <fcntl.h>
#include <unistd.h>

#include <csignal>

#include "tests/support/test.hpp"

using namespace proxy;

namespace {

/// A pipe whose reader the test plays.
struct fixture {
  fixture() {
    std::signal(SIGPIPE, SIG_IGN);
    int ends[2];
    CAF_REQUIRE_EQUAL(::pipe(ends), 0);
    for (auto fd : ends)
      ::fcntl(fd, F_SETFL, O_NONBLOCK);
    reader = ends[0];
    sink = ends[1];
  }
  ~fixture() {
    ::close(reader);
    ::close(sink);
  }

  std::string read_all() const {
    std::string out;
    char buffer[65536];
    for (ssize_t n; (n = ::read(reader, buffer, sizeof buffer)) > 0;)
      out.append(buffer, static_cast<size_t>(n));
    return out;
  }

  int reader = -1;
  int sink = -1;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(line_writer_tests, fixture)

CAF_TEST(lines arrive in order) {
  line_writer out{sink};
  CAF_CHECK_EQUAL(out.write("a\nb\n"), 0u);
  CAF_CHECK_EQUAL(out.write("c\n"), 0u);
  CAF_CHECK_EQUAL(read_all(), "a\nb\nc\n");
  CAF_CHECK_EQUAL(out.error(), 0);
}

CAF_TEST(what a full pipe does not take is lost by whole lines) {
  line_writer out{sink};
  std::string line = std::string(999, 'x') + '\n';
  std::string many;
  for (int i = 0; i < 200; ++i)
    many += line;
  auto lost = out.write(many);
  CAF_CHECK(lost > 0u);
  CAF_CHECK_EQUAL(out.error(), EAGAIN);
  CAF_CHECK_EQUAL(out.write("late\n"), 1u); // and does not wait again
  auto seen = read_all();
  CAF_CHECK_EQUAL(out.write("after\n"), 0u);
  seen += read_all();
  // A line that was begun is finished before the next one.
  CAF_CHECK_EQUAL(seen.size(), (200 - lost) * line.size() + 6);
  CAF_CHECK(seen.ends_with("x\nafter\n"));
}

CAF_TEST(a line longer than the pipe is finished later) {
  line_writer out{sink};
  std::string line = std::string(100'000, 'x') + '\n';
  CAF_CHECK_EQUAL(out.write(line), 0u); // its rest waits
  auto seen = read_all();
  CAF_CHECK(seen.size() < line.size());
  CAF_CHECK_EQUAL(out.write("b\n"), 0u);
  seen += read_all();
  CAF_CHECK(seen == line + "b\n");
}

CAF_TEST(a reader that is gone costs the lines) {
  line_writer out{sink};
  ::close(reader);
  CAF_CHECK_EQUAL(out.write("a\nb\n"), 2u);
  CAF_CHECK_EQUAL(out.error(), EPIPE);
  reader = -1;
}

CAF_TEST_FIXTURE_SCOPE_END()
