#define CAF_SUITE actors.flows.intercept_origin
#include "tests/actors/flows/intercepting.hpp"

#include <openssl/ssl.h>

#include "tls/leaf.hpp"

using namespace proxy;
using namespace proxy::test;

/// What a client inside its tunnel is told of an origin that cannot be believed, or does not
/// answer.

namespace {

/// How an origin behaves once it is called.
enum class how : uint8_t {
  well,
  resets_at_once,
  closes_at_once,
  resets_in_handshake,
  closes_in_handshake,
  speaks_plainly,
  speaks_h2_alone,
  says_nothing,
  closes_after_request,
  resets_after_request,
};

/// @returns the connection, once it has done so.
party& behave(intercepting& s, stage::origin& at, how like, const tls::leaf_ptr& as) {
  auto& who = s.accept(at);
  switch (like) {
    case how::resets_at_once: who.reset(); break;
    case how::closes_at_once: who.close(); break;
    case how::resets_in_handshake:
    case how::closes_in_handshake:
      CAF_CHECK(s.until([&] { return !who.text.empty(); }));
      like == how::resets_in_handshake ? who.reset() : who.close();
      break;
    case how::speaks_plainly: who.say("HTTP/1.1 400 Bad Request\r\n\r\n"); break;
    case how::says_nothing: break;
    case how::speaks_h2_alone: who.answer_tls(*s.origin_tls, as, {.accept = tls::alpn::h2}); break;
    default: who.answer_tls(*s.origin_tls, as);
  }
  if (like == how::closes_after_request || like == how::resets_after_request) {
    CAF_CHECK(s.hears(who, "\r\n\r\n"));
    s.pass(10ms); // its ticket is a read of its own
    like == how::resets_after_request ? who.reset() : who.close();
  }
  return who;
}

/// A certificate of the origins' CA that was made at another time, when it was right.
tls::leaf_ptr leaf_of(intercepting& s, std::chrono::hours ago) {
  auto now = s.w.time().wall();
  s.w.time().set_wall(now - ago);
  auto made = s.origin_leaf("example.com");
  s.w.time().set_wall(now);
  return made;
}

} // namespace

CAF_TEST(an origin that cannot be believed is told inside the tunnel and gets no request) {
  auto strangers =
    unbox(tls::authority::make(std::chrono::system_clock::time_point{} + 24h * 365 * 57 - 24h));
  struct row {
    std::string what;
    std::function<tls::leaf_ptr(intercepting&)> shown;
    std::string words;
  } rows[] = {
    {"another name", [](auto& s) { return s.origin_leaf("other.test"); },
     "not for example.com but for other.test"},
    {"a name below", [](auto& s) { return s.origin_leaf("www.example.com"); },
     "not for example.com but for www.example.com"},
    {"an address", [](auto& s) { return s.origin_leaf("93.184.216.34"); },
     "not for example.com but for 93.184.216.34"},
    {"an unknown CA",
     [&](auto& s) {
       return unbox(tls::mint(strangers, *host::parse("example.com"), s.w.time().wall()));
     },
     "no trusted root vouches for the certificate"},
    {"our own CA",
     [](auto& s) {
       auto ours = unbox(
         tls::authority::load({s.at("proxy/ca.pem"), s.at("proxy/ca.key")}, s.w.time().wall()));
       return unbox(tls::mint(ours, *host::parse("example.com"), s.w.time().wall()));
     },
     ""},
  };
  for (auto& [what, shown, words] : rows) {
    CAF_MESSAGE(what);
    intercepting s{{.network = inspecting}};
    auto& client = s.inside();
    client.say(ask_for("POST", "/secret", "", "x=1"));
    auto& origin = s.accept(s.example);
    origin.answer_tls(*s.origin_tls, shown(s));
    CAF_CHECK_EQUAL(s.status_of(client), 502);
    CAF_CHECK(has(client.text, "error=tls_certificate_error"));
    CAF_CHECK(has(client.text, words));
    CAF_CHECK(has(client.text, "CN=")); // whose it is, for who has to look for it
    CAF_CHECK_EQUAL(origin.text, "");
    CAF_CHECK_EQUAL(s.decided("fault https example.com:443 tls_certificate_error"), 1u);
    // Nothing of it stays: the next request finds an origin that is right.
    client.forget();
    client.say(ask_for("GET", "/again"));
    auto& good = s.answer_at(s.example);
    CAF_CHECK(s.hears(good, "GET /again "));
    good.say(ok("right"));
    CAF_CHECK(s.hears(client, "right"));
  }
}

CAF_TEST(a certificate is held against the time of day when it is shown) {
  struct row {
    std::string what;
    std::chrono::hours made; ///< So long ago.
    std::string words;       ///< "" for a good one.
  } rows[] = {
    {"new", 0h, ""},
    {"an hour is left", 24h * 30 - 2h, ""},
    {"an hour late", 24h * 30 + 1h, "the certificate expired on "},
    {"not yet", -2h, "the certificate is not valid before "},
  };
  for (auto& [what, made, words] : rows) {
    CAF_MESSAGE(what);
    intercepting s;
    // The CA is as old as the world, and must be good at either time.
    s.w.time().set_wall(s.w.time().wall() + 24h * 60);
    auto shown = leaf_of(s, made);
    auto& client = s.inside();
    client.say(ask_for("GET", "/"));
    auto& origin = s.accept(s.example);
    origin.answer_tls(*s.origin_tls, shown);
    if (words.empty()) {
      CAF_CHECK(s.hears(origin, "GET / "));
    } else {
      CAF_CHECK_EQUAL(s.status_of(client), 502);
      CAF_CHECK(has(client.text, words));
      CAF_CHECK(has(client.text, "error=tls_certificate_error"));
    }
  }
}

CAF_TEST(an origin that breaks off is told inside the tunnel which goes on) {
  struct row {
    how like;
    std::string method;
    int status;
    std::string error, words;
  } rows[] = {
    {how::resets_in_handshake, "GET", 502, "tls_protocol_error", "during the handshake"},
    {how::closes_in_handshake, "GET", 502, "tls_protocol_error",
     "the upstream closed the connection during the handshake"},
    {how::speaks_plainly, "GET", 502, "tls_protocol_error", "the upstream did not speak TLS"},
    {how::closes_after_request, "GET", 502, "http_protocol_error", "closed without a response"},
    {how::resets_after_request, "GET", 502, "http_protocol_error", "closed without a response"},
    {how::closes_after_request, "POST", 502, "http_protocol_error", "without a response"},
  };
  for (auto& [like, method, status, error, words] : rows) {
    CAF_MESSAGE(int(like) << ' ' << method);
    // At once, as one that speaks unasked is dropped when all is read before any flow runs.
    intercepting s{{.network = inspecting, .at_once = true}};
    auto& client = s.inside();
    client.say(ask_for(method, "/"));
    (void)behave(s, s.example, like, s.origin_leaf("example.com"));
    CAF_CHECK_EQUAL(s.status_of(client), status);
    CAF_CHECK(has(client.text, words));
    CAF_CHECK(has(client.text, "error=" + error));
    client.forget();
    client.say(ask_for("GET", "/again"));
    auto& good = s.answer_at(s.example);
    CAF_CHECK(s.hears(good, "GET /again "));
    good.say(ok("right"));
    CAF_CHECK(s.hears(client, "right"));
  }
}

CAF_TEST(an origin that has gone by the time of the first request is dialled anew) {
  for (auto like : {how::resets_at_once, how::closes_at_once, how::speaks_plainly}) {
    CAF_MESSAGE(int(like));
    intercepting s;
    auto& client = s.inside();
    (void)behave(s, s.example, like, nullptr);
    s.pass(1s);
    client.say(ask_for("GET", "/"));
    auto& good = s.answer_at(s.example);
    CAF_CHECK(s.hears(good, "GET / "));
    good.say(ok("here"));
    CAF_CHECK(s.hears(client, "here"));
  }
}

CAF_TEST(an origin that does not answer the handshake has its time and no more) {
  intercepting s{{.network = limited, .daemon = "timeouts.tls_handshake = \"7s\""}};
  auto& client = s.inside();
  client.say(ask_for("GET", "/"));
  auto& origin = s.accept(s.example);
  CAF_CHECK(s.until([&] { return !origin.text.empty(); })); // its hello
  CAF_CHECK(!s.hears(client, "HTTP/1.1", 6500ms));
  CAF_CHECK(s.hears(client, "HTTP/1.1 504", 1s));
  CAF_CHECK(has(client.text, "timeouts.tls_handshake"));
  CAF_CHECK(s.is_over(origin));
  CAF_CHECK(!client.is_over());
}

CAF_TEST(an origin that does not answer a request has its time and no more) {
  intercepting s{{.network = limited, .daemon = "timeouts.response = \"40s\""}};
  auto& client = s.inside();
  client.say(ask_for("GET", "/"));
  auto& origin = s.answer_at(s.example);
  CAF_REQUIRE(s.hears(origin, "GET / "));
  CAF_CHECK(!s.hears(client, "HTTP/1.1", 39s));
  CAF_CHECK(s.hears(client, "HTTP/1.1 504", 2s));
  CAF_CHECK(s.is_over(origin));
}

CAF_TEST(an origin is called by its name and resumes what it has begun) {
  struct row {
    std::string what, network;
    std::chrono::nanoseconds later;
    bool resumed;
  } rows[] = {
    {"the next connection", "", 1s, true},
    {"one under another policy", inspecting, 1s, false},
    {"one much later", "", 3h, false},
  };
  for (auto& [what, network, later, resumed] : rows) {
    CAF_MESSAGE(what);
    intercepting s;
    auto& first = s.inside();
    first.say(ask_for("GET", "/"));
    auto& origin = s.answer_at(s.example);
    CAF_CHECK(s.hears(origin, "GET / "));
    std::string called = SSL_get_servername(origin.session(), TLSEXT_NAMETYPE_host_name);
    CAF_CHECK_EQUAL(called, "example.com");
    CAF_CHECK(!tls::is_resumed(*origin.session()));
    origin.say(ok("once", "Connection: close\r\n"));
    CAF_CHECK(s.hears(first, "once"));
    origin.finish();
    first.close();
    if (!network.empty())
      s.install(network);
    s.pass(later);
    auto& second = s.inside();
    second.say(ask_for("GET", "/2"));
    auto& again = s.answer_at(s.example);
    CAF_CHECK(s.hears(again, "GET /2 "));
    CAF_CHECK_EQUAL(tls::is_resumed(*again.session()), resumed);
  }
}

CAF_TEST(an origin speaks either version of TLS and the oldest are not taken) {
  for (auto version : {TLS1_3_VERSION, TLS1_2_VERSION, TLS1_1_VERSION}) {
    CAF_MESSAGE(version);
    intercepting s{{.network = limited, .at_once = true}}; // one that speaks TLS 1.1 alone begins
    auto& client = s.inside();
    auto& origin = s.somebody(s.example.on);
    origin.answer_tls(*s.origin_tls, s.origin_leaf("example.com")); // it is not called yet
    auto* session = const_cast<SSL*>(origin.session());
    SSL_set_security_level(session, 0);
    SSL_set_min_proto_version(session, std::min(version, TLS1_2_VERSION));
    SSL_set_max_proto_version(session, version);
    client.say(ask_for("GET", "/v"));
    CAF_REQUIRE(s.until([&] { return origin.accept(s.example.listens); }));
    if (version == TLS1_1_VERSION) {
      CAF_CHECK_EQUAL(s.status_of(client), 502);
      CAF_CHECK(has(client.text, "error=tls_"));
      continue;
    }
    CAF_CHECK(s.hears(origin, "GET /v "));
    CAF_CHECK_EQUAL(SSL_version(session), version);
    origin.say(ok("spoken"));
    CAF_CHECK(s.hears(client, "spoken"));
  }
}

CAF_TEST(connections to an origin are shared by the tunnels and by requests in absolute form) {
  intercepting s;
  auto& first = s.inside();
  first.say(ask_for("GET", "/1"));
  auto& origin = s.answer_at(s.example);
  CAF_CHECK(s.hears(origin, "GET /1 "));
  origin.say(ok("one"));
  CAF_CHECK(s.hears(first, "one"));
  auto& second = s.inside();
  CAF_CHECK_EQUAL(s.served(second, origin, ask_for("GET", "/2")), 200);
  auto& third = s.client();
  third.say("GET https://example.com/3 HTTP/1.1\r\nHost: example.com\r\n\r\n");
  CAF_CHECK(s.hears(origin, "GET /3 "));
  CAF_CHECK(!s.is_called(s.example, 1s));
}

CAF_TEST(an origin that closes right behind its ticket is told at once) {
  intercepting s{{.network = inspecting}};
  auto& client = s.inside();
  client.say(ask_for("GET", "/"));
  auto& origin = s.answer_at(s.example);
  CAF_REQUIRE(s.hears(origin, "\r\n\r\n")); // its ticket is on its way
  origin.close();
  CAF_CHECK(s.hears(client, "HTTP/1.1 502", 5s));
}
