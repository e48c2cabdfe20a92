#include <unistd.h>

#include <cstring>
#include <iostream>

#include "actors/cli/child/child.hpp"
#include "actors/cli/child/this_process.hpp"
#include "actors/cli/child/trust_plan.hpp"
#include "actors/cli/cli.hpp"
#include "actors/cli/daemon/signals.hpp"
#include "actors/control/policy/trust_files.hpp"
#include "actors/loop/system/machine.hpp"
#include "config/home.hpp"

namespace proxy::cli {

namespace {

int cannot_trust(const std::string& what) {
  std::cerr << "codex-network-proxy: " << what << '\n';
  return exit_failed;
}

/// Runs one command to its end, said on stderr before its own output. @returns its exit code.
int run_one(const command_line& command) {
  std::cerr << "+ " << shell_line(command) << '\n';
  auto none = signal_set({});
  auto child = start_child({command, lines_of(own_variables()), none});
  if (child.pid < 0) {
    std::cerr << command[0] << ": " << std::strerror(child.error) << '\n';
    return child.exit_code;
  }
  await_child(child.pid);
  return reap_child(child.pid);
}

/// Prints the commands, or runs them until one fails.
int carry_out(const std::vector<command_line>& plan, bool dry_run) {
  if (plan.empty())
    return cannot_trust("found no certificate store that is known here");
  for (const auto& command : plan) {
    if (dry_run)
      std::cout << shell_line(command) << '\n';
    else if (auto code = run_one(command); code != 0)
      return cannot_trust(command[0] + " ended with " + std::to_string(code) +
                          (::geteuid() == 0 ? "" : "; the system's store needs root"));
  }
  return exit_ok;
}

/// The configuration, or that of a machine that has none: the CA has its place without one too.
std::optional<config::proxy_config> load_or_default(const context& all) {
  if (config::has_configuration(all.sources)) {
    auto sources = all.sources;
    sources.secrets = config::secrets_wanted::none;
    return load_or_complain(sources);
  }
  config::proxy_config fresh;
  fresh.codex_home = config::codex_home(all.sources);
  if (!fresh.codex_home.empty())
    return fresh;
  std::cerr << "codex-network-proxy: " << config::no_home << '\n';
  return std::nullopt;
}

/// Whether there is a CA that can be used; made with `make` when there is none yet. Else what is
/// wrong is said.
bool has_ca(const tls::ca_paths& paths, bool make) {
  auto now = this_machine().clock.wall();
  if (auto stored = tls::read_ca_files(paths); !make && stored && !*stored) {
    std::cout << "# makes the CA first: " << paths.certificate << " and " << paths.key << '\n';
    return true;
  }
  auto found = make ? tls::authority::load_or_make(paths, now) : tls::authority::load(paths, now);
  if (!found)
    std::cerr << "codex-network-proxy: " << context_of(found.error()) << '\n';
  return static_cast<bool>(found);
}

/// What is here; says what cannot be done about it.
trust_places look_around() {
  auto places = find_trust_places(config::user_home(config::process_environment));
  if (places.lacks_certutil)
    std::cerr << "codex-network-proxy: Chromium and Firefox are left out: there is no certutil "
                 "(package libnss3-tools)\n";
  return places;
}

int trust(const context& all, bool dry_run) {
  auto config = load_or_default(all);
  if (!config)
    return exit_bad_config;
  auto paths = ca_paths_of(*config);
  if (!has_ca(paths, !dry_run))
    return exit_bad_config;
  return carry_out(plan_trust(look_around(), paths.certificate), dry_run);
}

int untrust(const context& all, bool dry_run) {
  auto config = load_or_default(all);
  if (!config)
    return exit_bad_config;
  return carry_out(plan_untrust(look_around(), ca_paths_of(*config).certificate), dry_run);
}

void add(CLI::App& app, context& all, const char* name, const char* what,
         int (*run)(const context&, bool)) {
  auto command = app.add_subcommand(name, what);
  auto dry_run = std::make_shared<bool>(false);
  command->add_flag("--dry-run", *dry_run, "print the commands and run none");
  command->callback(
    [&all, dry_run, run] { all.chosen = [&all, dry_run, run] { return run(all, *dry_run); }; });
}

} // namespace

void add_trust(CLI::App& app, context& all) {
  add(app, all, "trust", "Make this system trust the CA of intercepted connections.", trust);
}

void add_untrust(CLI::App& app, context& all) {
  add(app, all, "untrust", "Undo `trust`.", untrust);
}

} // namespace proxy::cli
