#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "actors/serve/answer/answer_form.hpp"
#include "policy/rules.hpp"
#include "protocols/error.hpp"

namespace proxy {

/// The product's name in Via, Proxy-Status and our own responses.
inline constexpr std::string_view product = "codex-network-proxy";

/// What our own responses say beside the verdict.
struct answer_options {
  std::string_view request_id;
  bool head_only = false; ///< The request was HEAD: no body.
  bool close = true;      ///< Add Connection: close.
  answer_form form = answer_form::usual;
  std::string_view remedy = {}; ///< What can be done about it; "" for nothing to say.
  /// A CONNECT that is answered by requests inside its tunnel: not the text that CONNECT gets.
  bool in_tunnel = false;
};

/// Longest reason phrase of a refusal in bytes. Clients show it in one line, some cut it or reject
/// longer ones.
inline constexpr size_t max_phrase_size = 120;

/// Appends the response that a refused client gets (status, x-proxy-error, Proxy-Status …): text
/// for CONNECT; for requests JSON, or what `form` says.
void append_refusal(std::string& out, const policy::denial& why, const policy::target& what,
                    const answer_options& options);

/// Appends the response to a malformed request or an upstream fault; the body names the cause.
/// @pre outcome_of(code).http_status != 0
void append_fault(std::string& out, errc code, std::string_view cause,
                  const answer_options& options);

/// Appends a response of ours with any body, e.g. of the admin API.
void append_response(std::string& out, uint16_t status, std::string_view content_type,
                     std::string_view body, std::string_view extra_fields,
                     const answer_options& options);

/// The standard phrase of a status, "" when unknown.
[[nodiscard]] std::string_view status_phrase(uint16_t status) noexcept;

} // namespace proxy
