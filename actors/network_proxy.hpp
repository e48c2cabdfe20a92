#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "actors/control/policy/generation.hpp"
#include "actors/messages.hpp"
#include "actors/observe/audit.hpp"
#include "actors/observe/audit_line.hpp"
#include "actors/observe/blocked_ring.hpp"
#include "actors/serve/abilities.hpp"
#include "actors/serve/core/interfaces.hpp"
#include "actors/serve/decide/outside_decider.hpp"
#include "config/load.hpp"

namespace proxy {

/// Why a proxy did not start.
struct start_failure {
  enum class kind : uint8_t { config, bind, system };
  kind what = kind::config;
  std::vector<config::problem> problems; ///< At least one error.
};

/// See `start_order::failed`.
using failure_handler = std::function<void(const std::string& why)>;

/// What a program that embeds the proxy has in place of what a daemon has. What is called here is
/// called by threads that others wait for: it hands things on and returns at once.
struct surrounding_program {
  bool speaks = true; ///< It has a stderr that we may write to.
  /// Takes whole lines of the log. @returns how many it lost. Null: they go to stderr.
  line_taker log{};
  /// The same for the audit trail, wherever the configuration wants it. Null: it goes there.
  line_taker audit{};
  /// Hears of each refusal, on its worker's loop. Null: nobody does.
  std::function<void(const decision_event_ptr&)> refused{};
  std::shared_ptr<outside_decider> decider{}; ///< Null: nobody decides.
  audit_metadata metadata{};
  caf::actor_system* system = nullptr; ///< In which our actors live; null: one of our own.
};

/// What a proxy is to be.
struct start_order {
  config::sources from;
  /// Called once, when the proxy has lost what it cannot do without; by then it serves nobody any
  /// more. Gets what the log says. From a thread of the proxy, which may be before it has started,
  /// or from `end`, when a part does not end: where it returns then, the destructor waits for that
  /// part.
  failure_handler failed;
  abilities can{}; ///< What it serves; else what is usual for the system.
  /// Called by the thread that starts it when the configuration is read, which may take long. Until
  /// then nothing is bound and nobody started: the process may exit.
  std::function<void()> loaded{};
  surrounding_program around{};
};

/// A proxy that has its addresses and no threads yet: whoever connects waits.
struct bound_proxy {
  start_order order;
  prepared first;

  /// `ip:port`, or `unix:PATH`; nullopt when not bound.
  [[nodiscard]] std::optional<std::string> address(endpoint which) const;
  [[nodiscard]] const config::proxy_config& config() const { return *first.next->config; }
};

/// A running proxy: the actor system, its loops and their threads. Move-only; the destructor ends
/// it at once. Everything may be called from any thread but the proxy's own, and while `end` runs
/// in another one.
class network_proxy {
public:
  /// Loads the configuration and binds. With `enabled = false` nothing is bound.
  [[nodiscard]] static std::variant<bound_proxy, start_failure> bind(start_order wanted);
  /// Starts the workers, and returns once every worker serves. A disabled one waits for a reload.
  /// Warnings of the configuration are logged.
  [[nodiscard]] static std::variant<network_proxy, start_failure> run(bound_proxy bound);
  /// Both.
  [[nodiscard]] static std::variant<network_proxy, start_failure> start(start_order wanted);

  network_proxy(network_proxy&&) noexcept;
  network_proxy& operator=(network_proxy&&) noexcept;
  ~network_proxy();

  /// Addresses in use, `ip:port`; nullopt when not bound. `admin` may be `unix:PATH`.
  [[nodiscard]] std::optional<std::string> http_address() const;
  [[nodiscard]] std::optional<std::string> socks_address() const;
  [[nodiscard]] std::optional<std::string> admin_address() const;
  /// What is in force; nullptr where nobody is left who knows.
  [[nodiscard]] config_ptr config() const;
  [[nodiscard]] snapshot_ptr current() const;     ///< The same with all that serves it.
  [[nodiscard]] policy_store_actor store() const; ///< Null once it ends.

  [[nodiscard]] reload_outcome reload();
  /// The same without waiting: the log tells what becomes of it.
  void begin_reload();
  /// Switches the mode until it is switched again or lifted: reloads keep it.
  [[nodiscard]] reload_outcome set_mode(policy::mode mode);
  /// Goes back to the mode that the configuration says.
  [[nodiscard]] reload_outcome lift_mode();
  /// Adds a pattern to `allowed_domains` until the proxy ends, reloads or not; what is denied stays
  /// refused. It takes the same one off what was added to `denied_domains`. Problems, and nothing
  /// changed, where it is no pattern, the managed layer does not permit it, or there are too many
  /// (`config::max_added_patterns`).
  [[nodiscard]] reload_outcome add_allowed_domain(std::string pattern);
  /// The same for `denied_domains`, where the managed layer permits all.
  [[nodiscard]] reload_outcome add_denied_domain(std::string pattern);
  /// Newest refusals of all workers, oldest first, at most 200; total over the whole life.
  [[nodiscard]] blocked_page blocked() const;
  /// Closes and opens log and audit files again.
  void reopen_files();

  /// Stops accepting and waits for what is under way, at most `grace`; then ends the rest.
  /// @returns false when something had to be cut off. Where something was lost instead, `failed`
  /// has
  ///          been called by then.
  bool shutdown(std::chrono::milliseconds grace);
  /// Ends all parts, within a limit. Nothing but destruction may follow.
  /// @returns false when one still reads the configuration: destruction waits for that, which may
  ///          take for ever; all the rest is in order, so that the process may exit instead.
  [[nodiscard]] bool end();
  /// Cuts a `shutdown`, or an `end`, that runs in another thread short.
  void end_now();

private:
  struct impl;
  explicit network_proxy(std::unique_ptr<impl> made);
  std::unique_ptr<impl> impl_;
};

} // namespace proxy
