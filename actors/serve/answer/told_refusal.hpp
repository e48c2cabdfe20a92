#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "actors/serve/answer/answers.hpp"
#include "policy/remedy.hpp"
#include "policy/rules.hpp"

namespace proxy {

/// The refusal that was told last, for a client that asks for the same again and again, as programs
/// do that retry or report home: it is told the same, but for the request id. For one loop.
class told_refusal {
public:
  /// Appends what a refused client gets, with the remedy.
  /// @param options  `remedy` is not looked at.
  void append(std::string& out, const policy::rules& in_force, const policy::denial& why,
              const policy::target& what, policy::path_style paths, answer_options options);

private:
  /// The id is told in the head and, in most forms, in the body.
  void note_places(std::string_view id);

  uint64_t generation_ = 0;
  policy::path_style paths_{};
  policy::denial why_;
  policy::target what_;
  bool head_only_ = false;
  bool close_ = false;
  answer_form form_{};
  bool in_tunnel_ = false;
  std::string text_; ///< "" when nothing was told yet.
  size_t id_size_ = 0;
  std::vector<size_t> places_; ///< Of the request id in it.
};

} // namespace proxy
