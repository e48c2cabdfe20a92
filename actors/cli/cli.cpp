#include "actors/cli/cli.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <iostream>

#include "actors/cli/arguments.hpp"
#include "actors/cli/platform.hpp"
#include "actors/cli/run_cli.hpp"
#include "actors/net/own_socket_file.hpp"
#include "actors/version.hpp"
#include "config/home.hpp"
#include "tls/ca_files.hpp"

namespace proxy::cli {

namespace {

constexpr const char* footer =
  "Exit codes: 0 fine, 1 refused or failed, 2 usage, 69 cannot bind, 70 a part of the\n"
  "proxy was lost, 78 bad configuration.\n"
  "`codex-network-proxy check --help` lists the configuration keys.";

void add_globals(CLI::App& app, config::sources& sources) {
  add_words(app, "--config", sources.files, "configuration file; repeatable, later ones win")
    ->type_name("FILE");
  add_words(app, "--set", sources.sets,
            "one setting, below the network table or from the root; repeatable")
    ->type_name("KEY=TOML");
  app.add_option("--log-level", sources.log_level, "how much is logged")
    ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}));
  app.add_option("--log-format", sources.log_format, "how it is logged")
    ->check(CLI::IsMember({"text", "json"}));
}

} // namespace

int run_cli(std::vector<std::string> arguments, abilities can) {
  context all;
  all.can = can;
  all.sources.getenv = config::process_environment;
  all.sources.before_secrets = protect_process;
  CLI::App app{
    "Network policy proxy: lets through what the policy allows and says why it refuses the rest.",
    "codex-network-proxy"};
  app.require_subcommand(0, 1);
  app.fallthrough(); // inherited: global flags may also stand behind the subcommand
  app.footer(footer);
  app.set_version_flag("-V,--version", std::string{"codex-network-proxy "}.append(version),
                       "Print the version and exit");
  add_globals(app, all.sources);
  for (auto add : {add_serve, add_init, add_check, add_explain, add_env, add_run, add_connect,
                   add_trust, add_untrust, add_version, add_help})
    add(app, all);
  all.command = take_command(app, arguments);
  try {
    std::reverse(arguments.begin(), arguments.end()); // as the library wants them
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& e) {
    auto code = app.exit(e, std::cout, std::cerr) == 0 ? exit_ok : exit_usage;
    if (code != exit_ok)
      std::cerr << near_misses(app);
    return code;
  }
  return all.chosen ? all.chosen() : serve(all.sources, all.can);
}

void print_problems(const std::vector<config::problem>& problems, bool warnings_too) {
  for (auto& p : problems)
    if (warnings_too || p.level == config::problem::severity::error)
      std::cerr << p.str() << '\n';
}

void print_problems(const std::vector<codex::problem>& problems, bool warnings_too) {
  for (auto& p : problems)
    if (warnings_too || p.is_error)
      std::cerr << p.str() << '\n';
}

std::optional<config::proxy_config> load_or_complain(const config::sources& sources) {
  auto loaded = config::load(sources);
  print_problems(loaded.problems, false);
  return std::move(loaded.config);
}

bool wants_colour() {
  auto set = [](const char* name) {
    auto value = std::getenv(name);
    return value && *value != '\0';
  };
  return ::isatty(STDOUT_FILENO) != 0 && !set("NO_COLOR") && set("TERM") &&
         std::getenv("TERM") != std::string{"dumb"};
}

void exit_at_once(exit_code code) {
  remove_own_socket_files();
  tls::ca_files_hold nobody_writes_them;
  std::_Exit(code);
}

void ignore_broken_pipes() noexcept { std::signal(SIGPIPE, SIG_IGN); }

rlim_t set_core_limit(rlim_t soft) noexcept {
  rlimit core{};
  if (::getrlimit(RLIMIT_CORE, &core) != 0)
    return soft;
  auto before = core.rlim_cur;
  core.rlim_cur = std::min(soft, core.rlim_max);
  (void)::setrlimit(RLIMIT_CORE, &core); // to no more than the hard limit it cannot fail
  return before;
}

void protect_process() noexcept {
  platform::hide_memory();
  (void)set_core_limit(0);
}

rlim_t raise_descriptor_limit() noexcept {
  rlimit files{};
  if (::getrlimit(RLIMIT_NOFILE, &files) != 0)
    return 0;
  set_descriptor_limit(files.rlim_max);
  return files.rlim_cur;
}

void set_descriptor_limit(rlim_t soft) noexcept {
  rlimit files{};
  if (soft == 0 || ::getrlimit(RLIMIT_NOFILE, &files) != 0)
    return;
  files.rlim_cur = soft;
  // Where that is not allowed (macOS has its own ceiling) the limit of before does.
  (void)::setrlimit(RLIMIT_NOFILE, &files);
}

} // namespace proxy::cli
