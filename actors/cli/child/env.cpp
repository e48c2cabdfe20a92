#include <iostream>

#include "actors/cli/child/env_format.hpp"
#include "actors/cli/child/this_process.hpp"
#include "actors/cli/cli.hpp"
#include "actors/clients/child_env.hpp"
#include "actors/clients/client_url.hpp"

namespace proxy::cli {

namespace {

int print_env(config::sources sources, const std::string& format, const std::string& user) {
  sources.secrets = config::secrets_wanted::logins;
  auto config = load_or_complain(sources);
  if (!config)
    return exit_bad_config;
  auto url = url_for_clients(config->http);
  if (!url) {
    std::cerr << "codex-network-proxy: the port of proxy_url is chosen at start: use `run`, or "
                 "give it a port\n";
    return exit_failed;
  }
  if (auto wrong = log_in(*url, *config, user); !wrong.empty()) {
    std::cerr << "codex-network-proxy: env: " << wrong << '\n';
    return exit_failed;
  }
  std::vector<std::string> notes;
  auto files = make_client_files(*config, *url, config::process_environment, own_program(), notes);
  auto variables = child_variables(*url, *config, files, config::process_environment);
  for (const auto& note : notes)
    std::cerr << "codex-network-proxy: env: " << note << '\n';
  std::cout << format_variables(variables, env_format_named(format).value_or(env_format::sh));
  return exit_ok;
}

} // namespace

void add_env(CLI::App& app, context& all) {
  auto command = app.add_subcommand("env", "Print the variables that make clients use the proxy.");
  auto format = std::make_shared<std::string>("sh");
  command->add_option("--format", *format, "how they are written")
    ->check(CLI::IsMember({"sh", "fish", "json", "dotenv"}))
    ->capture_default_str();
  auto user = std::make_shared<std::string>();
  command->add_option("--user", *user,
                      "which of socks_users; else the first whose password is known");
  command->callback([&all, format, user] {
    all.chosen = [&all, format, user] { return print_env(all.sources, *format, *user); };
  });
}

} // namespace proxy::cli
