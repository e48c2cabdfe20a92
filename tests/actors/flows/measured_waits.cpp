#define CAF_SUITE actors.flows.measured_waits
#include "tests/actors/flows/deciding.hpp"
#include "tests/actors/flows/intercepting.hpp"
#include "tests/actors/flows/moved_series.hpp"

using namespace proxy;
using namespace proxy::test;
using namespace std::string_literals;

/// Waits are told by their length and by what they came to, and so is what there is at a time.

namespace {

struct waited : stage {
  explicit waited(stage_settings with = {.network = "allowed_domains = [\"good.test\"]"})
    : stage(std::move(with)) {
    names.names["good.test"] = {.addresses = {ip("93.184.216.34")}};
  }
  /// A request that is let through and answered.
  void exchange_with(party& who, party& server, const std::string& request) {
    who.forget();
    who.say(request);
    CAF_REQUIRE(hears(server, "\r\n\r\n"));
    server.forget();
    server.say(ok("fine"));
    CAF_REQUIRE(hears(who, "fine"));
  }
  /// One that comes to nothing.
  void fail(const std::string& url, const std::string& status) {
    auto& who = client();
    who.say(get(url));
    CAF_REQUIRE(hears(who, "HTTP/1.1 " + status, 10min));
    who.close();
    pass(1ms);
  }

  origin& at = serve_at("93.184.216.34", 80);
};

std::string allowed_by(const std::string& protocol) {
  return "decisions_total{decision=\"allow\",reason=\"allow\",protocol=\"" + protocol +
         "\",mode=\"full\"} +1\n";
}

} // namespace

CAF_TEST(a wait is told by its length) {
  waited s;
  s.names.names["good.test"].late = 300ms;
  auto& who = s.client();
  who.say(get("http://good.test/"));
  auto& server = s.accept(s.at);
  CAF_REQUIRE(s.hears(server, "\r\n\r\n"));
  s.pass(3s);
  s.exchange_with(who, server, "");
  struct row {
    std::string histogram, labels;
    const char *below, *from;
  };
  for (const auto& [histogram, labels, below, from] : std::initializer_list<row>{
         {"dns_duration_seconds", "result=\"ok\"", "0.25", "0.5"},
         {"request_duration_seconds", "phase=\"dns\"", "0.25", "0.5"},
         {"request_duration_seconds", "phase=\"connect\"", "0.001", "0.25"},
         {"request_duration_seconds", "phase=\"upstream_first_byte\"", "2.5", "5"},
         {"request_duration_seconds", "phase=\"total\"", "2.5", "5"},
       }) {
    CAF_MESSAGE(histogram << ' ' << labels);
    auto series = histogram + "_bucket{" + labels + ",le=\"";
    auto bucket = [&](const std::string& le) { return counted(s, series + le + "\"}"); };
    if (below != std::string_view{"0.001"}) // a dial takes as long as the way there
      CAF_CHECK(bucket(below) == 0);
    CAF_CHECK(bucket(from) == 1);
  }
}

CAF_TEST(what a look up came to is its label) {
  struct row {
    name_record record;
    std::string status, result, kind;
  };
  for (const auto& [record, status, result, kind] : std::initializer_list<row>{
         {{.code = 3}, "502", "error", "dns_error"},
         {{.silent = true}, "504", "timeout", "dns_timeout"},
       }) {
    CAF_MESSAGE(kind);
    waited s;
    s.names.names["good.test"] = record;
    moved_series moved{s};
    s.fail("http://good.test/", status);
    auto told = moved.since();
    CAF_CHECK_EQUAL(told, allowed_by("http") + "dns_duration_seconds_count{result=\"" + result +
                            "\"} +1\nfaults_total{kind=\"" + kind +
                            "\"} +1\n"
                            "request_duration_seconds_count{phase=\"dns\"} +1\n"
                            "request_duration_seconds_count{phase=\"total\"} +1\n"
                            "requests_total +1\n");
  }
}

CAF_TEST(what dialling came to is its label) {
  struct row {
    std::string port, status, result, kind;
    bool swallows;
  };
  for (const auto& [port, status, result, kind, swallows] : std::initializer_list<row>{
         {"81", "502", "refused", "connection_refused", false},
         {"80", "504", "timeout", "connection_timeout", true},
       }) {
    CAF_MESSAGE(kind);
    waited s;
    if (swallows)
      s.set_way(s.at.on, swallowing());
    moved_series moved{s};
    s.fail("http://good.test:" + port + "/", status);
    auto told = moved.since();
    CAF_CHECK(has(told, "connect_duration_seconds_count{result=\"" + result + "\"} +1\n"));
    CAF_CHECK(has(told, "faults_total{kind=\"" + kind + "\"} +1\n"));
    CAF_CHECK(has(told, "request_duration_seconds_count{phase=\"connect\"} +1\n"));
    CAF_CHECK(!has(told, "upstream_first_byte"));
  }
}

CAF_TEST(what clients speak is told by what they came to) {
  waited s{{.network = "allowed_domains = [\"good.test\"]"}};
  (void)s.client();
  (void)s.tunnel("good.test:80");
  (void)socks_client(s);
  (void)socks_tunnel(s, "good.test", 80);
  s.pass(1ms);
  CAF_CHECK(counted(s, "connections_active{protocol=\"http\"}") == 2);
  CAF_CHECK(counted(s, "connections_active{protocol=\"socks5\"}") == 2);
  CAF_CHECK(counted(s, "connections_active{protocol=\"http2\"}") == 0);
  CAF_CHECK(counted(s, "connections_active{protocol=\"admin\"}") == 1);
}

CAF_TEST(a tunnel of SOCKS is a request that ends when it stands) {
  waited s;
  moved_series moved{s};
  (void)socks_tunnel(s, "good.test", 80);
  auto told = moved.since();
  CAF_CHECK_EQUAL(told, "connect_duration_seconds_count{result=\"ok\"} +1\n" +
                          allowed_by("socks5_tcp") +
                          "dns_duration_seconds_count{result=\"ok\"} +1\n"
                          "request_duration_seconds_count{phase=\"connect\"} +1\n"
                          "request_duration_seconds_count{phase=\"dns\"} +1\n"
                          "request_duration_seconds_count{phase=\"total\"} +1\n"
                          "requests_total +1\n"
                          "tunnel_bytes_total{direction=\"down\"} +10\n" // the reply
                          "tunnels_active +1\n"
                          "upstream_connects_total +1\n");
}

CAF_TEST(a question is pending until there is an answer) {
  deciding<waited> s{{.network = unlisted}};
  auto& who = s.client();
  auto& asks = s.client(8080); // before the listeners go with the policy that asks
  auto pending = [&] {
    asks.forget();
    asks.say("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    CAF_REQUIRE(s.hears(asks, "process_max_fds "));
    return asks.text;
  };
  s.ask_about_all(unlisted);
  who.say(get("http://good.test/"));
  CAF_REQUIRE(s.asks(1));
  CAF_CHECK(has(pending(), "\ncodex_network_proxy_pending_questions 1\n"));
  s.pass(2s);
  s.say(policy::decision::deny, "no");
  CAF_REQUIRE(s.hears(who, "403"));
  auto after = pending();
  CAF_CHECK(has(after, "\ncodex_network_proxy_pending_questions 0\n"));
  CAF_CHECK(has(after, "request_duration_seconds_count{phase=\"decide\"} 1\n"));
  CAF_CHECK(has(after, "request_duration_seconds_bucket{phase=\"decide\",le=\"1\"} 0\n"));
}

CAF_TEST(when a policy last came into force is told) {
  waited s;
  constexpr auto stamp = "config_last_reload_success_timestamp_seconds";
  auto since = counted(s, stamp);
  s.pass(1h);
  CAF_CHECK(!s.reload("allowed_domains = 7").report);
  CAF_CHECK(counted(s, stamp) == since);
  s.install("");
  CAF_CHECK(counted(s, stamp) >= since + 3600);
  CAF_CHECK(counted(s, "config_last_reload_successful") == 1);
}

CAF_TEST(a change that is refused says nothing of the configuration) {
  waited s;
  auto bad = s.ask<reload_outcome>(s.store, atom::allow_v, "*.*.test"s);
  CAF_REQUIRE(s.until([&] { return bad->has_value(); }));
  CAF_CHECK(!(*bad)->report);
  CAF_CHECK(counted(s, "reloads_total{result=\"failure\"}") == 1);
  CAF_CHECK(counted(s, "config_last_reload_successful") == 1);
  CAF_CHECK(!s.reload("allowed_domains = 7").report);
  CAF_CHECK(counted(s, "config_last_reload_successful") == 0);
}

CAF_TEST(a name that only the upstream proxy finds is no look up that failed) {
  stage s{{.network = "allowed_domains = [\"example.com\"]\nallow_upstream_proxy = true\n",
           .environment = {{"HTTP_PROXY", "http://proxy.test:3128"}}}};
  s.names.names["proxy.test"] = {.addresses = {ip("10.0.0.7")}};
  s.names.names["example.com"] = {.code = 3};
  auto& at = s.serve_at("10.0.0.7", 3128);
  moved_series moved{s};
  auto& who = s.client();
  who.say(get("http://example.com/"));
  auto& server = s.accept(at);
  CAF_REQUIRE(s.hears(server, "\r\n\r\n"));
  server.say(ok("fine"));
  CAF_REQUIRE(s.hears(who, "fine"));
  auto told = moved.since();
  CAF_CHECK(has(told, "dns_duration_seconds_count{result=\"ignored\"} +1\n"));
  CAF_CHECK(has(told, "dns_duration_seconds_count{result=\"ok\"} +1\n")); // the proxy's own
  CAF_CHECK(!has(told, "result=\"error\""));
}

CAF_TEST(what is cut off is measured as well) {
  waited s;
  s.set_way(s.at.on, swallowing());
  auto& who = s.client();
  who.say(get("http://good.test/"));
  s.pass(2s);
  caf::anon_send(s.shards[0], atom::close_v);
  CAF_CHECK(s.is_over(who));
  using shard_type = std::remove_pointer_t<shard_pointer>;
  const auto& told = local<shard_type>(s.shards[0]).state.core->counters;
  CAF_CHECK_EQUAL(told.connect_time[connect_result::abandoned].count(), 1u);
  CAF_CHECK_EQUAL(told.request_time[phase::connect].count(), 1u);
  CAF_CHECK_EQUAL(told.request_time[phase::total].count(), 1u);
  CAF_CHECK(told.request_time[phase::total].sum() >= 2'000'000);
}

CAF_TEST(how long a client uploads is no time of the upstream) {
  waited s;
  auto& who = s.client();
  who.say("POST http://good.test/ HTTP/1.1\r\nHost: good.test\r\nContent-Length: 4\r\n\r\nab");
  auto& server = s.accept(s.at);
  CAF_REQUIRE(s.hears(server, "ab"));
  s.pass(10s);
  who.say("cd");
  CAF_REQUIRE(s.hears(server, "abcd"));
  server.say(ok("fine"));
  CAF_REQUIRE(s.hears(who, "fine"));
  auto series = "request_duration_seconds_bucket{phase=\"upstream_first_byte\",le=\""s;
  CAF_CHECK(counted(s, series + "1\"}") == 1);
}
