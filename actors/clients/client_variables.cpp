#include "actors/clients/client_variables.hpp"

#include <optional>
#include <utility>

#include "actors/clients/child_env.hpp"

namespace proxy {

client_variables apply_to_environment(std::map<std::string, std::string>& env,
                                      const std::string& proxy_url,
                                      const config::proxy_config& config,
                                      const hidden_variables& hidden, const std::string& program) {
  auto before = [&env](const std::string& name) {
    auto at = env.find(name);
    return at == env.end() ? std::nullopt : std::optional{at->second};
  };
  client_variables out;
  out.files = make_client_files(config, proxy_url, before, program, out.notes);
  for (auto& [name, value] : child_variables(proxy_url, config, out.files, before))
    out.set.insert_or_assign(std::move(name), std::move(value));
  for (auto at = env.begin(); at != env.end();)
    if (!out.set.contains(at->first) && hidden.contain(at->first + '=' + at->second)) {
      out.removed.push_back(at->first);
      at = env.erase(at);
    } else {
      ++at;
    }
  for (const auto& [name, value] : out.set)
    env.insert_or_assign(name, value);
  return out;
}

} // namespace proxy
