#include <cstdlib>
#include <iostream>

#include "actors/cli/cli.hpp"
#include "actors/cli/signals.hpp"
#include "actors/network_proxy.hpp"

namespace proxy::cli {

namespace {

int exit_code_of(start_failure::kind what) {
  switch (what) {
    case start_failure::kind::config: return exit_bad_config;
    case start_failure::kind::bind: return exit_no_bind;
    case start_failure::kind::system: break;
  }
  return exit_internal;
}

/// Nothing is taken down in order any more: what would have to help with that may be what is lost.
void end_at_once(const std::string&) { std::_Exit(exit_internal); }

/// Drains and ends, unless a second signal says not to wait.
int stop(network_proxy& proxy) {
  signal_watch impatient{signal_set({SIGTERM, SIGINT}), [&](received_signal) { proxy.end_now(); }};
  (void)proxy.shutdown(proxy.config()->shutdown_grace); // what was cut off had its time
  if (!proxy.end())
    std::_Exit(exit_ok); // its thread reads what may never come
  return exit_ok;
}

} // namespace

int serve(const config::sources& sources, abilities can) {
  ignore_broken_pipes();
  (void)raise_descriptor_limit();
  // Before any thread starts: signals are for the loop below alone. SIGUSR2 ends a `signal_watch`.
  auto signals = signal_set({SIGHUP, SIGUSR1, SIGTERM, SIGINT});
  (void)block_signals(signal_set({SIGHUP, SIGUSR1, SIGUSR2, SIGTERM, SIGINT}));
  auto started = network_proxy::start(sources, end_at_once, can);
  if (auto* failure = std::get_if<start_failure>(&started)) {
    print_problems(failure->problems, true);
    return exit_code_of(failure->what);
  }
  auto& proxy = std::get<network_proxy>(started);
  for (;;) {
    switch (wait_for_signal(signals).number) {
      case SIGHUP: proxy.begin_reload(); break; // the next signal may be to end
      case SIGUSR1: proxy.reopen_files(); break;
      case SIGTERM:
      case SIGINT: return stop(proxy);
      default: break;
    }
  }
}

void add_serve(CLI::App& app, context& all) {
  auto command =
    app.add_subcommand("serve", "Run the proxy in the foreground (also without a subcommand).");
  command->footer("Signals: HUP reloads the configuration, USR1 reopens files, TERM and INT finish "
                  "what is under way\n"
                  "for up to `shutdown_grace`; a second one ends at once.");
  command->callback([&all] { all.chosen = [&all] { return serve(all.sources, all.can); }; });
}

} // namespace proxy::cli
