#define CAF_SUITE actors.flows.exchange_policy
#include "actors/serve/decide/pass.hpp" // unit under test, as exchanges meet it

#include "tests/actors/flows/exchange_stage.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

const std::string upgrade = get_it("Connection: Upgrade\r\nUpgrade: echo\r\n");
const std::string switched =
  "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nraw";

/// What comes while an exchange waits, and how it refuses what it refuses.
struct change {
  std::string_view words;
  void (*make)(exchange_stage&);
  std::string reason; ///< "": it refuses nothing.
};

void deny_by_name(exchange_stage& s) { s.install("denied_domains = [\"goes.test\"]"); }
void deny_by_address(exchange_stage& s) {
  s.install(std::string{exchange_stage::allowed} + "\ndenied_domains = [\"93.184.216.0/24\"]");
}
void limit(exchange_stage& s) { CAF_REQUIRE(s.set_mode(policy::mode::limited).report); }
void change_nothing(exchange_stage& s) { s.install(exchange_stage::allowed); }

const std::vector<change> changes{
  {"the name is refused", deny_by_name, "denied"},
  {"the address is refused", deny_by_address, "denied"},
  {"the mode is limited", limit, "method_not_allowed"},
  {"nothing is refused", change_nothing, ""},
};

/// How many decisions say so.
size_t count_of(exchange_stage& s, const std::string& end) {
  s.pass(1ms);
  auto all = s.decisions();
  return static_cast<size_t>(std::ranges::count_if(all, [&](auto& d) { return d.ends_with(end); }));
}

} // namespace

CAF_TEST(a kept connection serves nobody under another policy) {
  for (const auto& by : changes) {
    CAF_MESSAGE(by.words);
    exchange_stage s;
    auto [client, origin] = s.begin(get_it());
    origin.say(ok("first"));
    CAF_REQUIRE(s.hears(client, "first"));
    client.forget();
    origin.forget();
    by.make(s);
    CAF_CHECK(s.is_over(origin, 1s));
    client.say(start_of("DELETE") + "\r\n");
    if (by.reason.empty()) {
      CAF_CHECK(s.hears(s.accept(s.at_origin), "DELETE / "));
      continue;
    }
    CAF_CHECK(s.hears(client, "HTTP/1.1 403"));
    CAF_CHECK(s.hears(client, '"' + by.reason + '"'));
    CAF_CHECK_EQUAL(count_of(s, by.reason), 1u);
    CAF_CHECK(!s.is_called(s.at_origin, 1s));
  }
}

CAF_TEST(a connection that was lent out before a policy is not kept after it) {
  exchange_stage s;
  auto [client, origin] = s.begin(get_it());
  change_nothing(s);
  origin.say(ok("first"));
  CAF_CHECK(s.hears(client, "first"));
  CAF_CHECK(s.is_over(origin, 1s));
  CAF_CHECK(s.serves(client));
}

CAF_TEST(what is sent again is judged by the policy of that moment) {
  for (const auto& by : changes) {
    CAF_MESSAGE(by.words);
    exchange_stage s;
    auto [client, origin] = s.begin(get_it());
    origin.say(ok("first"));
    CAF_REQUIRE(s.hears(client, "first"));
    client.forget();
    origin.forget();
    client.say(start_of("DELETE") + "\r\n");
    CAF_REQUIRE(s.hears(origin, "\r\n\r\n"));
    by.make(s);
    CAF_CHECK(!s.is_over(client, 1s)); // it has gone out before
    origin.close();
    if (by.reason.empty()) {
      auto& again = s.accept(s.at_origin);
      CAF_CHECK(s.hears(again, "DELETE / "));
      again.say(ok("second"));
      CAF_CHECK(s.hears(client, "second"));
      CAF_CHECK_EQUAL(count_of(s, " allow"), 2u);
      continue;
    }
    CAF_CHECK(s.hears(client, "HTTP/1.1 403"));
    CAF_CHECK(s.hears(client, '"' + by.reason + '"'));
    CAF_CHECK_EQUAL(count_of(s, by.reason), 1u);
    CAF_CHECK(!s.is_called(s.at_origin, 1s));
  }
}

CAF_TEST(a switch of protocols is judged when it comes) {
  for (const auto& by : changes) {
    CAF_MESSAGE(by.words);
    exchange_stage s;
    auto [client, origin] = s.begin(upgrade);
    by.make(s);
    CAF_CHECK(!s.is_over(client, 1s));
    origin.say(switched);
    if (by.reason.empty()) {
      CAF_CHECK(s.hears(client, "\r\n\r\nraw"));
      client.say("up");
      CAF_CHECK(s.hears(origin, "\r\n\r\nup"));
      continue;
    }
    CAF_CHECK(s.hears(client, "HTTP/1.1 403"));
    CAF_CHECK(s.hears(client, '"' + by.reason + '"'));
    CAF_CHECK(!client.hears("raw"));
    CAF_CHECK(s.is_over(origin, 1s));
    CAF_CHECK_EQUAL(count_of(s, by.reason), 1u);
    CAF_CHECK(s.serves(client));
  }
}

CAF_TEST(a switch with a body that has been read ends the connection where it is refused) {
  exchange_stage s;
  auto [client, origin] = s.begin(post_it("body", "Connection: Upgrade\r\nUpgrade: echo\r\n"));
  CAF_REQUIRE(s.hears(origin, "\r\n\r\nbody"));
  deny_by_name(s); // a request with a body is as open as a tunnel
  CAF_CHECK(s.is_over(client, 1s));
  CAF_CHECK(s.is_over(origin, 1s));
  CAF_CHECK(!client.hears("raw"));
  CAF_CHECK_EQUAL(count_of(s, "denied"), 1u);
}

CAF_TEST(a request without a body is answered to its end and one with a body is cut) {
  struct row {
    std::string_view words;
    std::string request, said, more; ///< The origin says one before, the other after the change.
    bool has_body = false;
  } rows[]{
    {"the answer is awaited", start_of("DELETE") + "\r\n", "", ok("the end")},
    {"an interim one has come", start_of("DELETE") + "\r\n", "HTTP/1.1 102 Processing\r\n\r\n",
     ok("the end")},
    {"within the head", start_of("DELETE") + "\r\n", "HTTP/1.1 200 O",
     "K\r\nContent-Length: 7\r\n\r\nthe end"},
    {"within the answer", start_of("DELETE") + "\r\n",
     "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nnot", "the end"},
    {"100 is awaited", start_of("PUT") + "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n", "",
     "", true},
    {"100 has come", start_of("PUT") + "Content-Length: 4\r\nExpect: 100-continue\r\n\r\n",
     "HTTP/1.1 100 Continue\r\n\r\n", "", true},
    {"within the body", start_of("PUT") + "Transfer-Encoding: chunked\r\n\r\n4\r\nha", "", "",
     true},
    {"behind the body", start_of("PUT") + "Content-Length: 4\r\n\r\nbody", "", "", true},
  };
  for (const auto& [words, request, said, more, has_body] : rows)
    for (const auto& by : changes) {
      CAF_MESSAGE(words << ", " << by.words);
      exchange_stage s;
      auto [client, origin] = s.begin(request);
      origin.say(said);
      s.pass(100ms);
      by.make(s);
      auto is_cut = has_body && !by.reason.empty();
      CAF_CHECK_EQUAL(s.is_over(client, 1s), is_cut);
      CAF_CHECK_EQUAL(s.is_over(origin, 1s), is_cut);
      CAF_CHECK_EQUAL(count_of(s, by.reason.empty() ? "denied" : by.reason), is_cut ? 1u : 0u);
      CAF_CHECK_EQUAL(count_of(s, " allow"), 1u);
      if (!has_body) {
        origin.say(more);
        CAF_CHECK(s.hears(client, "the end"));
        CAF_CHECK(s.serves(client));
      }
    }
}

CAF_TEST(what is read after a policy is judged by it wherever the connection waited) {
  struct row {
    std::string_view words;
    void (*reach)(exchange_stage&, party&);
    std::string more;
  } rows[]{
    {"before the first byte", [](exchange_stage& s, party&) { s.pass(1s); },
     start_of("DELETE") + "\r\n"},
    {"within the head",
     [](exchange_stage& s, party& client) {
       client.say(start_of("DELETE"));
       s.pass(1s);
     },
     "\r\n"},
    {"within the body of a refused request",
     [](exchange_stage& s, party& client) {
       client.say("PUT http://other.test/ HTTP/1.1\r\nHost: other.test\r\nContent-Length: 4\r\n"
                  "\r\nha");
       CAF_REQUIRE(s.hears(client, "HTTP/1.1 403"));
       client.forget();
     },
     "lf" + start_of("DELETE") + "\r\n"},
  };
  for (const auto& [words, reach, more] : rows)
    for (const auto& by : changes) {
      CAF_MESSAGE(words << ", " << by.words);
      exchange_stage s;
      auto& client = s.client();
      reach(s, client);
      by.make(s);
      client.say(more);
      if (by.reason.empty()) {
        CAF_CHECK(s.hears(s.accept(s.at_origin), "DELETE / "));
        continue;
      }
      CAF_CHECK(s.hears(client, '"' + by.reason + '"'));
      CAF_CHECK_EQUAL(count_of(s, by.reason), 1u);
      CAF_CHECK(!s.is_called(s.at_origin, 1s));
      CAF_CHECK(s.serves(client));
    }
}

CAF_TEST(a request that waits behind another is judged when its turn comes) {
  for (const auto& by : changes) {
    CAF_MESSAGE(by.words);
    exchange_stage s;
    auto [client, origin] = s.begin(get_it() + start_of("DELETE") + "\r\n");
    by.make(s);
    origin.say(ok("first"));
    CAF_CHECK(s.hears(client, "first"));
    CAF_CHECK_EQUAL(s.is_called(s.at_origin, 1s), by.reason.empty());
    if (!by.reason.empty())
      CAF_CHECK(s.hears(client, '"' + by.reason + '"'));
    CAF_CHECK_EQUAL(count_of(s, " allow"), by.reason.empty() ? 2u : 1u);
  }
}

CAF_TEST(users who come or change while a request waits are asked for in what goes on) {
  const std::string by_alice = "Proxy-Authorization: Basic YWxpY2U6czNjcmV0\r\n";
  auto users = [](const std::string& name) { return "socks_users = { " + name + " = \"env:A\" }"; };
  for (auto stays : {true, false}) {
    exchange_stage s{{.daemon = users("alice"), .environment = {{"A", "s3cret"}}}};
    auto [client, origin] = s.begin(get_it(by_alice + "Connection: Upgrade\r\nUpgrade: echo\r\n"));
    s.install(exchange_stage::allowed, users(stays ? "alice" : "bob"));
    origin.say(switched);
    CAF_CHECK(s.hears(client, stays ? "raw" : "HTTP/1.1 407"));
    CAF_CHECK_EQUAL(count_of(s, "client_required"), stays ? 0u : 1u);
  }
}

CAF_TEST(limits of a new policy hold for what comes and not for what has come) {
  exchange_stage s;
  auto more = "X: " + std::string(2000, 'y') + "\r\n";
  auto [client, origin] = s.begin(get_it(more + "Connection: Upgrade\r\nUpgrade: echo\r\n"));
  auto& late = s.client();
  late.say(start_of("GET") + more);
  s.pass(1s);
  s.install(exchange_stage::allowed, "limits.max_head_bytes = 1024");
  late.say("\r\n");
  CAF_CHECK(s.hears(late, "HTTP/1.1 431"));
  // One that cannot be judged by what it said is not let through as what it was.
  origin.say(switched);
  CAF_CHECK(s.hears(client, "HTTP/1.1 403"));
  CAF_CHECK(s.is_over(origin, 1s));
}
