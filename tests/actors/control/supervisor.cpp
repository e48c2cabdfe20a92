#define CAF_SUITE actors.control.supervisor
#include "actors/control/supervisor.hpp" // unit under test

#include <caf/send.hpp>

#include <optional>

#include "actors/serve/core/shard_core.hpp"
#include "tests/actors/control/mock_shard.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

/// Somebody to watch.
using idle_actor = caf::typed_actor<caf::reacts_to<int>>;

idle_actor::behavior_type idle(idle_actor::pointer self, int) {
  return {[self](int how) {
    if (how == 0)
      self->quit();
    else
      self->quit(caf::make_error(errc::system, std::string{"broken"}));
  }};
}

struct fixture : test_coordinator_fixture<> {
  fixture() {
    bound_listeners bound;
    bound.all.push_back(
      unbox(bind_listener(endpoint::http, {.ip = "127.0.0.1", .port = 0, .path = {}})));
    owner = sys.spawn(listener_owner, std::move(bound.all), &this_machine().network);
    watcher = sys.spawn(
      supervisor,
      supervisor_start{
        out, owner, [this](const std::string& why) { told.push_back(why); },
        [this](const std::string& name, const caf::strong_actor_ptr&) { seen += name + ' '; }});
    mock = sys.spawn(mock_shard, of_worker);
    worker = mock;
    auto peers = std::make_shared<peer_handles>();
    peers->shards = {worker};
    caf::anon_send(watcher, atom::listen_v, peers_ptr{peers});
    consume_messages();
  }
  ~fixture() override {
    caf::anon_send_exit(watcher, caf::exit_reason::kill);
    caf::anon_send(mock, true); // else what it owes holds it
    consume_messages();
  }

  idle_actor watched(const std::string& name, bool may_end) {
    auto who = sys.spawn(idle, 0);
    caf::anon_send(watcher, atom::watch_v, name, may_end,
                   caf::actor_cast<caf::strong_actor_ptr>(who));
    consume_messages();
    return who;
  }

  /// Whether all was well is there once it is answered.
  std::shared_ptr<std::optional<bool>> end_in_order() {
    auto into = std::make_shared<std::optional<bool>>();
    sys.spawn(
      [to = watcher](caf::event_based_actor* asker,
                     const std::shared_ptr<std::optional<bool>>& answer) {
        asker->request(to, std::chrono::minutes{60}, atom::close_v).then([answer](bool well) {
          *answer = well;
        });
      },
      into);
    consume_messages();
    return into;
  }

  bool listens() {
    auto any = false;
    auto answer = self->request(owner, std::chrono::seconds{10}, atom::listen_v);
    consume_messages();
    answer.receive([&](const listener_set& all) { any = !all.empty(); },
                   [](const caf::error&) { CAF_FAIL("no answer"); });
    return any;
  }
  void pass(std::chrono::milliseconds span) {
    advance_time(span);
    consume_messages();
  }

  /// All that was logged.
  std::string log() {
    (void)out->flush();
    return text;
  }

  std::string text; ///< Written by the log's thread.
  log_ptr out = std::make_shared<logger>(config::log{}, [this](std::string_view lines) {
    text += lines;
    return size_t{0};
  });
  std::vector<std::string> told;
  std::string seen;
  std::shared_ptr<noted> of_worker = std::make_shared<noted>();
  listener_owner_actor owner;
  mock_shard_actor mock;
  shard_actor worker; ///< The same.
  supervisor_actor watcher;
};

} // namespace

CAF_TEST(whoever has to live ends the proxy when it does not ) {
  struct row {
    std::string_view how;
    bool may_end;
    std::function<void(const idle_actor&)> end;
    bool lost;
  };
  auto killed = [](const idle_actor& who) { caf::anon_send_exit(who, caf::exit_reason::kill); };
  auto told_to = [](const idle_actor& who) {
    caf::anon_send_exit(who, caf::exit_reason::user_shutdown);
  };
  auto ends = [](const idle_actor& who) { caf::anon_send(who, 0); };
  auto fails = [](const idle_actor& who) { caf::anon_send(who, 1); };
  for (auto& [how, may_end, end, lost] : std::initializer_list<row>{
         {"killed", false, killed, true},
         {"told to end", false, told_to, true},
         {"ends by itself", false, ends, true},
         {"fails", false, fails, true},
         {"killed, may end", true, killed, true},
         {"told to end, may end", true, told_to, false},
         {"ends by itself, may end", true, ends, false},
         {"fails, may end", true, fails, true},
       }) {
    CAF_MESSAGE(how);
    fixture f;
    auto who = f.watched("somebody", may_end);
    CAF_CHECK_EQUAL(f.seen, "somebody ");
    end(who);
    f.consume_messages();
    CAF_CHECK_EQUAL(f.of_worker->closed, lost);
    CAF_CHECK_EQUAL(f.listens(), !lost);
    auto named = f.log().find("msg=actor_lost actor=\"somebody\"") != std::string::npos ||
                 f.log().find("msg=actor_lost actor=somebody") != std::string::npos;
    CAF_CHECK_EQUAL(named, lost);
    CAF_CHECK_EQUAL(f.told.size(), lost ? 1u : 0u);
  }
}

CAF_TEST_FIXTURE_SCOPE(supervisor_tests, fixture)

CAF_TEST(one that is dead before it is watched is lost too) {
  auto who = sys.spawn(idle, 0);
  caf::anon_send_exit(who, caf::exit_reason::kill);
  consume_messages();
  caf::anon_send(watcher, atom::watch_v, std::string{"late"}, false,
                 caf::actor_cast<caf::strong_actor_ptr>(who));
  consume_messages();
  CAF_CHECK(of_worker->closed);
}

CAF_TEST(those that fall with the first are logged and told once) {
  auto one = watched("one", false);
  auto two = watched("two", false);
  for (auto& who : {one, two})
    caf::anon_send_exit(who, caf::exit_reason::kill);
  consume_messages();
  CAF_REQUIRE_EQUAL(told.size(), 1u);
  CAF_CHECK_EQUAL(told[0].substr(0, 4), "one:");
  CAF_CHECK(log().find("two") != std::string::npos);
}

CAF_TEST(one that lives but does not do its part is lost) {
  caf::anon_send(watcher, atom::lost_v, std::string{"worker 0"}, std::string{"hangs"});
  consume_messages();
  CAF_CHECK(of_worker->closed);
  CAF_REQUIRE_EQUAL(told.size(), 1u);
  CAF_CHECK_EQUAL(told[0], "worker 0: hangs");
}

CAF_TEST(the owner is told once the last answers are given) {
  of_worker->answers = true;
  caf::anon_send(watcher, atom::lost_v, std::string{"ca"}, std::string{"gone"});
  pass(last_answers - std::chrono::milliseconds{1});
  CAF_CHECK(log().find("msg=actor_lost") != std::string::npos);
  CAF_CHECK(log().find("msg=stopped") == std::string::npos);
  CAF_CHECK(told.empty());
  caf::anon_send(mock, true);
  consume_messages();
  CAF_REQUIRE_EQUAL(told.size(), 1u);
  CAF_CHECK_EQUAL(told[0], "ca: gone");
}

CAF_TEST(last answers that do not come are waited for until their time is over) {
  of_worker->answers = true;
  caf::anon_send(watcher, atom::lost_v, std::string{"ca"}, std::string{"gone"});
  consume_messages();
  pass(last_answers - std::chrono::milliseconds{1});
  CAF_CHECK(told.empty());
  pass(std::chrono::milliseconds{1});
  CAF_CHECK_EQUAL(told.size(), 1u);
}

CAF_TEST(a worker that is lost is not waited for) {
  of_worker->answers = true;
  caf::anon_send(watcher, atom::lost_v, std::string{"worker 0"}, std::string{"hangs"});
  consume_messages();
  CAF_CHECK(of_worker->closed);
  CAF_CHECK_EQUAL(told.size(), 1u);
}

CAF_TEST(the log ends with what was lost first) {
  auto one = watched("one", false);
  auto two = watched("two", false);
  of_worker->answers = true;
  for (auto& who : {one, two})
    caf::anon_send_exit(who, caf::exit_reason::kill);
  consume_messages();
  CAF_CHECK(log().find("msg=stopped") == std::string::npos);
  caf::anon_send(mock, true);
  consume_messages();
  auto all = log();
  auto last = all.substr(all.rfind('\n', all.size() - 2) + 1);
  CAF_CHECK(last.find("msg=stopped lost=\"one: ") != std::string::npos);
}

CAF_TEST(whoever ends once the proxy ends in order is no loss) {
  auto who = watched("somebody", false);
  auto well = end_in_order();
  CAF_CHECK(well->has_value() && **well);
  caf::anon_send_exit(who, caf::exit_reason::kill);
  caf::anon_send(watcher, atom::lost_v, std::string{"worker 0"}, std::string{"hangs"});
  pass(last_answers);
  CAF_CHECK(told.empty());
  CAF_CHECK(!of_worker->closed);
  CAF_CHECK(log().empty());
}

CAF_TEST(an end in order waits until the owner knows of a loss before it) {
  of_worker->answers = true;
  caf::anon_send_exit(watched("somebody", false), caf::exit_reason::kill);
  consume_messages();
  auto well = end_in_order();
  CAF_CHECK(!well->has_value());
  caf::anon_send(mock, true);
  consume_messages();
  CAF_CHECK_EQUAL(told.size(), 1u);
  CAF_REQUIRE(well->has_value());
  CAF_CHECK(!**well);
  auto again = end_in_order();
  CAF_CHECK(again->has_value() && !**again);
}

CAF_TEST(workers that come after a loss are closed at once) {
  caf::anon_send(watcher, atom::lost_v, std::string{"ca"}, std::string{"gone"});
  consume_messages();
  of_worker->closed = false;
  auto peers = std::make_shared<peer_handles>();
  peers->shards = {worker};
  caf::anon_send(watcher, atom::listen_v, peers_ptr{peers});
  consume_messages();
  CAF_CHECK(of_worker->closed);
}

CAF_TEST_FIXTURE_SCOPE_END()
