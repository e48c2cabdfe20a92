#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string_view>

#include "tests/simulate/story.hpp"
#include "tests/simulate/violation.hpp"

/// Plays one story after the other, and says which seed shows a violation.
///
///     simulate [--seed N] [--seconds S] [--seeds COUNT]
///
/// With a seed it plays that one twice: both must be the same. Exit code 1: a violation.

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
    } else if (name == "--seeds") {
      out.seeds = std::strtoull(argv[i + 1], nullptr, 10);
    } else if (name == "--seconds") {
      out.seconds = std::strtod(argv[i + 1], nullptr);
      out.seeds = UINT64_MAX;
    } else {
      std::cerr << "usage: simulate [--seed N | --seeds COUNT | --seconds S]\n";
      std::exit(2);
    }
  }
  return out;
}

} // namespace

int main(int argc, char** argv) {
  using namespace proxy::simulate;
  auto wanted = read(argc, argv);
  auto seed = wanted.seed;
  try {
    if (wanted.one) {
      auto first = play(seed), again = play(seed);
      demand(first.trace == again.trace, "two runs of one seed differ");
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
      auto one = play(seed);
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
