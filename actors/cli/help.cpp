#include <iostream>

#include "actors/cli/arguments.hpp"
#include "actors/cli/cli.hpp"

namespace proxy::cli {

namespace {

int print_help(CLI::App& app, const std::string& topic) {
  app.clear(); // else the help of what was parsed is printed: that of `help`
  if (topic.empty()) {
    std::cout << app.help();
    return exit_ok;
  }
  if (const auto* command = find_command(app, topic)) {
    std::cout << command->help(app.get_name());
    return exit_ok;
  }
  auto near = nearest_command(app, topic);
  std::cerr << "codex-network-proxy: help: there is no command " << topic
            << (near.empty() ? "" : "; did you mean " + near + "?") << '\n';
  return exit_usage;
}

} // namespace

void add_help(CLI::App& app, context& all) {
  auto command = app.add_subcommand("help", "Print how to use all this, or one command.");
  auto topic = std::make_shared<std::string>();
  command->add_option("command", *topic, "which command; without it, the list of them");
  command->callback(
    [&app, &all, topic] { all.chosen = [&app, topic] { return print_help(app, *topic); }; });
}

} // namespace proxy::cli
