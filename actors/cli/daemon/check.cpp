#include <iostream>

#include "actors/cli/cli.hpp"
#include "actors/control/policy/generation.hpp"
#include "actors/loop/calls/io_choice.hpp"
#include "actors/loop/system/machine.hpp"

namespace proxy::cli {

namespace {

/// What the configuration comes to on this machine. @returns whether it would start.
bool tell_of_machine(const config::proxy_config& config) {
  auto io = choose_io(config.io, this_machine().network);
  std::cout << "io: " << io.str();
  if (io.error != 0)
    std::cout << " (" << io.why() << ')';
  std::cout << '\n';
  return io.error == 0 || !io.is_demanded;
}

struct check_options {
  bool no_secrets = false;
  bool verbose = false;
};

int check(config::sources sources, const check_options& how) {
  auto no_secrets = how.no_secrets;
  if (no_secrets)
    sources.secrets = config::secrets_wanted::none;
  std::vector<config::problem> problems;
  auto policy = compile_unbound(sources, true, problems);
  print_problems(problems, true);
  if (!policy)
    return exit_bad_config;
  if (no_secrets)
    std::cerr << "codex-network-proxy: check: no secret was fetched\n";
  std::cout << "ok:";
  for (auto& file : policy->config->files)
    std::cout << ' ' << file;
  std::cout << '\n';
  return !how.verbose || tell_of_machine(*policy->config) ? exit_ok : exit_failed;
}

} // namespace

void add_check(CLI::App& app, context& all) {
  auto command = app.add_subcommand("check", "Validate the configuration and print every problem.");
  command->footer(config::describe_keys);
  auto how = std::make_shared<check_options>();
  command->add_flag("--no-secrets", how->no_secrets,
                    "fetch no secret: for machines that have none, e.g. in CI");
  command->add_flag("--verbose", how->verbose,
                    "say what the configuration comes to on this machine");
  command->callback([&all, how] { all.chosen = [&all, how] { return check(all.sources, *how); }; });
}

} // namespace proxy::cli
