#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace proxy::policy::test {

/// What answers the cases of a kind.
using kind_map = std::map<std::string, std::function<nlohmann::json(const nlohmann::json&)>>;

/// The kinds of `policy.json` about hooks and what is read in tunnels.
[[nodiscard]] kind_map hook_kinds();

} // namespace proxy::policy::test
