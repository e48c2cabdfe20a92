#define CAF_SUITE actors.flows.exchange_room
#include "actors/serve/client/connection.hpp" // unit under test

#include "tests/actors/flows/exchange_stage.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

/// A request whose head is so long.
std::string head_of(size_t size, const std::string& field = "X: ") {
  auto head = start_of("GET") + field;
  return head + std::string(size - head.size() - 4, 'y') + "\r\n\r\n";
}

} // namespace

CAF_TEST(a head may be as long as its limit in whatever pieces it comes and no longer) {
  for (size_t most : {size_t{1}, size_t{700}, size_t{100'000}})
    for (size_t size : {1024u, 1025u}) {
      CAF_MESSAGE(size << " bytes, " << most << " at once");
      exchange_stage s{{.daemon = "limits.max_head_bytes = 1024"}};
      s.set_way(s.user, in_pieces(most));
      auto& client = s.client();
      client.say(head_of(size));
      if (size == 1024) {
        CAF_CHECK(s.hears(s.accept(s.at_origin), "\r\n\r\n"));
        continue;
      }
      CAF_CHECK(s.hears(client, "HTTP/1.1 431"));
      CAF_CHECK(s.hears(client, "limits.max_head_bytes = 1024"));
      CAF_CHECK(!client.hears("request line"));
      CAF_CHECK(s.is_over(client, 5s));
      CAF_CHECK(!s.is_called(s.at_origin, 1s));
    }
}

CAF_TEST(what is too long of a request is told and nothing of it is kept in the meantime) {
  struct row {
    std::string_view words;
    std::string said, answer;
  } rows[]{
    {"the target", "GET http://goes.test/" + std::string(2000, 'y') + " HTTP/1.1\r\n",
     "by its request line alone"},
    {"no end in sight", head_of(5000).substr(0, 4000), "limits.max_head_bytes = 1024"},
    {"too many fields", start_of("GET") + "a: 1\r\nb: 2\r\nc: 3\r\nd: 4\r\ne: 5\r\nf: 6\r\n\r\n",
     "limits.max_header_fields = 6"},
  };
  for (const auto& [words, said, answer] : rows) {
    CAF_MESSAGE(words);
    exchange_stage s{{.daemon = "limits.max_head_bytes = 1024\nlimits.max_header_fields = 6"}};
    auto& client = s.client();
    client.say(said);
    CAF_CHECK(s.hears(client, "HTTP/1.1 431"));
    CAF_CHECK(s.hears(client, answer));
    CAF_CHECK(s.is_over(client, 5s));
    auto last = s.decided();
    CAF_CHECK(last.ends_with(" head_too_large"));
  }
}

CAF_TEST(a response head has the same limits and beyond them it is 502) {
  struct row {
    std::string fields, answer;
  } rows[]{
    {"x: " + std::string(900, 'y') + "\r\n", ""},
    {"x: " + std::string(2000, 'y') + "\r\n", "limits.max_head_bytes = 1024"},
    {"a: 1\r\nb: 2\r\nc: 3\r\nd: 4\r\ne: 5\r\nf: 6\r\n", "limits.max_header_fields = 6"},
  };
  for (const auto& [fields, answer] : rows)
    for (size_t most : {size_t{1}, size_t{100'000}}) {
      CAF_MESSAGE(answer << ", " << most << " at once");
      exchange_stage s{{.daemon = "limits.max_head_bytes = 1024\nlimits.max_header_fields = 6"}};
      s.set_way(s.at_origin.on, in_pieces(most));
      auto [client, origin] = s.begin(get_it());
      origin.say(ok("there", fields));
      CAF_CHECK(s.hears(client, answer.empty() ? "HTTP/1.1 200" : "HTTP/1.1 502"));
      CAF_CHECK(s.hears(client, answer.empty() ? "there" : answer));
      CAF_CHECK(s.serves(client));
    }
}

CAF_TEST(who is one too many is told so and takes no room of others) {
  struct row {
    std::string limit;
    uint16_t port;
    bool elsewhere_too; ///< The limit holds for clients of all addresses together.
  } rows[]{{"max_connections", 3128, true},
           {"max_connections_per_client", 3128, false},
           {"max_connections", 1080, true},
           {"max_connections_per_client", 1080, false}};
  for (const auto& [limit, port, elsewhere_too] : rows) {
    CAF_MESSAGE(limit << " at port " << port);
    exchange_stage s{{.daemon = "limits." + limit + " = 2"}};
    auto& first = s.client();
    auto& second = s.client();
    CAF_REQUIRE(s.serves(first));
    CAF_REQUIRE(s.serves(second));
    auto& third = s.client(port);
    auto told = port == 1080 ? std::string{"\x05\xff"} : "HTTP/1.1 503 Service Unavailable\r\n";
    CAF_CHECK(s.hears(third, told));
    if (port != 1080) {
      CAF_CHECK(third.hears("\r\nretry-after: 1\r\n"));
      CAF_CHECK(third.hears("limits." + limit + " = 2"));
    }
    CAF_CHECK(s.is_over(third, 5s));
    third.close();
    auto last = s.decided();
    CAF_CHECK(last.ends_with(" overloaded"));
    auto& neighbour = s.somebody(s.place("192.0.2.10"));
    neighbour.connect(ip("192.0.2.1"), 3128);
    CAF_CHECK_EQUAL(s.serves(neighbour), !elsewhere_too);
    neighbour.close();
    CAF_CHECK(s.serves(first));
    second.close();
    s.pass(10ms);
    CAF_CHECK(s.serves(s.client()));
  }
}

CAF_TEST(a client that is turned away and does not listen is reset in time) {
  exchange_stage s{{.daemon = "limits.max_connections = 1"}};
  auto& first = s.client();
  CAF_REQUIRE(s.serves(first));
  for (auto port : {uint16_t{3128}, uint16_t{1080}}) {
    s.set_way(s.user, in_pieces(1));
    auto& one = s.client(port);
    CAF_CHECK(s.hears(one, port == 1080 ? "\x05\xff" : "max_connections = 1"));
    auto& other = s.client(port);
    s.pass(1ms);
    other.reset();
    s.pass(10s);
    CAF_CHECK_EQUAL(s.process->total_connections(), 1u);
  }
}

CAF_TEST(without memory heads do not grow and nothing new begins while what is there goes on) {
  exchange_stage s{{.daemon = "limits.memory = \"1MiB\""}};
  auto [busy, origin] = s.begin(get_it());
  auto& patient = s.client();
  CAF_REQUIRE(s.serves(patient));
  auto part = head_of(60'000).substr(0, 50'000);
  std::vector<party*> hoarders;
  for (int i = 0; i < 60; ++i) {
    hoarders.push_back(&s.client());
    hoarders.back()->say(part);
    s.pass(1ms);
  }
  auto told = "too little memory: the buffers of all connections hold limits.memory = 1MiB";
  auto refused = std::ranges::count_if(hoarders, [&](party* one) { return one->hears(told); });
  CAF_CHECK(refused > 30 && refused < 50);
  auto& late = s.client();
  CAF_CHECK(s.hears(late, told));
  CAF_CHECK(late.hears("HTTP/1.1 503"));
  CAF_CHECK(late.hears("\r\nretry-after: 1\r\n"));
  patient.forget();
  patient.say(get("http://other.test/"));
  CAF_CHECK(s.hears(patient, told));
  origin.say(ok("there"));
  CAF_CHECK(s.hears(busy, "there"));
  for (auto* one : hoarders)
    one->reset();
  s.pass(3s);
  CAF_CHECK(s.serves(busy));
  CAF_CHECK(s.serves(s.client()));
}
