#define CAF_SUITE protocols.enum_array
#include "protocols/enum_array.hpp" // unit under test

#include <cstdint>

#include "protocols/error.hpp"
#include "tests/support/test.hpp"

namespace {

enum class whole : uint8_t { one = 1, two, three };
enum class short_of_one : uint8_t { one, two, three };
enum class out_of_order : uint8_t { one, two };

template <class E>
struct row {
  E value;
  std::string_view name;
};
constexpr row<whole> whole_rows[] = {
  {whole::one, "one"}, {whole::two, "two"}, {whole::three, "three"}};
constexpr row<short_of_one> short_rows[] = {{short_of_one::one, "one"}, {short_of_one::two, "two"}};
constexpr row<out_of_order> swapped_rows[] = {{out_of_order::two, "two"},
                                              {out_of_order::one, "one"}};

} // namespace

template <>
struct proxy::enum_table<whole> {
  static constexpr auto& rows = whole_rows;
  static constexpr auto value = &row<whole>::value;
};
template <>
struct proxy::enum_table<short_of_one> {
  static constexpr auto& rows = short_rows;
  static constexpr auto value = &row<short_of_one>::value;
};
template <>
struct proxy::enum_table<out_of_order> {
  static constexpr auto& rows = swapped_rows;
  static constexpr auto value = &row<out_of_order>::value;
};

using namespace proxy;

CAF_TEST(a table is complete when each value has its row in order) {
  static_assert(is_complete<whole>());
  static_assert(!is_complete<short_of_one>(), "a value that was added without a row is seen");
  static_assert(!is_complete<out_of_order>());
  CAF_CHECK_EQUAL(enum_size<whole>, 3u);
  CAF_CHECK_EQUAL(enum_size<errc>, std::size(outcomes));
}

CAF_TEST(values are told in order) {
  CAF_CHECK((enum_values<whole>() == std::array{whole::one, whole::two, whole::three}));
}

CAF_TEST(each value has a slot of its own) {
  enum_array<whole, int> slots;
  for (auto value : enum_values<whole>()) {
    CAF_CHECK_EQUAL(slots[value], 0);
    slots[value] = static_cast<int>(value);
  }
  for (auto value : enum_values<whole>())
    CAF_CHECK_EQUAL(slots[value], static_cast<int>(value));
}

CAF_TEST(what is no value reaches no other slot and nothing beyond) {
  // Two arrays side by side: what is written outside of one would be seen in the other.
  struct {
    enum_array<whole, int> first, second;
  } pair;
  for (int i = 0; i < 256; ++i)
    if (i < 1 || i > 3)
      pair.first[static_cast<whole>(i)] = i + 1;
  for (auto value : enum_values<whole>()) {
    CAF_CHECK_EQUAL(pair.first[value], 0);
    CAF_CHECK_EQUAL(pair.second[value], 0);
  }
  // Also of the value that a table without it lacks.
  enum_array<short_of_one, int> lacking;
  lacking[short_of_one::three] = 7;
  CAF_CHECK_EQUAL(lacking[short_of_one::one], 0);
  CAF_CHECK_EQUAL(lacking[short_of_one::two], 0);
}

CAF_TEST(an array of arrays is indexed by both enums) {
  enum_array<whole, enum_array<errc, int>> grid;
  grid[whole::two][errc::idle] = 5;
  CAF_CHECK_EQUAL(grid[whole::two][errc::idle], 5);
  CAF_CHECK_EQUAL(grid[whole::one][errc::idle], 0);
  CAF_CHECK_EQUAL((grid[static_cast<whole>(99)][static_cast<errc>(0)]), 0);
}
