#define CAF_SUITE actors.flows.dial
#include "tests/actors/flows/stage.hpp"

using namespace proxy;
using namespace proxy::test;

/// Which addresses of a name are dialled, in which order and for how long (RFC 8305).

namespace {

constexpr auto four = "93.184.216.34", other_four = "93.184.216.35";
constexpr auto six = "2606:2800::1", other_six = "2606:2800::2";
constexpr auto allowed = "allowed_domains = [\"example.com\"]\n";

simulation::conditions way_of(std::chrono::nanoseconds delay) {
  simulation::conditions out;
  out.delay = delay;
  return out;
}
simulation::conditions black_hole() {
  simulation::conditions out;
  out.swallows = true;
  return out;
}
simulation::conditions refusal_after(std::chrono::nanoseconds delay) {
  auto out = way_of(delay);
  out.refuses = true;
  return out;
}

/// Connections that the proxy begins to a port: to whom, and when.
struct dials {
  explicit dials(stage& s) : here(s.here) {
    here.on_connect = [this, &s](const ip_sockaddr& to) {
      if (to.port() == 80)
        all.push_back({to.ip()->str(), s.w.time().now()});
    };
  }
  ~dials() { here.on_connect = nullptr; }
  dials(const dials&) = delete;
  [[nodiscard]] std::vector<std::string> addresses() const {
    std::vector<std::string> out;
    for (const auto& each : all)
      out.push_back(each.to);
    return out;
  }
  struct one {
    std::string to;
    steady_time when;
  };
  simulation::node& here;
  std::vector<one> all;
};

void name(stage& s, const std::vector<std::string>& addresses) {
  auto& record = s.names.names["example.com"];
  record = {};
  for (const auto& each : addresses)
    record.addresses.push_back(ip(each));
}

bool within(std::chrono::nanoseconds span, std::chrono::nanoseconds least) {
  return span >= least && span < least + 50ms;
}

} // namespace

CAF_TEST(version 6 comes first and version 4 has its turn when that fails or is slow) {
  struct row {
    const char* what;
    simulation::conditions way;
    std::vector<std::string> dialled;
    std::chrono::nanoseconds second; ///< When version 4 is dialled.
    const char* answered_by;
  } rows[] = {
    {"at once", way_of(0s), {six}, 0s, six},
    {"just in time", way_of(100ms), {six}, 0s, six},
    {"never", black_hole(), {six, four}, 250ms, four},
    {"a second late", way_of(500ms), {six, four}, 250ms, four},
    {"a refusal", refusal_after(0s), {six, four}, 0s, four},
    {"a late refusal", refusal_after(120ms), {six, four}, 120ms, four},
  };
  for (const auto& [what, way, dialled, second, answered_by] : rows) {
    CAF_MESSAGE("version 6 answers: " << what);
    stage s{{.network = allowed}};
    name(s, {four, six});
    auto& at6 = s.serve_at(six, 80);
    auto& at4 = s.serve_at(four, 80);
    s.set_way(at6.on, way);
    auto& client = s.client();
    dials seen{s};
    client.say(get("http://example.com/"));
    auto& origin = s.accept(answered_by == six ? at6 : at4);
    CAF_CHECK(s.hears(origin, "GET / HTTP/1.1"));
    origin.say(ok("hello"));
    CAF_CHECK(s.hears(client, "hello"));
    CAF_CHECK(seen.addresses() == dialled);
    if (seen.all.size() == 2)
      CAF_CHECK(within(seen.all[1].when - seen.all[0].when, second));
    CAF_CHECK(s.decisions() == std::vector<std::string>{"allow http example.com:80 allow"});
  }
}

CAF_TEST(of two that connect one is used and the other is closed) {
  stage s{{.network = allowed}};
  name(s, {four, six});
  auto& at6 = s.serve_at(six, 80);
  auto& at4 = s.serve_at(four, 80);
  s.set_way(at6.on, way_of(200ms)); // both ways: connected 150 ms after version 4 is begun
  s.set_way(at4.on, way_of(50ms));
  auto& client = s.client();
  client.say(get("http://example.com/"));
  auto& used = s.accept(at4);
  auto& left = s.accept(at6);
  CAF_CHECK(s.hears(used, "GET / HTTP/1.1"));
  CAF_CHECK(s.is_over(left));
  CAF_CHECK_EQUAL(left.text, "");
  used.say(ok("hello"));
  CAF_CHECK(s.hears(client, "hello"));
}

CAF_TEST(families take turns and the one that the resolver names first begins) {
  stage s{{.network = allowed}};
  name(s, {four, other_four, six, other_six});
  for (const auto* each : {four, other_four, six, other_six})
    s.set_way(s.place(each), black_hole());
  auto& client = s.client();
  dials seen{s};
  client.say(get("http://example.com/"));
  CAF_CHECK(!s.hears(client, "HTTP", 9900ms));
  CAF_CHECK(s.hears(client, "HTTP/1.1 504", 200ms));
  CAF_CHECK(s.hears(client, "no answer from 2606:2800::1 within timeouts.connect = 10s"));
  CAF_CHECK(seen.addresses() == (std::vector<std::string>{six, four, other_six, other_four}));
  for (size_t i = 1; i < seen.all.size(); ++i)
    CAF_CHECK(within(seen.all[i].when - seen.all[i - 1].when, 250ms));
  s.pass(1ms); // the news of it is under way
  CAF_CHECK(s.decisions() == (std::vector<std::string>{"allow http example.com:80 allow",
                                                       "fault http example.com:80 "
                                                       "connection_timeout"}));
}

CAF_TEST(a name of very many addresses has sixteen of them dialled) {
  stage s{{.network = allowed}};
  std::vector<std::string> many;
  for (int i = 1; i <= 30; ++i)
    many.push_back("93.184.216." + std::to_string(i)); // nobody is there: each fails at once
  name(s, many);
  auto& client = s.client();
  dials seen{s};
  client.say(get("http://example.com/"));
  CAF_CHECK(s.hears(client, "HTTP/1.1 502"));
  CAF_CHECK_EQUAL(seen.all.size(), 16u);
}

CAF_TEST(the time for all attempts together is met to the moment) {
  struct row {
    std::vector<std::string> addresses;
    std::string request, answer;
  } rows[] = {
    {{four}, get("http://example.com/"), "HTTP/1.1 504"},
    {{six, four}, get("http://example.com/"), "HTTP/1.1 504"},
    {{four}, "CONNECT example.com:80 HTTP/1.1\r\nHost: example.com:80\r\n\r\n", "HTTP/1.1 504"},
    {{four}, "\5\1\0", ""},
  };
  for (const auto& [addresses, request, answer] : rows) {
    stage s{{.network = allowed, .daemon = "timeouts.connect = \"3s\""}};
    name(s, addresses);
    for (const auto& each : addresses)
      s.set_way(s.place(each), black_hole());
    auto socks = answer.empty();
    auto& client = s.client(socks ? 1080 : 3128);
    dials seen{s};
    client.say(socks ? std::string{"\5\1\0", 3} : request);
    if (socks) {
      CAF_REQUIRE(s.hears(client, std::string{"\5\0", 2}));
      client.forget();
      client.say(std::string{"\5\1\0\3\13example.com\0\120", 18});
    }
    auto expected = socks ? std::string{"\5\4", 2} : answer; // host unreachable
    CAF_REQUIRE(s.until([&] { return !seen.all.empty(); }));
    CAF_CHECK(!s.hears(client, expected, 2900ms));
    CAF_CHECK(s.hears(client, expected, 200ms));
    auto dialled = seen.all.size();
    s.pass(1min);
    CAF_CHECK_EQUAL(seen.all.size(), dialled); // nobody goes on dialling
  }
}

CAF_TEST(what dialling fails with is told with the address) {
  struct row {
    std::vector<std::string> addresses;
    bool refused; ///< Or else there is no way there.
    uint16_t port;
    const char* error;
    const char* words;
  } rows[] = {
    {{four}, true, 80, "connection_refused", "93.184.216.34:80: Connection refused"},
    {{six}, true, 81, "connection_refused", "[2606:2800::1]:81: Connection refused"},
    {{six, four}, true, 80, "connection_refused", "93.184.216.34:80: Connection refused"},
    {{four}, false, 80, "destination_ip_unroutable", "93.184.216.34:80: No route to host"},
    {{six}, false, 80, "destination_ip_unroutable", "[2606:2800::1]:80: No route to host"},
  };
  for (const auto& [addresses, refused, port, error, words] : rows) {
    CAF_MESSAGE(words);
    stage s{{.network = allowed}};
    name(s, addresses);
    if (refused)
      for (const auto& each : addresses)
        (void)s.place(each); // where nothing listens
    auto& client = s.client();
    client.say(get("http://example.com:" + std::to_string(port) + "/"));
    CAF_CHECK(s.hears(client, "HTTP/1.1 502", 2s));
    CAF_CHECK(client.hears(std::string{"error="} + error));
    CAF_CHECK(client.hears(words));
  }
}

CAF_TEST(an attempt that fails late leaves those beside it alone) {
  stage s{{.network = allowed}};
  name(s, {six, four});
  auto& at4 = s.serve_at(four, 80);
  s.set_way(at4.on, way_of(1s));
  s.set_way(s.place(six), refusal_after(600ms));
  auto& client = s.client();
  client.say(get("http://example.com/"));
  auto& origin = s.accept(at4);
  CAF_CHECK(s.hears(origin, "GET / HTTP/1.1"));
  origin.say(ok("hello"));
  CAF_CHECK(s.hears(client, "hello"));
}

CAF_TEST(without a descriptor a request is turned away and the next one is served) {
  stage s{{.network = "allowed_domains = [\"93.184.216.34\"]"}};
  auto& at = s.serve_at(four, 80);
  auto& client = s.client();
  s.pass(1s); // it is accepted
  s.here.limit_descriptors(s.here.descriptors());
  client.say(get("http://93.184.216.34/"));
  CAF_CHECK(s.hears(client, "HTTP/1.1 503"));
  CAF_CHECK(client.hears("Too many open files"));
  CAF_CHECK(!s.is_called(at, 1s));
  s.here.limit_descriptors(1000);
  client.forget();
  client.say(get("http://93.184.216.34/"));
  auto& origin = s.accept(at);
  origin.say(ok("hello"));
  CAF_CHECK(s.hears(client, "hello"));
}

CAF_TEST(what is kept for later makes room for what is wanted now) {
  stage s{{.network = "allowed_domains = [\"93.184.216.34\", \"93.184.216.35\"]"}};
  auto& first = s.serve_at(four, 80);
  auto& second = s.serve_at(other_four, 80);
  auto& client = s.client();
  client.say(get("http://93.184.216.34/"));
  auto& kept = s.accept(first);
  kept.say(ok("one"));
  CAF_REQUIRE(s.hears(client, "one"));
  CAF_CHECK(!kept.is_over());
  s.here.limit_descriptors(s.here.descriptors());
  client.say(get("http://93.184.216.35/"));
  auto& wanted = s.accept(second);
  wanted.say(ok("two"));
  CAF_CHECK(s.hears(client, "two"));
  CAF_CHECK(s.is_over(kept));
}

CAF_TEST(a client that leaves takes its dial along) {
  for (const auto* where : {"look-up", "connect"}) {
    CAF_MESSAGE("it leaves during: " << where);
    stage s{{.network = allowed}};
    name(s, {six, four});
    auto slow = std::string{"look-up"} == where;
    if (slow)
      s.names.names["example.com"].late = 3s;
    auto& at6 = s.serve_at(six, 80);
    auto& at4 = s.serve_at(four, 80);
    for (auto* each : {&at6, &at4})
      s.set_way(each->on, black_hole());
    auto before = s.here.sockets();
    auto& client = s.client();
    dials seen{s};
    client.say(get("http://example.com/"));
    CAF_REQUIRE(s.until([&] { return slow ? !s.names.asked.empty() : seen.all.size() == 1; }));
    client.reset();
    s.pass(5s);
    CAF_CHECK(slow || seen.all.size() == 1);   // the second address is left alone
    CAF_CHECK(s.here.sockets() <= before + 1); // that of the resolver
  }
}

CAF_TEST(a client that has said its last byte while it is dialled for is answered) {
  stage s{{.network = allowed}};
  name(s, {four});
  auto& at = s.serve_at(four, 80);
  s.set_way(at.on, way_of(500ms));
  auto& client = s.client();
  client.say(get("http://example.com/"));
  client.finish();
  auto& origin = s.accept(at);
  CAF_CHECK(s.hears(origin, "GET / HTTP/1.1"));
  origin.say(ok("hello"));
  CAF_CHECK(s.hears(client, "hello"));
}

CAF_TEST(after a dial that failed a connection serves its next request) {
  stage s{{.network = allowed}};
  name(s, {four});
  auto& client = s.client();
  for (int i = 0; i < 3; ++i) {
    client.forget();
    client.say(get("http://example.com/"));
    CAF_CHECK(s.hears(client, "No route to host\n"));
  }
  auto& at = s.serve_at(four, 80);
  client.say(get("http://example.com/"));
  s.accept(at).say(ok("hello"));
  CAF_CHECK(s.hears(client, "hello"));
}
