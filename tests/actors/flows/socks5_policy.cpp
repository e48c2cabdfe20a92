#define CAF_SUITE actors.flows.socks5_policy
#include "actors/serve/socks5/socks5_flow.hpp" // unit under test

#include "tests/actors/flows/deciding.hpp"
#include "tests/actors/flows/socks_client.hpp"

using namespace proxy;
using namespace proxy::test;
using namespace std::string_literals;

namespace {

const std::string allowed = R"(allowed_domains = ["good.test"])";
const std::string users = R"(socks_users = {alice = "env:ALICE"})";

struct served : stage {
  explicit served(stage_settings with = {.network = allowed}) : stage(std::move(with)) {
    names.names["good.test"] = {.addresses = {ip("93.184.216.34")}};
  }
  origin& at = serve_at("93.184.216.34", 80);
};

/// Where a flow waits while the policy changes.
enum class point { greeted, asking, resolving, dialling, open, half_closed };

/// What changes meanwhile.
struct change {
  std::string name, network, daemon;
  bool passes; ///< The target is as allowed as before.
};
const change changes[] = {
  {"the name is not allowed", R"(allowed_domains = ["other.test"])", "", false},
  {"the name is denied", allowed + "\ndenied_domains = [\"good.test\"]", "", false},
  {"the address is denied", allowed + "\ndenied_domains = [\"93.184.216.34\"]", "", false},
  {"limited mode", allowed + "\nmode = \"limited\"", "", false},
  {"no SOCKS", allowed + "\nenable_socks5 = false", "", false},
  {"users", allowed, users, false},
  {"one more name", R"(allowed_domains = ["good.test", "other.test"])", "", true},
  {"nothing", allowed, "", true},
};

/// Somebody decides over what no rule allows.
struct asking : deciding<served> {
  asking() : deciding({.network = allowed}) { ask_about_all(unlisted); }
  void ask_for_tunnel() {
    who.say(socks_request(socks_connect, "good.test", 80));
    CAF_REQUIRE(asks(1));
  }
  party& who = socks_client(*this); ///< Before the listeners go with the policy that asks.
};

} // namespace

CAF_TEST(a policy that comes while a tunnel is asked for is the one that it is judged by) {
  for (const auto& now : changes)
    for (auto when : {point::greeted, point::asking, point::resolving, point::dialling, point::open,
                      point::half_closed}) {
      CAF_MESSAGE(now.name << " at " << static_cast<int>(when));
      served s{{.network = allowed, .environment = {{"ALICE", "s3cret"}}}};
      s.names.names["good.test"].late = 2s;
      simulation::conditions far;
      far.delay = 2s;
      s.set_way(s.place("93.184.216.34"), far);
      auto& client = socks_client(s);
      auto request = socks_request(socks_connect, "good.test", 80);
      auto said = when == point::greeted ? size_t{0} : when == point::asking ? 7 : request.size();
      client.say(request.substr(0, said));
      s.pass(when == point::dialling ? 3s : when <= point::resolving ? 1s : 10s);
      if (when >= point::open) {
        CAF_CHECK(socks_reply(s, client, 0s) == 0);
        client.forget();
      }
      if (when == point::half_closed)
        client.finish();
      s.pass(when == point::half_closed ? 3s : 0s);
      s.install(now.network, now.daemon);
      client.say(when < point::open ? request.substr(said) : "");
      if (when < point::open) {
        CAF_CHECK(socks_reply(s, client) == (now.passes ? 0 : 2));
      } else {
        CAF_CHECK(s.is_over(client, 1s) == !now.passes);
        CAF_CHECK(client.error == (now.passes ? 0 : ECONNRESET));
      }
      if (now.passes) {
        // A dial of the old policy may have come before the one that is used.
        party* origin = &s.accept(s.at);
        s.pass(10s);
        while (s.is_called(s.at, 0s))
          origin = &s.accept(s.at);
        origin->say("still there");
        CAF_CHECK(s.hears(client, "still there"));
      } else {
        s.pass(10s);
        while (s.is_called(s.at, 0s)) {
          auto& origin = s.accept(s.at);
          CAF_CHECK(s.is_over(origin));
          CAF_CHECK_EQUAL(origin.text, "");
        }
        CAF_CHECK(s.events.back()->is_refusal());
      }
    }
}

CAF_TEST(limited mode refuses tunnels of SOCKS and closes those that are open) {
  served s;
  auto& open = socks_tunnel(s, "good.test", 80);
  auto& origin = s.accept(s.at);
  CAF_CHECK(s.set_mode(policy::mode::limited).report);
  CAF_CHECK(s.is_over(open, 0s));
  CAF_CHECK(s.is_over(origin, 0s));
  for (auto command : {socks_connect, socks_associate}) {
    auto& client = socks_client(s);
    client.say(socks_request(command, "good.test", 80));
    CAF_CHECK(socks_reply(s, client) == 2);
    auto last = s.events.back();
    CAF_CHECK(last->reason == policy::reason::method_not_allowed);
    CAF_CHECK(last->source == policy::source::mode_guard);
  }
  CAF_CHECK(s.set_mode(policy::mode::full).report);
  (void)socks_tunnel(s, "good.test", 80);
}

CAF_TEST(without SOCKS its port is closed and the other one speaks HTTP alone) {
  served s;
  auto& early = s.client(1080); // connected, and has said nothing
  s.pass(1ms);
  s.install(allowed + "\nenable_socks5 = false");
  auto& late = s.client(1080);
  CAF_CHECK(s.is_over(late, 1s));
  CAF_CHECK_EQUAL(late.error, ECONNREFUSED);
  auto& other = s.client(3128);
  for (auto* each : {&early, &other}) {
    each->say(socks_greeting("\0"s) + socks_request(socks_connect, "good.test", 80));
    CAF_CHECK(s.hears(*each, "HTTP/1.1 400"));
    CAF_CHECK(s.is_over(*each, 3s));
  }
  CAF_CHECK(!s.is_called(s.at, 1s));
  s.install(allowed);
  (void)socks_tunnel(s, "good.test", 80);
}

CAF_TEST(both ports speak both protocols unless they are told otherwise) {
  struct row {
    std::string sent;
    uint16_t port;
    bool mixed;
    std::string heard;
    bool ends;
  };
  const auto greeting = socks_greeting("\0"s);
  const auto http = get("http://other.test/");
  const auto socks4 = "\4\1\0\x50\x5d\xb8\xd8\x22user\0"s;
  const auto socks4a = "\4\1\0\x50\0\0\0\1user\0good.test\0"s;
  const auto rejected = "\0\x5b\0\0\0\0\0\0"s;
  for (const auto& [sent, port, mixed, heard, ends] : std::initializer_list<row>{
         {greeting, 1080, true, "\5\0"s, false},
         {greeting, 3128, true, "\5\0"s, false},
         {greeting, 1080, false, "\5\0"s, false},
         {greeting, 3128, false, "HTTP/1.1 400", true},
         {greeting, 8080, true, "HTTP/1.1 400", true},
         {http, 1080, true, "HTTP/1.1 403", false},
         {http, 3128, false, "HTTP/1.1 403", false},
         {http, 1080, false, "HTTP/1.1 400", true},
         {"g", 1080, false, "HTTP/1.1 400", true},
         {socks4, 1080, true, rejected, true},
         {socks4a, 1080, true, rejected, true},
         {"\4"s, 1080, true, rejected, true},
         {socks4, 3128, true, rejected, true},
         {socks4, 1080, false, rejected, true},
         {socks4, 3128, false, "HTTP/1.1 400", true},
         {socks4, 8080, true, "HTTP/1.1 400", true},
         {"\x16\3\1\0\x05hello"s, 1080, true, "HTTP/1.1 400", true},
         {"\x16\3\1\0\x05hello"s, 1080, false, "", true},
         {"\0\1\2"s, 1080, false, "", true},
       }) {
    CAF_MESSAGE(port << (mixed ? " mixed: " : ": ") << heard);
    served s{{.network = allowed, .daemon = "mixed_listeners = "s + (mixed ? "true" : "false")}};
    auto& client = s.client(port);
    client.say(sent);
    s.pass(3s);
    CAF_CHECK(client.text.starts_with(heard));
    CAF_CHECK(heard.size() > 8 || client.text == heard);
    CAF_CHECK(client.is_over() == ends);
    if (heard == rejected)
      CAF_CHECK(logs(s, "msg=socks4_refused client=192.0.2.9:"));
    if (sent == http && port == 1080 && !mixed)
      CAF_CHECK(has(client.text, "this port speaks SOCKS5, not HTTP"));
    CAF_CHECK(!s.is_called(s.at, 1s));
  }
}

CAF_TEST(a client too many of SOCKS is told before it speaks and one that leaves makes room) {
  served s{{.network = allowed, .daemon = "limits.max_connections = 1"}};
  auto& first = socks_client(s);
  auto& second = s.client(1080);
  CAF_CHECK(s.is_over(second, 1s));
  CAF_CHECK(second.text == "\5\xff");
  CAF_REQUIRE_EQUAL(s.events.size(), 1u);
  CAF_CHECK(s.events[0]->fault && s.events[0]->fault->code == errc::overloaded);
  first.close();
  s.pass(3s); // whoever was turned away has a moment to read why
  CAF_CHECK(counted(s, "connections_refused_total") == 1);
  (void)socks_client(s);
}

CAF_TEST(nothing new is taken where memory is short and what is open goes on) {
  served s;
  auto& open = socks_tunnel(s, "good.test", 80);
  auto& origin = s.accept(s.at);
  auto& client = socks_client(s);
  s.process->memory.limit = 0;
  client.say(socks_request(socks_connect, "good.test", 80));
  CAF_CHECK(socks_reply(s, client) == 1);
  CAF_CHECK(s.is_over(client, 1s));
  s.pass(1s);
  CAF_CHECK(s.events.back()->fault && s.events.back()->fault->code == errc::overloaded);
  open.say("as before");
  CAF_CHECK(s.hears(origin, "as before"));
  CAF_CHECK(counted(s, "requests_refused_total") == 1);
}

CAF_TEST(a tunnel that needs a word waits for it and ends with the policy of then) {
  struct row {
    policy::decision word;
    std::string meanwhile; ///< The name's policy when the word comes.
    int code;
  };
  for (const auto& [word, meanwhile, code] : std::initializer_list<row>{
         {policy::decision::allow, "", 0},
         {policy::decision::deny, "", 2},
         {policy::decision::ask, "", 2},
         {policy::decision::allow, unlisted + "denied_domains = [\"good.test\"]", 2},
         {policy::decision::allow, unlisted + "mode = \"limited\"", 2},
       }) {
    asking s;
    s.ask_for_tunnel();
    CAF_CHECK_EQUAL(s.asked().to.host.text(), "good.test");
    CAF_CHECK(!s.hears(s.who, "\5", 20s));
    if (!meanwhile.empty())
      s.ask_about_all(meanwhile);
    s.say(word);
    CAF_CHECK(socks_reply(s, s.who) == code);
    CAF_CHECK(s.is_called(s.at, 1s) == (code == 0));
    CAF_CHECK(s.told->withdrawn.empty());
  }
}

CAF_TEST(a client that leaves before the word comes is forgotten and silence is a refusal) {
  for (auto leaves : {true, false}) {
    asking s;
    s.ask_for_tunnel();
    auto number = s.asked().number;
    if (leaves) {
      s.who.reset();
      s.pass(1s);
      CAF_CHECK(s.told->withdrawn == std::vector{number});
      s.say(policy::decision::allow);
      s.pass(1s);
      CAF_CHECK(s.decisions().empty());
      CAF_CHECK(s.process->total_connections() == 0);
    } else {
      CAF_CHECK(socks_reply(s, s.who, 29s) == -1);
      CAF_CHECK(socks_reply(s, s.who, 2s) == 2);
      s.pass(1ms); // who was asked hears of it
      CAF_CHECK(s.told->withdrawn == std::vector{number});
    }
    CAF_CHECK(!s.is_called(s.at, 1s));
  }
}
