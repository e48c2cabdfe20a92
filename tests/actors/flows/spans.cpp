#define CAF_SUITE actors.flows.spans
#include "actors/serve/client/request_spans.hpp" // unit under test

#include "tests/actors/flows/exchange_stage.hpp"
#include "tests/actors/flows/h2_stage.hpp"
#include "tests/actors/flows/intercepting.hpp"
#include "tests/actors/flows/socks_client.hpp"

using namespace proxy;
using namespace proxy::test;
using namespace std::string_literals;

namespace {

const std::string trace_digits = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string span_digits = "00f067aa0ba902b7";
const std::string parent = "00-" + trace_digits + '-' + span_digits + "-01";
const std::string part_of_trace = "traceparent: " + parent + "\r\n";

using span_list = std::vector<span_ptr>;

/// From now on spans are recorded, and none is sent: those that are over so far.
class recorder {
public:
  explicit recorder(stage& s) : from_(*s.process->telemetry) { from_.open(false, true, 1000); }
  span_list& operator*() {
    take();
    return seen_;
  }
  span_list* operator->() { return &**this; }

private:
  void take() {
    for (auto item = from_.take_all(); item; item = outlet::next(*item)) {
      seen_.push_back(std::get<span_ptr>(item->what));
      from_.left(outlet_kind::span, item->bytes);
    }
  }

  outlet& from_;
  span_list seen_;
};

recorder record(stage& s) { return recorder{s}; }

/// A span in words: "server GET 200 http://goes.test:80 http/1.1 of 192.0.2.9", "failed …: why".
std::string words_of(const span& one) {
  std::string out = one.failed ? "failed " : "";
  out += one.what == span::kind::server ? "server " : "client ";
  out += std::string{one.name()} + ' ' + std::to_string(one.status) + ' ';
  out += std::string{one.scheme} + "//" + one.host + ':' + std::to_string(one.port) + ' ';
  out += std::string{one.protocol} + '/' + std::string{one.version};
  if (one.client)
    out += " of " + one.client->ip.str();
  return one.error_type.empty() ? out : out + ": " + one.error_type;
}

std::vector<std::string> words_of(const span_list& all) {
  std::vector<std::string> out;
  for (const auto& each : all)
    out.push_back(words_of(*each));
  return out;
}

using lines = std::vector<std::string>;

/// Whether a span of what was sent upstream hangs below that of serving it.
bool is_below(const span& client, const span& server) {
  return client.context.trace == server.context.trace && client.parent == server.context.span &&
         client.context.span != server.context.span && client.begin >= server.begin &&
         client.end <= server.end && client.begin <= client.end;
}

std::string connect_to(const std::string& authority, const std::string& more = "") {
  return "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n" + more + "\r\n";
}

} // namespace

CAF_TEST(a request of no trace is the root of one and what it leads to hangs below it) {
  exchange_stage s;
  auto all = record(s);
  auto [client, origin] = s.begin(get_it());
  CAF_CHECK(all->empty()); // it is not over
  s.pass(2s);
  origin.say(ok("done"));
  CAF_CHECK(s.hears(client, "done"));
  s.pass(1ms);
  CAF_CHECK_EQUAL(words_of(*all), (lines{"client GET 200 http//goes.test:80 http/1.1",
                                         "server GET 200 http//goes.test:80 http/1.1 of "
                                         "192.0.2.9"}));
  CAF_REQUIRE_EQUAL(all->size(), 2u);
  const auto& below = *all->at(0);
  const auto& root = *all->at(1);
  CAF_CHECK(is_below(below, root));
  CAF_CHECK(root.parent == span_id{});
  CAF_CHECK(root.context.trace != trace_id{});
  CAF_CHECK(root.end - root.begin >= 2s);
  CAF_CHECK(root.end - root.begin < 3s);
  auto field = field_of(origin.text, "traceparent");
  CAF_CHECK_EQUAL(field, traceparent(below.context));
  CAF_CHECK(field.ends_with("-01"));
  // So does the event, by which the two are found together.
  CAF_REQUIRE(s.events.back()->trace);
  CAF_CHECK_EQUAL(traceparent(*s.events.back()->trace), traceparent(root.context));
}

CAF_TEST(a request that is part of a trace stays in it) {
  exchange_stage s;
  auto all = record(s);
  auto [client, origin] = s.begin(get_it(part_of_trace + "tracestate: a=1,b=2\r\n"));
  origin.say(ok("done"));
  CAF_CHECK(s.hears(client, "done"));
  s.pass(1ms);
  CAF_REQUIRE_EQUAL(all->size(), 2u);
  const auto& below = *all->at(0);
  const auto& served = *all->at(1);
  CAF_CHECK(is_below(below, served));
  CAF_CHECK_EQUAL(to_hex(served.context.trace), trace_digits);
  CAF_CHECK_EQUAL(to_hex(served.parent), span_digits);
  CAF_CHECK_EQUAL(field_of(origin.text, "traceparent"), traceparent(below.context));
  CAF_CHECK(origin.text.find("traceparent") == origin.text.rfind("traceparent"));
  CAF_CHECK(has(origin.text, "tracestate: a=1,b=2\r\n"));
  CAF_CHECK_EQUAL(traceparent(*s.events.back()->trace), parent);
}

CAF_TEST(what is not wanted or not recorded by who began it goes on as it came) {
  struct row {
    std::string fields;
    bool wanted;
  };
  auto unsampled = "traceparent: 00-" + trace_digits + '-' + span_digits + "-00\r\n";
  for (const auto& [fields, wanted] : std::initializer_list<row>{
         {"", false},
         {part_of_trace, false},
         {unsampled, false},
         {unsampled, true},
       }) {
    exchange_stage s;
    auto all = record(s);
    if (!wanted)
      s.process->telemetry->close();
    auto [client, origin] = s.begin(get_it(fields));
    origin.say(ok("done"));
    CAF_CHECK(s.hears(client, "done"));
    client.say(get("http://denied.test/", fields));
    CAF_CHECK(s.hears(client, "403"));
    s.pass(1ms);
    CAF_CHECK(all->empty());
    CAF_CHECK_EQUAL(has(origin.text, "traceparent"), !fields.empty());
    CAF_CHECK(has(origin.text, fields));
  }
}

CAF_TEST(what comes to no good end says why by a name of a few) {
  struct row {
    std::string request;
    std::function<void(exchange_stage&, party& client)> goes_on;
    lines spans;
  };
  const auto of = " http/1.1 of 192.0.2.9"s;
  auto answered = [](const std::string& by) {
    return [by](exchange_stage& s, party&) {
      auto& origin = s.accept(s.at_origin);
      CAF_REQUIRE(s.hears(origin, "\r\n\r\n"));
      origin.say(by);
      origin.finish();
    };
  };
  auto none = [](exchange_stage&, party&) {};
  for (const auto& [request, goes_on, spans] : std::initializer_list<row>{
         {get("http://denied.test/"),
          none,
          {"server GET 403 http//denied.test:80" + of + ": not_allowed"}},
         {get("http://goes.test:81/"),
          none,
          {"failed client GET 0 http//goes.test:81 http/1.1: connection_refused",
           "failed server GET 502 http//goes.test:81" + of + ": connection_refused"}},
         {"BREW http://denied.test/secret?token=x HTTP/1.1\r\nHost: denied.test\r\n\r\n",
          none,
          {"server HTTP 403 http//denied.test:80" + of + ": not_allowed"}},
         {"GET http://goes.test/ HTTP/1.1\r\nHost : x\r\n\r\n",
          none,
          {"server HTTP 400 http//:0" + of + ": malformed"}},
         {get_it(),
          answered("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
          {"failed client GET 404 http//goes.test:80 http/1.1: 404",
           "server GET 404 http//goes.test:80" + of}},
         {get_it(),
          answered("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"),
          {"failed client GET 503 http//goes.test:80 http/1.1: 503",
           "failed server GET 503 http//goes.test:80" + of + ": 503"}},
         {get_it(),
          answered("nonsense\r\n\r\n"),
          {"failed client GET 0 http//goes.test:80 http/1.1: http_protocol_error",
           "failed server GET 502 http//goes.test:80" + of + ": http_protocol_error"}},
         {get_it(),
          answered("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
          {"failed client GET 200 http//goes.test:80 http/1.1: http_protocol_error",
           "failed server GET 200 http//goes.test:80" + of + ": http_protocol_error"}},
         {get_it(),
          [](exchange_stage&s, party&client) {
            auto& origin = s.accept(s.at_origin);
            CAF_REQUIRE(s.hears(origin, "\r\n\r\n"));
            client.reset();
          },
          {"failed client GET 0 http//goes.test:80 http/1.1: client_gone",
           "failed server GET 0 http//goes.test:80" + of + ": client_gone"}},
       }) {
    CAF_MESSAGE(request);
    exchange_stage s;
    auto all = record(s);
    auto& client = s.client();
    client.say(request);
    goes_on(s, client);
    (void)s.until([&] { return client.hears("\r\n\r\n") || client.is_over(); });
    s.pass(1s);
    CAF_CHECK_EQUAL(words_of(*all), spans);
  }
}

CAF_TEST(what others noted of a trace does not go on with one that begins here) {
  for (const auto& fields : {"tracestate: a=1\r\n"s, "traceparent: 00-x\r\nTraceState: a=1\r\n"s}) {
    CAF_MESSAGE(fields);
    exchange_stage s;
    auto all = record(s);
    auto [client, origin] = s.begin(get_it(fields + "X-Else: kept\r\n"));
    origin.say(ok("done"));
    CAF_CHECK(s.hears(client, "done"));
    s.pass(1ms);
    CAF_CHECK_EQUAL(all->size(), 2u);
    CAF_CHECK_EQUAL(field_of(origin.text, "tracestate"), "");
    CAF_CHECK_EQUAL(field_of(origin.text, "X-Else"), "kept");
  }
}

CAF_TEST(a tunnel that does not come to stand says why) {
  exchange_stage s{{.network = R"(allowed_domains = ["goes.test"])"}};
  auto all = record(s);
  s.set_way(s.at_origin.on, swallowing());
  auto& client = s.client();
  client.say(connect_to("goes.test:80"));
  s.pass(1s);
  client.reset();
  auto& by_socks = socks_client(s);
  by_socks.say(socks_request(socks_connect, "goes.test", 80));
  s.pass(1s);
  by_socks.reset();
  s.pass(1s);
  CAF_CHECK_EQUAL(words_of(*all),
                  (lines{"server CONNECT 0 //goes.test:80 http/1.1 of 192.0.2.9: client_gone",
                         "server CONNECT 0 //goes.test:80 socks/5 of 192.0.2.9: client_gone"}));
}

CAF_TEST(a tunnel that turns out not to be readable has failed) {
  intercepting s{{.network = inspecting}};
  auto all = record(s);
  auto& client = s.tunnel("example.com:443");
  auto& origin = s.accept(s.example);
  client.say("\x01 not a request\n");
  CAF_REQUIRE(s.hears(origin, "request"));
  origin.say("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecret");
  CAF_CHECK(s.is_over(client));
  s.pass(1s);
  auto told = words_of(*all);
  CAF_REQUIRE(!told.empty());
  CAF_CHECK_EQUAL(told.back(), "failed server CONNECT 200 //example.com:443 http/1.1 of "
                               "192.0.2.9: mitm_required"s);
}

CAF_TEST(a tunnel is one span from its CONNECT to its end) {
  exchange_stage s{{.network = R"(allowed_domains = ["goes.test"])"}};
  auto all = record(s);
  struct row {
    std::function<void(party& client, party& origin)> end;
    std::string words;
  };
  for (const auto& [end, words] : std::initializer_list<row>{
         {[](party&client, party&origin) {
            client.finish();
            origin.finish();
          },
          "server CONNECT 200 //goes.test:80 http/1.1 of 192.0.2.9"},
         {[](party&, party&origin) { origin.reset(); },
          "failed server CONNECT 200 //goes.test:80 http/1.1 of 192.0.2.9: upstream_gone"},
       }) {
    all->clear();
    auto& client = s.client();
    client.say(connect_to("goes.test:80", part_of_trace));
    CAF_CHECK(s.hears(client, "200"));
    auto& origin = s.accept(s.at_origin);
    s.pass(30s);
    CAF_CHECK(all->empty());
    end(client, origin);
    CAF_CHECK(s.is_over(client));
    s.pass(1s);
    CAF_CHECK_EQUAL(words_of(*all), lines{words});
    CAF_REQUIRE_EQUAL(all->size(), 1u);
    CAF_CHECK_EQUAL(to_hex(all->front()->parent), span_digits);
    CAF_CHECK(all->front()->end - all->front()->begin >= 30s);
  }
}

CAF_TEST(a tunnel over SOCKS is a trace of its own) {
  exchange_stage s;
  auto all = record(s);
  auto& client = socks_tunnel(s, "goes.test", 80);
  auto& origin = s.accept(s.at_origin);
  CAF_CHECK(all->empty());
  client.finish();
  origin.finish();
  CAF_CHECK(s.is_over(client));
  auto& other = socks_client(s);
  other.say(socks_request(socks_connect, "denied.test", 80));
  CAF_CHECK(s.is_over(other));
  s.pass(1s);
  CAF_CHECK_EQUAL(words_of(*all),
                  (lines{"server CONNECT 0 //goes.test:80 socks/5 of 192.0.2.9",
                         "failed server CONNECT 0 //denied.test:80 socks/5 of 192.0.2.9: "
                         "not_allowed"}));
  CAF_REQUIRE_EQUAL(all->size(), 2u);
  CAF_CHECK(all->at(0)->context.trace != all->at(1)->context.trace);
  CAF_CHECK(all->at(0)->context.is_sampled());
}

CAF_TEST(requests inside a tunnel have spans of their own and the tunnel has one to its end) {
  intercepting s;
  auto all = record(s);
  auto& client = s.client();
  client.say(connect_to("example.com:443", part_of_trace));
  CAF_REQUIRE(s.hears(client, "\r\n\r\n"));
  client.forget();
  s.secure(client);
  auto& origin = s.answer_at(s.example);
  CAF_CHECK_EQUAL(s.served(client, origin, ask_for("GET", "/")), 200);
  s.pass(1ms);
  auto inside = *all;
  CAF_CHECK_EQUAL(words_of(inside),
                  (lines{"client GET 200 https//example.com:443 http/1.1",
                         "server GET 200 https//example.com:443 http/1.1 of 192.0.2.9"}));
  CAF_REQUIRE_EQUAL(inside.size(), 2u);
  CAF_CHECK(is_below(*inside[0], *inside[1]));
  CAF_CHECK(inside[1]->parent == span_id{}); // a trace of its own, as it says none
  CAF_CHECK_EQUAL(field_of(origin.text, "traceparent"), traceparent(inside[0]->context));
  client.close();
  s.pass(1s);
  auto told = words_of(*all);
  CAF_CHECK_EQUAL(told.back(), "server CONNECT 200 //example.com:443 http/1.1 of 192.0.2.9"s);
  CAF_CHECK_EQUAL(to_hex(all->back()->context.trace), trace_digits);
}

CAF_TEST(streams have spans of their own that say which version they came by) {
  h2_stage s;
  auto all = record(s);
  auto& client = s.inside();
  auto first = client.ask("GET", "/1", {{"traceparent", parent}});
  auto& origin = s.serve_h2(s.example);
  auto there = s.take(origin, "/1");
  auto second = client.ask("GET", "/2");
  auto there_too = s.take(origin, "/2");
  origin.answer(there_too, "200");
  origin.answer(there, "200");
  CAF_CHECK(s.ends(client, first));
  CAF_CHECK(s.ends(client, second));
  s.pass(1ms);
  CAF_REQUIRE_EQUAL(all->size(), 4u);
  for (const auto& each : *all)
    CAF_CHECK_EQUAL(each->version, "2");
  auto traced = [&](const span_ptr& one) { return to_hex(one->context.trace) == trace_digits; };
  CAF_CHECK_EQUAL(std::ranges::count_if(*all, traced), 2);
}

CAF_TEST(a hook that takes the field off or sets it is obeyed) {
  struct row {
    std::string actions, field;
  };
  for (const auto& [actions, field] : std::initializer_list<row>{
         {R"(strip_request_headers = ["traceparent"])", ""},
         {R"(inject_request_headers = [{name = "TraceParent", secret_env_var = "OWN"}])",
          "own-value"},
       }) {
    intercepting s{{.network = two_hosts +
                               "mitm = true\nmitm_hooks = [{host = \"example.com\", match = "
                               "{methods = [\"GET\"], path_prefixes = [\"/\"]}, actions = {" +
                               actions + "}}]\n",
                    .environment = {{"OWN", "own-value"}}}};
    auto all = record(s);
    auto& client = s.inside();
    auto& origin = s.answer_at(s.example);
    CAF_CHECK_EQUAL(s.served(client, origin, ask_for("GET", "/", part_of_trace)), 200);
    s.pass(1ms);
    CAF_CHECK_EQUAL(all->size(), 2u);
    CAF_CHECK_EQUAL(field_of(origin.text, "TraceParent") + field_of(origin.text, "traceparent"),
                    field);
  }
}

CAF_TEST(a request that is judged anew has the spans that it had) {
  exchange_stage s;
  s.names.names["goes.test"].late = 3s;
  auto all = record(s);
  auto& client = s.client();
  client.say(get_it(part_of_trace));
  s.pass(1s);
  s.install("allowed_domains = [\"goes.test\", \"other.test\"]");
  auto& origin = s.accept(s.at_origin);
  CAF_REQUIRE(s.hears(origin, "\r\n\r\n"));
  origin.say(ok("done"));
  CAF_CHECK(s.hears(client, "done"));
  s.pass(1ms);
  CAF_REQUIRE_EQUAL(all->size(), 2u);
  CAF_CHECK_EQUAL(field_of(origin.text, "traceparent"), traceparent(all->at(0)->context));
  CAF_CHECK(origin.text.find("traceparent") == origin.text.rfind("traceparent"));
}

CAF_TEST(no span ends before it began whoever sets the clock) {
  exchange_stage s;
  auto all = record(s);
  auto [client, origin] = s.begin(get_it());
  s.w.time().set_wall(s.w.time().wall() - 1h);
  s.pass(1s);
  origin.say(ok("done"));
  CAF_CHECK(s.hears(client, "done"));
  s.pass(1ms);
  for (const auto& each : *all) {
    CAF_CHECK(each->end - each->begin >= 1s);
    CAF_CHECK(each->end - each->begin < 2s);
  }
}

CAF_TEST(ids are never used twice) {
  exchange_stage s;
  auto all = record(s);
  auto& client = s.client();
  for (int i = 0; i < 100; ++i)
    client.say(get("http://denied.test/"));
  CAF_CHECK(s.until([&] { return all->size() == 100; }));
  std::set<std::string> seen;
  for (const auto& each : *all) {
    CAF_CHECK(seen.insert(to_hex(each->context.trace)).second);
    CAF_CHECK(seen.insert(to_hex(each->context.span)).second);
  }
}
