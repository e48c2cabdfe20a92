#define CAF_SUITE actors.flows.tunnel_policy
#include "tests/actors/flows/stage.hpp"

#include <cerrno>

using namespace proxy;
using namespace proxy::test;

/// Another policy comes while a tunnel is made, or stands.

namespace {

constexpr auto plain = "allowed_domains = [\"example.com\"]";
constexpr auto reading = "allowed_domains = [\"example.com\"]\nmitm = true";
constexpr auto inspecting =
  "allowed_domains = [\"example.com\"]\nmitm = {enabled = true, inspect = true}";

/// Where a tunnel waits.
enum class point { name, dial, first_bytes, half_hello, pumping };

struct waiting : stage {
  explicit waiting(const std::string& network, size_t workers = 1)
    : stage{{.network = network, .loops = workers}} {
    names.names["example.com"] = {.addresses = {ip("93.184.216.34")}, .ttl = 0};
    here.on_connect = [this](const ip_sockaddr& to) { dialled += to.port() == 443; };
  }
  ~waiting() { here.on_connect = {}; }

  /// Leads a tunnel to a point, and leaves it there.
  void lead_to(point to) {
    if (to == point::name)
      names.names["example.com"].late = 2s;
    if (to == point::dial)
      set_way(at.on, {.delay = 1s, .reset_at = {}});
    who = &client();
    who->say("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n");
    if (to == point::name)
      CAF_REQUIRE(until([&] { return !names.asked.empty(); }));
    else
      CAF_REQUIRE(until([&] { return dialled == 1; }));
    if (to == point::name || to == point::dial) {
      pass(500ms);
      return;
    }
    origin = &accept(at);
    CAF_REQUIRE(hears(*who, "\r\n\r\n"));
    CAF_REQUIRE(who->text.starts_with("HTTP/1.1 200"));
    who->forget();
    if (to == point::half_hello)
      who->say("\x16\x03\x01\x02");
    if (to == point::pumping) {
      who->say("up\r\n"); // no beginning of a request
      CAF_REQUIRE(hears(*origin, "up"));
      origin->say("down");
      CAF_REQUIRE(hears(*who, "down"));
    }
    pass(500ms);
  }
  /// Both ends see at once that the tunnel was cut.
  [[nodiscard]] bool is_cut() {
    return is_over(*who, 100ms) && is_over(*origin, 100ms) && who->error == ECONNRESET &&
           origin->error == ECONNRESET && !who->ended && !origin->ended;
  }
  [[nodiscard]] bool carries() {
    who->say("more\r\n");
    auto up = hears(*origin, "more", 5s);
    origin->say("and more");
    return up && hears(*who, "and more", 5s);
  }

  origin& at = serve_at("93.184.216.34", 443);
  int dialled = 0;
  party* who = nullptr;
  party* origin = nullptr;
};

/// What comes while the tunnel waits.
struct change {
  const char* what;
  const char* network; ///< "": the mode is switched to limited.
  const char* reason;  ///< Of the refusal; "": the tunnel goes on.
};

constexpr change refusals[] = {
  {"not listed any more", "allowed_domains = []", "not_allowed"},
  {"denied", "allowed_domains = [\"example.com\"]\ndenied_domains = [\"example.com\"]", "denied"},
  {"its port is not allowed", "allowed_domains = [\"example.com:80\"]", "not_allowed"},
  {"its address is denied",
   "allowed_domains = [\"example.com\"]\ndenied_domains = [\"93.184.216.0/24\"]", "denied"},
  {"limited mode without interception", "", "mitm_required"},
};

reload_outcome apply(waiting& s, const change& c) {
  return *c.network ? s.reload(c.network) : s.set_mode(policy::mode::limited);
}

} // namespace

CAF_TEST(a tunnel that is being made is refused by the policy that comes meanwhile) {
  for (auto where : {point::name, point::dial})
    for (const auto& c : refusals) {
      CAF_MESSAGE(c.what << (where == point::name ? " at its name" : " at its dial"));
      waiting s{plain};
      s.lead_to(where);
      auto outcome = apply(s, c);
      CAF_REQUIRE(outcome.report);
      CAF_CHECK_EQUAL(outcome.report->closed_tunnels, 0u);
      CAF_CHECK(s.hears(*s.who, "\r\n\r\n", 10s));
      CAF_CHECK(
        s.who->text.starts_with(std::string{"HTTP/1.1 403 Blocked by policy: "} + c.reason + ' '));
      CAF_CHECK(!s.is_over(*s.who, 1s)); // as after any refusal
      CAF_CHECK(s.decisions() == std::vector<std::string>{
                                   std::string{"deny https_connect example.com:443 "} + c.reason});
      auto begun = where == point::name ? 0 : 1;
      CAF_CHECK_EQUAL(s.dialled, begun);
      if (where == point::dial) { // what was under way comes to nothing
        s.origin = &s.accept(s.at);
        CAF_CHECK(s.is_over(*s.origin, 5s));
        CAF_CHECK_EQUAL(s.origin->text, "");
      }
    }
}

CAF_TEST(an open tunnel is cut on both sides by a policy that refuses it) {
  for (const auto& c : refusals) {
    CAF_MESSAGE(c.what);
    waiting s{plain};
    s.lead_to(point::pumping);
    auto outcome = apply(s, c);
    CAF_REQUIRE(outcome.report);
    CAF_CHECK_EQUAL(outcome.report->closed_tunnels, 1u);
    CAF_CHECK(s.is_cut());
    s.pass(1s);
    CAF_CHECK(s.decisions() == (std::vector<std::string>{
                                 "allow https_connect example.com:443 allow",
                                 std::string{"deny https_connect example.com:443 "} + c.reason}));
  }
}

CAF_TEST(a tunnel that waits for its first bytes is cut by a policy that refuses it) {
  struct row {
    point where;
    change what;
  } rows[] = {
    {point::first_bytes, {"not listed any more", "allowed_domains = []", "not_allowed"}},
    {point::half_hello, {"not listed any more", "allowed_domains = []", "not_allowed"}},
    {point::first_bytes,
     {"denied address", "allowed_domains = [\"example.com\"]\ndenied_domains = [\"93.184.216.34\"]",
      "denied"}},
    {point::half_hello,
     {"denied address", "allowed_domains = [\"example.com\"]\ndenied_domains = [\"93.184.216.34\"]",
      "denied"}},
    {point::first_bytes,
     {"limited and unread", "allowed_domains = [\"example.com\"]\nmode = \"limited\"",
      "mitm_required"}},
  };
  for (auto& [where, what] : rows) {
    CAF_MESSAGE(what.what);
    waiting s{inspecting};
    s.lead_to(where);
    auto outcome = apply(s, what);
    CAF_REQUIRE(outcome.report);
    if (std::string_view{what.reason} == "mitm_required") {
      // Nothing of it was read yet, and nothing will be: at the latest its first byte ends it.
      s.who->say("\x16\x03\x01");
      CAF_CHECK(s.is_over(*s.who, 11s));
      CAF_CHECK(!s.hears(*s.origin, "\x16\x03\x01", 1s));
    } else {
      CAF_CHECK_EQUAL(outcome.report->closed_tunnels, 1u);
      CAF_CHECK(s.is_cut());
    }
    s.pass(3s);
    auto decided = s.decisions();
    CAF_REQUIRE_EQUAL(decided.size(), 2u);
    CAF_CHECK_EQUAL(decided[1], std::string{"deny https_connect example.com:443 "} + what.reason);
  }
}

CAF_TEST(a tunnel goes on under a policy that allows it wherever it waits) {
  struct row {
    const char* before;
    const char* after;
    point where;
    int dialled; ///< What is dialled while a policy comes is dialled again.
  } rows[] = {
    {plain, "allowed_domains = [\"example.com\", \"other.test\"]", point::name, 1},
    {plain, "allowed_domains = [\"example.com\", \"other.test\"]", point::dial, 2},
    {plain, "allowed_domains = [\"**.example.com\"]", point::pumping, 1},
    {plain, inspecting, point::pumping, 1}, // what was not read from its first byte never is
    {inspecting, plain, point::pumping, 1},
    {inspecting, plain, point::first_bytes, 1},
    {plain, "allowed_domains = [\"example.com\"]\nenable_socks5 = false", point::dial, 2},
  };
  for (auto& [before, after, where, dialled] : rows) {
    CAF_MESSAGE(before << " to " << after << " at " << static_cast<int>(where));
    waiting s{before};
    s.lead_to(where);
    auto outcome = s.reload(after);
    CAF_REQUIRE(outcome.report);
    CAF_CHECK_EQUAL(outcome.report->closed_tunnels, 0u);
    if (!s.origin) {
      CAF_REQUIRE(s.hears(*s.who, "HTTP/1.1 200", 10s));
      while (s.is_called(s.at, 100ms)) // the last one that was made is the tunnel's
        s.origin = &s.accept(s.at);
    }
    CAF_CHECK(s.carries());
    CAF_CHECK_EQUAL(s.dialled, dialled);
    s.pass(1s);
    CAF_CHECK(s.decisions() ==
              std::vector<std::string>{"allow https_connect example.com:443 allow"});
  }
}

CAF_TEST(limited mode with interception reads the tunnels that are made and cuts those that stand) {
  for (auto where : {point::name, point::dial, point::pumping}) {
    CAF_MESSAGE(static_cast<int>(where));
    waiting s{reading};
    s.lead_to(where);
    auto outcome = s.set_mode(policy::mode::limited);
    CAF_REQUIRE(outcome.report);
    if (where == point::pumping) {
      CAF_CHECK_EQUAL(outcome.report->closed_tunnels, 1u);
      CAF_CHECK(s.is_cut());
      s.pass(1s);
      CAF_CHECK(s.decisions().back() == "deny https_connect example.com:443 mitm_required");
      continue;
    }
    CAF_CHECK_EQUAL(outcome.report->closed_tunnels, 0u);
    CAF_REQUIRE(s.hears(*s.who, "HTTP/1.1 200", 10s));
    s.who->forget();
    s.who->say("POST / HTTP/1.1\r\nHost: example.com:443\r\nContent-Length: 0\r\n\r\n");
    CAF_CHECK(s.hears(*s.who, "HTTP/1.1 403 Blocked by policy: method_not_allowed"));
  }
}

CAF_TEST(a mode that is switched back while a tunnel waits refuses nothing) {
  waiting s{plain};
  s.lead_to(point::name);
  CAF_CHECK(s.set_mode(policy::mode::limited).report);
  CAF_CHECK(s.set_mode(policy::mode::full).report);
  CAF_CHECK(s.hears(*s.who, "HTTP/1.1 200", 10s));
  s.origin = &s.accept(s.at);
  CAF_CHECK(s.carries());
}

CAF_TEST(a reload that is refused leaves tunnels as they are) {
  for (auto where : {point::name, point::dial, point::pumping}) {
    waiting s{plain};
    s.lead_to(where);
    CAF_CHECK(!s.reload("allowed_domains = [\"*\"]").report);
    if (!s.origin)
      s.origin = &s.accept(s.at);
    if (where != point::pumping)
      CAF_CHECK(s.hears(*s.who, "HTTP/1.1 200"));
    CAF_CHECK(s.carries());
    CAF_CHECK_EQUAL(s.dialled, 1);
  }
}

CAF_TEST(a reload counts the tunnels that it cuts over all workers and no others) {
  waiting s{"allowed_domains = [\"example.com\", \"93.184.216.34\"]", 3};
  std::vector<std::pair<party*, bool>> all;
  for (int i = 0; i < 9; ++i) {
    auto by_name = i % 3 != 0;
    all.emplace_back(&s.tunnel(by_name ? "example.com:443" : "93.184.216.34:443"), by_name);
  }
  auto& idle = s.client();
  s.pass(1s);
  auto outcome = s.reload("allowed_domains = [\"93.184.216.34\"]");
  CAF_REQUIRE(outcome.report);
  CAF_CHECK_EQUAL(outcome.report->closed_tunnels, 6u);
  for (auto& [who, by_name] : all)
    CAF_CHECK_EQUAL(s.is_over(*who, 100ms), by_name);
  CAF_CHECK(!s.is_over(idle, 1s));
  CAF_CHECK(s.until([&] { return s.events.size() == 15; }));
}

CAF_TEST(local networks that are closed take their tunnels along) {
  auto open = std::string{plain} + "\nallow_local_binding = true";
  waiting s{open};
  s.names.names["example.com"].addresses = {ip("10.0.0.5")};
  auto& at = s.serve_at("10.0.0.5", 443);
  s.who = &s.tunnel("example.com:443");
  s.origin = &s.accept(at);
  CAF_CHECK(s.carries());
  auto outcome = s.reload(plain);
  CAF_REQUIRE(outcome.report);
  CAF_CHECK_EQUAL(outcome.report->closed_tunnels, 1u);
  CAF_CHECK(s.is_cut());
  CAF_CHECK(s.until([&] { return s.events.size() == 2; }));
  CAF_CHECK(s.decisions().back() == "deny https_connect example.com:443 not_allowed_local");
}

CAF_TEST(a tunnel that is cut while it is held up loses its bytes and leaves nothing behind) {
  waiting s{plain};
  auto before = s.here.descriptors();
  s.lead_to(point::pumping);
  s.who->read_nothing();
  s.origin->say(std::string(500'000, 'x'));
  s.pass(5s);
  auto outcome = s.reload("allowed_domains = []");
  CAF_REQUIRE(outcome.report);
  CAF_CHECK_EQUAL(outcome.report->closed_tunnels, 1u);
  s.pass(1s);
  auto left = s.here.descriptors();
  CAF_CHECK(left <= before + 1); // the one that asks the name server is kept
  s.who->read_nothing(false);
  CAF_CHECK(s.is_over(*s.who, 1s) && !s.who->ended);
}

CAF_TEST(a policy that changes without end is given up after some dials) {
  waiting s{plain};
  s.lead_to(point::dial);
  for (int i = 0; i < 40 && !s.who->hears("HTTP/1.1"); ++i) {
    s.install(i % 2 ? plain : "allowed_domains = [\"example.com\", \"other.test\"]");
    s.pass(1500ms); // a dial takes two seconds
  }
  CAF_CHECK(s.hears(*s.who, "HTTP/1.1 503 ", 1s));
  CAF_CHECK_EQUAL(s.dialled, 16);
}
