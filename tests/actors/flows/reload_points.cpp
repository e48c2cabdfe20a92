#define CAF_SUITE actors.flows.reload_points
#include "actors/control/policy/policy_store_behavior.hpp" // unit under test

#include <sstream>

#include "tests/actors/flows/waiting.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

const std::string allowed = R"(allowed_domains = ["goes.test"])";
const std::string request = "DELETE http://goes.test/ HTTP/1.1\r\nHost: goes.test\r\n\r\n";

struct served : stage {
  explicit served(uint64_t seed) : stage({.network = allowed, .seed = seed, .loops = 2}) {
    names.names["goes.test"] = {.addresses = {ip("93.184.216.34")}};
  }
  /// Whether the last decision begins so. The audit trail hears of it a little later.
  bool decided(const std::string& words) {
    return until([&] { return !events.empty() && decisions().back().starts_with(words); }, 1s);
  }
  origin& at_origin = serve_at("93.184.216.34", 80);

  /// The file as it is but for some words.
  void rewrite(const std::string& words, const std::string& by) const {
    std::ifstream file{at("config.toml")};
    std::stringstream text;
    text << file.rdbuf();
    auto all = text.str();
    auto found = all.find(words);
    CAF_REQUIRE_NOT_EQUAL(found, std::string::npos);
    write("config.toml", all.replace(found, words.size(), by));
  }
  /// A reload of that.
  reload_outcome edit(const std::string& words, const std::string& by) {
    rewrite(words, by);
    auto answer = ask<reload_outcome>(store, atom::reload_v);
    CAF_REQUIRE(until([&] { return answer->has_value(); }, 5min));
    return **answer;
  }
};

/// Where a flow waits.
struct point {
  std::string_view words;
  /// Brings a client there. @returns its origin, where it has one by then.
  std::function<party*(served&, party&)> reach;
  /// What happens once the new policy is there.
  std::function<void(served&, party&, party*)> go_on;
  bool is_judged = true; ///< By the new policy; else what was begun under the old one is finished.
  bool is_cut = false;   ///< It cannot be told any more.
};

void nothing(served&, party&, party*) {}

const std::vector<point> points{
  {"between two requests",
   [](served& s, party& client) {
     auto* origin = ask_and_reach(s, s.at_origin, client, request);
     origin->say(ok("first"));
     CAF_REQUIRE(s.hears(client, "first"));
     client.forget();
     return origin;
   },
   [](served&, party& client, party*) { client.say(request); }},
  {"in a head",
   [](served& s, party& client) {
     client.say(request.substr(0, 30));
     s.pass(1s);
     return static_cast<party*>(nullptr);
   },
   [](served&, party& client, party*) { client.say(request.substr(30)); }},
  {"while a name is looked up",
   [](served& s, party& client) {
     s.names.names["goes.test"].late = 3s;
     client.say(request);
     s.pass(1s);
     CAF_REQUIRE(!s.names.asked.empty());
     return static_cast<party*>(nullptr);
   },
   nothing},
  {"while the origin is dialled",
   [](served& s, party& client) { return ask_and_dial(s, s.at_origin, client, request); }, nothing},
  {"while the response is waited for",
   [](served& s, party& client) { return ask_and_reach(s, s.at_origin, client, request); },
   [](served&, party&, party* origin) { origin->say(ok("the whole")); }, false},
  {"in the response",
   [](served& s, party& client) { return ask_and_hear_half(s, s.at_origin, client, request); },
   [](served&, party&, party* origin) { say_other_half(*origin); }, false},
  {"in the body of the request",
   [](served& s, party& client) {
     return ask_and_reach(s, s.at_origin, client,
                          "POST http://goes.test/ HTTP/1.1\r\nHost: goes.test\r\n"
                          "Content-Length: 10\r\n\r\nhalf");
   },
   nothing, true, true},
  {"in a tunnel",
   [](served& s, party& client) {
     client.say("CONNECT goes.test:80 HTTP/1.1\r\nHost: goes.test:80\r\n\r\n");
     auto& origin = s.accept(s.at_origin);
     CAF_REQUIRE(s.hears(client, "HTTP/1.1 200"));
     client.forget();
     return &origin;
   },
   nothing, true, true},
};

} // namespace

CAF_TEST(a policy that refuses holds wherever a flow waits) {
  struct change {
    std::string_view words;
    std::function<bool(served&)> make;
    std::string told;
  };
  const std::vector<change> changes{
    {"its host is denied",
     [](served& s) {
       return s.reload(allowed + "\ndenied_domains = [\"goes.test\"]").report.has_value();
     },
     "x-proxy-error: blocked-by-denylist"},
    {"its host is listed no more", [](served& s) { return s.reload("").report.has_value(); },
     "x-proxy-error: blocked-by-allowlist"},
    {"the mode is limited",
     [](served& s) { return s.set_mode(policy::mode::limited).report.has_value(); },
     "x-proxy-error: blocked-by-method-policy"},
  };
  uint64_t seed = 0;
  for (const auto& [words, make, told] : changes)
    for (const auto& at : points) {
      CAF_MESSAGE(words << ' ' << at.words);
      served s{++seed};
      auto& client = s.client();
      auto* origin = at.reach(s, client);
      CAF_CHECK(make(s));
      at.go_on(s, client, origin);
      if (at.is_cut) {
        CAF_CHECK(s.is_over(client));
        CAF_CHECK_EQUAL(client.text, "");
        CAF_CHECK(s.is_over(*origin));
        CAF_CHECK(s.decided("deny "));
      } else if (at.is_judged) {
        CAF_CHECK(s.hears(client, told));
        CAF_CHECK(s.decided("deny http goes.test:80 "));
        if (!origin) {
          // A connection that was under way may have come, but nothing is asked on it.
          s.pass(5s);
          if (s.is_called(s.at_origin, 0s))
            CAF_CHECK_EQUAL(s.accept(s.at_origin).text, "");
        }
      } else {
        CAF_CHECK(s.hears(client, "the whole"));
        client.forget();
        client.say(request);
        CAF_CHECK(s.hears(client, told));
      }
    }
}

CAF_TEST(a proxy that is turned off ends all flows wherever they wait and may be turned on again) {
  uint64_t seed = 100;
  for (const auto& at : points) {
    CAF_MESSAGE(at.words);
    served s{++seed};
    auto& client = s.client();
    auto& admin = s.client(8080);
    auto* origin = at.reach(s, client);
    auto before = client.text;
    CAF_CHECK(s.edit("enabled = true", "enabled = false").report);
    CAF_CHECK(s.is_over(client));
    CAF_CHECK_EQUAL(client.text, before);
    if (origin)
      CAF_CHECK(s.is_over(*origin));
    auto& late = s.client();
    CAF_CHECK(s.is_over(late));
    CAF_CHECK_EQUAL(late.error, ECONNREFUSED);
    admin.say("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
    CAF_CHECK(s.hears(admin, "\r\n\r\nok"));
    CAF_CHECK(s.edit("enabled = false", "enabled = true").report);
    s.set_way(s.at_origin.on, {});
    s.names.names["goes.test"].late = 0s;
    s.pass(1min); // what was on its way has come
    while (s.is_called(s.at_origin, 0s))
      (void)s.accept(s.at_origin);
    auto& again = s.client();
    again.say(request);
    CAF_CHECK(s.hears(s.accept(s.at_origin), "DELETE / "));
  }
}

CAF_TEST(a policy that lets pass leaves every flow alone) {
  uint64_t seed = 200;
  for (const auto& at : points) {
    CAF_MESSAGE(at.words);
    served s{++seed};
    auto& client = s.client();
    auto* origin = at.reach(s, client);
    s.install(allowed + "\ndenied_domains = [\"other.test\"]");
    at.go_on(s, client, origin);
    if (at.is_cut) {
      client.say(origin->text.empty() ? "tunnel" : "tbody!");
      CAF_CHECK(s.hears(*origin, origin->text.empty() ? "tunnel" : "tbody!"));
      continue;
    }
    if (at.is_judged) {
      // Kept connections are those of the old policy, and so is one that was being dialled.
      party* newer = nullptr;
      CAF_CHECK(s.until(
        [&] {
          if (!newer && s.at_origin.on.readiness(s.at_origin.listens) != 0)
            newer = &s.accept(s.at_origin);
          if (newer && newer->is_over())
            newer = nullptr;
          return newer && newer->hears("DELETE / ");
        },
        20s));
      if (newer)
        newer->say(ok("the whole"));
    }
    CAF_CHECK(s.hears(client, "the whole"));
  }
}

CAF_TEST(once a proxy that is turned off has said so no tunnel passes a byte) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    served s{seed};
    std::vector<party*> all;
    for (int i = 0; i < 8; ++i) {
      all.push_back(&s.tunnel("goes.test:80"));
      (void)s.accept(s.at_origin);
    }
    std::shared_ptr<std::optional<reload_outcome>> answer;
    size_t late = 0;
    s.here.on_write = [&](const ip_sockaddr&, const ip_sockaddr& to, std::string_view) {
      late += to.port() == 80 && answer && answer->has_value();
    };
    s.rewrite("enabled = true", "enabled = false");
    answer = s.ask<reload_outcome>(s.store, atom::reload_v);
    CAF_REQUIRE(s.until(
      [&] {
        for (auto* each : all)
          each->say("more");
        return answer->has_value();
      },
      5s));
    CAF_REQUIRE((*answer)->report);
    CAF_CHECK_EQUAL((*answer)->report->closed_tunnels, all.size());
    s.pass(1s);
    CAF_CHECK_EQUAL(late, 0u);
    s.here.on_write = nullptr;
  }
}
