#define CAF_SUITE actors.flows.names_answers
#include "tests/actors/flows/odd_names.hpp"

using namespace proxy;
using namespace proxy::test;

/// Answers of name servers as only some of them are.

namespace {

constexpr auto truth = "93.184.216.34";

} // namespace

CAF_TEST(a family that stays silent or fails holds up the other for a moment only) {
  struct row {
    uint16_t answered; ///< The other one is not.
    bool fails;        ///< It is SERVFAIL then, and not silence.
    const char* where;
    std::chrono::milliseconds least, most;
  } rows[] = {
    {type_a, false, "93.184.216.34", 250ms, 400ms},
    {type_aaaa, false, "2606:2800::1", 250ms, 400ms},
    {type_a, true, "93.184.216.34", 0ms, 300ms},
    {type_aaaa, true, "2606:2800::1", 0ms, 300ms},
  };
  for (const auto& each : rows) {
    CAF_MESSAGE(each.where << (each.fails ? ", the other fails" : ", the other is silent"));
    odd_names s;
    s.reply = [&](const question& q, const ip_sockaddr& from) {
      if (q.type == each.answered)
        s.send(s.server, s.fd, from, says(q, each.where));
      else if (each.fails)
        s.send(s.server, s.fd, from, answer(q, {}, 0x8182));
    };
    auto began = s.w.time().now();
    CAF_CHECK(has(s.answer_for(), each.where));
    auto took = s.w.time().now() - began;
    CAF_CHECK(took >= each.least && took < each.most);
  }
}

CAF_TEST(no address of one family and a failure of the other is a failure) {
  struct row {
    uint16_t failing;
    size_t flags;
    const char* words;
  } rows[] = {
    {type_a, 0x8182, "SERVFAIL"},
    {type_aaaa, 0x8182, "SERVFAIL"},
    {type_a, 0x8185, "REFUSED"},
    {type_aaaa, 0x8185, "REFUSED"},
  };
  for (const auto& each : rows) {
    odd_names s;
    s.reply = [&](const question& q, const ip_sockaddr& from) {
      s.send(s.server, s.fd, from, answer(q, {}, q.type == each.failing ? each.flags : 0x8180));
    };
    CAF_CHECK(has(s.answer_for(), each.words));
    auto count = s.questions;
    CAF_CHECK(has(s.answer_for(), each.words));
    CAF_CHECK(s.questions > count); // and is not kept
  }
}

CAF_TEST(an alias is followed and counts for how long the answer is kept) {
  odd_names s;
  s.reply = [&](const question& q, const ip_sockaddr& from) {
    auto other = labels("origin.test");
    s.send(s.server, s.fd, from,
           answer(q, {record(asked_name, type_cname, 3, other),
                      record(other, q.type, 600, address(q.type == type_a ? truth : "2606::1"))}));
  };
  CAF_CHECK(has(s.answer_for(), truth));
  s.pass(2s);
  auto count = s.questions;
  CAF_CHECK(has(s.answer_for(), truth));
  CAF_CHECK_EQUAL(s.questions, count);
  s.pass(1500ms);
  CAF_CHECK(has(s.answer_for(), truth));
  CAF_CHECK(s.questions > count);
}

CAF_TEST(an address that comes more than once is dialled once) {
  odd_names s;
  s.reply = [&](const question& q, const ip_sockaddr& from) {
    auto one = record(asked_name, type_a, 60, address(truth));
    s.send(s.server, s.fd, from, q.type == type_a ? answer(q, {one, one, one}) : answer(q, {}));
  };
  size_t dials = 0;
  s.here.on_connect = [&](const ip_sockaddr& to) { dials += to.port() == 80 ? 1 : 0; };
  CAF_CHECK(has(s.answer_for(), truth));
  CAF_CHECK_EQUAL(dials, 1u);
  s.here.on_connect = nullptr;
}

CAF_TEST(a truncated answer is asked for once more over TCP) {
  enum class then { whole, piece_by_piece, refused, ends, silent };
  for (auto how : {then::whole, then::piece_by_piece, then::refused, then::ends, then::silent}) {
    CAF_MESSAGE("case " << static_cast<int>(how));
    odd_names s;
    s.reply = [&](const question& q, const ip_sockaddr& from) {
      s.send(s.server, s.fd, from, answer(q, {}, 0x8380)); // TC
    };
    std::optional<stage::origin*> at;
    if (how != then::refused)
      at = &s.serve_at("192.0.2.54", 53);
    if (how == then::piece_by_piece) {
      simulation::conditions way;
      way.longest_read = 7;
      way.longest_write = 5;
      way.spurious = 200'000;
      s.set_way(s.server, way);
    }
    std::vector<party*> callers;
    auto& client = s.client();
    client.say(get("http://example.com/", "Connection: close\r\n"));
    auto began = s.w.time().now();
    CAF_CHECK(s.until([&] {
      s.step();
      if (at && (s.server.readiness((*at)->listens) & io_in)) {
        callers.push_back(&s.somebody(s.server));
        (void)callers.back()->accept((*at)->listens);
        if (how == then::ends)
          callers.back()->finish();
      }
      for (auto* each : callers)
        while (each->text.size() > 2 &&
               each->text.size() >= 2u + static_cast<uint8_t>(each->text[1])) {
          auto q = read_question(std::string_view{each->text}.substr(2));
          each->text.erase(0, 2u + static_cast<uint8_t>(each->text[1]));
          if (how == then::silent || how == then::ends)
            continue;
          std::vector<std::string> many;
          for (int i = 0; i < 60 && q.type == type_a; ++i)
            many.push_back(
              record(asked_name, type_a, 60, address("93.184.216." + std::to_string(i))));
          auto bytes = answer(q, many);
          each->say(two(bytes.size()) + bytes);
        }
      return client.is_over();
    }));
    auto took = s.w.time().now() - began;
    CAF_CHECK(took <= 6s);
    if (how == then::whole || how == then::piece_by_piece)
      CAF_CHECK(has(client.text, "93.184.216.15:80: No route to host")); // the sixteenth
    else
      CAF_CHECK(has(client.text, "error=dns_"));
  }
}

CAF_TEST(whoever waits for a name as the end begins is answered before it comes) {
  for (auto silent : {false, true}) {
    odd_names s;
    s.reply = [&](const question& q, const ip_sockaddr& from) {
      if (!silent)
        s.later(800ms, from, says(q, truth));
    };
    auto& client = s.client();
    client.say(get("http://example.com/"));
    auto step_until = [&](const std::function<bool()>& done, std::chrono::nanoseconds span) {
      return s.until(
        [&] {
          s.step();
          return done();
        },
        span);
    };
    CAF_REQUIRE(step_until([&] { return s.questions > 0; }, 1s));
    auto drained = s.drain();
    CAF_CHECK(!step_until([&] { return drained->has_value(); }, 700ms));
    CAF_CHECK(step_until([&] { return client.hears(silent ? "HTTP/1.1 504" : truth); }, 5s));
    CAF_CHECK(step_until([&] { return client.is_over(); }, 5s));
    client.close();
    CAF_CHECK(step_until([&] { return drained->has_value(); }, 5s));
  }
}

CAF_TEST(a server that is slow has as much time as is set) {
  for (auto late : {4s, 6s, 8s, 12s, 30s}) {
    stage s{{.network = "allowed_domains = [\"example.com\"]", .daemon = "timeouts.dns = \"60s\""}};
    s.names.names["example.com"] = {.addresses = {ip("93.184.216.34")}, .late = late};
    auto& client = s.client();
    client.say(get("http://example.com/"));
    CAF_CHECK(s.hears(client, "\r\n\r\n", 70s));
    CAF_CHECK(s.hears(client, "No route", 1s)); // found, and nobody is there
  }
}
