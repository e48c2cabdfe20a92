#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "tests/simulate/allocations.hpp"
#include "tests/simulate/story.hpp"
#include "tests/simulate/violation.hpp"

/// Plays one story after the other, and says which seed shows a violation.
///
///     simulate [--seed N] [--first N] [--seconds S] [--seeds COUNT]
///
/// With `--seed` it plays that one twice: both must be the same; else all from `--first` on. Exit
/// code 1: a violation.

namespace {

struct options {
  bool one = false;
  uint64_t seed = 1;
  uint64_t seeds = 2000;
  double seconds = 180;
};

options read(int argc, char** argv) {
  options out;
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string_view name = argv[i];
    if (name == "--seed") {
      out.one = true;
      out.seed = std::strtoull(argv[i + 1], nullptr, 10);
    } else if (name == "--first") {
      out.seed = std::strtoull(argv[i + 1], nullptr, 10);
    } else if (name == "--seeds") {
      out.seeds = std::strtoull(argv[i + 1], nullptr, 10);
    } else if (name == "--seconds") {
      out.seconds = std::strtod(argv[i + 1], nullptr);
      out.seeds = UINT64_MAX;
    } else {
      std::cerr << "usage: simulate [--seed N | [--first N] [--seeds COUNT | --seconds S]]\n";
      std::exit(2);
    }
  }
  return out;
}

/// Plays a story, after which nothing may be left. What is kept for good, is so from its first time
/// on: only who leaves something twice has lost it.
proxy::simulate::outcome play_and_leave(uint64_t seed) {
  using namespace proxy::simulate;
  auto before = allocations();
  auto out = play(seed);
  if (allocations() <= before)
    return out;
  before = allocations();
  out = play(seed);
  auto left = allocations() - before; // before there are words for it
  demand(left <= 0, std::to_string(left) + " objects are left of it");
  return out;
}

volatile uint64_t playing = 0;

/// Of real time, for one world: most take milliseconds, and two minutes where a link hands over
/// large bodies a byte at a time.
constexpr unsigned patience_seconds = 900;

void begin(uint64_t seed) {
  playing = seed;
  ::alarm(patience_seconds);
}

/// A crash is a violation as well, and so is a thread that waits for ever: which seed shows it is
/// the last thing that is said.
void crashed(int signal) {
  char text[96];
  auto size = std::snprintf(text, sizeof text, "VIOLATION with --seed %llu: it %s, signal %d\n",
                            static_cast<unsigned long long>(playing),
                            signal == SIGALRM ? "stands still" : "crashed", signal);
  if (size > 0)
    (void)!::write(STDOUT_FILENO, text, static_cast<size_t>(size));
  std::_Exit(1);
}

} // namespace

int main(int argc, char** argv) {
  using namespace proxy::simulate;
  auto wanted = read(argc, argv);
  auto seed = wanted.seed;
  begin(seed); // before anybody may have to say it
  for (auto each : {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE, SIGALRM})
    std::signal(each, crashed);
  std::signal(SIGPIPE, SIG_IGN); // OpenSSL may raise it
  try {
    if (wanted.one) {
      auto first = play_and_leave(seed), again = play_and_leave(seed);
      demand(first.trace == again.trace, "two runs of one seed differ, in " +
                                           std::to_string(first.steps) + " and " +
                                           std::to_string(again.steps) + " steps");
      std::cout << "seed " << seed << ": " << first.steps << " steps, " << first.seconds
                << " s of its own time, " << first.visitors << " clients, " << first.reloads
                << " reloads\n";
      return 0;
    }
    auto began = std::chrono::steady_clock::now();
    outcome all;
    uint64_t played = 0;
    auto spent = [&] {
      return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    };
    for (; played < wanted.seeds && spent() < wanted.seconds; ++played, ++seed) {
      begin(seed);
      auto one = play_and_leave(seed);
      all.steps += one.steps;
      all.seconds += one.seconds;
      all.visitors += one.visitors;
      all.reloads += one.reloads;
    }
    std::cout << played << " seeds, " << all.steps << " steps, " << all.seconds / 3600
              << " hours of their own time, " << all.visitors << " clients, " << all.reloads
              << " reloads: no violation\n";
  } catch (const violation& what) {
    std::cout << "VIOLATION with --seed " << seed << ": " << what.what() << '\n';
    return 1;
  }
  return 0;
}
