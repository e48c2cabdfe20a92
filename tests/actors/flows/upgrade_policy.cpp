#define CAF_SUITE actors.flows.upgrade_policy
#include "tests/actors/flows/offering.hpp"

#include <cerrno>

using namespace proxy;
using namespace proxy::test;

/// Offers to switch that are refused, by the policy of their time or by one that comes meanwhile,
/// and origins that do not answer.

namespace {

/// Where it waits.
enum class point { name, dial, answer, open };

struct led : offering {
  using offering::offering;

  /// Leads an offer to a point, and leaves it there.
  void lead_to(point to) {
    open();
    if (to == point::name)
      names.names["example.com"].late = 2s;
    if (to == point::dial)
      set_way(at.on, {.delay = 1s, .reset_at = {}});
    ask(websocket);
    if (to == point::answer || to == point::open) {
      take();
      if (to == point::open) {
        origin->say(switching());
        CAF_REQUIRE(hears(*who, "HTTP/1.1 101 "));
        CAF_REQUIRE(carries());
      }
    }
    pass(500ms);
  }
  [[nodiscard]] bool carries() {
    who->say("up");
    auto up = hears(*origin, "up", 5s);
    origin->say("down");
    return up && hears(*who, "down", 5s);
  }
};

} // namespace

CAF_TEST(limited mode refuses every offer but that of HTTP 2 in the clear) {
  struct row {
    const char* fields;
    bool refused;
  } rows[] = {
    {websocket, true},
    {"Upgrade: foo\r\nConnection: Upgrade\r\n", true},
    {"Upgrade: h2c, foo\r\nConnection: Upgrade\r\n", true},
    {"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nConnection: Upgrade, HTTP2-Settings\r\n",
     false},
    {"Upgrade: websocket\r\n", false}, // Connection does not name it
  };
  for (auto by : ways)
    for (auto& [fields, refused] : rows) {
      CAF_MESSAGE(name_of[static_cast<int>(by)] << ' ' << fields);
      led s{by, std::string{plain} + "\nmode = \"limited\"\nmitm = true"};
      s.open();
      s.ask(fields);
      if (refused) {
        CAF_CHECK(s.hears(*s.who, "HTTP/1.1 403 Blocked by policy: method_not_allowed"));
        CAF_CHECK(s.hears(*s.who, "x-proxy-error: blocked-by-method-policy"));
        CAF_CHECK(s.hears(*s.who, "\"reason\":\"method_not_allowed\""));
        s.who->forget();
        s.ask(""); // the connection goes on
      }
      s.take();
      s.origin->say(ok("ok"));
      CAF_CHECK(s.hears(*s.who, "\r\n\r\nok"));
    }
}

CAF_TEST(an offer to a host that is not allowed is refused with the reason in its body) {
  led s{way::absolute};
  auto& client = s.client();
  client.say(get("http://refused.test/chat", websocket));
  CAF_CHECK(s.hears(client, "HTTP/1.1 403 Blocked by policy: not_allowed refused.test"));
  CAF_CHECK(s.hears(client, "\"remedy\":"));
  CAF_CHECK_EQUAL(s.dialled, 0);
}

CAF_TEST(an offer in absolute form that waits is refused by the policy that comes meanwhile) {
  struct row {
    const char* what;
    const char* network; ///< "": limited mode.
    const char* reason;
  } rows[] = {
    {"not listed", "allowed_domains = []", "not_allowed"},
    {"denied", "allowed_domains = [\"example.com\"]\ndenied_domains = [\"example.com\"]", "denied"},
    {"limited mode", "", "method_not_allowed"},
  };
  for (auto where : {point::name, point::dial, point::open})
    for (auto& [what, network, reason] : rows) {
      CAF_MESSAGE(what << " at " << static_cast<int>(where));
      led s{way::absolute};
      s.lead_to(where);
      auto outcome = *network ? s.reload(network) : s.set_mode(policy::mode::limited);
      CAF_REQUIRE(outcome.report);
      if (where == point::open) {
        CAF_CHECK_EQUAL(outcome.report->closed_tunnels, 1u);
        CAF_CHECK(s.is_over(*s.who, 100ms) && s.is_over(*s.origin, 100ms));
        CAF_CHECK(s.who->error == ECONNRESET && s.origin->error == ECONNRESET);
      } else {
        CAF_CHECK(s.hears(*s.who, std::string{"HTTP/1.1 403 Blocked by policy: "} + reason));
        CAF_CHECK_EQUAL(outcome.report->closed_tunnels, 0u);
      }
      s.pass(1s);
      auto decided = s.decisions();
      CAF_REQUIRE_EQUAL(decided.size(), where == point::open ? 2u : 1u);
      CAF_CHECK(decided.back() == std::string{"deny http example.com:80 "} + reason);
    }
}

CAF_TEST(a switch that the policy of then does not allow is not made) {
  for (auto by : ways) {
    CAF_MESSAGE(name_of[static_cast<int>(by)]);
    led s{by, by == way::absolute ? plain : std::string{inspecting_example}};
    s.lead_to(point::answer);
    CAF_REQUIRE(s.set_mode(policy::mode::limited).report);
    s.origin->say(switching());
    s.who->say("the client's words");
    s.pass(2s);
    CAF_CHECK(!s.who->hears("HTTP/1.1 101"));
    CAF_CHECK(!s.origin->hears("the client's words"));
    CAF_CHECK(s.is_over(*s.origin, 1s));
    CAF_CHECK(s.decisions().back().starts_with("deny http") &&
              s.decisions().back().ends_with(" method_not_allowed"));
  }
}

CAF_TEST(a websocket in a tunnel ends with what its tunnel or its request is refused by) {
  struct row {
    const char* what;
    const char* network; ///< "": limited mode.
    bool ends;
  } rows[] = {
    {"not listed", "allowed_domains = []\nmitm = {enabled = true, inspect = true}", true},
    {"address denied",
     "allowed_domains = [\"example.com\"]\ndenied_domains = [\"93.184.216.0/24\"]\n"
     "mitm = {enabled = true, inspect = true}",
     true},
    {"limited mode", "", true},
    {"the same and more",
     "allowed_domains = [\"example.com\", \"a.test\"]\nmitm = {enabled = true, inspect = true}",
     false},
    {"not read any more", plain, false},
  };
  for (auto by : ways)
    for (auto& [what, network, ends] : rows) {
      CAF_MESSAGE(name_of[static_cast<int>(by)] << ' ' << what);
      led s{by};
      s.lead_to(point::open);
      auto outcome = *network ? s.reload(network) : s.set_mode(policy::mode::limited);
      CAF_REQUIRE(outcome.report);
      CAF_CHECK_EQUAL(outcome.report->closed_tunnels, ends ? 1u : 0u);
      CAF_CHECK_EQUAL(s.is_over(*s.who, 100ms), ends);
      CAF_CHECK_EQUAL(s.is_over(*s.origin, 100ms), ends);
      if (!ends)
        CAF_CHECK(s.carries());
    }
}

CAF_TEST(an offer that waits goes on under a policy that allows it) {
  for (auto where : {point::name, point::dial, point::answer}) {
    CAF_MESSAGE(static_cast<int>(where));
    led s{way::absolute};
    s.lead_to(where);
    s.install("allowed_domains = [\"example.com\", \"other.test\"]");
    if (where != point::answer) {
      s.pass(4s);
      while (s.is_called(s.at, 1s)) // the last one that was made is in use
        s.origin = &s.accept(s.at);
      CAF_CHECK(s.hears(*s.origin, "Upgrade: websocket") ||
                s.hears(*s.origin, "upgrade: websocket"));
    }
    s.origin->say(switching());
    CAF_CHECK(s.hears(*s.who, "HTTP/1.1 101 "));
    CAF_CHECK(s.carries());
  }
}

CAF_TEST(an origin that does not answer an offer is given up in time or with its connection) {
  for (auto by : ways) {
    CAF_MESSAGE(name_of[static_cast<int>(by)]);
    offering late{by, "", "timeouts.response = \"40s\""};
    late.open();
    late.ask(websocket);
    late.take();
    CAF_CHECK(!late.hears(*late.who, "HTTP/1.1", 39s));
    CAF_CHECK(late.hears(*late.who, "HTTP/1.1 504 ", 2s));
    CAF_CHECK(late.hears(*late.who, "timeouts.response"));
    CAF_CHECK(late.is_over(*late.origin, 1s));
    offering gone{by};
    gone.open();
    gone.ask(websocket);
    gone.take();
    gone.origin->finish();
    CAF_CHECK(gone.hears(*gone.who, "HTTP/1.1 502 "));
    offering half{by};
    half.open();
    half.ask(websocket);
    half.take();
    half.origin->say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: webs");
    half.pass(1s);
    half.origin->reset();
    CAF_CHECK(half.hears(*half.who, "HTTP/1.1 502 "));
    CAF_CHECK(!half.who->hears("HTTP/1.1 101"));
  }
}

CAF_TEST(a client that breaks off while its offer waits takes the origin along) {
  for (auto by : ways)
    for (auto where : {point::name, point::dial, point::answer}) {
      CAF_MESSAGE(name_of[static_cast<int>(by)] << " at " << static_cast<int>(where));
      led s{by};
      s.lead_to(where);
      s.who->reset();
      s.pass(5s);
      while (s.is_called(s.at, 1s))
        CAF_CHECK(s.is_over(s.accept(s.at), 5s));
      if (where == point::answer)
        CAF_CHECK(s.is_over(*s.origin, 1s));
    }
}
