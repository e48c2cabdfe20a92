#define CAF_SUITE actors.flows.socks5
#include "actors/serve/socks5/socks5_flow.hpp" // unit under test

#include "tests/actors/flows/socks_client.hpp"

using namespace proxy;
using namespace proxy::test;
using namespace std::string_literals;

namespace {

const std::string allowed = R"(allowed_domains = ["93.184.216.34", "2606:2800::1", "**.test"])";

struct served : stage {
  explicit served(stage_settings with = {.network = allowed}) : stage(std::move(with)) {
    names.names["good.test"] = {.addresses = {ip("93.184.216.34")}};
    names.names["six.test"] = {.addresses = {ip("2606:2800::1")}};
    names.names["inside.test"] = {.addresses = {ip("10.0.0.1")}};
  }
  origin& at = serve_at("93.184.216.34", 80);
  origin& six = serve_at("2606:2800::1", 80);
};

/// What a CONNECT to a good target is answered with.
const std::string done_v4 = "\5\0\0\1\xc0\0\2\1"s;

} // namespace

CAF_TEST(a tunnel leads to an address of either family or a name and carries bytes both ways) {
  struct row {
    std::string host;
    bool v6;
    std::string told;
  };
  for (const auto& [host, v6, told] : std::initializer_list<row>{
         {"93.184.216.34", false, "allow socks5_tcp 93.184.216.34:80 allow"},
         {"2606:2800::1", true, "allow socks5_tcp 2606:2800::1:80 allow"},
         {"good.test", false, "allow socks5_tcp good.test:80 allow"},
         {"GOOD.test", false, "allow socks5_tcp good.test:80 allow"},
         {"six.test", true, "allow socks5_tcp six.test:80 allow"},
       }) {
    CAF_MESSAGE(host);
    served s;
    auto& client = socks_client(s);
    client.say(socks_request(socks_connect, host, 80));
    auto& origin = s.accept(v6 ? s.six : s.at);
    CAF_CHECK(socks_reply(s, client) == 0);
    // The reply names our end of the connection that was made.
    auto ours = origin.other_address();
    auto reply = "\5\0\0"s + (v6 ? '\4' : '\1') + raw_address(*ours.ip()) + two_bytes(ours.port());
    CAF_CHECK(client.text == reply);
    client.say("ping");
    CAF_CHECK(s.hears(origin, "ping"));
    origin.say("pong");
    CAF_CHECK(s.hears(client, "pong"));
    CAF_CHECK(s.decisions() == std::vector{told});
  }
}

CAF_TEST(each end of a tunnel may say its last byte and go on listening) {
  for (auto client_first : {true, false}) {
    served s;
    auto& client = socks_tunnel(s, "good.test", 80);
    auto& origin = s.accept(s.at);
    auto& first = client_first ? client : origin;
    auto& second = client_first ? origin : client;
    first.say("all I have");
    first.finish();
    CAF_CHECK(s.until([&] { return second.ended; }));
    CAF_CHECK_EQUAL(second.text, "all I have");
    CAF_CHECK(!first.is_over());
    second.say("the answer");
    second.finish();
    CAF_CHECK(s.until([&] { return first.ended; }));
    CAF_CHECK_EQUAL(first.text, "the answer");
    CAF_CHECK_EQUAL(first.error, 0);
  }
}

CAF_TEST(a target that is refused or not reached has its own reply code and the connection ends) {
  struct row {
    std::string host;
    uint16_t port;
    int code;
    std::string told;
  };
  for (const auto& [host, port, code, told] : std::initializer_list<row>{
         {"example.org", 80, 2, "deny socks5_tcp example.org:80 not_allowed"},
         {"10.0.0.1", 80, 2, "deny socks5_tcp 10.0.0.1:80 not_allowed_local"},
         {"inside.test", 80, 2, "deny socks5_tcp inside.test:80 not_allowed_local"},
         {"169.254.169.254", 80, 2, "deny socks5_tcp 169.254.169.254:80 not_allowed_local"},
         {"::ffff:10.0.0.1", 80, 2, "deny socks5_tcp ::ffff:10.0.0.1:80 not_allowed_local"},
         {"192.0.2.1", 1080, 2, "deny socks5_tcp 192.0.2.1:1080 not_allowed_local"},
         {"93.184.216.34", 81, 5, "fault socks5_tcp 93.184.216.34:81 connection_refused"},
         {"nowhere.test", 80, 4, "fault socks5_tcp nowhere.test:80 host_unreachable"},
         {"deaf.test", 80, 4, "fault socks5_tcp deaf.test:80 connection_timeout"},
         {"no.such.test", 80, 4, "fault socks5_tcp no.such.test:80 dns_error"},
         {"broken.test", 80, 4, "fault socks5_tcp broken.test:80 dns_error"},
         {"silent.test", 80, 4, "fault socks5_tcp silent.test:80 dns_timeout"},
       }) {
    CAF_MESSAGE(host);
    served s;
    s.names.names["nowhere.test"] = {.addresses = {ip("93.184.216.99")}};
    s.names.names["deaf.test"] = {.addresses = {ip("93.184.216.40")}};
    s.names.names["broken.test"] = {.code = 2};
    s.names.names["silent.test"] = {.silent = true};
    s.set_way(s.place("93.184.216.40"), swallowing());
    auto& client = socks_client(s);
    client.say(socks_request(socks_connect, host, port) + "early");
    CAF_CHECK(socks_reply(s, client) == code);
    CAF_CHECK_EQUAL(client.text.size(), 10u);
    CAF_CHECK(s.is_over(client, 1s));
    s.pass(1s);
    CAF_REQUIRE(!s.decisions().empty());
    auto last = s.decisions().back();
    CAF_CHECK_EQUAL(last, told);
    CAF_CHECK(!s.is_called(s.at, 1s));
  }
}

CAF_TEST(an upstream that never answers is given up in time) {
  served s{{.network = allowed, .daemon = "timeouts.connect = \"7s\""}};
  s.set_way(s.place("93.184.216.34"), swallowing());
  auto& client = socks_client(s);
  client.say(socks_request(socks_connect, "93.184.216.34", 80));
  CAF_CHECK(socks_reply(s, client, 6900ms) == -1);
  CAF_CHECK(socks_reply(s, client, 200ms) == 4);
}

CAF_TEST(a request that cannot be understood is answered by what is wrong with it) {
  struct row {
    std::string sent;
    int code;
    std::string told;
  };
  auto good = socks_address("93.184.216.34", 80);
  for (const auto& [sent, code, told] : std::initializer_list<row>{
         {"\5\2\0"s + good, 7, "unsupported_command"},
         {"\5\x09\0"s, 7, "unsupported_command"},
         {"\5\1\0\0"s, 8, "unsupported_address_type"},
         {"\5\1\0\x09"s, 8, "unsupported_address_type"},
         {"\4\1\0"s, 1, "malformed"},
         {"\5\1\0\3\0"s, 1, "malformed"},
         {socks_request(socks_connect, "93.184.216.34", 0), 1, "malformed"},
         {socks_request(socks_connect, "bad..name", 80), 1, "malformed"},
         {socks_request(socks_connect, "nul\0name"s, 80), 1, "malformed"},
         {socks_request(socks_connect, "a b.test", 80), 1, "malformed"},
       }) {
    CAF_MESSAGE(told);
    served s;
    auto& client = socks_client(s);
    client.say(sent);
    CAF_CHECK(socks_reply(s, client) == code);
    CAF_CHECK(s.is_over(client, 1s));
    s.pass(1s);
    CAF_REQUIRE_EQUAL(s.events.size(), 1u);
    CAF_REQUIRE(s.events[0]->fault);
    std::string code_of_fault{to_string(s.events[0]->fault->code)};
    CAF_CHECK_EQUAL(code_of_fault, told);
    CAF_CHECK(!s.is_called(s.at, 1s));
  }
}

CAF_TEST(a greeting that offers nothing we take is told so and one that is none is not answered) {
  struct row {
    std::string greeting, answer;
  };
  for (const auto& [greeting, answer] : std::initializer_list<row>{
         {"\5\1\1"s, "\5\xff"},
         {"\5\1\2"s, "\5\xff"}, // nobody is asked who it is
         {"\5\3\1\2\x80"s, "\5\xff"},
         {"\5\0"s, ""},
         {"\5\2\1\0"s, "\5\0"s},
       }) {
    served s;
    auto& client = s.client(1080);
    client.say(greeting);
    auto ends = answer != "\5\0"s;
    CAF_CHECK(s.is_over(client, 1s) == ends);
    CAF_CHECK(client.text == answer);
  }
}

CAF_TEST(what comes right behind the request is the first of the tunnel) {
  const std::string whole(100'000, 'x');
  for (std::string early : {"e"s, "early"s, whole})
    for (auto at_once : {true, false})
      for (uint16_t port : {uint16_t{1080}, uint16_t{3128}}) {
        served s;
        auto& client = s.client(port);
        auto greeting = socks_greeting("\0"s);
        client.say(at_once ? greeting + socks_request(socks_connect, "good.test", 80) + early
                           : greeting);
        if (!at_once) {
          CAF_CHECK(s.hears(client, "\5\0"s));
          client.say(socks_request(socks_connect, "good.test", 80) + early.substr(0, 1));
          s.pass(1ms);
          client.say(early.substr(1));
        }
        auto& origin = s.accept(s.at);
        CAF_CHECK(s.until([&] { return origin.hears("") && origin.text.size() >= early.size(); }));
        CAF_CHECK(origin.text == early);
        CAF_CHECK(s.hears(client, "\5\0"s + done_v4));
      }
}

CAF_TEST(the handshake may come in single bytes and over the worst of ways) {
  for (auto how : {0, 1, 2}) {
    served s;
    simulation::conditions way;
    if (how == 0)
      way.longest_read = way.longest_write = 1;
    else
      way.delay = 50ms, way.jitter = 200ms;
    if (how == 2)
      way.spurious = 400'000; // of a million calls
    s.set_way(s.user, way);
    auto& client = s.client(1080);
    auto all = socks_greeting("\2\0"s) + socks_request(socks_connect, "good.test", 80) + "hello";
    for (auto byte : all) {
      client.say({&byte, 1});
      s.pass(1ms);
    }
    auto& origin = s.accept(s.at);
    CAF_CHECK(s.hears(origin, "hello"));
    origin.say("and back");
    CAF_CHECK(s.hears(client, "and back"));
    CAF_CHECK(client.text.starts_with("\5\0"s + done_v4));
  }
}

CAF_TEST(a handshake that stalls is over at its deadline and not before) {
  struct row {
    std::string sent, heard;
  };
  const auto half = socks_request(socks_connect, "good.test", 80).substr(0, 9);
  for (const auto& [sent, heard] : std::initializer_list<row>{
         {"", ""},
         {"\5", ""},
         {"\5\2\0"s, ""},
         {"\5\1\0"s, "\5\0\5\1\0\1\0\0\0\0\0\0"s},
         {"\5\1\0"s + half, "\5\0\5\1\0\1\0\0\0\0\0\0"s},
       })
    for (auto mixed : {true, false}) {
      served s{
        {.network = allowed,
         .daemon = "timeouts.head = \"10s\"\nmixed_listeners = "s + (mixed ? "true" : "false")}};
      auto& client = s.client(1080);
      client.say(sent);
      CAF_CHECK(!s.is_over(client, 9900ms));
      CAF_CHECK(s.is_over(client, 200ms));
      CAF_CHECK(client.text == heard);
      client.close();
      s.pass(5s);
      CAF_CHECK(!s.is_called(s.at, 1s));
    }
}

CAF_TEST(clients that leave while they are waited for leave nothing open) {
  struct row {
    std::string sent;
    std::string host;
  };
  const auto open = socks_greeting("\0"s);
  for (const auto& [sent, host] : std::initializer_list<row>{
         {"", ""},
         {"\5", ""},
         {open, ""},
         {"\5\1\1"s, ""},
         {"\4\1"s, ""},
         {open + "\5\1", ""},
         {open + "\5\1\0\x09"s, ""},
         {open + socks_request(socks_bind, "good.test", 80), ""},
         {open + socks_request(socks_connect, "silent.test", 80), "resolving"},
         {open + socks_request(socks_connect, "deaf.test", 80), "dialling"},
         {open + socks_request(socks_connect, "good.test", 80), "tunnel"},
         {open + socks_request(socks_associate, "0.0.0.0", 0), "association"},
       })
    for (auto reset : {true, false})
      for (auto at_once : {true, false}) {
        CAF_MESSAGE(host << (reset ? " reset" : " closed") << (at_once ? " at once" : ""));
        served s;
        s.names.names["silent.test"] = {.silent = true};
        s.names.names["deaf.test"] = {.addresses = {ip("93.184.216.40")}};
        s.set_way(s.place("93.184.216.40"), swallowing());
        s.pass(1s);
        auto& client = s.client(1080);
        s.pass(1ms);
        auto before = s.here.sockets() - 1;
        client.say(sent);
        if (!at_once)
          s.pass(100ms);
        if (reset)
          client.reset();
        else
          client.close();
        s.pass(1min);
        if (host == "tunnel" && s.is_called(s.at, 0s))
          s.accept(s.at).close();
        // What asks the name server keeps its socket as long as it likes.
        s.pass(1min);
        CAF_CHECK(s.here.sockets() <= before + (host == "resolving" ? 1u : 0u));
      }
}
