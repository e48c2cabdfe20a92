#define CAF_SUITE actors.observe.audit
#include "actors/observe/audit.hpp" // unit under test

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "actors/observe/audit_line.hpp"
#include "tests/support/test.hpp"

using namespace proxy;

namespace {

/// An audit actor on CAF's deterministic scheduler, a folder to write to, and a log to look into.
struct fixture : test_coordinator_fixture<> {
  fixture() {
    folder = (std::filesystem::temp_directory_path() / "audit-XXXXXX").string();
    CAF_REQUIRE(::mkdtemp(folder.data()) != nullptr);
    writer =
      sys.spawn(audit, audit_start{.queue = queue,
                                   .log = log,
                                   .metadata = {{"conversation.id", "c-1"}}});
    run();
  }
  ~fixture() {
    anon_send_exit(writer, caf::exit_reason::user_shutdown);
    run();
    std::filesystem::remove_all(folder);
  }

  std::string path(const std::string& name = "audit") const { return folder + '/' + name; }

  bool configure(const std::string& output) {
    auto config = std::make_shared<config::proxy_config>();
    config->audit.output = output;
    return ask<bool>(atom::configure_v, config_ptr{std::move(config)});
  }

  template <class Answer, class... Ts>
  Answer ask(Ts... xs) {
    auto request = self->request(writer, std::chrono::seconds{10}, std::move(xs)...);
    run();
    Answer out{};
    request.receive([&](Answer x) { out = x; }, [](caf::error&) { CAF_FAIL("no answer"); });
    return out;
  }

  /// As a connection does.
  void record(const std::string& host) {
    auto event = std::make_shared<decision_event>();
    event->host = host;
    ++queue->waiting;
    caf::anon_send(writer, atom::record_v, decision_event_ptr{std::move(event)});
  }

  static std::vector<std::string> hosts_in(const std::string& file) {
    std::vector<std::string> out;
    std::ifstream in{file};
    constexpr std::string_view key = "\"server.address\":\"";
    for (std::string line; std::getline(in, line);) {
      auto at = line.find(key) + key.size();
      out.push_back(line.substr(at, line.find('"', at) - at));
    }
    return out;
  }

  std::string log_text() {
    CAF_CHECK(log->flush(std::chrono::minutes{1}));
    return *logged;
  }

  std::shared_ptr<std::string> logged = std::make_shared<std::string>(); // read after a flush
  log_ptr log =
    std::make_shared<logger>(config::log{}, [to = logged](std::string_view lines) -> size_t {
      *to += lines;
      return 0;
    });
  std::shared_ptr<subscriber_queue> queue = std::make_shared<subscriber_queue>();
  std::string folder;
  audit_actor writer;
};

using hosts = std::vector<std::string>;

} // namespace

CAF_TEST_FIXTURE_SCOPE(audit_tests, fixture)

CAF_TEST(events are appended to a private file and counted as written) {
  CAF_CHECK(configure("file:" + path()));
  record("a.example");
  record("b.example");
  run();
  CAF_CHECK_EQUAL(hosts_in(path()), (hosts{"a.example", "b.example"}));
  CAF_CHECK_EQUAL(queue->waiting.load(), 0u);
  CAF_CHECK_EQUAL(queue->dropped.load(), 0u);
  struct stat info {};
  CAF_REQUIRE_EQUAL(::stat(path().c_str(), &info), 0);
  CAF_CHECK_EQUAL(info.st_mode & 0777u, 0600u);
}

CAF_TEST(a flush answers once everything before it is written) {
  CAF_CHECK(configure("file:" + path()));
  record("a.example");
  CAF_CHECK(ask<bool>(atom::flush_v));
  CAF_CHECK_EQUAL(hosts_in(path()), (hosts{"a.example"}));
}

CAF_TEST(each line has the metadata that the trail began with) {
  CAF_CHECK(configure("file:" + path()));
  record("a.example");
  record("b.example");
  run();
  std::ifstream in{path()};
  size_t lines = 0;
  for (std::string line; std::getline(in, line); ++lines)
    CAF_CHECK(line.ends_with(R"(,"conversation.id":"c-1"})"));
  CAF_CHECK_EQUAL(lines, 2u);
}

CAF_TEST(without a sink events are counted and gone) {
  record("a.example");
  run();
  CAF_CHECK_EQUAL(queue->waiting.load(), 0u);
  CAF_CHECK_EQUAL(queue->dropped.load(), 0u);
}

CAF_TEST(an output that cannot be opened leaves the old one) {
  CAF_CHECK(configure("file:" + path()));
  CAF_CHECK(!configure("file:" + path("no/such/folder")));
  CAF_CHECK(log_text().find("no/such/folder") != std::string::npos);
  record("a.example");
  run();
  CAF_CHECK_EQUAL(hosts_in(path()), (hosts{"a.example"}));
}

CAF_TEST(events go to the output of their time) {
  CAF_CHECK(configure("file:" + path("one")));
  record("a.example");
  CAF_CHECK(configure("file:" + path("two")));
  record("b.example");
  CAF_CHECK(configure("none"));
  record("c.example");
  run();
  CAF_CHECK_EQUAL(hosts_in(path("one")), (hosts{"a.example"}));
  CAF_CHECK_EQUAL(hosts_in(path("two")), (hosts{"b.example"}));
}

CAF_TEST(a file that was moved away is left alone after reopening) {
  CAF_CHECK(configure("file:" + path()));
  record("a.example");
  run();
  std::filesystem::rename(path(), path("old"));
  record("b.example");
  caf::anon_send(writer, atom::reopen_v);
  record("c.example");
  run();
  CAF_CHECK_EQUAL(hosts_in(path("old")), (hosts{"a.example", "b.example"}));
  CAF_CHECK_EQUAL(hosts_in(path()), (hosts{"c.example"}));
}

CAF_TEST(a reader that stops reading costs events but never time without end) {
  CAF_REQUIRE_EQUAL(::mkfifo(path().c_str(), 0600), 0);
  CAF_CHECK(!configure("file:" + path())); // nobody reads
  auto reader = ::open(path().c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  CAF_REQUIRE(reader >= 0);
  CAF_CHECK(configure("file:" + path()));
  for (int i = 0; i < 1000; ++i)
    record("a.example");
  run();
  CAF_CHECK_EQUAL(queue->waiting.load(), 0u);
  CAF_CHECK(queue->dropped.load() > 0u);
  CAF_CHECK(!ask<bool>(atom::flush_v));
  auto text = log_text();
  auto first = text.find("are lost");
  CAF_CHECK(first != std::string::npos);
  CAF_CHECK_EQUAL(text.find("are lost", first + 1), std::string::npos);
  ::close(reader);
}

CAF_TEST_FIXTURE_SCOPE_END()
