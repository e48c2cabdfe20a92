#include <iostream>

#include "actors/cli/cli.hpp"
#include "actors/control/policy/generation.hpp"

namespace proxy::cli {

namespace {

int check(config::sources sources, bool no_secrets) {
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
  return exit_ok;
}

} // namespace

void add_check(CLI::App& app, context& all) {
  auto command = app.add_subcommand("check", "Validate the configuration and print every problem.");
  command->footer(config::describe_keys);
  auto no_secrets = std::make_shared<bool>(false);
  command->add_flag("--no-secrets", *no_secrets,
                    "fetch no secret: for machines that have none, e.g. in CI");
  command->callback([&all, no_secrets] {
    all.chosen = [&all, no_secrets] { return check(all.sources, *no_secrets); };
  });
}

} // namespace proxy::cli
