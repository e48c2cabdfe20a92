#include "actors/cli/run_cli.hpp"

/// The product as it is where unix sockets are served, for tests elsewhere. Never installed.
int main(int argc, char** argv) {
  return proxy::cli::run_cli({argv + 1, argv + argc}, {.unix_sockets = true});
}
