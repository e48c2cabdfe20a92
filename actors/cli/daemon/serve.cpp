#include <functional>
#include <memory>
#include <mutex>
#include <system_error>
#include <utility>

#include "actors/cli/cli.hpp"
#include "actors/cli/daemon/signals.hpp"
#include "actors/embed/own_program.hpp"
#include "actors/observe/log/log.hpp"

namespace proxy::cli {

namespace {

int exit_code_of(codex::error_code what) {
  switch (what) {
    case codex::error_code::invalid_config: return exit_bad_config;
    case codex::error_code::cannot_bind: return exit_no_bind;
    default: return exit_internal;
  }
}

/// Nothing is taken down in order any more: what would have to help with that may be what is lost.
void end_at_once(const std::string&) { exit_at_once(exit_internal); }

/// Hears of signals while something else is done, which goes on without where no thread is left.
std::unique_ptr<signal_watch> hear_meanwhile(std::function<void(received_signal)> tell) {
  try {
    return std::make_unique<signal_watch>(signal_set({SIGTERM, SIGINT}), std::move(tell));
  } catch (const std::system_error&) {
    return nullptr;
  }
}

/// Drains and ends, unless a second signal says not to wait.
int stop(codex::network_proxy::handle& running) {
  auto& proxy = embed::inside(running);
  auto impatient = hear_meanwhile([&](received_signal) { proxy.end_now(); });
  auto config = proxy.config();
  // What is cut off had its time.
  (void)running.shutdown(config ? config->shutdown_grace : std::chrono::milliseconds{0});
  if (!proxy.end())
    exit_at_once(exit_ok); // its thread reads what may never come
  return exit_ok;
}

/// Signals to end that come while the proxy starts.
class early_end {
public:
  explicit early_end(const config::sources& from) {
    log_.level = from.log_level.value_or(log_.level);
    log_.format = from.log_format.value_or(log_.format);
  }

  /// From now on something is held that has to be taken down in order.
  void loaded() {
    std::lock_guard guard{lock_};
    loaded_ = true;
  }

  /// Ends the process while the configuration is read: that may take as long as whoever writes a
  /// pipe, and cannot be cut short. Later ones are kept.
  void hear(received_signal got) {
    std::lock_guard guard{lock_};
    wanted_ = true;
    if (loaded_)
      return;
    auto log = make_logger(log_);
    log->info("msg=stopped detail=\"{} while the configuration was read: nobody was served\"",
              got.number == SIGINT ? "SIGINT" : "SIGTERM");
    log->flush();
    exit_at_once(exit_ok);
  }

  [[nodiscard]] bool is_wanted() {
    std::lock_guard guard{lock_};
    return wanted_;
  }

private:
  config::log log_;
  std::mutex lock_;
  bool loaded_ = false;
  bool wanted_ = false;
};

codex::result<codex::network_proxy::handle> start(const config::sources& sources, abilities can,
                                                  early_end& early) {
  auto watch = hear_meanwhile([&](received_signal got) { early.hear(got); });
  auto bound =
    embed::builder_for({sources, end_at_once, std::move(can), [&] { early.loaded(); }}).build();
  return bound ? bound->run() : bound.error();
}

} // namespace

int serve(const config::sources& sources, abilities can) {
  ignore_broken_pipes();
  (void)raise_descriptor_limit();
  // Before any thread starts: signals are for the loop below alone. SIGUSR2 ends a `signal_watch`.
  auto signals = signal_set({SIGHUP, SIGUSR1, SIGTERM, SIGINT});
  (void)block_signals(signal_set({SIGHUP, SIGUSR1, SIGUSR2, SIGTERM, SIGINT}));
  early_end early{sources};
  auto running = start(sources, std::move(can), early);
  if (!running) {
    print_problems(running.error().problems, true);
    return exit_code_of(running.error().code);
  }
  if (early.is_wanted())
    return stop(*running);
  auto& proxy = embed::inside(*running);
  for (;;) {
    switch (wait_for_signal(signals).number) {
      case SIGHUP: proxy.begin_reload(); break; // the next signal may be to end
      case SIGUSR1: proxy.reopen_files(); break;
      case SIGTERM:
      case SIGINT: return stop(*running);
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
