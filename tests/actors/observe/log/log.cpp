#define CAF_SUITE actors.observe.log.log
#include "actors/observe/log/log.hpp" // unit under test

#include <future>
#include <map>
#include <mutex>
#include <thread>

#include "tests/support/test.hpp"

using namespace proxy;
using namespace std::literals;

namespace {

/// Where a log writes in a test. Holds its thread up while `gate` is shut.
struct output {
  logger::sink sink() {
    return [this](std::string_view lines) -> size_t {
      if (!reached.exchange(true))
        at_gate.set_value();
      gate.wait();
      std::lock_guard guard{mutex};
      if (broken)
        return static_cast<size_t>(std::count(lines.begin(), lines.end(), '\n'));
      text += lines;
      return 0;
    };
  }
  void open() { opened.set_value(); }
  std::vector<std::string> lines() {
    std::lock_guard guard{mutex};
    std::vector<std::string> out;
    std::istringstream in{text};
    for (std::string line; std::getline(in, line);)
      out.push_back(line.substr(line.find("msg=")));
    return out;
  }
  std::string last() { return lines().back(); }

  std::promise<void> opened, at_gate;
  std::shared_future<void> gate = opened.get_future().share();
  std::atomic<bool> reached{false}, broken{false};
  std::mutex mutex;
  std::string text;
};

decision_event_ptr refusal(std::string host) {
  auto event = std::make_shared<decision_event>();
  event->decision = policy::decision::deny;
  event->reason = policy::reason::denied;
  event->host = std::move(host);
  return event;
}

using strings = std::vector<std::string>;

} // namespace

CAF_TEST(lines are written in order with the texts of their time) {
  output out;
  out.open();
  logger log{{}, out.sink()};
  for (int i = 0; i < 3; ++i) {
    auto text = "a text of its own that is gone when the line is written " + std::to_string(i);
    log.info("msg=a n={} text={}", i, quoted_text(text));
    text.assign(text.size(), 'x');
  }
  CAF_CHECK(log.flush());
  strings expected;
  for (int i = 0; i < 3; ++i)
    expected.push_back("msg=a n=" + std::to_string(i) +
                       " text=\"a text of its own that is gone when the line is written " +
                       std::to_string(i) + '"');
  CAF_CHECK_EQUAL(out.lines(), expected);
  CAF_CHECK_EQUAL(log.dropped(), 0u);
}

CAF_TEST(levels and layouts can change while it runs) {
  output out;
  out.open();
  config::log settings;
  settings.level = "warn";
  logger log{settings, out.sink()};
  log.info("msg=a");
  log.warn("msg=b");
  log.tell(refusal("c.example")); // is one at info
  CAF_CHECK(log.flush());
  CAF_CHECK_EQUAL(out.lines(), (strings{"msg=b"}));
  settings.level = "debug";
  settings.format = "json";
  log.apply(settings);
  log.debug("msg=c");
  CAF_CHECK(log.flush());
  CAF_CHECK(out.text.find(R"("level":"debug","msg":"c"})") != std::string::npos);
  settings.level = "off";
  log.apply(settings);
  CAF_CHECK(!log.takes(log_level::error));
}

CAF_TEST(a slow output costs lines and never time and the log says how many) {
  output out;
  logger log{{}, out.sink(), 4096};
  log.info("msg=first");
  out.at_gate.get_future().wait(); // its thread is held up from here on
  constexpr int many = 1000;
  for (int i = 0; i < many; ++i) // would never end if it waited for the output
    log.info("msg=more n={}", i);
  for (int i = 0; i < many; ++i)
    log.tell(refusal("a.example"));
  auto lost = log.dropped();
  CAF_CHECK(lost > many);
  CAF_CHECK(!log.flush(0ms));
  out.open();
  CAF_CHECK(log.flush(1min));
  auto lines = out.lines();
  CAF_CHECK_EQUAL(lines.front(), "msg=first");
  auto notice =
    std::find(lines.begin(), lines.end(), "msg=log_lines_lost count=" + std::to_string(lost));
  CAF_CHECK(notice != lines.end());
  CAF_CHECK_EQUAL(lines.size(), 1 + (2 * many - lost) + 1);
  // What was kept is the oldest, in order.
  for (size_t i = 0, n = 0; i < lines.size(); ++i)
    if (lines[i].starts_with("msg=more"))
      CAF_CHECK_EQUAL(lines[i], "msg=more n=" + std::to_string(n++));
  log.info("msg=after");
  CAF_CHECK(log.flush(1min));
  CAF_CHECK_EQUAL(out.last(), "msg=after");
  CAF_CHECK_EQUAL(log.dropped(), lost);
}

CAF_TEST(lines that the output loses are counted and told when it takes lines again) {
  output out;
  out.open();
  out.broken = true;
  logger log{{}, out.sink()};
  log.info("msg=a");
  log.info("msg=b");
  CAF_CHECK(!log.flush(1min));
  CAF_CHECK_EQUAL(log.dropped(), 2u);
  out.broken = false;
  log.info("msg=c");
  CAF_CHECK(log.flush(1min));
  CAF_CHECK_EQUAL(out.lines(), (strings{"msg=log_lines_lost count=2", "msg=c"}));
}

CAF_TEST(an end writes all that waits) {
  output out;
  {
    logger log{{}, out.sink()};
    log.info("msg=first");
    out.at_gate.get_future().wait();
    for (int i = 0; i < 100; ++i)
      log.info("msg=n{}", i);
    out.open();
  }
  CAF_CHECK_EQUAL(out.lines().size(), 101u);
  CAF_CHECK_EQUAL(out.last(), "msg=n99");
}

CAF_TEST(the lines of one thread keep their order) {
  output out;
  out.open();
  logger log{{}, out.sink(), 64 * 1024 * 1024};
  constexpr int each = 2000;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&log, t] {
      for (int i = 0; i < each; ++i)
        log.info("msg=a thread={} n={}", t, i);
    });
  for (auto& thread : threads)
    thread.join();
  CAF_CHECK(log.flush(1min));
  std::map<std::string, int> next;
  auto in_order = true;
  for (const auto& line : out.lines()) {
    auto at = line.find(" n=");
    in_order = in_order && std::stoi(line.substr(at + 3)) == next[line.substr(0, at)]++;
  }
  CAF_CHECK(in_order);
  CAF_CHECK_EQUAL(next.size(), 4u);
  for (auto& [thread, count] : next)
    CAF_CHECK_EQUAL(count, each);
}

CAF_TEST(an event is told with the time that it has) {
  output out;
  out.open();
  logger log{{}, out.sink()};
  auto event = std::make_shared<decision_event>(*refusal("a.example"));
  event->at = std::chrono::system_clock::time_point{1'700'000'000'007ms};
  log.tell(event);
  CAF_CHECK(log.flush());
  CAF_CHECK(
    out.text.starts_with("time=2023-11-14T22:13:20.007Z level=info msg=blocked host=a.example "));
}
