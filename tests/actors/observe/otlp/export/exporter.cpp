#define CAF_SUITE actors.observe.otlp.export.exporter
#include "actors/observe/otlp/export/exporter.hpp" // unit under test

#include <atomic>
#include <condition_variable>
#include <sstream>

#include "tests/actors/observe/otlp/made_up_collector.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::test;
using namespace std::literals;

namespace {

/// Real time, and what is put before it.
class pushed_time final : public clock {
public:
  [[nodiscard]] steady_time now() const noexcept override {
    return this_machine().clock.now() + ahead_.load();
  }
  [[nodiscard]] wall_time wall() const noexcept override { return this_machine().clock.wall(); }
  void pass(std::chrono::nanoseconds span) noexcept { ahead_ = ahead_.load() + span; }

private:
  std::atomic<std::chrono::nanoseconds> ahead_{std::chrono::nanoseconds{0}};
};

/// Hosts, one a line.
otlp_encoders lines(const config::otel&) {
  return {
    [](std::span<const decision_event_ptr> batch) {
      std::string out;
      for (const auto& event : batch)
        out.append(event->host).append("\n");
      return out;
    },
    [](const metrics_snapshot& all) { return "metrics " + std::to_string(all.families.size()); },
    [](std::span<const span_ptr> batch) { return "spans " + std::to_string(batch.size()); }};
}

struct fixture {
  /// Whether it holds within a quarter of a second.
  template <class F>
  static bool comes_soon(F holds) {
    return comes(holds, 50);
  }
  /// Asks until it holds; what is asked for comes within a moment, or never.
  template <class F>
  static bool comes(F holds, int times = 6'000) {
    for (auto i = 0; i < times; ++i) {
      if (holds())
        return true;
      std::mutex lock;
      std::unique_lock guard{lock};
      std::condition_variable pause;
      pause.wait_for(guard, 5ms);
    }
    return false;
  }

  static config::otel to(const made_up_collector& collector) {
    config::otel out;
    out.logs.url = collector.url();
    out.delay = 20ms;
    return out;
  }

  void tell(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      auto event = std::make_shared<decision_event>();
      event->host = "h" + std::to_string(told++);
      box->tell(std::move(event));
    }
  }

  /// Hosts that came, in order.
  static std::vector<std::string> hosts(const made_up_collector& collector) {
    std::vector<std::string> out;
    for (const auto& request : collector.requests()) {
      std::istringstream in{request.body};
      for (std::string line; std::getline(in, line);)
        out.push_back(line);
    }
    return out;
  }

  bool logged(std::string_view words) {
    (void)log->flush();
    std::lock_guard guard{*lock};
    return has(*text, words);
  }
  void end() { sends->end(this_machine().clock.now() + 20s); }

  std::shared_ptr<outlet> box = std::make_shared<outlet>();
  std::shared_ptr<std::mutex> lock = std::make_shared<std::mutex>();
  std::shared_ptr<std::string> text = std::make_shared<std::string>();
  log_ptr log =
    std::make_shared<logger>(config::log{}, [l = lock, t = text](std::string_view said) {
      std::lock_guard guard{*l};
      *t += said;
      return size_t{0};
    });
  pushed_time time;
  std::unique_ptr<exporter> sends = std::make_unique<exporter>(exporter_parts{
    box,
    log,
    lines,
    [] {
      return std::optional{metrics_snapshot{std::vector<prometheus::MetricFamily>(3), {}}};
    },
    {time, this_machine().entropy, this_machine().network}});
  size_t told = 0;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(exporter_tests, fixture)

CAF_TEST(what is told arrives once and in order) {
  made_up_collector collector;
  sends->apply(to(collector));
  tell(5);
  CAF_CHECK(comes([&] { return hosts(collector).size() == 5; }));
  CAF_CHECK(comes([&] { return box->waiting() == 0; }));
  CAF_CHECK_EQUAL(hosts(collector), (std::vector{"h0"s, "h1"s, "h2"s, "h3"s, "h4"s}));
  CAF_CHECK(logged("msg=telemetry_sent_directly logs=http://127.0.0.1:"));
  CAF_CHECK_EQUAL(box->delivered.load(), 5u);
}

CAF_TEST(as much as a second of a busy proxy arrives whole) {
  constexpr size_t all = 60'000; // three seconds of 20,000
  made_up_collector collector;
  sends->apply(to(collector));
  tell(all);
  CAF_CHECK(comes([&] { return box->waiting() == 0; }));
  auto came = hosts(collector);
  CAF_REQUIRE_EQUAL(came.size(), all);
  for (size_t i = 0; i < all; i += 997)
    CAF_CHECK_EQUAL(came[i], "h" + std::to_string(i));
  CAF_CHECK_EQUAL(box->lost(), 0u);
  for (const auto& request : collector.requests())
    CAF_CHECK(has(request.head, "gzip"));
}

CAF_TEST(what waits at the end is sent before it) {
  made_up_collector collector;
  auto how = to(collector);
  how.delay = 1h;
  how.metrics.url = collector.url("/v1/metrics");
  sends->apply(how);
  tell(3);
  sends->keep_last_metrics();
  end();
  auto requests = collector.requests();
  CAF_REQUIRE_EQUAL(requests.size(), 2u);
  for (const auto& request : requests)
    CAF_CHECK_EQUAL(request.body, has(request.head, "/v1/logs") ? "h0\nh1\nh2\n" : "metrics 3");
  tell(1); // nobody takes it any more
  CAF_CHECK_EQUAL(box->waiting(), 0u);
}

CAF_TEST(a collector that fails for a while loses nothing) {
  made_up_collector collector{[](auto&&, size_t number) {
    return number == 0 ? answer(503, "retry-after: 1\r\n") : number == 1 ? ""s : answer(200);
  }};
  sends->apply(to(collector));
  tell(3);
  CAF_CHECK(comes([&] { return box->delivered == 3; }));
  auto requests = collector.requests();
  CAF_REQUIRE(requests.size() >= 3);
  for (const auto& request : requests)
    CAF_CHECK_EQUAL(request.body, "h0\nh1\nh2\n");
  CAF_CHECK(logged("msg=telemetry_failing signal=logs"));
  CAF_CHECK(logged("msg=telemetry_resumed signal=logs"));
  CAF_CHECK_EQUAL(box->lost(), 0u);
}

CAF_TEST(little waits for a collector that has never answered and all for one that has) {
  std::atomic<bool> is_up = false;
  made_up_collector collector{[&](auto&&...) { return is_up ? answer(200) : ""s; }};
  auto how = to(collector);
  how.queue_size = outlet::max_waiting_in_doubt * 2;
  sends->apply(how);
  tell(1);
  CAF_CHECK(comes([&] { return logged("msg=telemetry_failing"); }));
  CAF_CHECK(comes([&] {
    tell(100);
    return box->lost(otlp_loss::queue_full) > 0;
  }));
  CAF_CHECK_EQUAL(box->waiting(), outlet::max_waiting_in_doubt);
  CAF_CHECK(!box->wants(outlet_kind::event));
  is_up = true;
  CAF_CHECK(comes([&] { return box->waiting() == 0; }));
  CAF_CHECK_EQUAL(box->delivered.load(), outlet::max_waiting_in_doubt);
  is_up = false;
  auto lost = box->lost();
  tell(outlet::max_waiting_in_doubt * 2);
  CAF_CHECK_EQUAL(box->waiting(), outlet::max_waiting_in_doubt * 2);
  CAF_CHECK_EQUAL(box->lost(), lost);
  is_up = true;
  CAF_CHECK(comes([&] { return box->waiting() == 0; }));
  CAF_CHECK_EQUAL(box->lost(), lost);
}

CAF_TEST(each kind of failure is told once until something is delivered) {
  std::atomic<uint16_t> status = 503;
  made_up_collector collector{[&](auto&&...) { return answer(status); }};
  sends->apply(to(collector));
  tell(1);
  CAF_CHECK(comes([&] { return logged("status=503 error=\"it will be asked again\""); }));
  status = 401;
  CAF_CHECK(comes(
    [&] { return logged("status=401 error=\"it does not take what is sent, which is lost\""); }));
  tell(1);
  CAF_CHECK(comes([&] { return box->lost() == 2; }));
  status = 200;
  tell(1);
  CAF_CHECK(comes([&] { return box->delivered == 1; }));
  status = 401;
  tell(1);
  CAF_CHECK(comes([&] { return box->lost() == 3; }));
  (void)log->flush();
  std::lock_guard guard{*lock};
  size_t told_401 = 0;
  for (auto at = text->find("status=401"); at != std::string::npos;
       at = text->find("status=401", at + 1))
    ++told_401;
  CAF_CHECK_EQUAL(told_401, 2u); // once before the delivery, once after it
}

CAF_TEST(nobody waits at the end for a collector that is not there) {
  config::otel how;
  {
    made_up_collector gone;
    how = to(gone);
  }
  how.delay = 1h;
  sends->apply(how);
  tell(3);
  auto began = this_machine().clock.now();
  end();
  CAF_CHECK(this_machine().clock.now() - began < exporter::last_patience);
  CAF_CHECK_EQUAL(box->lost(otlp_loss::unreachable), 3u);
  CAF_CHECK(logged("msg=telemetry_ended delivered=0 lost=3"));
}

CAF_TEST(what a collector refuses is lost and counted and the next goes on) {
  made_up_collector collector{
    [](auto&&, size_t number) { return answer(number == 0 ? 400 : 200, {}, "garbage"); }};
  sends->apply(to(collector));
  tell(3);
  CAF_CHECK(comes([&] { return box->lost(otlp_loss::refused) == 3; }));
  tell(2);
  CAF_CHECK(comes([&] { return box->delivered == 2; }));
  CAF_CHECK_EQUAL(box->lost(), 3u);
}

CAF_TEST(a batch that is too large goes in halves) {
  made_up_collector collector{[](const collected& request, auto&&) {
    return answer(std::ranges::count(request.body, '\n') > 2 ? 413 : 200);
  }};
  sends->apply(to(collector));
  tell(9);
  CAF_CHECK(comes([&] { return box->delivered == 9; }));
  CAF_CHECK_EQUAL(box->lost(), 0u);
}

CAF_TEST(one batch that was too large does not make all later ones small) {
  constexpr size_t all = 4'096;
  made_up_collector collector{[](auto&&, size_t number) { return answer(number < 6 ? 413 : 200); }};
  auto how = to(collector);
  how.batch_size = 256; // then 4 after six answers
  how.delay = 1s;
  sends->apply(how);
  tell(all);
  CAF_CHECK(comes([&] { return box->delivered == all; }));
  CAF_CHECK_EQUAL(box->lost(), 0u);
  auto requests = collector.requests();
  std::ptrdiff_t largest = 0; // of those that were taken
  for (size_t i = 6; i < requests.size(); ++i)
    largest = std::max(largest, std::ranges::count(requests[i].body, '\n'));
  CAF_CHECK_EQUAL(largest, 256);
  CAF_CHECK(requests.size() < 200);
}

CAF_TEST(items that a collector rejects are counted) {
  made_up_collector collector{
    [](auto&&...) { return answer(200, {}, "\x0a\x06\x08\x02\x12\x02no"); }};
  sends->apply(to(collector));
  tell(3);
  CAF_CHECK(comes([&] { return box->lost(otlp_loss::rejected) == 2; }));
  CAF_CHECK(comes([&] { return box->delivered == 1; }));
  CAF_CHECK(logged("msg=telemetry_rejected signal=logs"));
}

CAF_TEST(metrics are sent every so often) {
  made_up_collector collector;
  config::otel how;
  how.metrics.url = collector.url("/v1/metrics");
  how.metrics_interval = 20ms;
  sends->apply(how);
  CAF_CHECK(comes([&] { return collector.requests().size() >= 3; }));
  CAF_CHECK(!box->takes(outlet_kind::event));
}

CAF_TEST(spans have a queue and an address of their own) {
  made_up_collector collector;
  config::otel how;
  how.traces.url = collector.url("/v1/traces");
  how.traces.gzip = false;
  how.delay = 1ms;
  sends->apply(how);
  box->tell(span_ptr{});
  CAF_CHECK(comes([&] { return box->delivered == 1; }));
  auto request = collector.requests().at(0);
  CAF_CHECK_EQUAL(request.body, "spans 1");
  CAF_CHECK(!has(request.head, "gzip"));
}

CAF_TEST(another address holds from then on and none ends it) {
  made_up_collector first, second;
  sends->apply(to(first));
  tell(1);
  CAF_CHECK(comes([&] { return box->delivered == 1; }));
  sends->apply(to(second));
  tell(1);
  CAF_CHECK(comes([&] { return box->delivered == 2; }));
  CAF_CHECK_EQUAL(hosts(second), std::vector{"h1"s});
  tell(1);
  sends->apply({}); // what waits is sent
  CAF_CHECK(comes([&] { return box->delivered == 3; }));
  tell(1);
  CAF_CHECK_EQUAL(box->waiting(), 0u);
  sends->apply(to(first));
  tell(1);
  CAF_CHECK(comes([&] { return box->delivered == 4; }));
  auto came = hosts(first);
  CAF_CHECK_EQUAL(came.back(), "h4");
}

CAF_TEST(what a collector has not answered goes to the next one at once) {
  made_up_collector second;
  std::atomic<bool> may_answer = false;
  made_up_collector first{[&](auto&&...) {
    (void)comes([&] { return may_answer.load(); });
    return answer(400);
  }};
  sends->apply(to(first));
  tell(3);
  CAF_CHECK(comes([&] { return first.requests().size() == 1; }));
  sends->apply(to(second));
  CAF_CHECK(comes([&] { return box->delivered == 3; }));
  may_answer = true;
  auto came = hosts(second);
  CAF_CHECK_EQUAL(came, (std::vector{"h0"s, "h1"s, "h2"s}));
  tell(1);
  CAF_CHECK(comes([&] { return box->delivered == 4; }));
  CAF_CHECK_EQUAL(box->lost(), 0u);
  CAF_CHECK(!logged("msg=telemetry_failing"));
}

CAF_TEST(who is switched off and on again before the end loses nothing) {
  made_up_collector spans;
  std::atomic<bool> may_answer = false;
  made_up_collector collector{[&](auto&&...) {
    (void)comes([&] { return may_answer.load(); });
    return answer(200);
  }};
  auto how = to(collector);
  how.traces.url = spans.url("/v1/traces");
  how.delay = 1ms;
  sends->apply(how);
  tell(2);
  CAF_CHECK(comes([&] { return collector.requests().size() == 1; }));
  how.delay = 1h;
  sends->apply(how);
  tell(2);
  box->tell(span_ptr{});
  sends->apply({});
  CAF_CHECK(comes([&] { return spans.requests().size() == 1; })); // the end has begun
  sends->apply(how);
  time.pass(exporter::last_patience + 1s);
  box->tell(span_ptr{}); // of no use to anybody before the hour is over
  box->wake();
  CAF_CHECK(!comes_soon([&] { return box->lost() > 0; }));
  CAF_CHECK_EQUAL(spans.requests().size(), 1u);
  may_answer = true;
  CAF_CHECK(comes([&] { return box->delivered == 3; }));
  time.pass(1h);
  box->wake();
  CAF_CHECK(comes([&] { return box->delivered == 6; }));
  CAF_CHECK_EQUAL(box->lost(), 0u);
}

CAF_TEST(a collector that does not answer at the end is not waited for) {
  listening silent;
  config::otel how;
  how.logs.url = "http://" + silent.address();
  how.delay = 1ms;
  sends->apply(how);
  tell(2);
  auto from = this_machine().clock.now();
  sends->end(from + 50ms);
  CAF_CHECK(this_machine().clock.now() - from < exporter::last_patience);
  CAF_CHECK_EQUAL(box->lost(otlp_loss::unsent), 2u);
  CAF_CHECK_EQUAL(box->waiting(), 0u);
}

CAF_TEST(an end may be hurried) {
  listening silent;
  config::otel how;
  how.logs.url = "http://" + silent.address();
  how.delay = 1ms;
  sends->apply(how);
  tell(2);
  sends->hurry();
  auto from = this_machine().clock.now();
  end();
  CAF_CHECK(this_machine().clock.now() - from < exporter::last_patience);
  CAF_CHECK_EQUAL(box->lost(), 2u);
}

CAF_TEST_FIXTURE_SCOPE_END()
