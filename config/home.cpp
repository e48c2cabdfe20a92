#include "config/home.hpp"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <vector>

namespace proxy::config {

namespace {

namespace fs = std::filesystem;

std::string absolute(const std::string& path) {
  std::error_code failed;
  auto whole = fs::absolute(path, failed);
  return failed ? path : whole.lexically_normal().string();
}

/// The home directory in the user database; "" for none.
std::string listed_home() {
  constexpr size_t most = 1 << 20;
  passwd entry{};
  passwd* found = nullptr;
  for (std::vector<char> room(4096); room.size() <= most; room.resize(room.size() * 4)) {
    auto code = ::getpwuid_r(::geteuid(), &entry, room.data(), room.size(), &found);
    if (code != ERANGE)
      return code == 0 && found && found->pw_dir ? found->pw_dir : "";
  }
  return {};
}

std::string value(const environment& env, const char* name) { return env(name).value_or(""); }

} // namespace

std::optional<std::string> process_environment(const std::string& name) {
  const char* text = std::getenv(name.c_str());
  return text ? std::optional<std::string>{text} : std::nullopt;
}

environment environment_of(const sources& from) {
  return from.getenv ? from.getenv
                     : [](const std::string&) { return std::optional<std::string>{}; };
}

std::string user_home(const environment& env) {
  auto home = value(env, "HOME");
  if (home.empty())
    home = listed_home();
  return home.empty() ? home : absolute(home);
}

std::string codex_home(const environment& env) {
  if (auto home = value(env, "CODEX_HOME"); !home.empty())
    return absolute(home);
  auto home = user_home(env);
  return home.empty() ? home : (fs::path{home} / ".codex").string();
}

std::string codex_home(const sources& from) {
  return from.codex_home.empty() ? codex_home(environment_of(from)) : from.codex_home;
}

bool has_configuration(const sources& from) {
  if (!from.files.empty() || !from.documents.empty() || !from.sets.empty())
    return true;
  // What cannot be looked at is there: reading it will say what is wrong.
  auto is_there = [](const fs::path& path) {
    std::error_code failed;
    return fs::exists(path, failed) || failed;
  };
  auto home = codex_home(from);
  return is_there(from.managed_file) || (!home.empty() && is_there(fs::path{home} / "config.toml"));
}

} // namespace proxy::config
