#pragma once

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/logger.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "actors/control/address_watch.hpp"
#include "actors/control/ca.hpp"
#include "actors/control/departures.hpp"
#include "actors/control/failure_report.hpp"
#include "actors/control/policy/generation.hpp"
#include "actors/control/policy/policy_sources.hpp"
#include "actors/control/policy/policy_store_behavior.hpp"
#include "actors/loop/calls/io_choice.hpp"
#include "actors/loop/system/quiet_thread.hpp"
#include "actors/network_proxy.hpp"
#include "actors/observe/otlp/export/exporter.hpp"

/// What a `network_proxy` is made of. For its own units alone.

namespace proxy {

struct system_config : caf::actor_system_config {
  system_config() {
    // Two threads for what is slow or blocks (configuration, audit); they sleep while there is none
    // of it, which the default policy of stealing work does not.
    set("scheduler.policy", caf::atom("sharing"));
    set("scheduler.max-threads", size_t{2});
    add_thread_hook<quiet_caf_threads>();
  }
};

/// A thread of the program in our actor system. CAF keeps the logger of a system for each thread
/// that has spawned anybody there, and the system's end waits until nobody has it: a thread that
/// lives on forgets it when it leaves.
struct visit {
  visit() = default;
  visit(const visit&) = delete;
  visit& operator=(const visit&) = delete;
  ~visit() { caf::logger::set_current_actor_system(nullptr); }
};

/// How long an actor may take to answer a question.
inline constexpr std::chrono::seconds answer_patience{10};

/// Who was lost until the end began. Of each loss the owner has been told by then.
enum class losses {
  none,
  answered,      ///< Somebody was, and clients of the admin API have had their last answers.
  of_supervisor, ///< The supervisor, who would have given them.
};

/// One worker: its loop and the thread that runs it.
struct worker {
  std::unique_ptr<event_loop> loop;
  std::thread thread;
  shard_actor shard;
};

/// Settled once: everything ended by itself, or somebody would not wait.
struct shutdown_result {
  std::promise<bool> result;
  std::atomic<bool> settled{false};
  void settle(bool drained) {
    if (!settled.exchange(true))
      result.set_value(drained);
  }
};

/// An actor system of our own.
struct own_system {
  system_config config;
  caf::actor_system system{config};
};

struct network_proxy::impl {
  /// @param shared  In which our actors live; null: one of our own.
  explicit impl(caf::actor_system* shared)
    : own(shared ? nullptr : std::make_unique<own_system>()),
      system(shared ? *shared : own->system) {}

  std::unique_ptr<own_system> own;
  caf::actor_system& system;
  std::shared_ptr<process_state> process;
  std::shared_ptr<failure_report> failure;
  std::vector<worker> workers;
  supervisor_actor supervisor;
  listener_owner_actor listeners;
  std::shared_ptr<policy_sources> sources;
  audit_actor audit;
  ca_actor ca;
  policy_store_actor store;
  address_watch_actor addresses;
  std::shared_ptr<exporter> telemetry; ///< Null until workers are there.
  std::shared_ptr<shutdown_result> over = std::make_shared<shutdown_result>();
  std::shared_ptr<departures> leaving = std::make_shared<departures>();
  std::optional<bool> ended;  ///< What `end` returned.
  mutable std::mutex handles; ///< Guards those above: they are asked while all of it ends.

  ~impl() { (void)end(); }

  // -- how it starts (network_proxy.cpp) --

  /// Those who are asked by workers, and who watches over all.
  void spawn_helpers(const listener_set& bound, const start_order& order);
  void start_workers(size_t count, io_choice& io);
  /// Who sends to a collector; whom it asks for metrics is there already.
  void make_exporter(const audit_metadata& metadata);
  void start_control(config::sources from, const prepared& first);
  /// Puts the first generation in force everywhere. @returns false when a worker does not take it.
  [[nodiscard]] bool install(const prepared& first, const peers_ptr& peers);
  void watch_addresses();
  /// From now on the proxy ends when this actor ends.
  template <class Handle>
  void watch(const std::string& name, const Handle& who) {
    caf::anon_send(supervisor, atom::watch_v, name, false,
                   caf::actor_cast<caf::strong_actor_ptr>(who));
  }

  [[nodiscard]] peers_ptr peers() const;
  [[nodiscard]] std::vector<shard_actor> shards() const;

  // -- how it ends (shutdown.cpp) --

  /// The supervisor is watched too: without it nobody would notice who else is lost.
  void watch_supervisor(const peers_ptr& peers, const abilities& can);
  /// From now on whoever ends was told to.
  [[nodiscard]] losses end_watch();
  /// Lets what is under way end by itself. @returns false where something did not in time.
  [[nodiscard]] bool drain(std::chrono::milliseconds grace);
  /// Ends everybody, in the order in which they need each other. A source that still reads is no
  /// loss: it holds nothing that would have to be in order, only its thread would be waited for.
  /// @returns false when one does.
  bool end();

  /// A handle, which `end` lets go of. From any thread.
  template <class Handle>
  [[nodiscard]] Handle held(const Handle& one) const {
    std::lock_guard guard{handles};
    return one;
  }

  // -- questions --

  template <class Answer, class Handle, class... Ts>
  [[nodiscard]] std::optional<Answer> ask_once(const Handle& whom, Ts... xs) {
    return ask_within<Answer>(answer_patience, whom, xs...);
  }

  template <class... Ts>
  [[nodiscard]] reload_outcome change(Ts... xs) {
    if (auto out = ask_within<reload_outcome>(change_answer_patience, store, xs...))
      return std::move(*out);
    reload_outcome unanswered;
    unanswered.answered = false;
    unanswered.problems.push_back(problem_of("", "the proxy is busy or ending"));
    return unanswered;
  }

  /// @param whom  One of the handles above.
  template <class Answer, class Handle, class... Ts>
  [[nodiscard]] std::optional<Answer> ask_within(std::chrono::seconds limit, const Handle& whom,
                                                 Ts... xs) {
    std::optional<Answer> out;
    auto to = held(whom);
    if (!to)
      return out;
    const visit here;
    caf::scoped_actor self{system};
    self->request(to, limit, xs...)
      .receive([&](Answer& a) { out.emplace(std::move(a)); }, [](const caf::error&) {});
    return out;
  }

private:
  template <class Handle>
  [[nodiscard]] Handle let_go(Handle& one) {
    std::lock_guard guard{handles};
    return std::exchange(one, Handle{});
  }
  template <class Handle>
  void tell_to_end(const std::string& name, Handle& whom);
  template <class Handle>
  void abort(const std::string& name, Handle& whom);
  void await_end(const std::string& name);
  void give_last_answers();
  void end_telemetry(std::chrono::steady_clock::time_point deadline);
  void flush_audit(std::chrono::steady_clock::time_point deadline);
};

} // namespace proxy
