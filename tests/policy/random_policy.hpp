#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "policy/rule.hpp"
#include "tests/policy/asking.hpp"

/// Policies and questions by chance, made of so few parts that they often meet.

namespace proxy::policy::test {

/// The same numbers on every machine.
class dice {
public:
  explicit dice(uint32_t seed) : engine_(seed) {}
  [[nodiscard]] size_t below(size_t n) { return engine_() % n; }
  [[nodiscard]] bool one_in(size_t n) { return below(n) == 0; }
  template <class T>
  [[nodiscard]] const T& one_of(const std::vector<T>& all) {
    return all[below(all.size())];
  }
  template <class T>
  [[nodiscard]] std::vector<T> some_of(const std::vector<T>& all) {
    std::vector<T> out;
    for (auto& one : all)
      if (one_in(2))
        out.push_back(one);
    return out;
  }

private:
  std::mt19937 engine_;
};

/// Lists, hooks, a mode, and rules of every kind that compiles.
[[nodiscard]] std::vector<rule> random_rules(dice& d);

/// A question, with all that it points into.
struct asked {
  target to;
  read_request request;
  bool has_request = false;
  std::string client;
  std::optional<std::chrono::system_clock::time_point> now;
};

[[nodiscard]] asked random_question(dice& d);

} // namespace proxy::policy::test
