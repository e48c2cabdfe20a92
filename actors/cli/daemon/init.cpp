#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <iostream>

#include "actors/cli/cli.hpp"
#include "config/home.hpp"

namespace proxy::cli {

namespace {

namespace fs = std::filesystem;

int cannot_make(const fs::path& path, const std::string& why) {
  std::cerr << "codex-network-proxy: cannot make " << path.string() << ": " << why << '\n';
  return exit_failed;
}

/// Writes the starter configuration where there is none.
int write_config(const fs::path& path) {
  // O_EXCL: what is there, even a dangling link, is the user's.
  auto fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0 && errno == EEXIST) {
    std::cerr << path.string() << " exists and stays as it is\n";
    return exit_ok;
  }
  if (fd < 0)
    return cannot_make(path, std::strerror(errno));
  auto text = config::starter_config();
  auto n = ::write(fd, text.data(), text.size());
  auto whole = n >= 0 && static_cast<size_t>(n) == text.size();
  auto error = whole ? 0 : errno;
  ::close(fd);
  if (!whole) {
    ::unlink(path.c_str()); // half a configuration is worse than none
    return cannot_make(path, std::strerror(error));
  }
  std::cout << path.string() << '\n';
  return exit_ok;
}

int init(bool with_config) {
  fs::path home = config::codex_home(config::process_environment);
  if (home.empty()) {
    std::cerr << "codex-network-proxy: " << config::no_home << '\n';
    return exit_failed;
  }
  auto folder = home / "proxy";
  std::error_code failure;
  auto made = fs::create_directories(folder, failure);
  if (failure)
    return cannot_make(folder, failure.message());
  if (made) // keys will live here
    fs::permissions(folder, fs::perms::owner_all, failure);
  if (failure)
    return cannot_make(folder, failure.message());
  std::cout << folder.string() << '\n';
  return with_config ? write_config(home / "config.toml") : exit_ok;
}

} // namespace

void add_init(CLI::App& app, context& all) {
  auto command = app.add_subcommand("init", "Make $CODEX_HOME/proxy (default ~/.codex/proxy).");
  auto with_config = std::make_shared<bool>(false);
  command->add_flag("--write-config", *with_config,
                    "also write a commented $CODEX_HOME/config.toml, if there is none");
  command->callback(
    [&all, with_config] { all.chosen = [with_config] { return init(*with_config); }; });
}

} // namespace proxy::cli
