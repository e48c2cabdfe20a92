#include "actors/control/policy/trust_files.hpp"

#include "config/home.hpp"

namespace proxy {

std::string environment(const config::sources& from, const char* name) {
  return config::environment_of(from)(name).value_or("");
}

tls::ca_paths ca_paths_of(const config::proxy_config& config) {
  auto or_default = [&](const std::string& path, const char* name) {
    return path.empty() ? config.codex_home + "/proxy/" + name : path;
  };
  return {or_default(config.mitm.ca_cert_path, "ca.pem"),
          or_default(config.mitm.ca_key_path, "ca.key")};
}

std::vector<tls::named_trust> named_trust(const config::sources& from) {
  std::vector<tls::named_trust> out;
  for (auto name : tls::trust_variables()) {
    std::string variable{name};
    auto path = environment(from, variable.c_str());
    // Some take a word instead ("false").
    if (path.find('/') != std::string::npos)
      out.push_back({std::move(variable), std::move(path), std::nullopt});
  }
  return out;
}

tls::bundle_paths bundle_paths_of(const config::proxy_config& config) {
  if (config.codex_home.empty())
    return {};
  auto folder = config.codex_home + "/proxy/";
  return {folder + "ca-bundle.pem", folder + "ca-bundle.p12", folder + "wgetrc"};
}

void write_trust_bundle(const config::proxy_config& config, const surroundings& around,
                        std::vector<config::problem>& problems) {
  auto warn = [&](std::string text) {
    auto p = problem_of("mitm", std::move(text));
    p.level = config::problem::severity::warning;
    problems.push_back(std::move(p));
  };
  if (config.codex_home.empty())
    return warn("no trust bundle for clients: " + std::string{config::no_home});
  auto sources = tls::bundle_sources{around.platform, around.root_file, around.root_folder};
  auto written = tls::write_bundle(bundle_paths_of(config), sources, *around.ca);
  if (!written)
    return warn("no trust bundle for clients: " + context_of(written.error()));
  for (auto& note : written->notes)
    warn(std::move(note));
}

} // namespace proxy
