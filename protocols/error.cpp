#include "protocols/error.hpp"

#include <algorithm>
#include <caf/atom.hpp>
#include <caf/message.hpp>

namespace proxy {

const outcome& outcome_of(errc code) noexcept {
  auto at = std::ranges::find(outcomes, code, &outcome::code);
  return at == std::end(outcomes) ? std::end(outcomes)[-1] : *at;
}

std::string to_string(errc code) {
  switch (code) {
    case errc::malformed: return "malformed";
    case errc::unsupported_command: return "unsupported_command";
    case errc::unsupported_address_type: return "unsupported_address_type";
    case errc::unsupported_method: return "unsupported_method";
    case errc::not_implemented: return "not_implemented";
    case errc::head_too_large: return "head_too_large";
    case errc::request_timeout: return "request_timeout";
    case errc::overloaded: return "overloaded";
    case errc::policy_changed: return "policy_changed";
    case errc::connection_refused: return "connection_refused";
    case errc::network_unreachable: return "network_unreachable";
    case errc::host_unreachable: return "host_unreachable";
    case errc::connection_timeout: return "connection_timeout";
    case errc::dns_error: return "dns_error";
    case errc::dns_timeout: return "dns_timeout";
    case errc::tls_certificate: return "tls_certificate_error";
    case errc::tls_handshake: return "tls_handshake_error";
    case errc::no_common_protocol: return "no_common_protocol";
    case errc::http1_required: return "http_1_1_required";
    case errc::upstream_proxy_login: return "proxy_authentication_required";
    case errc::misdirected: return "misdirected_request";
    case errc::loop_detected: return "loop_detected";
    case errc::bad_response: return "http_protocol_error";
    case errc::response_timeout: return "http_response_timeout";
    case errc::closed: return "closed";
    case errc::idle: return "idle";
    case errc::cancelled: return "cancelled";
    case errc::invalid_config: return "invalid_config";
    case errc::system: return "system";
  }
  return "unknown";
}

errc code_of(const caf::error& err) noexcept {
  return err && err.category() == caf::atom("proxy") ? static_cast<errc>(err.code()) : errc::system;
}

std::string context_of(const caf::error& err) {
  if (!err) // success holds nothing to ask
    return {};
  const auto& context = err.context();
  return context.match_elements<std::string>() ? context.get_as<std::string>(0) : std::string{};
}

} // namespace proxy
