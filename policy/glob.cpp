#include "policy/glob.hpp"

#include <string>

namespace proxy::policy {

/// Compiles one pattern into the steps of a state machine. The first thing wrong ends it.
class glob_compiler {
public:
  glob_compiler(std::string_view pattern, glob::separator between)
    : rest_(pattern), slashes_(between == glob::separator::slash) {}

  caf::expected<glob> run() {
    sequence(true, 0);
    if (why_.empty() && !rest_.empty())
      fail("unopened group: '}' without '{'");
    if (!why_.empty())
      return caf::make_error(errc::invalid_config, why_);
    return std::move(out_);
  }

private:
  using kind = glob::step::kind;

  void fail(std::string_view why) {
    if (why_.empty())
      why_ = why;
    rest_ = {};
  }

  size_t here() const { return out_.steps_.size(); }

  /// @returns the number of the step.
  size_t add(kind what, uint8_t value = 0, size_t to = 0) {
    if (here() == glob::max_steps)
      fail("more than " + std::to_string(glob::max_steps) + " steps");
    else
      out_.steps_.push_back({what, value, static_cast<uint16_t>(to)});
    return here() - 1;
  }

  void add_byte(char c) { add(kind::byte, static_cast<uint8_t>(c)); }

  /// Lets a fork or jump lead to the step that comes next.
  void land(size_t from) { out_.steps_[from].to = static_cast<uint16_t>(here()); }

  void add_run(kind of) {
    auto start = add(kind::fork);
    add(of);
    add(kind::jump, 0, start);
    land(start);
  }

  char take() {
    auto c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  /// Up to the end of the pattern or, in a group, of the alternative.
  void sequence(bool component_start, size_t depth) {
    if (component_start)
      recursive(depth);
    for (bool at_start = component_start; !at_end(rest_, depth) && why_.empty();) {
      auto c = take();
      bool slash = c == '/';
      switch (c) {
        case '?': add(slashes_ ? kind::component : kind::any); break;
        case '*': add_run(slashes_ ? kind::component : kind::any); break;
        case '[': char_class(); break;
        case '{': group(at_start, depth + 1); break;
        case '\\':
          if (rest_.empty())
            fail("a '\\' at the end");
          else
            add_byte(take());
          break;
        default: add_byte(c);
      }
      if (slash)
        recursive(depth);
      at_start = slash;
    }
  }

  static bool at_end(std::string_view rest, size_t depth) {
    return rest.empty() || rest.front() == '}' || (depth > 0 && rest.front() == ',');
  }

  /// `**` as a whole component: any number of them with their slashes, or all that follows.
  void recursive(size_t depth) {
    bool wide = false;
    while (rest_.starts_with("**/")) {
      rest_.remove_prefix(3);
      wide = true;
    }
    if (rest_.starts_with("**") && at_end(rest_.substr(2), depth)) {
      rest_.remove_prefix(2);
      add_run(kind::any);
    } else if (wide) {
      auto skip = add(kind::fork);
      add_run(kind::any);
      add_byte('/');
      land(skip);
    }
  }

  void group(bool component_start, size_t depth) {
    if (depth > glob::max_depth)
      return fail("groups more than " + std::to_string(glob::max_depth) + " deep");
    std::vector<size_t> ends;
    for (;;) {
      auto fork = add(kind::fork);
      auto start = rest_.size();
      sequence(component_start, depth);
      if (!why_.empty())
        return;
      if (rest_.empty())
        return fail("unclosed group: '{' without '}'");
      if (rest_.size() == start)
        return fail("an empty alternative in a group");
      bool last = take() == '}';
      if (last) {
        // Nothing but this alternative is left: its fork leads to where it begins.
        out_.steps_[fork].to = static_cast<uint16_t>(fork + 1);
        break;
      }
      ends.push_back(add(kind::jump));
      land(fork);
    }
    for (auto end : ends)
      land(end);
  }

  void char_class() {
    glob::byte_set set;
    bool outside = !rest_.empty() && (rest_.front() == '!' || rest_.front() == '^');
    if (outside)
      rest_.remove_prefix(1);
    for (bool first = true;; first = false) {
      if (rest_.empty())
        return fail("unclosed class: '[' without ']'");
      auto low = static_cast<unsigned char>(take());
      if (low == ']' && !first)
        break;
      auto high = low;
      if (rest_.size() > 1 && rest_[0] == '-' && rest_[1] != ']') {
        rest_.remove_prefix(1);
        high = static_cast<unsigned char>(take());
      }
      if (low > 0x7f || high > 0x7f)
        return fail("a class takes single bytes: only ASCII can stand in it");
      if (low > high)
        return fail("a range in a class that runs backwards");
      for (unsigned c = low; c <= high; ++c)
        set.set(c);
    }
    if (outside) {
      set.flip();
      if (slashes_)
        set.reset('/');
    }
    if (out_.sets_.size() > UINT8_MAX)
      return fail("too many classes");
    out_.sets_.push_back(set);
    add(kind::set, static_cast<uint8_t>(out_.sets_.size() - 1));
  }

  std::string_view rest_;
  bool slashes_;
  glob out_;
  std::string why_;
};

caf::expected<glob> glob::compile(std::string_view pattern, separator between) {
  return glob_compiler{pattern, between}.run();
}

bool glob::takes(const step& s, char c) const noexcept {
  switch (s.what) {
    case step::kind::byte: return s.value == static_cast<uint8_t>(c);
    case step::kind::any: return true;
    case step::kind::component: return c != '/';
    case step::kind::set: return sets_[s.value].test(static_cast<uint8_t>(c));
    case step::kind::fork:
    case step::kind::jump: break; // `enter` has followed them
  }
  return false;
}

bool glob::matches(std::string_view text) const noexcept {
  progress at{*this};
  for (auto c : text)
    if (!at.take(c))
      return false;
  return at.done();
}

glob::progress::progress(const glob& of) noexcept : of_(of) { enter(at_, 0); }

bool glob::progress::take(char c) noexcept {
  steps next;
  for (size_t i = 0; i < of_.steps_.size(); ++i)
    if (at_.test(i) && of_.takes(of_.steps_[i], c))
      enter(next, static_cast<uint16_t>(i + 1));
  at_ = next;
  return at_.any();
}

bool glob::progress::done() const noexcept { return at_.test(of_.steps_.size()); }

void glob::progress::enter(steps& set, uint16_t number) const noexcept {
  // Marked before it is followed, so that no circle is walked twice.
  while (!set.test(number)) {
    set.set(number);
    if (number == of_.steps_.size())
      return;
    auto& s = of_.steps_[number];
    if (s.what == step::kind::jump) {
      number = s.to;
      continue;
    }
    if (s.what != step::kind::fork)
      return;
    enter(set, s.to);
    ++number;
  }
}

} // namespace proxy::policy
