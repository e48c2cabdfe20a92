#include "policy/mitm_hook.hpp"

#include <algorithm>

#include "protocols/ascii.hpp"
#include "protocols/http1/grammar.hpp"

namespace proxy::policy {

namespace {

/// Fields whose change would break the framing of the message or send it elsewhere.
constexpr std::string_view own_fields[] = {"connection", "content-length", "host",
                                           "transfer-encoding", "upgrade"};

caf::error bad_hook(std::string_view why) {
  return caf::make_error(errc::invalid_config, std::string{why});
}

} // namespace

caf::expected<host> parse_hook_host(std::string_view text) {
  text = ascii::trim(text);
  if (text.empty())
    return bad_hook("host must not be empty");
  auto name = text.starts_with('[') ? text.substr(1) : text;
  if (name.find_first_of("*?[{}") != std::string_view::npos)
    return bad_hook("MITM hook hosts must be exact hosts and cannot contain wildcards");
  auto parsed = host::parse(text);
  if (!parsed) {
    auto with_port = authority::parse(text);
    return bad_hook(with_port && with_port->port ? "a hook holds for every port of its host"
                                                 : context_of(parsed.error()));
  }
  if (!parsed->scope().empty())
    return bad_hook("a hook holds for every zone of its host");
  return parsed;
}

std::string_view judge_field_name(std::string_view name, bool changed) noexcept {
  if (name.empty() || !std::all_of(name.begin(), name.end(), http1::is_token_char))
    return "expected a field name as HTTP writes it";
  if (changed && std::ranges::any_of(
                   own_fields, [&](auto own) { return ascii::equals_ignoring_case(own, name); }))
    return "this field is the proxy's own to set";
  return {};
}

bool removes(const mitm_hook& hook, std::string_view field_name) noexcept {
  auto same = [&](std::string_view name) { return http1::same_variable(name, field_name); };
  return std::ranges::any_of(hook.strip_request_headers, same) ||
         std::ranges::any_of(hook.inject_request_headers, [&](auto& i) { return same(i.name); });
}

} // namespace proxy::policy
