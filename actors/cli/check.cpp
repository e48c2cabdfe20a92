#include <iostream>

#include "actors/cli/cli.hpp"

namespace proxy::cli {

namespace {

int check(const config::sources& sources) {
  auto loaded = config::load(sources, true);
  print_problems(loaded.problems, true);
  if (!loaded.config)
    return exit_bad_config;
  std::cout << "ok:";
  for (auto& file : loaded.config->files)
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
