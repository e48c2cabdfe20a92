#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "actors/control/policy/file_source.hpp"
#include "actors/control/policy/policy_store_behavior.hpp"
#include "tests/actors/flows/stage.hpp"

namespace proxy::test {

/// What a policy source does from now on.
struct source_script {
  bool hangs = false;    ///< It takes questions and answers none, nor does it end.
  bool can_begin = true; ///< Another one can be had.
  machine_addresses_read addresses{{ip("127.0.0.1"), ip("192.0.2.1"), ip("2001:db8::1")}};
  size_t begun = 0; ///< Sources so far.
  std::deque<caf::typed_response_promise<policy_delivery>> owed;
  std::deque<caf::typed_response_promise<machine_addresses_read>> owed_addresses;
};

/// Reads files as the product's does, unless it hangs.
using scripted_source_actor = policy_source_actor::extend<
  // Delivers to whoever has waited longest.
  caf::reacts_to<atom::reload>,
  // What it read goes on: it ends, if it was told to.
  caf::reacts_to<atom::abort>>;

inline scripted_source_actor::behavior_type
scripted_source(scripted_source_actor::pointer self, const std::shared_ptr<source_script>& script,
                const config::sources& from) {
  auto read = [from, script](const policy_wish& wish) {
    auto sources = from;
    sources.mode = wish.mode;
    sources.mode_as = wish.mode_as;
    sources.added = wish.added;
    sources.adds = wish.adds;
    policy_delivery out;
    if (auto found =
          load_document(sources, false, missing_ca::make, out.problems, script->addresses, {}))
      out.document = std::make_shared<policy_document>(std::move(*found));
    return out;
  };
  self->set_exit_handler([self, script](const caf::exit_msg& why) {
    if (!script->hangs || why.reason == caf::exit_reason::kill)
      self->quit(why.reason);
  });
  return {
    [=](atom::load, const policy_wish& wish) {
      auto promise = self->make_response_promise<policy_delivery>();
      if (script->hangs)
        script->owed.push_back(promise);
      else
        promise.deliver(read(wish));
      return promise;
    },
    [=](atom::addresses) {
      auto promise = self->make_response_promise<machine_addresses_read>();
      if (script->hangs)
        script->owed_addresses.push_back(promise);
      else
        promise.deliver(script->addresses);
      return promise;
    },
    [=](atom::reload) {
      CAF_REQUIRE(!script->owed.empty());
      script->owed.front().deliver(read({}));
      script->owed.pop_front();
    },
    [=](atom::abort) { self->quit(caf::exit_reason::user_shutdown); },
  };
}

/// A stage whose policy store has sources that do what the test says, and perhaps workers more.
class scripted_stage : public stage {
public:
  using more_workers = std::function<std::vector<shard_actor>(caf::actor_system&)>;
  using other_trail = std::function<audit_actor(caf::actor_system&)>;

  explicit scripted_stage(stage_settings with = {}, const more_workers& more = {},
                          const other_trail& trail = {})
    : stage(std::move(with)) {
    auto now = ask<snapshot_ptr>(store, atom::current_v);
    CAF_REQUIRE(until([&] { return now->has_value(); }));
    using shard_type = std::remove_pointer_t<shard_pointer>;
    auto audit = trail ? trail(w.system()) : local<shard_type>(shards.front()).state.audit;
    auto begin = [this]() -> policy_source_actor {
      if (!script->can_begin)
        throw std::runtime_error{"no thread"};
      ++script->begun;
      sources.push_back(w.system().spawn<caf::hidden>(
        scripted_source, script, from({{"SSL_CERT_FILE", at("origins.pem")}})));
      caf::anon_send(watcher, atom::watch_v, std::string{"policy_source"}, false,
                     caf::actor_cast<caf::strong_actor_ptr>(sources.back()));
      return sources.back();
    };
    caf::anon_send_exit(store, caf::exit_reason::user_shutdown);
    auto workers = shards;
    if (more)
      for (const auto& each : more(w.system()))
        workers.push_back(each);
    store = w.system().spawn<caf::hidden>(
      policy_store,
      store_start{begin(), owner, watcher, workers, audit, process, **now, {}, begin});
    auto peers = std::make_shared<peer_handles>();
    peers->store = store;
    peers->shards = shards;
    caf::anon_send(watcher, atom::listen_v, peers_ptr{peers});
    for (const auto& each : shards)
      caf::anon_send(each, atom::listen_v, peers_ptr{peers});
    pass(std::chrono::milliseconds{1});
  }
  ~scripted_stage() {
    script->owed.clear();
    script->owed_addresses.clear();
    for (const auto& each : sources)
      caf::anon_send_exit(each, caf::exit_reason::kill);
    caf::anon_send_exit(watcher, caf::exit_reason::user_shutdown); // before it hears of those
  }

  /// Asks for a reload; the answer will be there.
  std::shared_ptr<std::optional<reload_outcome>> ask_reload() {
    auto answer = ask<reload_outcome>(store, atom::reload_v);
    pass(std::chrono::milliseconds{0});
    return answer;
  }
  uint64_t generation() {
    auto now = ask<snapshot_ptr>(store, atom::current_v);
    CAF_REQUIRE(until([&] { return now->has_value(); }));
    return (**now)->generation;
  }
  /// What was refused, last word first; "" when it was made.
  static std::string why_not(const std::shared_ptr<std::optional<reload_outcome>>& answer) {
    CAF_REQUIRE(answer->has_value());
    return (*answer)->report ? "" : (*answer)->problems.back().message;
  }

  std::shared_ptr<source_script> script = std::make_shared<source_script>();
  std::vector<scripted_source_actor> sources;
};

} // namespace proxy::test
