#pragma once

#include <codex/network_proxy.hpp>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "actors/embed/decider_pool.hpp"
#include "actors/embed/own_program.hpp"
#include "actors/network_proxy.hpp"
#include "config/home.hpp"

namespace codex {

/// What was said to a builder so far.
struct network_proxy::builder::impl {
  std::optional<network_config> values;
  std::vector<std::string> files;
  std::vector<std::string> sets;
  std::optional<std::string> http, socks, admin;
  bool managed = false;
  std::optional<unsigned> workers;
  audit_metadata metadata;
  connection_attributes attributes;
  std::optional<std::map<std::string, std::string>> environment;
  proxy::embed::decider_pool::function decide;
  unsigned decider_threads = 32;
  std::function<void(const blocked_request&)> observe;
  std::function<void(std::string_view)> audit;
  std::function<void(std::string_view)> log;
  caf::actor_system* system = nullptr;              ///< To be shared; null: it has one of its own.
  std::optional<proxy::embed::own_program> program; ///< Then it alone counts.
};

} // namespace codex

namespace proxy::embed {

/// An environment that can be replaced while it is read.
class environment_values {
public:
  using map = std::map<std::string, std::string>;
  explicit environment_values(map values) : now_(std::make_shared<const map>(std::move(values))) {}

  [[nodiscard]] std::shared_ptr<const map> now() const { return now_.load(); }
  /// @returns those of before.
  std::shared_ptr<const map> replace(std::shared_ptr<const map> by) {
    return now_.exchange(std::move(by));
  }

private:
  std::atomic<std::shared_ptr<const map>> now_;
};
using environment_ptr = std::shared_ptr<environment_values>;

/// Reads one variable of some. @pre they outlive it
[[nodiscard]] inline config::environment reader_of(const environment_values::map& all) {
  return [&all](const std::string& name) -> std::optional<std::string> {
    auto found = all.find(name);
    return found == all.end() ? std::nullopt : std::optional{found->second};
  };
}

/// The environment of this process.
[[nodiscard]] environment_values::map copy_environment();

/// Where the configuration of a builder comes from.
[[nodiscard]] config::sources sources_of(const codex::network_proxy::builder::impl& said,
                                         const environment_ptr& environment);

} // namespace proxy::embed
