#include "policy/rule.hpp"

namespace proxy::policy {

std::vector<rule> rules_from(plain_lists lists) {
  std::vector<rule> out;
  if (!lists.denied.empty())
    out.push_back({.id = "denied_domains", .act = action::deny, .hosts = std::move(lists.denied)});
  if (!lists.allowed.empty())
    out.push_back(
      {.id = "allowed_domains", .act = action::allow, .hosts = std::move(lists.allowed)});
  for (auto& hook : lists.hooks) {
    auto shared = std::make_shared<const mitm_hook>(std::move(hook));
    out.push_back({.id = "mitm_hooks",
                   .where = shared->where,
                   .act = action::inject,
                   .hosts = {shared->where},
                   .protocols = {protocol::https},
                   .request = shared,
                   .hook = shared});
  }
  if (lists.mode == mode::limited) {
    request_limits reading;
    reading.methods = {"GET", "HEAD", "OPTIONS"};
    out.push_back({.id = "limited",
                   .act = action::limit,
                   .protocols = {protocol::http, protocol::https, protocol::https_connect},
                   .request = std::make_shared<const request_limits>(std::move(reading))});
  }
  return out;
}

} // namespace proxy::policy
