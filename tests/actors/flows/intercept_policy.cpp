#define CAF_SUITE actors.flows.intercept_policy
#include "tests/actors/flows/later_policies.hpp"

using namespace proxy;
using namespace proxy::test;
using namespace std::string_literals;

/// A policy that comes while a tunnel that is read waits for something.

namespace {

/// Where a request inside is when another policy comes.
enum class point : uint8_t {
  awaited,    ///< The tunnel stands, and nothing was asked for.
  half_head,  ///< A part of its head has come.
  dialled,    ///< A connection is being made for it.
  handshake,  ///< It is there, and its server's hello is awaited.
  half_body,  ///< A part of its body has gone on.
  sent,       ///< All of it has, and the answer is awaited.
  half_answer ///< A part of that has come.
};

/// A request inside a tunnel, at a point.
struct waiting {
  explicit waiting(point where, const std::string& method = "POST", uint64_t seed = 1)
    : s({.network = inspecting, .seed = seed}), at(where), client(s.inside()) {
    request = ask_for(method, "/x", "", "abcdef");
    origin = &s.accept(s.example);
    switch (at) {
      case point::awaited: break;
      case point::half_head: say(0, 20); break;
      case point::dialled:
        origin->close();
        s.pass(1ms);
        s.set_way(s.example.on, {.reset_at = {}, .swallows = true});
        say(0);
        s.set_way(s.example.on, {});
        break;
      case point::handshake:
        say(0);
        CAF_REQUIRE(s.until([&] { return !origin->text.empty(); }));
        break;
      default:
        say(0, at == point::half_body ? request.size() - 3 : std::string::npos);
        origin->answer_tls(*s.origin_tls, s.origin_leaf("example.com"));
        CAF_REQUIRE(s.hears(*origin, at == point::half_body ? "\r\n\r\nabc" : "abcdef"));
        if (at == point::half_answer) {
          origin->say(ok("123456").substr(0, ok("123456").size() - 3));
          CAF_REQUIRE(s.hears(client, "123"));
        }
    }
    s.pass(10ms);
    events_before = s.told();
  }

  void say(size_t from, size_t size = std::string::npos) {
    client.say(std::string_view{request}.substr(from, size));
    s.pass(10ms);
  }

  /// What its client gets once all goes on: "200", "403 REASON", "cut".
  std::string outcome() {
    if (at == point::awaited)
      say(0);
    else if (at == point::half_head)
      say(20);
    else if (at == point::half_body)
      say(request.size() - 3);
    if (at <= point::handshake) {
      (void)s.until(
        [&] { return client.is_over() || client.hears("\r\n") || s.is_called(s.example, 0s); });
      if (!client.is_over() && client.text.empty()) {
        origin = &s.accept(s.example);
        origin->answer_tls(*s.origin_tls, s.origin_leaf("example.com"));
      }
    }
    (void)s.until([&] {
      return client.is_over() || client.text.starts_with("HTTP/1.1 403") ||
             (origin->has_shaken_hands() && origin->hears("abcdef"));
    });
    if (origin->has_shaken_hands() && has(origin->text, "abcdef"))
      origin->say(at == point::half_answer ? "456" : ok("123456"));
    (void)s.until([&] { return client.is_over() || client.hears("\r\n\r\n"); });
    if (s.hears(client, "123456", 1s))
      return "200";
    auto error = client.text.find("x-proxy-error: ");
    if (error != std::string::npos)
      return "403 " + client.text.substr(error + 15, client.text.find('\r', error) - error - 15);
    return client.is_over() ? "cut" : "nothing";
  }

  intercepting s;
  point at;
  party& client;
  party* origin;
  std::string request;
  size_t events_before = 0;
};

} // namespace

CAF_TEST(what is under way inside a tunnel is judged by a policy wherever it is) {
  const auto method = "403 blocked-by-method-policy"s, missed = "403 blocked-by-mitm-hook"s,
             denied = "403 blocked-by-denylist"s;
  using p = point;
  struct row {
    std::string what, network;
    std::map<point, std::string> outcomes; ///< Of those that are not here: the last.
    std::string otherwise;
    std::string recorded; ///< The decision, where there is one.
  } rows[] = {
    {"the same", same, {}, "200", ""},
    {"not read any more", unread, {}, "200", ""},
    {"its host", deny, {}, "cut", "deny https_connect example.com:443 denied"},
    {"its method",
     limited,
     {{p::half_body, "cut"}, {p::sent, "cut"}, {p::half_answer, "cut"}},
     method,
     "deny https example.com:443 method_not_allowed"},
    {"a hook",
     hook,
     {{p::half_body, "cut"}, {p::sent, "cut"}, {p::half_answer, "cut"}},
     missed,
     "deny https example.com:443 mitm_hook_denied"},
    {"its address",
     deny_address,
     {{p::half_body, "cut"}, {p::sent, "cut"}, {p::half_answer, "cut"}},
     denied,
     "deny https example.com:443 denied"},
    {"its mode without interception",
     limited_unread,
     {},
     "cut",
     "deny https_connect example.com:443 mitm_required"},
  };
  for (auto& [what, network, outcomes, otherwise, recorded] : rows)
    for (auto at : {p::awaited, p::half_head, p::dialled, p::handshake, p::half_body, p::sent,
                    p::half_answer}) {
      CAF_MESSAGE(what << " at " << int(at));
      waiting w{at};
      w.s.install(network);
      auto known = outcomes.find(at);
      auto wanted = known == outcomes.end() ? otherwise : known->second;
      auto got = w.outcome();
      CAF_CHECK_EQUAL(got, wanted);
      // What is cut is the request, once there is one under way.
      auto decision = at < p::half_body || !has(recorded, "_connect")
                        ? recorded
                        : recorded.substr(0, 10) + recorded.substr(18);
      if (!recorded.empty())
        CAF_CHECK_EQUAL(w.s.decided(decision), 1u);
      CAF_CHECK_EQUAL(w.s.told() - w.events_before,
                      recorded.empty() && at > p::handshake ? 0u : 1u);
    }
}

CAF_TEST(a mode that is switched lets a read that is under way come to its end) {
  for (auto at : {point::half_head, point::handshake, point::sent, point::half_answer}) {
    waiting w{at, "GET"};
    CAF_CHECK(w.s.set_mode(policy::mode::limited).report);
    auto got = w.outcome();
    CAF_CHECK_EQUAL(got, "200");
  }
}

CAF_TEST(a client that has said nothing yet is judged by what is in force when it does) {
  struct row {
    std::string what, before, after;
    bool stands;
    std::string recorded;
  } rows[] = {
    {"the same", inspecting, same, true, ""},
    {"its host", inspecting, deny, false, "deny https_connect example.com:443 denied"},
    {"its address", inspecting, deny_address, false, "deny https_connect example.com:443 denied"},
    {"its listing", limited, unlisted_inside, false,
     "deny https_connect example.com:443 not_allowed"},
    {"its mode", inspecting, limited, true, ""},
    {"no interception", limited, limited_unread, false,
     "deny https_connect example.com:443 mitm_required"},
  };
  intercepting probe;
  auto hello = hello_of(probe.tunnel("example.com:443"));
  for (auto& [what, before, after, stands, recorded] : rows)
    for (size_t said : {size_t{0}, size_t{60}}) {
      CAF_MESSAGE(what << " after " << said);
      intercepting s{{.network = before}};
      odd_client client{s.tunnel("example.com:443")};
      auto& origin = s.accept(s.example);
      auto own = client.flight();
      client.on.say(own.substr(0, said));
      s.pass(10ms);
      auto outcome = s.reload(after);
      CAF_REQUIRE(outcome.report);
      CAF_CHECK_EQUAL(outcome.report->closed_tunnels, stands ? 0u : 1u);
      if (!stands) {
        CAF_CHECK(s.is_over(client.on, 1s));
        CAF_CHECK(s.is_over(origin));
        CAF_CHECK_EQUAL(s.decided(recorded), 1u);
      } else {
        client.on.say(own.substr(said));
        CAF_REQUIRE(s.until([&] { return client.step(); }));
        client.on.say(client.sealed(ask_for("POST", "/")));
        std::string heard;
        if (after == limited)
          CAF_CHECK(s.until([&] { return has(heard += client.heard(), "method-policy"); }));
        else
          CAF_CHECK(s.hears(s.answer_at(s.example), "POST / "));
      }
      CAF_CHECK_EQUAL(s.told(), after == same ? 1u + (s.events.size() > 1) : 2u);
      CAF_CHECK_EQUAL(origin.text, "");
    }
}

CAF_TEST(a policy that comes while a certificate is made lets nothing slip through) {
  for (uint64_t seed = 1; seed <= 4; ++seed)
    for (auto& network : {same, deny}) {
      intercepting s{{.network = inspecting, .seed = seed}};
      odd_client client{s.tunnel("example.com:443")};
      auto& origin = s.accept(s.example);
      auto answer = s.begin_reload(network);
      for (uint64_t i = 0; i < seed; ++i)
        (void)s.w.step(s.w.time().now() + 1ms);
      client.on.say(client.flight());
      CAF_REQUIRE(s.until([&] {
        (void)client.step();
        return answer->has_value();
      }));
      if (network == deny) {
        CAF_CHECK(s.is_over(client.on));
        CAF_CHECK(s.is_over(origin));
        CAF_CHECK(s.decided("deny https_connect example.com:443 denied") > 0u);
      } else {
        CAF_CHECK(s.until([&] { return client.step(); }));
      }
      CAF_CHECK_EQUAL(origin.text, "");
    }
}

CAF_TEST(a WebSocket inside ends with a policy that would not have let it begin) {
  struct row {
    std::string network;
    bool stands;
  } rows[] = {{same, true},  {unread, true}, {limited, false},
              {deny, false}, {hook, false},  {deny_address, false}};
  for (auto& [network, stands] : rows) {
    CAF_MESSAGE(network);
    intercepting s{{.network = inspecting}};
    auto& client = s.inside();
    client.say(ask_for("GET", "/ws",
                       "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
    auto& unused = s.accept(s.example);
    (void)unused;
    auto& origin = s.is_called(s.example, 1s) ? s.accept(s.example) : unused;
    origin.answer_tls(*s.origin_tls, s.origin_leaf("example.com"));
    CAF_REQUIRE(s.hears(origin, "pgrade: websocket\r\n"));
    origin.say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n\x81\x02hi");
    CAF_REQUIRE(s.hears(client, "\x81\x02hi"));
    client.say("\x81\x02yo");
    CAF_REQUIRE(s.hears(origin, "\x81\x02yo"));
    auto before = s.told();
    s.install(network);
    CAF_CHECK_EQUAL(s.is_over(client, 1s), !stands);
    CAF_CHECK_EQUAL(s.told() - before, stands ? 0u : 1u);
    if (stands) {
      client.say("\x81\x02on");
      CAF_CHECK(s.hears(origin, "\x81\x02on"));
    }
  }
}

CAF_TEST(a tunnel that was refused is not refused again by the next policy) {
  intercepting s;
  auto& client = s.tunnel("example.com:443");
  client.say("SSH-2.0-x\r\n");
  CAF_REQUIRE(s.until([&] { return s.events.size() == 2; })); // granted, then mitm_required
  auto outcome = s.reload(limited + "denied_domains = [\"example.com\"]\n");
  CAF_REQUIRE(outcome.report);
  CAF_CHECK_EQUAL(outcome.report->closed_tunnels, 0u);
  CAF_CHECK_EQUAL(s.told(), 2u);
}
