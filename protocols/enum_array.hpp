#pragma once

#include <array>
#include <cstddef>
#include <iterator>
#include <span>
#include <string_view>
#include <utility>

namespace proxy {

/// Where the names of an enum's values stand. Specialised beside each enum that something is
/// indexed by:
///   rows   an array with one row for each value, in the order of the values, without gaps;
///   value  the member of a row that holds the value.
/// What is as large as the enum takes its size from here and from nowhere else.
template <class E>
struct enum_table;

template <class E>
inline constexpr size_t enum_size = std::size(enum_table<E>::rows);

/// The row of a value; `enum_size` for what has none, such as a number that was cast.
template <class E>
[[nodiscard]] constexpr size_t enum_index(E e) noexcept {
  constexpr auto first = static_cast<size_t>(enum_table<E>::rows[0].*enum_table<E>::value);
  auto index = static_cast<size_t>(e) - first; // below the first it wraps, beyond every row
  return index < enum_size<E> ? index : enum_size<E>;
}

/// All values, in order.
template <class E>
[[nodiscard]] constexpr std::array<E, enum_size<E>> enum_values() noexcept {
  std::array<E, enum_size<E>> out{};
  for (size_t i = 0; i < out.size(); ++i)
    out[i] = enum_table<E>::rows[i].*enum_table<E>::value;
  return out;
}

namespace detail {

/// Whether a value has a name in the source. Compilers print "V = proxy::errc::idle" for one that
/// has, and "V = (proxy::errc)77" for one that has not.
template <auto V>
consteval bool is_enumerator() {
  std::string_view text = __PRETTY_FUNCTION__;
  constexpr std::string_view before = "V = ";
  return text[text.rfind(before) + before.size()] != '(';
}

template <class E, size_t... Is>
consteval bool has_each_enumerator(std::index_sequence<Is...>) {
  return (
    (is_enumerator<static_cast<E>(Is)>() == (enum_index(static_cast<E>(Is)) < enum_size<E>)) &&
    ...);
}

} // namespace detail

/// Whether the table has a row for each value of the enum, in order. Asserted once per enum, in the
/// source file that goes with it: a new value without a row does not compile.
template <class E>
[[nodiscard]] consteval bool is_complete() {
  static_assert(sizeof(E) == 1, "all 256 values are looked at");
  for (size_t i = 0; i < enum_size<E>; ++i)
    if (enum_index(enum_table<E>::rows[i].*enum_table<E>::value) != i)
      return false;
  return detail::has_each_enumerator<E>(std::make_index_sequence<256>{});
}

/// One T for each value of an enum. There is no index but the enum's values, and a number that was
/// cast to one reaches a slot of its own.
template <class E, class T>
class enum_array {
public:
  [[nodiscard]] constexpr T& operator[](E e) noexcept { return slots_[enum_index(e)]; }
  [[nodiscard]] constexpr const T& operator[](E e) const noexcept { return slots_[enum_index(e)]; }

  [[nodiscard]] static constexpr size_t size() noexcept { return enum_size<E>; }

private:
  std::array<T, enum_size<E> + 1> slots_{}; ///< The last one is for what is no value of the enum.
};

} // namespace proxy
