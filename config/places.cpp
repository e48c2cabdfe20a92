#include <array>

#include "config/keys.hpp"
#include "config/settings.hpp"

namespace proxy::config {

namespace {

/// What a refusal may ask somebody to change.
constexpr std::array named_by_refusals{
  std::string_view{"enabled"},        std::string_view{"enable_socks5"},
  std::string_view{"mode"},           std::string_view{"allowed_domains"},
  std::string_view{"denied_domains"}, std::string_view{"domains"},
  std::string_view{"mitm.enabled"},   std::string_view{"allow_local_binding"},
  std::string_view{"mitm_hooks"},
};

/// Whether the managed layer keeps a switch where it refuses.
bool is_bound(const settings& managed, std::string_view name) {
  const auto& config = managed.config;
  if (!managed.has(name))
    return false;
  if (name == "mode")
    return config.mode == policy::mode::limited;
  if (name == "mitm.enabled")
    return !config.mitm.enabled;
  if (name == "allow_local_binding")
    return !config.allow_local_binding;
  if (name == "enable_socks5")
    return !config.enable_socks5;
  return name == "enabled" && !config.enabled;
}

/// The file in which what is set nowhere belongs: the highest that is a user's.
std::string own_file(const std::vector<layer>& layers, const std::string& home) {
  for (auto at = layers.rbegin(); at != layers.rend(); ++at)
    if (at->from == layer::kind::file)
      return at->file;
  return home + "/config.toml";
}

policy::setting_place place_in_table(const key& k, const std::string& profile) {
  policy::setting_place out;
  auto full = full_name(k, profile);
  auto dot = full.rfind('.');
  out.table = full.substr(0, dot);
  out.name = full.substr(dot + 1);
  if (k.name == "mitm.enabled" && !profile.empty()) { // the short form
    out.table = network_table(profile);
    out.name = "mitm";
  }
  return out;
}

} // namespace

policy::text_places find_places(const settings& managed, const settings& effective,
                                const std::vector<layer>& layers, const std::string& profile,
                                const std::string& home) {
  policy::text_places out;
  for (const auto& l : layers)
    if (l.from == layer::kind::managed)
      out.managed_file = l.file;
  if (managed.bounds_allowed())
    out.ceiling = managed.config.allowed_domains;
  out.demanded = managed.config.denied_domains;
  auto own = own_file(layers, home);
  for (auto name : named_by_refusals) {
    auto setting = place_in_table(key_named(name), profile);
    setting.set = effective.has(name);
    setting.managed = is_bound(managed, name);
    auto where = effective.where(name);
    // A list that the managed layer alone has is narrowed or joined by a user's own.
    if (setting.set && where.file == out.managed_file && !where.file.empty() && !setting.managed)
      setting.set = false;
    setting.file = setting.set ? where.file : own;
    setting.line = setting.set ? where.line : 0;
    out.settings.emplace(name, std::move(setting));
  }
  return out;
}

} // namespace proxy::config
