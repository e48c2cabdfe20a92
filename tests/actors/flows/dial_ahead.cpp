#define CAF_SUITE actors.flows.dial_ahead
#include "tests/actors/flows/stage.hpp"

using namespace proxy;
using namespace proxy::test;

/// TLS with the upstream, and connections that are made when a tunnel is asked for and used when
/// its first request comes.

namespace {

const std::string allowed = "allowed_domains = [\"example.com\"]\n";
const std::string read = allowed + "mitm = { enabled = true, inspect = true }\n";
constexpr auto target = "93.184.216.34";

struct scene : stage {
  explicit scene(const std::string& network, const std::string& daemon = "")
    : stage({.network = network, .daemon = daemon}) {
    names.names["example.com"] = {.addresses = {ip(target)}};
  }

  /// A client of a tunnel that is read, which has shaken hands.
  party& in_tls(const std::string& authority = "example.com:443") {
    auto& who = tunnel(authority);
    who.speak_tls(trusts_proxy(), "example.com");
    CAF_REQUIRE(until([&] { return who.has_shaken_hands() || !who.tls_error.empty(); }));
    return who;
  }
  void answer(party& end, party& who, const std::string& line, bool tls = true) {
    if (tls)
      end.answer_tls(*origin_tls, origin_leaf("example.com"));
    CAF_CHECK(hears(end, line));
    end.say(ok("hello"));
    CAF_CHECK(hears(who, "hello"));
  }

  origin& at = serve_at(target, 443);
  origin& at80 = serve_at(target, 80);
};

const std::string request = "GET /x HTTP/1.1\r\nHost: example.com\r\n\r\n";

/// A frame of HTTP/2 (RFC 9113 §4.1) on no stream.
std::string frame(char type, const std::string& payload) {
  return std::string{'\0', '\0', static_cast<char>(payload.size()), type, '\0'} +
         std::string(4, '\0') + payload;
}
const std::string settings = frame(4, "");
/// The last words of a server that wants HTTP/1.1 (RFC 9113 §7).
const std::string wants_http1 = frame(7, std::string(7, '\0') + '\x0d');

} // namespace

CAF_TEST(the certificate of the target is looked at before anything is said) {
  struct row {
    const char* shown; ///< "": it does not speak TLS.
    const char* answer;
    const char* words;
  } rows[] = {
    {"example.com", "HTTP/1.1 200", "hello"},
    {"other.test", "HTTP/1.1 502", "error=tls_certificate_error"},
    {"www.example.com", "HTTP/1.1 502", "error=tls_certificate_error"},
    {"", "HTTP/1.1 502", "error=tls_protocol_error"},
  };
  for (const auto& [shown, answer, words] : rows) {
    CAF_MESSAGE("it shows: " << shown);
    scene s{allowed};
    auto& client = s.client();
    client.say(get("https://example.com/secret"));
    auto& origin = s.accept(s.at);
    if (*shown)
      origin.answer_tls(*s.origin_tls, s.origin_leaf(shown));
    else
      origin.say("HTTP/1.1 400 Bad Request\r\n\r\n");
    origin.say(*shown ? ok("hello") : "");
    CAF_CHECK(s.hears(client, answer));
    CAF_CHECK(s.hears(client, words));
    CAF_CHECK_EQUAL(origin.hears("secret"), std::string{answer}.ends_with("200"));
  }
}

CAF_TEST(a handshake that does not come to its end is an answer in time) {
  enum class fault { silent, ends, resets };
  struct row {
    fault what;
    const char* answer;
    const char* words;
  } rows[] = {
    {fault::silent, "HTTP/1.1 504", "longer than timeouts.tls_handshake = 4s"},
    {fault::ends, "HTTP/1.1 502", "error=tls_protocol_error"},
    {fault::resets, "HTTP/1.1 502", "error=tls_protocol_error"},
  };
  for (const auto& [what, answer, words] : rows) {
    CAF_MESSAGE(words);
    scene s{allowed, "timeouts.tls_handshake = \"4s\""};
    auto& client = s.client();
    client.say(get("https://example.com/"));
    auto& origin = s.accept(s.at);
    CAF_REQUIRE(s.until([&] { return !origin.text.empty(); }));
    CAF_CHECK(!s.hears(client, "HTTP", 3900ms));
    if (what == fault::ends)
      origin.finish();
    if (what == fault::resets)
      origin.reset();
    CAF_CHECK(s.hears(client, answer, 200ms));
    CAF_CHECK(s.hears(client, words));
  }
}

CAF_TEST(a client that leaves during the handshake takes the connection along) {
  scene s{allowed};
  auto& client = s.client();
  client.say(get("https://example.com/"));
  auto& origin = s.accept(s.at);
  CAF_REQUIRE(s.until([&] { return !origin.text.empty(); }));
  client.reset();
  CAF_CHECK(s.is_over(origin, 100ms));
}

CAF_TEST(a server of HTTP 2 alone is asked once more in it and in HTTP 1 when it then wants that) {
  scene s{allowed, "timeouts.tls_handshake = \"4s\""};
  auto& client = s.client();
  client.say(get("https://example.com/"));
  auto& first = s.accept(s.at);
  first.answer_tls(*s.origin_tls, s.origin_leaf("example.com"), {tls::alpn::h2});
  auto& second = s.accept(s.at);
  second.answer_tls(*s.origin_tls, s.origin_leaf("example.com"), {tls::alpn::h2});
  CAF_CHECK(s.hears(second, "PRI * HTTP/2.0\r\n"));
  CAF_CHECK(!s.hears(client, "HTTP", 3900ms)); // it agreed on it, and says nothing
  CAF_CHECK(s.hears(client, "HTTP/1.1 504", 200ms));
  // What it speaks is known from now on, until it says otherwise.
  client.forget();
  client.say(get("https://example.com/again"));
  auto& third = s.accept(s.at);
  third.answer_tls(*s.origin_tls, s.origin_leaf("example.com"), {tls::alpn::h2});
  CAF_CHECK(s.hears(third, "PRI * HTTP/2.0\r\n"));
  third.say(settings + wants_http1);
  auto& fourth = s.accept(s.at);
  s.answer(fourth, client, "GET /again HTTP/1.1\r\n");
}

CAF_TEST(a server that takes neither protocol is told as that) {
  scene s{allowed};
  auto& client = s.client();
  client.say(get("https://example.com/"));
  for (int i = 0; i < 2; ++i) {
    auto accepts = i == 0 ? tls::alpn::h2 : tls::alpn::http1;
    s.accept(s.at).answer_tls(*s.origin_tls, s.origin_leaf("example.com"), {accepts});
  }
  CAF_CHECK(s.hears(client, "HTTP/1.1 502"));
  CAF_CHECK(client.hears("error=tls_protocol_error"));
  CAF_CHECK(!s.is_called(s.at, 1s));
}

CAF_TEST(a tunnel that is read connects before it is open and speaks TLS after the first request) {
  scene s{read};
  auto& client = s.in_tls();
  auto& origin = s.accept(s.at);
  s.pass(5s);
  CAF_CHECK_EQUAL(origin.text, "");
  client.say(request);
  s.answer(origin, client, "GET /x HTTP/1.1\r\nHost: example.com\r\n");
  CAF_CHECK(!s.is_called(s.at, 1s));
}

CAF_TEST(a connection that was made for a tunnel and is of no use any more is made anew) {
  enum class since { ended, reset, reloaded, spoken };
  struct row {
    since what;
    bool tls;
    const char* mode;
  } rows[] = {
    {since::ended, true, "full"},      {since::reset, true, "full"},
    {since::reloaded, true, "full"},   {since::reloaded, false, "full"},
    {since::spoken, false, "full"},    // the client has heard it
    {since::spoken, false, "limited"}, // and here nobody
  };
  for (const auto& [what, tls, mode] : rows) {
    CAF_MESSAGE((tls ? "TLS" : "plain") << ", case " << static_cast<int>(what) << ", " << mode);
    auto network = read + "mode = \"" + mode + "\"\n";
    scene s{network};
    auto& at = tls ? s.at : s.at80;
    auto& client = tls ? s.in_tls() : s.tunnel("example.com:80");
    auto& first = s.accept(at);
    switch (what) {
      case since::ended: first.finish(); break;
      case since::reset: first.reset(); break;
      case since::reloaded: s.install(network); break;
      default: first.say("220 hello\r\n");
    }
    s.pass(1s);
    CAF_CHECK_EQUAL(client.text, what == since::spoken && *mode == 'f' ? "220 hello\r\n" : "");
    client.say(request);
    auto& second = s.accept(at);
    s.answer(second, client, "GET /x HTTP/1.1\r\n", tls);
    CAF_CHECK(!first.hears("GET"));
  }
}

CAF_TEST(a tunnel whose connection is of before is judged by the rules of now) {
  scene s{read};
  auto& client = s.in_tls();
  auto& first = s.accept(s.at);
  s.names.names["example.com"] = {.addresses = {ip("10.0.0.1")}};
  s.install(read, "dns.max_ttl = \"1s\""); // and what was looked up is forgotten
  client.say(request);
  CAF_CHECK(s.hears(client, "HTTP/1.1 403"));
  CAF_CHECK_EQUAL(first.text, "");
}

CAF_TEST(TLS of a connection that was made for a tunnel fails inside of it) {
  scene s{read};
  auto& client = s.in_tls();
  auto& origin = s.accept(s.at);
  client.say(request);
  origin.answer_tls(*s.origin_tls, s.origin_leaf("other.test"));
  CAF_CHECK(s.hears(client, "HTTP/1.1 502"));
  CAF_CHECK(client.hears("error=tls_certificate_error"));
}

CAF_TEST(a handshake comes to its end however small its pieces are) {
  scene s{allowed};
  simulation::conditions way;
  way.longest_read = 1;
  way.longest_write = 40;
  way.spurious = 200'000;
  s.set_way(s.at.on, way);
  auto& client = s.client();
  client.say(get("https://example.com/x"));
  s.answer(s.accept(s.at), client, "GET /x HTTP/1.1\r\n");
}
