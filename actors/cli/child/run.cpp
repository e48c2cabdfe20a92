#include <unistd.h>

#include <array>
#include <atomic>

#include <cstring>
#include <future>
#include <iostream>
#include <system_error>
#include <utility>

#include "actors/cli/child/attached_summary.hpp"
#include "actors/cli/child/child.hpp"
#include "actors/cli/child/this_process.hpp"
#include "actors/cli/cli.hpp"
#include "actors/cli/daemon/signals.hpp"
#include "actors/cli/daemon/summary.hpp"
#include "actors/cli/dial.hpp"
#include "actors/clients/client_url.hpp"
#include "actors/clients/client_variables.hpp"
#include "actors/embed/own_program.hpp"
#include "actors/loop/system/machine.hpp"
#include "actors/loop/system/platform.hpp"
#include "config/home.hpp"

namespace proxy::cli {

namespace {

/// What the user asked for.
struct run_options {
  bool attach = false;
  std::string user;               ///< Of the daemon; "" for any.
  std::vector<std::string> words; ///< A command given without `--`.
};

/// Signals that a wrapper passes on.
sigset_t forwarded_signals() { return signal_set({SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1}); }

/// A line of ours, whole: the log has a thread of its own, which may write at the same moment.
void tell(const std::string& what) { std::cerr << "codex-network-proxy: run: " + what + '\n'; }

int refuse_to_run(const std::string& what) {
  tell(what);
  return exit_run_failed;
}

/// Ends the process, whose proxy is lost: at once, as `serve` does.
[[noreturn]] void end_lost_before() {
  (void)refuse_to_run("the proxy failed before the command ran");
  exit_at_once(exit_run_failed);
}

/// What the command gets of how this process was started.
struct inherited {
  sigset_t mask;     ///< Signals that were blocked.
  rlim_t core_limit; ///< The soft limit on core files.
  /// The soft limit on descriptors, where ours is higher: programs that close all of them suffer
  /// from a high one.
  rlim_t descriptor_limit = 0;
};

/// Who the clients of a proxy are that lives as long as one command: nobody knows this password
/// beforehand, so none of the configured ones is given away.
config::socks_user make_user() {
  config::socks_user out{"run", "generated", {}};
  for (int half = 0; half < 2; ++half)
    for (auto bits = this_machine().entropy.number(), left = uint64_t{16}; left > 0; --left) {
      out.password += "0123456789abcdef"[bits & 15];
      bits >>= 4;
    }
  return out;
}

/// Passes signals on to a command, those too that come before it has started.
class signal_relay {
public:
  /// @throws std::system_error where no thread is left.
  signal_relay()
    : watch_{forwarded_signals(), [this](received_signal got) {
               auto pid = pid_.get();
               // A key has reached the command already: once more would be taken for impatience.
               if (pid > 0 && !got.from_terminal)
                 ::kill(pid, got.number);
             }} {}
  ~signal_relay() { to(0); }

  /// @param pid  0: there will be none.
  void to(pid_t pid) {
    if (!std::exchange(told_, true))
      start_.set_value(pid);
  }

private:
  std::promise<pid_t> start_;
  std::shared_future<pid_t> pid_ = start_.get_future().share();
  bool told_ = false;
  signal_watch watch_; // last: its thread uses the others
};

/// Starts the command and waits for its end. @returns its exit code.
int run_to_the_end(const child_command& what) {
  started_child child;
  try {
    signal_relay signals;
    child = start_child(what);
    if (child.pid > 0) {
      signals.to(child.pid);
      await_child(child.pid);
    }
  } catch (const std::system_error& e) {
    return refuse_to_run(std::string{"no thread to pass signals on: "} + e.what());
  }
  if (child.pid > 0)
    return reap_child(child.pid);
  (void)refuse_to_run(what.arguments[0] + ": " + std::strerror(child.error));
  return child.exit_code;
}

/// Runs the command to its end with `url` as its proxy. @returns its exit code.
/// @param alone  The proxy ends with it.
int run_child(std::vector<std::string> command, const std::string& url,
              const config::proxy_config& config, const inherited& before, bool alone) {
  auto variables = own_variables();
  auto hidden = hidden_from_clients(config, config::process_environment);
  auto ours = apply_to_environment(variables, url, config, hidden, own_program());
  for (const auto& note : ours.notes)
    tell(note);
  child_command what{std::move(command), lines_of(variables), before.mask, before.core_limit,
                     before.descriptor_limit};
  wipe_environment(hidden); // a command with more rights than ours might look
  auto code = run_to_the_end(what);
  if (alone)
    remove_client_files(ours.files);
  return code;
}

/// Behind the daemon of this configuration.
int run_attached(config::sources sources, const std::string& user, std::vector<std::string> command,
                 const inherited& before) {
  sources.secrets = config::secrets_wanted::logins;
  auto config = load_or_complain(sources);
  if (!config)
    return exit_run_failed;
  auto url = url_for_clients(config->http);
  if (!url)
    return refuse_to_run("--attach needs a proxy_url with a port");
  if (!dial(config->http))
    return refuse_to_run("no daemon answers at " + *url);
  if (auto wrong = log_in(*url, *config, user); !wrong.empty())
    return refuse_to_run(wrong);
  const auto* who = choose_user(*config, user);
  attached_summary refused{*config, who ? who->name : ""};
  auto code = run_child(std::move(command), *url, refused.config(), before, false);
  std::cerr << refused.text();
  return code;
}

/// Behind a proxy that lives as long as the command.
int run_alone(config::sources sources, abilities can, std::vector<std::string> command,
              inherited before) {
  if (!config::has_configuration(sources)) {
    (void)load_or_complain(sources); // says how to make one
    return exit_run_failed;
  }
  sources.instead_of_users = make_user();
  sources.made_environment = true;
  sources.sets.push_back(R"(proxy_url="http://127.0.0.1:0")");
  sources.sets.push_back(R"(socks_url="http://127.0.0.1:0")");
  sources.sets.push_back(R"(network_proxy.admin_url="")");
  if (!sources.log_level)
    sources.log_level = "warn"; // stderr is the command's; the summary names the refusals
  before.descriptor_limit = raise_descriptor_limit();
  // The command goes on without a network; nobody else has one for it.
  auto lost = std::make_shared<std::atomic<bool>>(false);
  auto bound = embed::builder_for({.from = std::move(sources),
                                   .failed = [lost](const std::string&) { *lost = true; },
                                   .can = std::move(can)})
                 .build();
  auto running = bound ? bound->run() : bound.error();
  if (!running) {
    print_problems(running.error().problems, false);
    return refuse_to_run("cannot start the proxy");
  }
  auto& proxy = embed::inside(*running);
  // At once, or when last answers are given.
  auto is_lost = [&] { return *lost || !proxy.http_address(); };
  auto address = proxy.http_address();
  auto config = proxy.config();
  if (!address && config && !config->enabled)
    return refuse_to_run("the configuration says enabled = false");
  if (!address || !config)
    end_lost_before();
  auto url = "http://" + *address;
  if (auto wrong = log_in(url, *config, ""); !wrong.empty()) {
    if (is_lost())
      end_lost_before();
    return refuse_to_run(wrong);
  }
  auto code = run_child(std::move(command), url, *config, before, true);
  if (is_lost()) {
    tell("the proxy failed while the command ran");
    exit_at_once(exit_internal); // as `serve` does
  }
  std::cerr << summary_of(proxy.blocked());
  return code;
}

int run(const context& all, const run_options& options) {
  auto command = options.words;
  // Dashes after the first word belong to the command.
  if (!command.empty() && !all.command.empty())
    command.push_back("--");
  command.insert(command.end(), all.command.begin(), all.command.end());
  if (command.empty()) {
    tell("no command; see run --help");
    return exit_usage;
  }
  ignore_broken_pipes();
  // The command runs as the same user: not even a secret that is loaded later may it read.
  inherited before{{}, set_core_limit(0)};
  protect_process();
  // Before any thread starts: signals are passed on by one thread alone.
  auto ours = forwarded_signals();
  sigaddset(&ours, SIGUSR2); // ends a `signal_watch`
  before.mask = block_signals(ours);
  if (options.attach)
    return run_attached(all.sources, options.user, std::move(command), before);
  if (!options.user.empty()) {
    tell("--user goes with --attach");
    return exit_usage;
  }
  return run_alone(all.sources, all.can, std::move(command), before);
}

} // namespace

void add_run(CLI::App& app, context& all) {
  auto command = app.add_subcommand(
    "run", "Run a command behind a proxy of its own: run [--attach] -- COMMAND...");
  auto options = std::make_shared<run_options>();
  command->add_flag("--attach", options->attach,
                    "use the daemon that runs with this configuration");
  command->add_option(
    "--user", options->user,
    "with --attach: which of socks_users; else the first whose password is known");
  command->add_option("command", options->words, "the command; after -- if it has options");
  command->footer("Exits as the command does, 128 + n when signal n ended it, 127 when it is not "
                  "found, 126 when it\n"
                  "cannot be executed, 125 when the proxy cannot be started. What was refused is "
                  "told on stderr.");
  command->callback(
    [&all, options] { all.chosen = [&all, options] { return run(all, *options); }; });
}

} // namespace proxy::cli
