#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <iostream>

#include "actors/cli/child.hpp"
#include "actors/cli/child_env.hpp"
#include "actors/cli/cli.hpp"
#include "actors/cli/signals.hpp"
#include "actors/cli/summary.hpp"
#include "actors/network_proxy.hpp"
#include "actors/sockaddr.hpp"

namespace proxy::cli {

namespace {

/// What the user asked for.
struct run_options {
  bool attach = false;
  std::vector<std::string> words; ///< A command given without `--`.
};

/// Signals that a wrapper passes on.
sigset_t forwarded_signals() { return signal_set({SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1}); }

int complain(const std::string& what) {
  std::cerr << "codex-network-proxy: run: " << what << '\n';
  return exit_run_failed;
}

/// Runs the command to its end with `url` as its proxy. @returns its exit code.
int run_child(std::vector<std::string> command, const std::string& url,
              const config::proxy_config& config, const sigset_t& mask) {
  auto ours = child_variables(url, config);
  child_command what{std::move(command), merged_environment(environ, ours), mask};
  auto child = start_child(what);
  if (child.pid < 0) {
    std::cerr << "codex-network-proxy: run: " << what.arguments[0] << ": "
              << std::strerror(child.error) << '\n';
    return child.exit_code;
  }
  {
    signal_watch forward{forwarded_signals(), [pid = child.pid](received_signal got) {
                           // A key has reached the command already: once more would be taken for
                           // impatience.
                           if (!got.from_terminal)
                             ::kill(pid, got.number);
                         }};
    await_child(child.pid);
  }
  return reap_child(child.pid);
}

/// Whether somebody listens at an address.
bool answers(const config::listen_address& at) {
  auto ip = ip_address::parse(at.ip);
  if (!ip)
    return false;
  auto name = make_sockaddr(*ip, at.port);
  auto fd = ::socket(name.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return false;
  auto connected = ::connect(fd, name.get(), name.size) == 0;
  ::close(fd);
  return connected;
}

/// Behind the daemon of this configuration.
int run_attached(const config::sources& sources, std::vector<std::string> command,
                 const sigset_t& mask) {
  auto config = load_or_complain(sources);
  if (!config)
    return exit_run_failed;
  auto url = url_for_clients(config->http);
  if (!url)
    return complain("--attach needs a proxy_url with a port");
  if (!answers(config->http))
    return complain("no daemon answers at " + *url);
  return run_child(std::move(command), *url, *config, mask);
}

/// Behind a proxy that lives as long as the command.
int run_alone(config::sources sources, std::vector<std::string> command, const sigset_t& mask) {
  sources.sets.push_back(R"(proxy_url="http://127.0.0.1:0")");
  sources.sets.push_back(R"(socks_url="http://127.0.0.1:0")");
  sources.sets.push_back(R"(network_proxy.admin_url="")");
  if (!sources.log_level)
    sources.log_level = "warn"; // stderr is the command's; the summary names the refusals
  auto files = raise_descriptor_limit();
  auto started = network_proxy::start(std::move(sources));
  if (auto* failure = std::get_if<start_failure>(&started)) {
    print_problems(failure->problems, false);
    return complain("cannot start the proxy");
  }
  auto& proxy = std::get<network_proxy>(started);
  auto address = proxy.http_address();
  if (!address)
    return complain("the configuration says enabled = false");
  // The higher limit is for the proxy: programs that close all descriptors suffer from it.
  set_descriptor_limit(files);
  auto code = run_child(std::move(command), "http://" + *address, *proxy.config(), mask);
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
    std::cerr << "codex-network-proxy: run: no command; see run --help\n";
    return exit_usage;
  }
  ignore_broken_pipes();
  // Before any thread starts: signals are passed on by one thread alone.
  auto ours = forwarded_signals();
  ::sigaddset(&ours, SIGUSR2); // ends a `signal_watch`
  auto mask = block_signals(ours);
  return options.attach ? run_attached(all.sources, std::move(command), mask)
                        : run_alone(all.sources, std::move(command), mask);
}

} // namespace

void add_run(CLI::App& app, context& all) {
  auto command = app.add_subcommand(
    "run", "Run a command behind a proxy of its own: run [--attach] -- COMMAND...");
  auto options = std::make_shared<run_options>();
  command->add_flag("--attach", options->attach,
                    "use the daemon that runs with this configuration");
  command->add_option("command", options->words, "the command; after -- if it has options");
  command->footer("Exits as the command does, 128 + n when signal n ended it, 127 when it is not "
                  "found, 126 when it\n"
                  "cannot be executed, 125 when the proxy cannot be started. What was refused is "
                  "told on stderr.");
  command->callback(
    [&all, options] { all.chosen = [&all, options] { return run(all, *options); }; });
}

} // namespace proxy::cli
