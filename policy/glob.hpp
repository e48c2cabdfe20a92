#pragma once

#include <bitset>
#include <caf/expected.hpp>
#include <cstdint>
#include <string_view>
#include <vector>

#include "protocols/error.hpp"

namespace proxy::policy {

/// A pattern over a whole text, byte by byte and case-sensitive: `?` is one byte, `*` any run,
/// `[a-z]` one of a class (`[!a-z]` and `[^a-z]` one outside it), `{a,b}` one of several, and `\`
/// takes the next byte as it is. `**` as a whole path component is any number of components, none
/// included: `a/**/b` matches `a/b`; at the end (`a/**`) it is everything below `a/`. Names of
/// hosts have a dialect of their own, `domain_pattern`.
class glob {
public:
  /// Whether `/` separates components: then `*`, `?` and `[!…]` never match it.
  enum class separator : uint8_t { none, slash };

  /// Most steps of a compiled pattern: about one a byte.
  static constexpr size_t max_steps = 512;
  /// Deepest nesting of `{…}`.
  static constexpr size_t max_depth = 8;

  /// @returns errc::invalid_config with the reason: an unclosed class or group, a range that runs
  ///          backwards, an empty alternative, a `\` at the end, more than the limits allow.
  [[nodiscard]] static caf::expected<glob> compile(std::string_view pattern, separator between);

  /// Matches a whole text. Costs at most its length times the steps, and allocates nothing.
  [[nodiscard]] bool matches(std::string_view text) const noexcept;

  /// A match under way, for texts that come byte by byte.
  class progress {
  public:
    explicit progress(const glob& of) noexcept; ///< `of` must outlive it.
    /// Takes the next byte. @returns false when nothing can match any more.
    bool take(char c) noexcept;
    /// Whether what was taken so far matches.
    [[nodiscard]] bool done() const noexcept;

  private:
    using steps = std::bitset<max_steps + 1>;
    void enter(steps& set, uint16_t number) const noexcept;

    const glob& of_;
    steps at_;
  };

private:
  friend class glob_compiler;

  struct step {
    enum class kind : uint8_t {
      byte,      ///< Takes `value`.
      any,       ///< Takes any byte.
      component, ///< Takes any byte but `/`.
      set,       ///< Takes a byte of class number `value`.
      fork,      ///< Goes on behind itself and at `to`.
      jump,      ///< Goes on at `to`.
    };
    kind what = kind::byte;
    uint8_t value = 0;
    uint16_t to = 0;
  };
  using byte_set = std::bitset<256>;

  [[nodiscard]] bool takes(const step& s, char c) const noexcept;

  std::vector<step> steps_; ///< A match has come to their end.
  std::vector<byte_set> sets_;
};

} // namespace proxy::policy
