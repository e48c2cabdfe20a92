#include <unistd.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "actors/embed/builder_impl.hpp"

extern "C" char** environ; // POSIX leaves it to programs to declare it

namespace proxy::embed {

namespace {

using nlohmann::json;

/// A value as TOML: its strings, numbers and lists are written as those of JSON.
std::string toml_of(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

void add_values(std::vector<std::string>& sets, const codex::network_config& values) {
  auto add = [&](const char* key, const json& value) {
    sets.push_back(std::string(key) + '=' + toml_of(value));
  };
  add("enabled", values.enabled);
  if (values.mode)
    add("mode", *values.mode == codex::network_mode::full ? "full" : "limited");
  if (!values.allowed_domains.empty())
    add("allowed_domains", values.allowed_domains);
  if (!values.denied_domains.empty())
    add("denied_domains", values.denied_domains);
  for (auto& [key, value] :
       {std::pair{"allow_local_binding", values.allow_local_binding},
        std::pair{"allow_upstream_proxy", values.allow_upstream_proxy},
        std::pair{"enable_socks5", values.enable_socks5},
        std::pair{"enable_socks5_udp", values.enable_socks5_udp}, std::pair{"mitm", values.mitm}})
    if (value)
      add(key, *value);
}

} // namespace

environment_values::map copy_environment() {
  environment_values::map out;
  for (auto** entry = environ; entry && *entry; ++entry)
    if (const auto* equals = std::strchr(*entry, '='))
      out.emplace(std::string{static_cast<const char*>(*entry), equals}, equals + 1);
  return out;
}

config::sources sources_of(const codex::network_proxy::builder::impl& said,
                           const environment_ptr& environment) {
  config::sources out;
  out.getenv = [environment](const std::string& name) {
    return reader_of(*environment->now())(name);
  };
  out.files = said.files;
  if (said.values) {
    out.documents.push_back(said.values->toml);
    add_values(out.sets, *said.values);
  }
  out.sets.insert(out.sets.end(), said.sets.begin(), said.sets.end());
  auto listen = [&](const char* key, const std::optional<std::string>& address) {
    if (address)
      out.sets.push_back(std::string(key) + '=' + toml_of("http://" + *address));
  };
  const std::optional<std::string> free_port = "127.0.0.1:0";
  listen("proxy_url", said.managed ? free_port : said.http);
  listen("socks_url", said.managed ? free_port : said.socks);
  if (said.admin)
    listen("network_proxy.admin_url", said.admin);
  else
    out.sets.emplace_back(R"(network_proxy.admin_url="")");
  if (said.workers)
    out.sets.push_back("network_proxy.workers=" + std::to_string(*said.workers));
  if (!said.log)
    out.log_level = "off";
  out.somebody_decides = static_cast<bool>(said.decide);
  return out;
}

} // namespace proxy::embed
