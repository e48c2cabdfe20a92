#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/control/policy/file_source.hpp"
#include "actors/control/policy/generation.hpp"
#include "actors/control/policy/policy_store_behavior.hpp"
#include "tests/actors/control/mock_shard.hpp"
#include "tests/config/support.hpp"
#include "tests/support/test.hpp"

namespace proxy::test {

inline audit_actor::behavior_type mock_audit(audit_actor::pointer,
                                             std::shared_ptr<std::string> output) {
  return {
    [](atom::record, const decision_event_ptr&) {},
    [=](atom::configure, const config_ptr& config) {
      *output = config->audit.output;
      return true;
    },
    [](atom::reopen) {},
    [](atom::flush) { return true; },
  };
}

using pending = std::shared_ptr<std::optional<reload_outcome>>;

inline uint64_t generation_of(const pending& change) {
  return change->has_value() && (*change)->report ? (*change)->report->generation : 0;
}

/// The keys that a change changed.
inline std::string changed_by(const pending& change) {
  std::string out;
  for (auto& key : (*change)->report->changed)
    out += (out.empty() ? "" : " ") + key;
  return out;
}

inline std::string problem_of(const pending& change) {
  return change->has_value() && !(*change)->problems.empty() ? (*change)->problems[0].message : "";
}

template <class... Ts>
void ask(caf::event_based_actor* self, const policy_store_actor& store, const pending& into,
         const Ts&... xs) {
  self->request(store, std::chrono::minutes{60}, xs...).then([into](reload_outcome& outcome) {
    into->emplace(std::move(outcome));
  });
}

/// A store over two shards, its configuration file and managed file in a folder of their own.
struct policy_store_fixture : test_coordinator_fixture<>, config::test::folder {
  explicit policy_store_fixture(std::string stand_on = "127.0.0.1")
    : bound_to(std::move(stand_on)) {
    configure("allowed_domains = [\"a.example\"]");
    for (auto& shard : shards)
      shard = std::make_shared<noted>();
    process->log = std::make_shared<logger>(config::log{}, [this](std::string_view lines) {
      log_text_ += lines;
      return size_t{0};
    });
    first = prepare(from(), 1, {});
    CAF_REQUIRE(first.next);
    for (auto& shard : shards)
      handles.push_back(sys.spawn(mock_shard, shard));
    owner = sys.spawn(listener_owner, first.listeners, &this_machine().network);
    watcher = sys.spawn(
      supervisor, supervisor_start{
                    process->log, owner, [this](const std::string& why) { failures += why; }, {}});
    source = begin_source();
    audit = sys.spawn(mock_audit, audit_output);
    start_store();
    auto peers = std::make_shared<peer_handles>();
    peers->shards = {handles.begin(), handles.end()};
    caf::anon_send(watcher, atom::listen_v, peers_ptr{peers});
    run();
  }

  ~policy_store_fixture() override {
    // Those who watch first: they take the loss of a shard for the end of everything.
    caf::anon_send_exit(store, caf::exit_reason::kill);
    caf::anon_send_exit(watcher, caf::exit_reason::kill);
    run();
    for (auto& handle : handles)
      caf::anon_send_exit(handle, caf::exit_reason::kill);
    run();
  }

  /// A store over what the fixture has, with `source` as it is by now.
  void start_store() {
    store = sys.spawn(policy_store, store_start{source,
                                                owner,
                                                watcher,
                                                {handles.begin(), handles.end()},
                                                audit,
                                                process,
                                                first.next,
                                                first.proxies,
                                                begin_source});
  }

  /// Lets messages be handled; time stands still.
  void run() { (void)consume_messages(); }

  /// Lets time pass.
  void pass(std::chrono::seconds span) {
    advance_time(span);
    run();
  }

  void configure(const std::string& lines, const std::string& daemon = "") {
    write("config.toml",
          config::test::newer(
            "enabled = true\nenable_socks5 = false\nproxy_url = \"" + bound_to + ":0\"\n" +
            (bound_to == "127.0.0.1" ? "" : "dangerously_allow_non_loopback_proxy = true\n") +
            lines) +
            "\n[network_proxy]\nadmin_url = \"http://127.0.0.1:0\"\n" + daemon);
  }

  /// The machine has these addresses from now on, and the store hears of it.
  void move_machine(std::optional<std::vector<ip_address>> to) {
    addresses = std::move(to);
    self->send(store, atom::addresses_v);
    run();
  }

  template <class... Ts>
  pending change(Ts... xs) {
    auto into = std::make_shared<std::optional<reload_outcome>>();
    // With an argument: CAF dereferences a null pointer to hold none.
    sys.spawn([=, to = store](caf::event_based_actor* asker,
                              const pending& answer) { ask(asker, to, answer, xs...); },
              into);
    run();
    return into;
  }
  pending reload() { return change(atom::reload_v); }
  pending set_mode(policy::mode mode) { return change(atom::set_mode_v, mode); }
  pending lift_mode() { return change(atom::lift_mode_v); }
  pending add_allowed(const std::string& pattern) { return change(atom::allow_v, pattern); }
  pending add_denied(const std::string& pattern) { return change(atom::deny_v, pattern); }

  /// A shard, or all of them, answers the oldest change that waits for it.
  void acknowledge(size_t shard, uint64_t closed) {
    self->send(handles[shard], closed);
    run();
  }
  void acknowledge() {
    acknowledge(0, 0);
    acknowledge(1, 0);
  }

  template <class T, class... Ts>
  T asked(Ts... xs) {
    return asked_of<T>(store, xs...);
  }
  template <class T, class Handle, class... Ts>
  T asked_of(const Handle& whom, Ts... xs) {
    std::optional<T> out;
    auto answer = self->request(whom, std::chrono::minutes{60}, xs...);
    run();
    answer.receive([&](T& x) { out.emplace(std::move(x)); },
                   [](const caf::error& why) { CAF_FAIL("no answer: " << to_string(why)); });
    return std::move(*out);
  }
  snapshot_ptr current() { return asked<snapshot_ptr>(atom::current_v); }
  listener_set listeners() { return asked_of<listener_set>(owner, atom::listen_v); }

  std::string bound_to;
  /// All that was logged.
  std::string log() {
    (void)process->log->flush();
    return log_text_;
  }

  std::string log_text_; ///< Written by the log's thread.
  std::shared_ptr<process_state> process = std::make_shared<process_state>(2);
  std::shared_ptr<noted> shards[2];
  std::shared_ptr<std::string> audit_output = std::make_shared<std::string>();
  prepared first;
  std::optional<std::vector<ip_address>> addresses; ///< Of this machine; none can be read at first.
  std::vector<mock_shard_actor> handles;
  listener_owner_actor owner;
  supervisor_actor watcher;
  /// Begins a source, the first and those in the place of ones that hang.
  std::function<policy_source_actor()> begin_source = [this] {
    return sys.spawn(file_source, file_source_start{from(), [this] { return addresses; }});
  };
  policy_source_actor source;
  audit_actor audit;
  policy_store_actor store;
  std::string failures; ///< What the owner of the proxy was told.
};

} // namespace proxy::test
