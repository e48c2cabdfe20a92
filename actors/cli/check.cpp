#include <iostream>

#include "actors/cli/cli.hpp"
#include "actors/compile.hpp"

namespace proxy::cli {

namespace {

int check(const config::sources& sources) {
  std::vector<config::problem> problems;
  auto policy = compile_unbound(sources, true, problems);
  print_problems(problems, true);
  if (!policy)
    return exit_bad_config;
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
  command->callback([&all] { all.chosen = [&all] { return check(all.sources); }; });
}

} // namespace proxy::cli
