#include <caf/actor.hpp>
#include <caf/actor_addr.hpp>
#include <caf/actor_cast.hpp>
#include <caf/actor_control_block.hpp>
#include <caf/send.hpp>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "actors/cli/daemon/signals.hpp"
#include "actors/cli/run_cli.hpp"

namespace {

/// The actors without which the proxy ends, by name. Holds none of them: what a dead one held is
/// let go of as in the product, and the threads of those that have one end.
struct roster {
  void add(const std::string& name, const caf::strong_actor_ptr& who) {
    {
      std::lock_guard guard{mutex};
      actors[name] = caf::actor_cast<caf::actor_addr>(who);
    }
    if (name == at_once)
      end(name);
  }
  void end(const std::string& name) {
    std::lock_guard guard{mutex};
    if (auto at = actors.find(name); at != actors.end())
      caf::anon_send_exit(at->second, caf::exit_reason::kill);
  }
  std::string at_once; ///< Is lost as soon as it is there.
  std::mutex mutex;
  std::map<std::string, caf::actor_addr> actors;
};

} // namespace

/// The product as it is, but for actors whose names are written to the FIFO of LOSES_FROM, and the
/// one that LOSES_AT_ONCE names: they are killed. For tests of what happens then; never installed.
int main(int argc, char** argv) {
  namespace cli = proxy::cli;
  // For the thread below: signals are for `serve` alone.
  (void)cli::block_signals(cli::signal_set({SIGHUP, SIGUSR1, SIGUSR2, SIGTERM, SIGINT}));
  static auto& everybody = *new roster; // that thread may outlive what is static
  if (const auto* name = std::getenv("LOSES_AT_ONCE"))
    everybody.at_once = name;
  if (const auto* path = std::getenv("LOSES_FROM"))
    std::thread{[from = std::string{path}] {
      std::ifstream names{from};
      for (std::string name; std::getline(names, name);)
        everybody.end(name);
    }}.detach();
  proxy::abilities can;
  can.unix_sockets = true;
  can.watched = [](const std::string& name, const caf::strong_actor_ptr& who) {
    everybody.add(name, who);
  };
  return cli::run_cli({argv + 1, argv + argc}, can);
}
