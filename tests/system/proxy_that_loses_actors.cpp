#include <caf/actor.hpp>
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

#include "actors/cli/cli.hpp"

namespace {

/// The actors without which the proxy ends, by name.
struct roster {
  void add(const std::string& name, const caf::strong_actor_ptr& who) {
    std::lock_guard guard{mutex};
    actors[name] = who;
  }
  void end(const std::string& name) {
    std::lock_guard guard{mutex};
    if (auto at = actors.find(name); at != actors.end())
      caf::anon_send_exit(caf::actor_cast<caf::actor>(at->second), caf::exit_reason::kill);
  }
  std::mutex mutex;
  std::map<std::string, caf::strong_actor_ptr> actors;
};

} // namespace

/// The product as it is, but for the actor whose name is written to the FIFO of LOSES_FROM: that
/// one is killed. For tests of what happens then; never installed.
int main(int argc, char** argv) {
  sigset_t all;
  sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr); // for the thread below, and as `serve` does
  static roster everybody;
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
  auto code = proxy::cli::run_cli({argv + 1, argv + argc}, can);
  std::_Exit(code); // the roster holds actors of a system that is gone
}
