#pragma once

#include <cstdint>
#include <string>

#include "policy/evaluate.hpp"
#include "policy/remedy.hpp"

namespace proxy {

/// The remedy that was told last, for a client that asks for the same again and again: finding it
/// costs as much as a fifth of a refusal. For one loop.
class told_remedy {
public:
  /// @returns the remedy for a refusal; the text stays until the next call.
  [[nodiscard]] const std::string& find(const policy::rules& in_force, const policy::denial& why,
                                        const policy::target& what, policy::path_style paths) {
    if (text_.empty() || in_force.generation != generation_ || paths != paths_ ||
        !same(why, why_) || !same(what, what_)) {
      text_ = policy::remedy_for(in_force, why, what, paths);
      generation_ = in_force.generation;
      paths_ = paths;
      why_ = why;
      what_ = what;
    }
    return text_;
  }

private:
  static bool same(const policy::denial& a, const policy::denial& b) {
    return a.reason == b.reason && a.source == b.source && a.decision == b.decision &&
           a.rule == b.rule && a.words == b.words && a.passed == b.passed;
  }
  static bool same(const policy::target& a, const policy::target& b) {
    return a.protocol == b.protocol && a.port == b.port && a.upgrade == b.upgrade &&
           a.inside == b.inside && a.host == b.host && a.method == b.method &&
           a.unix_socket == b.unix_socket;
  }

  uint64_t generation_ = 0;
  policy::path_style paths_{};
  policy::denial why_;
  policy::target what_;
  std::string text_;
};

} // namespace proxy
