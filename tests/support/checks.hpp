#pragma once

#include <caf/deep_to_string.hpp>
#include <caf/test/unit_test.hpp>

#include <cstddef>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>

/// The tests and checks of CAF's framework, with what is the same in all of them in functions. As
/// CAF writes them, a check is a dozen calls and a test a dozen templates, and that is half of what
/// compiling tests takes.
///
/// A check that fails is told whatever the verbosity (CAF tells it with `-v 4`), with what the test
/// reported last. It leaves `errno` as it is.

namespace proxy::test {

/// Where a check stands, and what it says.
struct place {
  const char* file;
  size_t line;
  const char* text;
};

/// Counts a check. @returns whether it holds.
bool check(const place& at, bool holds);
/// One that does not hold, of these two values. @returns false.
bool check_fails(const place& at, const std::string& left, const std::string& right);
/// Ends the program when a check before has failed that the rest of the test needs.
void demand(bool holds, const char* text);
/// A value as a report has it.
template <class T>
std::string shown(const T& x) {
  if constexpr (std::is_same_v<T, char>)
    return {x};
  else if constexpr (std::is_null_pointer_v<T>)
    return "null";
  else if constexpr (std::is_pointer_v<T> && std::is_convertible_v<const T&, std::string_view>)
    return x ? x : "null";
  else if constexpr (std::is_convertible_v<const T&, std::string_view>)
    return std::string{std::string_view{x}};
  else if constexpr (std::is_convertible_v<T, std::string>) { // which may fail
    std::ostringstream out;
    out << x;
    return out.str();
  } else {
    return caf::deep_to_string(x);
  }
}

/// Says what a test is about to do: with `-v 3`, and where a check fails behind it.
class report {
public:
  explicit report(size_t line) : line_(line) {}
  ~report();
  report(const report&) = delete;
  report& operator=(const report&) = delete;

  report& operator<<(const char* x) {
    text_ += shown(x);
    return *this;
  }
  template <class T>
  report& operator<<(const T& x) {
    text_ += shown(x);
    return *this;
  }

private:
  size_t line_;
  std::string text_;
};

/// What is compared. Texts in the source are of one type, whatever their lengths.
template <class T>
const T& compared(const T& x) {
  return x;
}
inline const char* compared(const char* x) { return x; }

/// A check of two values. Made with braces, it looks at them from left to right.
template <class Comparator>
struct comparison {
  template <class T, class U>
  comparison(const place& at, const T& x, const U& y)
    : holds(Comparator{}(x, y) ? check(at, true) : check_fails(at, shown(x), shown(y))) {}
  bool holds;
};

/// Adds a test to a suite.
struct registered {
  registered(const char* suite, const char* name, bool is_disabled, void (*run)());
};

} // namespace proxy::test

#define PROXY_PLACE(text)                                                                          \
  ::proxy::test::place { __FILE__, __LINE__, text }
#define PROXY_COMPARE(how, x, y)                                                                   \
  ::proxy::test::comparison<how>{PROXY_PLACE(CAF_FUNC_EXPR(how, x, y)),                            \
                                 ::proxy::test::compared(x), ::proxy::test::compared(y)}           \
    .holds

#undef CAF_TEST_IMPL
#define CAF_TEST_IMPL(name, is_disabled)                                                           \
  namespace {                                                                                      \
  struct CAF_UNIQUE(test) : caf_test_case_auto_fixture {                                           \
    void run_test_impl();                                                                          \
  };                                                                                               \
  const ::proxy::test::registered CAF_UNIQUE(a){CAF_XSTR(CAF_SUITE), CAF_XSTR(name), is_disabled,  \
                                                [] {                                               \
                                                  CAF_UNIQUE(test) made;                           \
                                                  made.run_test_impl();                            \
                                                }};                                                \
  }                                                                                                \
  void CAF_UNIQUE(test)::run_test_impl()

#undef CAF_MESSAGE
#define CAF_MESSAGE(what) static_cast<void>(::proxy::test::report{__LINE__} << what)

#undef CAF_CHECK
#define CAF_CHECK(...)                                                                             \
  static_cast<void>(::proxy::test::check(PROXY_PLACE(#__VA_ARGS__), static_cast<bool>(__VA_ARGS__)))
#undef CAF_REQUIRE
#define CAF_REQUIRE(...)                                                                           \
  ::proxy::test::demand(                                                                           \
    ::proxy::test::check(PROXY_PLACE(#__VA_ARGS__), static_cast<bool>(__VA_ARGS__)), #__VA_ARGS__)

#undef CAF_CHECK_FUNC
#define CAF_CHECK_FUNC(how, x, y) static_cast<void>(PROXY_COMPARE(how, x, y))
#undef CAF_REQUIRE_FUNC
#define CAF_REQUIRE_FUNC(how, x, y)                                                                \
  ::proxy::test::demand(PROXY_COMPARE(how, x, y), CAF_FUNC_EXPR(how, x, y))
