#pragma once

#include <caf/allowed_unsafe_message_type.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "actors/net/client_address.hpp"
#include "policy/reason.hpp"
#include "protocols/error.hpp"
#include "protocols/trace_context.hpp"

namespace proxy {

/// What a client is told to ask about its request by: hexadecimal digits, kept in place.
class event_id {
public:
  static constexpr size_t digits = 16;

  event_id() = default; ///< None.
  explicit event_id(std::string_view text)
    : size_(static_cast<uint8_t>(text.copy(text_.data(), digits))) {}

  [[nodiscard]] std::string_view text() const noexcept { return {text_.data(), size_}; }

private:
  std::array<char, digits> text_{};
  uint8_t size_ = 0;
};

/// What went wrong where nothing was decided.
struct fault_facts {
  errc code = errc::system;
  std::string cause; ///< In words.
};

/// One decision about a request, or a fault that was answered: made once, where it happens, and
/// then shared by all who tell of it. No path, query or secret ever enters it.
struct decision_event {
  std::chrono::system_clock::time_point at;
  event_id request_id;
  uint64_t generation = 0; ///< Of the policy in force.
  policy::mode mode = policy::mode::full;

  // -- who asked for what --
  std::optional<client_address> client; ///< nullopt: nobody knows.
  std::string user;                     ///< Who the client showed to be; "" when nobody asked.
  policy::protocol protocol = policy::protocol::http;
  std::string host; ///< "" for none.
  uint16_t port = 0;
  std::string method; ///< "" for none; at most `longest_method` of it.
  /// The trace that the request is a part of, and who sent it in that; nullopt: it says none,
  /// and no spans are recorded.
  std::optional<trace_context> trace{};

  // -- what became of it --
  policy::decision decision = policy::decision::allow;
  policy::reason reason = policy::reason::allow;
  policy::source source = policy::source::baseline_policy;
  bool domain_scope = true;
  std::string words; ///< A decider's own reason, instead of the name of `reason`; else "".
  std::string rule;  ///< Text of the rule that decided, "" for none.
  /// The rule by which the host passed before the mode refused the request: a line of its own in
  /// the audit trail.
  std::optional<std::string> passed_rule;
  /// The reason to refuse that a decider set aside.
  std::optional<policy::reason> overruled;
  std::optional<fault_facts> fault; ///< Instead of a decision.

  // -- how GET /blocked lists it --
  uint64_t id = 0;         ///< Ascending over the whole process; 0: it is not listed.
  std::string socket_path; ///< In place of the host; "" for none.

  static constexpr size_t longest_method = 64;

  [[nodiscard]] bool is_refusal() const noexcept {
    return !fault && decision != policy::decision::allow;
  }
  /// As clients and audit see it.
  [[nodiscard]] std::string_view reason_text() const noexcept {
    return words.empty() ? policy::to_string(reason) : std::string_view{words};
  }
  /// "" where nobody knows.
  [[nodiscard]] std::string client_text() const { return client ? client->str() : std::string{}; }
  /// What GET /blocked calls the target.
  [[nodiscard]] const std::string& listed_host() const noexcept {
    return socket_path.empty() ? host : socket_path;
  }
};

using decision_event_ptr = std::shared_ptr<const decision_event>;

/// A method as it is recorded: a client may make it as long as a head, and many events are kept.
[[nodiscard]] inline std::string recorded_method(std::string_view method) {
  return std::string{method.substr(0, decision_event::longest_method)};
}

} // namespace proxy

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(proxy::decision_event_ptr)
