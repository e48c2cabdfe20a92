#include <unistd.h>

#include <cstring>
#include <iostream>

#include "actors/cli/child.hpp"
#include "actors/cli/child_env.hpp"
#include "actors/cli/cli.hpp"
#include "actors/cli/trust_plan.hpp"
#include "actors/compile.hpp"

namespace proxy::cli {

namespace {

int complain(const std::string& what) {
  std::cerr << "codex-network-proxy: " << what << '\n';
  return exit_failed;
}

/// Runs one command to its end, said on stderr before its own output. @returns its exit code.
int run_one(const command_line& command) {
  std::cerr << "+ " << shell_line(command) << '\n';
  sigset_t none;
  ::sigemptyset(&none);
  auto child = start_child({command, merged_environment(environ, {}), none});
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
    return complain("found no certificate store that is known here");
  for (const auto& command : plan) {
    if (dry_run)
      std::cout << shell_line(command) << '\n';
    else if (auto code = run_one(command); code != 0)
      return complain(command[0] + " ended with " + std::to_string(code) +
                      (::geteuid() == 0 ? "" : "; the system's store needs root"));
  }
  return exit_ok;
}

/// The CA's certificate; made with `make` when there is none yet.
std::optional<std::string> find_certificate(const context& all, bool make) {
  auto config = load_or_complain(all.sources);
  if (!config)
    return std::nullopt;
  auto paths = ca_paths_of(*config);
  auto now = std::chrono::system_clock::now();
  auto found = make ? tls::authority::load_or_make(paths, now) : tls::authority::load(paths, now);
  if (found)
    return paths.certificate;
  std::cerr << "codex-network-proxy: " << context_of(found.error()) << '\n';
  return std::nullopt;
}

int trust(const context& all, bool dry_run) {
  auto certificate = find_certificate(all, !dry_run);
  return certificate ? carry_out(plan_trust(find_trust_places(), *certificate), dry_run)
                     : exit_bad_config;
}

int untrust(const context& all, bool dry_run) {
  auto config = load_or_complain(all.sources);
  if (!config)
    return exit_bad_config;
  return carry_out(plan_untrust(find_trust_places(), ca_paths_of(*config).certificate), dry_run);
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
