#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policy/decide.hpp"

namespace proxy::policy::test {

/// What `decide` says, without an index: goes through all rules and their patterns, one by one.
class linear_judge {
public:
  struct match {
    const rule* by = nullptr;
    placed_text place{};
    bool for_reading = false;
    explicit operator bool() const { return by != nullptr; }
  };

  linear_judge(const std::vector<rule>& all, const rules& in_force, const query& q);

  /// "allow", "ask", or the reason, with the rule that says so.
  std::string judge();

private:
  enum how : uint8_t { by_host, by_address, by_listing, by_literal };

  [[nodiscard]] bool is_tunnel() const;
  [[nodiscard]] bool is_metadata() const;
  [[nodiscard]] bool is_local() const;
  [[nodiscard]] static std::string told(std::string_view words, const match& by);

  /// Hooks, mode, and whether what has to be read is.
  std::string after_lists(std::string_view words, const match& by);
  [[nodiscard]] bool some_hook_fits() const;

  /// Whether a rule looks at requests: at this one, or at what comes through this tunnel.
  [[nodiscard]] bool has_reading() const;
  [[nodiscard]] bool has_port(const rule& r) const;

  /// 0: does not fit; 1: lets a tunnel through to be read; 2: fits.
  [[nodiscard]] int fits(const rule& r) const;

  /// How special a pattern is that matches; 0: it does not.
  [[nodiscard]] size_t rank(const std::string& text, how by) const;
  [[nodiscard]] match find(action act, how by) const;

  const std::vector<rule>& all_;
  const rules& in_force_;
  const query& q_;
  const target& to_;
  bool limited_ = false;
  bool hooked_ = false;
  bool reading_ = false;
  bool read_ = false;        ///< Of a tunnel.
  bool for_reading_ = false; ///< What lists a local host lets it through to be read alone.
  bool no_path_ = false;
  http1::request_path path_;
  judged_request request_{};
};

} // namespace proxy::policy::test
