#include <iostream>

#include "actors/cli/child_env.hpp"
#include "actors/cli/cli.hpp"

namespace proxy::cli {

namespace {

int print_env(const config::sources& sources, const std::string& format) {
  auto config = load_or_complain(sources);
  if (!config)
    return exit_bad_config;
  auto url = url_for_clients(config->http);
  if (!url) {
    std::cerr << "codex-network-proxy: the port of proxy_url is chosen at start: use `run`, or "
                 "give it a port\n";
    return exit_failed;
  }
  std::cout << format_variables(child_variables(*url, *config),
                                env_format_named(format).value_or(env_format::sh));
  return exit_ok;
}

} // namespace

void add_env(CLI::App& app, context& all) {
  auto command = app.add_subcommand("env", "Print the variables that make clients use the proxy.");
  auto format = std::make_shared<std::string>("sh");
  command->add_option("--format", *format, "how they are written")
    ->check(CLI::IsMember({"sh", "fish", "json", "dotenv"}))
    ->capture_default_str();
  command->callback(
    [&all, format] { all.chosen = [&all, format] { return print_env(all.sources, *format); }; });
}

} // namespace proxy::cli
