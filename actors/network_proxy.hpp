#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "actors/messages.hpp"
#include "actors/observe/blocked_ring.hpp"
#include "actors/serve/abilities.hpp"
#include "config/load.hpp"

namespace proxy {

/// Why a proxy did not start.
struct start_failure {
  enum class kind : uint8_t { config, bind, system };
  kind what = kind::config;
  std::vector<config::problem> problems; ///< At least one error.
};

/// See `network_proxy::start`.
using failure_handler = std::function<void(const std::string& why)>;

/// A running proxy: the actor system, its loops and their threads. Move-only; the destructor ends
/// it at once. Everything may be called from any thread but the proxy's own.
class network_proxy {
public:
  /// Loads the configuration, binds, starts the workers, and returns once every worker serves.
  /// With `enabled = false` nothing is bound, and it waits for a reload.
  /// Warnings of the configuration are logged.
  /// @param failed  Called once, when the proxy has lost what it cannot do without; by then it
  ///                serves nobody any more. Gets what the log says. From a thread of the proxy,
  ///                which may be before this returns, or from `end`, when a part does not end:
  ///                where it returns then, the destructor waits for that part.
  /// @param can     What it serves; else what is usual for the system.
  /// @param loaded  Called, by this thread, when the configuration is read, which may take long.
  ///                Until then nothing is bound and nobody started: the process may exit.
  [[nodiscard]] static std::variant<network_proxy, start_failure>
  start(config::sources from, failure_handler failed, abilities can = {},
        const std::function<void()>& loaded = nullptr);

  network_proxy(network_proxy&&) noexcept;
  network_proxy& operator=(network_proxy&&) noexcept;
  ~network_proxy();

  /// Addresses in use, `ip:port`; nullopt when not bound. `admin` may be `unix:PATH`.
  [[nodiscard]] std::optional<std::string> http_address() const;
  [[nodiscard]] std::optional<std::string> socks_address() const;
  [[nodiscard]] std::optional<std::string> admin_address() const;
  /// What is in force; nullptr where nobody is left who knows.
  [[nodiscard]] config_ptr config() const;

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
