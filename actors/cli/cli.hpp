#pragma once

#include <CLI/CLI.hpp>
#include <codex/network_proxy.hpp>
#include <sys/resource.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/serve/abilities.hpp"
#include "config/load.hpp"

/// The command line: one file per subcommand. Data goes to stdout, talk to stderr.

namespace proxy::cli {

/// What the process ends with (sysexits where they fit).
enum exit_code : int {
  exit_ok = 0,
  exit_failed = 1, ///< Refused, or something went wrong.
  exit_usage = 2,
  exit_no_bind = 69,
  exit_internal = 70, ///< The proxy lost what it cannot do without.
  exit_bad_config = 78,
  exit_run_failed = 125, ///< `run` itself failed, as env(1) and timeout(1) say it.
  exit_cannot_execute = 126,
  exit_not_found = 127,
};

/// What all subcommands share.
struct context {
  config::sources sources;          ///< Global flags.
  abilities can;                    ///< Of the proxies that are started.
  std::vector<std::string> command; ///< Of `run`: see `take_command`.
  std::function<int()> chosen;      ///< Set by the subcommand that was named.
};

// Each adds its subcommand, which runs by setting `context::chosen`. References outlive the parse.
void add_serve(CLI::App& app, context& all);
void add_init(CLI::App& app, context& all);
void add_check(CLI::App& app, context& all);
void add_explain(CLI::App& app, context& all);
void add_env(CLI::App& app, context& all);
void add_run(CLI::App& app, context& all);
void add_connect(CLI::App& app, context& all);
void add_trust(CLI::App& app, context& all);
void add_untrust(CLI::App& app, context& all);
void add_version(CLI::App& app, context& all);
void add_help(CLI::App& app, context& all);

/// `serve`, which is also what happens without a subcommand.
[[nodiscard]] int serve(const config::sources& sources, abilities can);

/// Prints problems to stderr, one a line.
/// @param warnings_too  Else only errors.
void print_problems(const std::vector<config::problem>& problems, bool warnings_too);
void print_problems(const std::vector<codex::problem>& problems, bool warnings_too);

/// Loads the configuration, or prints what is wrong with it.
[[nodiscard]] std::optional<config::proxy_config> load_or_complain(const config::sources& sources);

/// Whether stdout is a terminal that shows colours and the user wants them (NO_COLOR).
[[nodiscard]] bool wants_colour();

/// Ends the process without taking the proxy down in order, which may not be possible any more.
/// What it leaves on the disk is whole, and its sockets' files are gone.
[[noreturn]] void exit_at_once(exit_code code);

/// Lets writes to closed pipes fail quietly.
void ignore_broken_pipes() noexcept;

/// Sets the soft limit on core files, as far as the hard one allows. @returns that of before.
rlim_t set_core_limit(rlim_t soft) noexcept;

/// Keeps other processes of this user, commands that we run among them, from reading our memory and
/// environment, and the kernel from writing them to a core file. Programs that we start are as they
/// would be without.
void protect_process() noexcept;

/// Makes the soft limit on descriptors as high as the hard one. @returns the soft limit of before.
rlim_t raise_descriptor_limit() noexcept;

/// Sets the soft limit, as far as it is possible.
void set_descriptor_limit(rlim_t soft) noexcept;

} // namespace proxy::cli
