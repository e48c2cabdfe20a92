#define CAF_SUITE actors.flows.traces
#include "protocols/trace_context.hpp" // unit under test

#include "tests/actors/flows/exchange_stage.hpp"
#include "tests/actors/flows/h2_stage.hpp"
#include "tests/actors/flows/intercepting.hpp"

using namespace proxy;
using namespace proxy::test;
using namespace std::string_literals;

namespace {

const std::string trace_digits = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string span_digits = "00f067aa0ba902b7";
const std::string parent = "00-" + trace_digits + '-' + span_digits + "-01";
const std::string part_of_trace = "traceparent: " + parent + "\r\n";

/// What the last event says of a trace: "" for nothing.
std::string traced(stage& s) {
  s.pass(1ms);
  CAF_REQUIRE(!s.events.empty());
  const auto& trace = s.events.back()->trace;
  return trace ? traceparent(*trace) : "";
}

} // namespace

CAF_TEST(a request that is part of a trace goes on as it came and its event says so) {
  exchange_stage s;
  auto fields = part_of_trace + "tracestate: a=1,b=2\r\n";
  auto [client, origin] = s.begin(get_it(fields));
  CAF_CHECK(has(origin.text, fields));
  CAF_CHECK_EQUAL(traced(s), parent);
  origin.say(ok("done"));
  CAF_CHECK(s.hears(client, "done"));
  // The next one on the same connection is part of none, or of another.
  client.say(get("http://denied.test/"));
  CAF_CHECK(s.hears(client, "403"));
  CAF_CHECK_EQUAL(traced(s), "");
  auto other = "00-" + trace_digits + "-1111111111111111-00";
  client.forget();
  client.say(get("http://denied.test/", "TraceParent: " + other + "\r\n"));
  CAF_CHECK(s.hears(client, "403"));
  CAF_CHECK_EQUAL(traced(s), other);
}

CAF_TEST(a field that cannot be read or comes twice tells nothing and goes on all the same) {
  for (auto fields : {"traceparent: 00-0-0-0\r\n"s, "traceparent: \r\n"s,
                      "traceparent: ff" + parent.substr(2) + "\r\n", part_of_trace + part_of_trace,
                      "traceparent: " + std::string(4000, 'a') + "\r\n"}) {
    exchange_stage s;
    auto [client, origin] = s.begin(get_it(fields));
    CAF_CHECK(has(origin.text, fields));
    CAF_CHECK_EQUAL(traced(s), "");
    origin.say(ok("done"));
    CAF_CHECK(s.hears(client, "done"));
  }
}

CAF_TEST(a head that cannot be read is part of no trace though the one before was) {
  exchange_stage s;
  auto& client = s.client();
  client.say(get("http://denied.test/", part_of_trace));
  CAF_CHECK(s.hears(client, "403"));
  CAF_CHECK_EQUAL(traced(s), parent);
  client.say("GET http://goes.test/ HTTP/1.1\r\n" + part_of_trace + "Host : x\r\n\r\n");
  CAF_CHECK(s.hears(client, "HTTP/1.1 400"));
  CAF_CHECK_EQUAL(traced(s), "");
}

CAF_TEST(a CONNECT says it of its tunnel and each request inside for itself) {
  intercepting s;
  auto& client = s.client();
  client.say("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n" + part_of_trace +
             "\r\n");
  CAF_REQUIRE(s.hears(client, "\r\n\r\n"));
  CAF_CHECK_EQUAL(traced(s), parent);
  client.forget();
  s.secure(client);
  auto& origin = s.answer_at(s.example);
  auto inner = "00-" + trace_digits + "-2222222222222222-01";
  CAF_CHECK_EQUAL(s.served(client, origin, ask_for("GET", "/", "traceparent: " + inner + "\r\n")),
                  200);
  CAF_CHECK(has(origin.text, "traceparent: " + inner + "\r\n"));
  CAF_CHECK_EQUAL(traced(s), inner);
  CAF_CHECK_EQUAL(s.served(client, origin, ask_for("GET", "/")), 200);
  CAF_CHECK(!has(origin.text, "traceparent"));
  CAF_CHECK_EQUAL(traced(s), "");
  CAF_CHECK_EQUAL(s.status(client, ask_for("POST", "/", part_of_trace, "x")), 403);
  CAF_CHECK_EQUAL(traced(s), parent);
}

CAF_TEST(streams of one connection are parts of traces of their own) {
  h2_stage s;
  auto& client = s.inside();
  for (std::string digit : {"3", "4", ""}) {
    auto own = digit.empty() ? "" : "00-" + trace_digits + "-000000000000000" + digit + "-00";
    auto id = digit.empty() ? client.ask("GET", "/")
                            : client.ask("GET", "/" + digit, {{"traceparent", own}});
    auto& origin = s.serve_h1(s.example);
    CAF_REQUIRE(s.hears(origin, "\r\n\r\n"));
    CAF_CHECK_EQUAL(has(origin.text, "traceparent: " + own + "\r\n"), !digit.empty());
    CAF_CHECK_EQUAL(traced(s), own);
    origin.say(ok("done", "Connection: close\r\n"));
    CAF_CHECK(s.ends(client, id));
  }
}
