#pragma once

#include <concepts>
#include <cstdio>
#include <cstdlib>
#include <type_traits>

/// What mutate.py writes into the sources that it changes: all mistakes are built in at once, each
/// with a number, and MUTANT says which one is made in a run. A constant expression makes none.
namespace mutation {

inline constexpr int capacity = 1 << 16;
inline unsigned char reached[capacity]; ///< Which were come by.
inline const int chosen = [] {
  auto text = std::getenv("MUTANT");
  return text ? std::atoi(text) : -1;
}();

/// Tells, at the end, which were come by: the others need not be run.
inline const struct reporter {
  ~reporter() {
    auto path = std::getenv("MUTATION_REACHED");
    if (auto out = path ? std::fopen(path, "w") : nullptr) {
      std::fwrite(reached, 1, capacity, out);
      std::fclose(out);
    }
  }
} report;

constexpr bool on(int number) {
  if (std::is_constant_evaluated())
    return false;
  reached[number] = 1;
  return chosen == number;
}

/// A condition that always holds, or never, by the first number or the one behind it.
constexpr bool forced(int number, bool value) {
  bool always = on(number), never = on(number + 1);
  return (value || always) && !never;
}

/// Stands between the sides of a comparison as if it were one of two: `a < flip{1} < b`.
struct flip {
  int number;
};

template <class T>
struct left_side {
  const T& value;
  int number;
};

template <class T>
constexpr left_side<T> operator<(const T& a, flip f) {
  return {a, f.number};
}
template <class T>
constexpr left_side<T> operator<=(const T& a, flip f) {
  return {a, f.number};
}
template <class T>
constexpr left_side<T> operator>(const T& a, flip f) {
  return {a, f.number};
}
template <class T>
constexpr left_side<T> operator>=(const T& a, flip f) {
  return {a, f.number};
}
template <class T>
constexpr left_side<T> operator==(const T& a, flip f) {
  return {a, f.number};
}
template <class T>
constexpr left_side<T> operator!=(const T& a, flip f) {
  return {a, f.number};
}

template <class T, class U>
constexpr bool operator<(left_side<T> a, const U& b) {
  return on(a.number) ? a.value <= b : a.value < b;
}
template <class T, class U>
constexpr bool operator<=(left_side<T> a, const U& b) {
  return on(a.number) ? a.value < b : a.value <= b;
}
template <class T, class U>
constexpr bool operator>(left_side<T> a, const U& b) {
  return on(a.number) ? a.value >= b : a.value > b;
}
template <class T, class U>
constexpr bool operator>=(left_side<T> a, const U& b) {
  return on(a.number) ? a.value > b : a.value >= b;
}
template <class T, class U>
constexpr bool operator==(left_side<T> a, const U& b) {
  return (a.value == b) != on(a.number);
}
template <class T, class U>
constexpr bool operator!=(left_side<T> a, const U& b) {
  return (a.value != b) != on(a.number);
}

} // namespace mutation
