#include "actors/version.hpp"

#include <iostream>

#include "actors/cli/cli.hpp"

namespace proxy::cli {

void add_version(CLI::App& app, context& all) {
  app.add_subcommand("version", "Print the version.")->callback([&all] {
    all.chosen = [] {
      std::cout << "codex-network-proxy " << version << '\n';
      return exit_ok;
    };
  });
}

} // namespace proxy::cli
