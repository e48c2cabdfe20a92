#define CAF_SUITE actors.flows.dial_policy
#include "tests/actors/flows/stage.hpp"

using namespace proxy;
using namespace proxy::test;

/// The policy changes while a request waits to be connected: at each point where it may wait.

namespace {

const std::string rules = "allowed_domains = [\"example.com\"]\nallow_local_binding = true\n";
const std::string allowed = rules + "allow_upstream_proxy = false\n";
const std::string through = rules + "allow_upstream_proxy = true\n";
constexpr auto target = "10.0.0.1", corporate = "10.0.0.7";

/// What a request waits for.
enum class point {
  name,
  connection,
  handshake,
  proxy_name,
  proxy_connection,
  proxy_handshake,
  tunnel,
  handshake_inside,
};
constexpr point points[] = {point::name,       point::connection,       point::handshake,
                            point::proxy_name, point::proxy_connection, point::proxy_handshake,
                            point::tunnel,     point::handshake_inside};
const char* const words[] = {"name",           "connection",      "handshake", "proxy's name",
                             "proxy connects", "proxy handshake", "tunnel",    "handshake inside"};

bool is_through(point p) { return p >= point::proxy_name; }

stage_settings settings(point p) {
  auto url = p == point::proxy_handshake ? "https://proxy.test:3128" : "http://proxy.test:3128";
  return {.network = is_through(p) ? through : allowed,
          .environment = {{"HTTP_PROXY", url}, {"HTTPS_PROXY", url}}};
}

/// A request that waits at a point, as of `wait`.
struct scene : stage {
  explicit scene(point p) : stage(settings(p)), waits_for(p) {
    CAF_MESSAGE("it waits for: " << words[static_cast<size_t>(p)]);
    names.names["example.com"] = {.addresses = {ip(target)}};
    names.names["proxy.test"] = {.addresses = {ip(corporate)}};
    if (p == point::name)
      names.names["example.com"].late = 1s;
    if (p == point::proxy_name)
      names.names["proxy.test"].late = 1s;
    if (p == point::connection || p == point::proxy_connection)
      slow_down(500ms);
    here.on_connect = [this](const ip_sockaddr& to) {
      if (to.port() != 53)
        dialled.push_back(to.ip()->str());
    };
  }
  ~scene() { here.on_connect = nullptr; }

  void slow_down(std::chrono::nanoseconds delay) {
    simulation::conditions way;
    way.delay = delay;
    set_way(at_target.on, way);
    set_way(at_proxy.on, way);
  }

  [[nodiscard]] bool has_tls() const {
    return waits_for != point::proxy_handshake; // none within the upstream proxy's
  }
  [[nodiscard]] std::string url() const {
    return has_tls() ? "https://example.com/" : "http://example.com/";
  }
  void wait(const std::string& method = "GET") {
    who.say(method + ' ' + url() + " HTTP/1.1\r\nHost: example.com\r\nContent-Length: 0\r\n\r\n");
    auto& at = is_through(waits_for) ? at_proxy : at_target;
    switch (waits_for) {
      case point::name: CAF_REQUIRE(until([&] { return !names.asked.empty(); })); return;
      case point::proxy_name:
        CAF_REQUIRE(until([&] { return std::ranges::count(names.asked, "A proxy.test") > 0; }));
        return;
      case point::connection:
      case point::proxy_connection: CAF_REQUIRE(until([&] { return !dialled.empty(); })); return;
      case point::handshake_inside:
        waiting = &accept(at);
        CAF_REQUIRE(hears(*waiting, "\r\n\r\n"));
        waiting->forget();
        waiting->say("HTTP/1.1 200 OK\r\n\r\n");
        break;
      default: waiting = &accept(at);
    }
    CAF_REQUIRE(until([&] { return !waiting->text.empty(); }));
  }

  /// What it waits for comes.
  void go_on() {
    auto& at = is_through(waits_for) ? at_proxy : at_target;
    switch (waits_for) {
      case point::name:
      case point::proxy_name: return; // after a second
      case point::connection:
      case point::proxy_connection: waiting = &accept(at); return;
      case point::tunnel: return waiting->say("HTTP/1.1 200 OK\r\n\r\n");
      case point::proxy_handshake:
        return waiting->answer_tls(*origin_tls, origin_leaf("proxy.test"));
      default: waiting->answer_tls(*origin_tls, origin_leaf("example.com"));
    }
  }
  /// It was dialled under the policy of before, and carries no request.
  void check_dropped() {
    if (!waiting)
      return;
    CAF_CHECK(is_over(*waiting, 2s));
    CAF_CHECK(!waiting->hears("GET ") && !waiting->hears("POST "));
    if (waits_for == point::proxy_connection)
      CAF_CHECK_EQUAL(waiting->text, "");
  }

  /// What was dialled for it is let go of, and nothing else is dialled.
  void check_left() {
    auto count = dialled.size();
    pass(1min);
    CAF_CHECK_EQUAL(dialled.size(), count);
    check_dropped();
  }

  /// Takes a new connection that comes directly or by the upstream proxy, and answers it.
  void serve(bool by_proxy, const std::string& line) {
    auto& end = accept(by_proxy ? at_proxy : at_target);
    if (by_proxy && !has_tls())
      end.answer_tls(*origin_tls, origin_leaf("proxy.test"));
    if (by_proxy && has_tls()) {
      CAF_CHECK(hears(end, "CONNECT example.com:443 HTTP/1.1\r\n"));
      end.forget();
      end.say("HTTP/1.1 200 OK\r\n\r\n");
      CAF_REQUIRE(until([&] { return !end.text.empty(); }));
    }
    if (has_tls())
      end.answer_tls(*origin_tls, origin_leaf("example.com"));
    CAF_CHECK(hears(end, line));
    end.say(ok("hello"));
    CAF_CHECK(hears(who, "hello"));
  }

  void check_decided(const std::string& once) {
    pass(1ms); // the news of it is under way
    auto all = decisions();
    CAF_CHECK_EQUAL(all.size(), 1u);
    auto decided = all.empty() ? "" : all[0];
    CAF_CHECK_EQUAL(decided, once);
  }

  point waits_for;
  origin& at_target = serve_at(target, 443);
  origin& at_proxy = serve_at(corporate, 3128);
  party& who = client();
  party* waiting = nullptr;
  std::vector<std::string> dialled;
};

std::string decision(const scene& s, const std::string& what, const std::string& why) {
  return what + (s.has_tls() ? " https example.com:443 " : " http example.com:80 ") + why;
}

} // namespace

CAF_TEST(a host that is denied meanwhile is refused and dialled no further) {
  for (auto p : points) {
    scene s{p};
    s.wait();
    auto count = s.dialled.size();
    s.install((is_through(p) ? through : allowed) + "denied_domains = [\"example.com\"]");
    s.go_on();
    CAF_CHECK(s.hears(s.who, "HTTP/1.1 403", 2s));
    CAF_CHECK(s.who.hears("x-proxy-error: blocked-by-denylist"));
    CAF_CHECK_EQUAL(s.dialled.size(), count);
    s.check_decided(decision(s, "deny", "denied"));
    s.check_left();
  }
}

CAF_TEST(an address that is closed meanwhile is refused and dialled no further) {
  for (auto p : points) {
    scene s{p};
    s.wait();
    auto count = s.dialled.size();
    s.install("allowed_domains = [\"example.com\"]\nallow_upstream_proxy = " +
              std::string{is_through(p) ? "true" : "false"});
    s.go_on();
    CAF_CHECK(s.hears(s.who, "HTTP/1.1 403", 2s));
    CAF_CHECK_EQUAL(s.dialled.size(), count);
    s.check_decided(decision(s, "deny", "not_allowed_local"));
    s.check_left();
  }
}

CAF_TEST(a switch to limited meanwhile refuses a method and lets another pass) {
  for (auto p : points)
    for (const auto* method : {"POST", "GET"}) {
      scene s{p};
      s.wait(method);
      CAF_CHECK(s.set_mode(policy::mode::limited).report);
      s.go_on();
      if (std::string{method} == "POST") {
        CAF_CHECK(s.hears(s.who, "HTTP/1.1 403", 2s));
        CAF_CHECK(s.who.hears("x-proxy-error: blocked-by-method-policy"));
        s.check_decided(decision(s, "deny", "method_not_allowed"));
        s.check_left();
      } else {
        s.serve(is_through(p), "GET ");
        s.check_decided(decision(s, "allow", "allow"));
      }
    }
}

CAF_TEST(the same rules once more have it dialled anew and decided once) {
  for (auto p : points) {
    scene s{p};
    s.wait();
    auto count = s.dialled.size();
    s.install(is_through(p) ? through : allowed);
    s.go_on();
    s.serve(is_through(p), "GET ");
    CAF_CHECK_EQUAL(s.dialled.size(), count + 1);
    s.check_dropped();
    s.check_decided(decision(s, "allow", "allow"));
  }
}

CAF_TEST(the way there is chosen anew when upstream proxies are allowed or not any more) {
  for (auto p : points) {
    if (p == point::proxy_handshake)
      continue; // a plain request, for which nobody listens at the target
    scene s{p};
    s.wait();
    s.install(is_through(p) ? allowed : through);
    s.go_on();
    s.serve(!is_through(p), "GET / HTTP/1.1\r\n");
    s.check_decided(decision(s, "allow", "allow"));
  }
}

CAF_TEST(a proxy that is switched off meanwhile dials nobody) {
  for (auto p : points) {
    scene s{p};
    s.wait();
    auto count = s.dialled.size();
    auto off = is_through(p) ? through : allowed;
    s.write("config.toml", "default_permissions = \"dev\"\n[network_proxy]\n"
                           "admin_url = \"http://192.0.2.1:8080\"\n"
                           "dangerously_allow_non_loopback_admin = true\n"
                           "dns.servers = [\"192.0.2.53\"]\n[permissions.dev.network]\n"
                           "enabled = false\n" +
                             off);
    auto answer = s.ask<reload_outcome>(s.store, atom::reload_v);
    CAF_REQUIRE(s.until([&] { return answer->has_value(); }));
    CAF_CHECK((*answer)->report);
    CAF_CHECK(s.until([&] { return s.who.is_over() || s.who.hears("HTTP/1.1 503"); }, 3s));
    CAF_CHECK_EQUAL(s.dialled.size(), count);
    s.check_left();
  }
}

CAF_TEST(sixteen policies are waited out and no more) {
  scene s{point::connection};
  s.wait();
  for (size_t i = 1; i < 16; ++i) {
    s.install(allowed);
    CAF_REQUIRE(s.until([&] { return s.dialled.size() == i + 1; }, 2s));
  }
  CAF_CHECK(!s.who.hears("HTTP"));
  s.install(allowed);
  CAF_CHECK(s.hears(s.who, "HTTP/1.1 503", 2s));
  CAF_CHECK(s.hears(s.who, "policy changed"));
  s.check_left();
}

CAF_TEST(where nothing comes the policy is looked at when the time is over) {
  // And then the new policy has its own.
  for (auto still_allowed : {false, true}) {
    scene s{point::connection};
    s.slow_down(1h);
    s.wait();
    s.pass(9s);
    s.install(allowed + (still_allowed ? "" : "denied_domains = [\"example.com\"]"));
    if (still_allowed)
      CAF_CHECK(!s.hears(s.who, "HTTP", 10s));
    CAF_CHECK(s.hears(s.who, still_allowed ? "HTTP/1.1 504" : "HTTP/1.1 403", 1100ms));
  }
}

CAF_TEST(a dial to what is denied by now is given up at once) {
  stage s{{.network = "allowed_domains = [\"93.184.216.34\"]"}};
  auto& at = s.serve_at("93.184.216.34", 80);
  simulation::conditions way;
  way.delay = 2s;
  s.set_way(at.on, way);
  auto& client = s.client();
  size_t dials = 0;
  s.here.on_connect = [&](const ip_sockaddr&) { ++dials; };
  client.say(get("http://93.184.216.34/"));
  CAF_REQUIRE(s.until([&] { return dials == 1; }));
  s.install("denied_domains = [\"93.184.216.34\"]");
  CAF_CHECK(
    s.hears(client, "HTTP/1.1 403", 100ms)); // and not once it stands, or after timeouts.connect
  s.here.on_connect = nullptr;
}

CAF_TEST(a client that breaks off while its name is looked up is not dialled for) {
  for (bool tunnel : {true, false}) {
    stage s{{.network = "allowed_domains = [\"example.com\"]"}};
    s.names.names["example.com"] = {.addresses = {ip("93.184.216.34")}, .late = 2s};
    auto& at = s.serve_at("93.184.216.34", 80);
    auto& client = s.client();
    client.say(tunnel ? "CONNECT example.com:80 HTTP/1.1\r\nHost: example.com:80\r\n\r\nsecret"
                      : get("http://example.com/"));
    CAF_REQUIRE(s.until([&] { return !s.names.asked.empty(); }));
    client.reset();
    CAF_CHECK(!s.is_called(at, 10s));
  }
}

CAF_TEST(a name is judged by its address though the client has left meanwhile) {
  for (bool through_proxy : {false, true}) {
    stage_settings with{.network = "allowed_domains = [\"example.com\"]"};
    if (through_proxy) {
      with.network += "\nallow_upstream_proxy = true";
      with.environment["HTTPS_PROXY"] = "http://93.184.216.40:3128";
    }
    stage s{with};
    s.names.names["example.com"] = {.addresses = {ip("10.1.2.3")}, .late = 2s};
    auto& proxy = s.serve_at("93.184.216.40", 3128);
    auto& client = s.client();
    client.say("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n");
    CAF_REQUIRE(s.until([&] { return !s.names.asked.empty(); }));
    client.reset();
    CAF_CHECK(!s.is_called(proxy, 10s));
    auto decided = s.decisions();
    CAF_REQUIRE_EQUAL(decided.size(), 1u);
    CAF_CHECK(decided[0].starts_with("deny "));
  }
}
