#pragma once

#include "tests/actors/flows/intercepting.hpp"

/// Policies that come while a tunnel is read (`inspecting`).

namespace proxy::test {

inline const std::string same = inspecting;
inline const std::string deny = inspecting + "denied_domains = [\"example.com\"]\n";
inline const std::string deny_address = inspecting + "denied_domains = [\"93.184.216.0/24\"]\n";
inline const std::string unlisted_inside =
  "allowed_domains = [\"other.test\"]\nmitm = {enabled = true, inspect = true}\n";
inline const std::string hook = inspecting +
                                "mitm_hooks = [{host = \"example.com\", match = {methods = "
                                "[\"GET\"], path_prefixes = [\"/repos/\"]}}]\n";
inline const std::string unread = two_hosts + "mitm = true\n";
inline const std::string no_mitm = two_hosts;
inline const std::string limited_unread = two_hosts + "mode = \"limited\"\n";

} // namespace proxy::test
