#define CAF_SUITE actors.flows.intercept
#include "tests/actors/flows/intercepting.hpp"

#include <openssl/x509v3.h>

using namespace proxy;
using namespace proxy::test;

/// Requests inside tunnels whose TLS is taken off, and the certificates that clients are shown.

namespace {

/// The certificate that a client was shown.
std::shared_ptr<X509> shown_to(const party& who) {
  return {SSL_get1_peer_certificate(who.session()), X509_free};
}

std::string serial_of(const party& who) {
  auto certificate = shown_to(who);
  std::unique_ptr<BIGNUM, void (*)(BIGNUM*)> number{
    ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate.get()), nullptr), BN_free};
  std::unique_ptr<char, void (*)(char*)> text{BN_bn2hex(number.get()),
                                              [](char* s) { OPENSSL_free(s); }};
  return text.get();
}

} // namespace

CAF_TEST(limited mode lets reads pass and refuses the rest inside the tunnel which goes on) {
  intercepting s;
  auto& client = s.inside();
  auto& origin = s.answer_at(s.example);
  for (auto method : {"GET", "HEAD", "OPTIONS"}) {
    CAF_MESSAGE(method);
    CAF_CHECK_EQUAL(s.served(client, origin, ask_for(method, "/a?b=c")), 200);
    CAF_CHECK(origin.text.starts_with(std::string{method} + " /a?b=c HTTP/1.1\r\nHost: example"));
  }
  for (auto method : {"POST", "PUT", "DELETE", "PATCH", "get", "TRACE", "BREW"}) {
    CAF_MESSAGE(method);
    origin.forget();
    CAF_CHECK_EQUAL(s.status(client, ask_for(method, "/", "", method[0] == 'P' ? "x=1" : "")), 403);
    CAF_CHECK(has(client.text, "x-proxy-error: blocked-by-method-policy"));
    CAF_CHECK(has(client.text, "connection: close") == false);
    CAF_CHECK_EQUAL(origin.text, "");
  }
  CAF_CHECK_EQUAL(s.served(client, origin, ask_for("GET", "/again")), 200);
  CAF_CHECK_EQUAL(s.decided("deny https example.com:443 method_not_allowed"), 7u);
  CAF_CHECK_EQUAL(s.decided("allow https example.com:443 allow"), 4u);
  CAF_CHECK_EQUAL(s.decided("allow https_connect example.com:443 allow"), 1u);
  CAF_CHECK_EQUAL(s.told(), 12u);
}

CAF_TEST(requests that come at once are judged one by one and answered in their order) {
  intercepting s;
  auto& client = s.inside();
  client.say(ask_for("GET", "/1") + ask_for("DELETE", "/2") + ask_for("POST", "/3", "", "GET /x") +
             ask_for("GET", "/4"));
  auto& origin = s.answer_at(s.example);
  CAF_REQUIRE(s.hears(origin, "GET /1 "));
  s.pass(5s);
  CAF_CHECK(!has(origin.text, "/4")); // not before its turn
  origin.say(ok("first"));
  CAF_REQUIRE(s.hears(origin, "GET /4 "));
  origin.say(ok("fourth"));
  CAF_REQUIRE(s.hears(client, "fourth"));
  CAF_CHECK(!has(origin.text, "/2") && !has(origin.text, "/3") && !has(origin.text, "/x"));
  auto at = client.text.find("first");
  for (auto next : {"HTTP/1.1 403", "HTTP/1.1 403", "HTTP/1.1 200", "fourth"}) {
    at = client.text.find(next, at + 1);
    CAF_CHECK_NOT_EQUAL(at, std::string::npos);
  }
}

CAF_TEST(a request for another host than its tunnel leads to never leaves) {
  struct row {
    std::string what, server_name, request;
    int status;
  } rows[] = {
    {"all agree", "example.com", ask_for("GET", "/"), 200},
    {"none by the hello", "", ask_for("GET", "/"), 200},
    {"another case", "EXAMPLE.com", ask_for("GET", "/", "", "", "Example.COM"), 200},
    {"a dot at the end", "example.com", ask_for("GET", "/", "", "", "example.com."), 200},
    {"the port is the tunnel's", "example.com", ask_for("GET", "/", "", "", "example.com:8"), 200},
    {"in absolute form", "example.com", ask_for("GET", "https://example.com/"), 200},
    {"Host", "example.com", ask_for("GET", "/", "", "", "other.test"), 421},
    {"a name below", "example.com", ask_for("GET", "/", "", "", "a.example.com"), 421},
    {"its address", "example.com", ask_for("GET", "/", "", "", "93.184.216.34"), 421},
    {"the target", "example.com", ask_for("GET", "https://other.test/", "", "", "other.test"), 421},
    {"the server name", "other.test", ask_for("GET", "/", "", "", "other.test"), 421},
    {"the server name alone", "other.test", ask_for("GET", "/"), 421},
    {"the server name is none", "x_.%", ask_for("GET", "/"), 421},
    {"the target, not Host", "example.com", ask_for("GET", "https://other.test/"), 400},
    {"two of them", "example.com", ask_for("GET", "/", "Host: other.test\r\n"), 400},
    {"none", "example.com", "GET / HTTP/1.1\r\n\r\n", 400},
    {"http", "example.com", ask_for("GET", "http://example.com/"), 400},
    {"a tunnel inside", "example.com", ask_for("CONNECT", "example.com:443"), 405},
    {"a tunnel elsewhere", "other.test", ask_for("CONNECT", "other.test:443"), 405},
  };
  for (auto& [what, server_name, request, status] : rows) {
    CAF_MESSAGE(what);
    intercepting s;
    odd_client client{s.tunnel("example.com:443"), server_name};
    CAF_REQUIRE(s.until([&] { return client.step(); }));
    client.on.say(client.sealed(request));
    std::string heard;
    if (status == 200) {
      auto& origin = s.answer_at(s.example);
      CAF_CHECK(s.hears(origin, "\r\n\r\n"));
      CAF_CHECK(origin.text.starts_with("GET / HTTP/1.1\r\nHost: example.com"));
      origin.say(ok("x"));
    }
    CAF_CHECK(s.until([&] { return !(heard += client.heard()).empty(); }));
    CAF_CHECK_EQUAL(heard.substr(0, 12), "HTTP/1.1 " + std::to_string(status));
    CAF_CHECK_EQUAL(s.decided("deny https example.com:443 misdirected"), status == 421 ? 1u : 0u);
    if (status != 200) {
      auto& dialled = s.accept(s.example);
      s.pass(5s);
      CAF_CHECK_EQUAL(dialled.text, ""); // not even a hello
    }
  }
}

CAF_TEST(what a client offers is agreed on in either version of TLS) {
  struct row {
    int version;
    std::string_view offer, chosen;
    bool good;
  } rows[] = {
    {TLS1_3_VERSION, "", "", true},
    {TLS1_2_VERSION, "", "", true},
    {TLS1_3_VERSION, "\x08http/1.1", "http/1.1", true},
    {TLS1_2_VERSION, "\x08http/1.1", "http/1.1", true},
    {TLS1_3_VERSION, "\x03spy\x08http/1.1", "http/1.1", true},
    {TLS1_3_VERSION, "\x08http/1.0", "", false},
    {TLS1_2_VERSION, "\x03spy", "", false},
    {TLS1_1_VERSION, "", "", false},
  };
  for (auto& [version, offer, chosen, good] : rows) {
    CAF_MESSAGE(version << ' ' << offer);
    intercepting s;
    odd_client client{s.tunnel("example.com:443"), "example.com", version};
    SSL_CTX_set_security_level(client.context(), 0);
    SSL_set_security_level(client.session(), 0);
    if (!offer.empty())
      SSL_set_alpn_protos(client.session(), reinterpret_cast<const unsigned char*>(offer.data()),
                          static_cast<unsigned>(offer.size()));
    auto shaken =
      s.until([&] { return client.step() || client.on.is_over(); }) && !client.on.is_over();
    CAF_CHECK_EQUAL(shaken, good);
    if (!good) {
      CAF_CHECK(s.logs("msg=client_tls_failed host=example.com"));
      CAF_CHECK_EQUAL(s.told(), 1u);
      continue;
    }
    CAF_CHECK_EQUAL(tls::protocol_of(*client.session()), chosen);
    auto& origin = s.accept(s.example);
    client.on.say(client.sealed(ask_for("GET", "/v")));
    origin.answer_tls(*s.origin_tls, s.origin_leaf("example.com"));
    CAF_CHECK(s.hears(origin, "GET /v "));
    CAF_CHECK_EQUAL(tls::protocol_of(*origin.session()), "http/1.1");
  }
}

CAF_TEST(a certificate is for what the tunnel was asked for) {
  std::string label(60, 'l');
  auto lengthy = label + '.' + label + ".wild.test";
  struct row {
    std::string authority, name;
  } rows[] = {
    {"example.com", "example.com"},
    {"EXAMPLE.com.", "example.com"},
    {"a.wild.test", "a.wild.test"},
    {"93.184.216.34", "93.184.216.34"},
    {"[2606:2800:220::1]", "2606:2800:220::1"},
    {"xn--mnchen-3ya.wild.test", "xn--mnchen-3ya.wild.test"},
    {lengthy, lengthy}, // beyond what a common name holds
  };
  intercepting s{{.network = "allowed_domains = [\"example.com\", \"*.wild.test\", "
                             "\"93.184.216.34\", \"2606:2800:220::1\", \"**.wild.test\"]\n"
                             "mode = \"limited\"\nmitm = true\n"}};
  for (auto name : {"a.wild.test", "b.wild.test", "xn--mnchen-3ya.wild.test", lengthy.c_str()})
    s.names.names[name] = {.addresses = {ip("93.184.216.34")}};
  (void)s.serve_at("2606:2800:220::1", 443);
  for (auto& [authority, name] : rows) {
    CAF_MESSAGE(authority);
    // `speak_tls` checks the name as well.
    auto& client = s.secure(s.tunnel(authority + ":443"), name);
    auto shown = shown_to(client);
    auto is_address = ip_address::parse(name).has_value();
    auto fits = is_address ? X509_check_ip_asc(shown.get(), name.c_str(), 0)
                           : X509_check_host(shown.get(), name.c_str(), name.size(),
                                             X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, nullptr);
    CAF_CHECK_EQUAL(fits, 1);
    CAF_CHECK_EQUAL(X509_check_host(shown.get(), "b.wild.test", 0, 0, nullptr), 0);
    CAF_CHECK_EQUAL(X509_check_host(shown.get(), "wild.test", 0, 0, nullptr), 0);
    CAF_CHECK_EQUAL(X509_check_purpose(shown.get(), X509_PURPOSE_SSL_SERVER, 0), 1);
  }
}

CAF_TEST(a certificate serves until a quarter of its time is left) {
  intercepting s;
  auto first = serial_of(s.inside());
  struct row {
    std::chrono::hours later;
    bool same;
  } rows[] = {{1h, true}, {24h * 21, true}, {24h * 2, false}};
  for (auto& [later, same] : rows) {
    s.w.time().set_wall(s.w.time().wall() + later);
    auto now = serial_of(s.inside());
    CAF_CHECK_EQUAL(now == first, same);
  }
  CAF_CHECK_NOT_EQUAL(serial_of(s.inside("other.test")), first);
}

CAF_TEST(a CA whose time is over vouches for nobody and the log says what to do) {
  intercepting s;
  s.w.time().set_wall(s.w.time().wall() + 24h * 365 * 11);
  auto& client = s.tunnel("example.com:443");
  client.speak_tls(s.trusts_proxy(), "example.com");
  CAF_CHECK(s.is_over(client));
  CAF_CHECK(s.logs("the CA has expired; remove its certificate and key"));
  CAF_CHECK_EQUAL(s.told(), 1u);
}

CAF_TEST(a client resumes its session with the same host while its ticket is good) {
  struct row {
    std::string what, host, network;
    std::chrono::minutes later;
    bool resumed;
  } rows[] = {
    {"the same again", "example.com", "", 0min, true},
    {"another host", "other.test", "", 0min, false},
    {"nearly an hour later", "example.com", "", 59min, true},
    {"more than an hour later", "example.com", "", 61min, false},
    {"under another policy", "example.com", inspecting, 0min, true},
  };
  for (auto& [what, host, network, later, resumed] : rows) {
    CAF_MESSAGE(what);
    tls::session_cache cache;
    intercepting s;
    auto& first = s.inside("example.com", {.cache = &cache});
    CAF_CHECK(!tls::is_resumed(*first.session()));
    CAF_CHECK_EQUAL(s.status(first, ask_for("PUT", "/")), 403); // the ticket came before
    first.close();
    if (!network.empty())
      s.install(network);
    s.pass(later);
    // Other names have other entries: what belongs to a name is what a client would try.
    auto& next = s.inside(host, {.cache = &cache});
    CAF_CHECK_EQUAL(tls::is_resumed(*next.session()), resumed);
  }
}

CAF_TEST(a ticket of one host opens no tunnel to another one) {
  intercepting s;
  odd_client first{s.tunnel("example.com:443")};
  SSL_CTX_set_session_cache_mode(first.context(), SSL_SESS_CACHE_CLIENT);
  CAF_REQUIRE(s.until([&] { return first.step(); }));
  first.on.say(first.sealed(ask_for("PUT", "/")));
  CAF_REQUIRE(s.until([&] { return has(first.heard(), "403"); }));
  std::unique_ptr<SSL_SESSION, void (*)(SSL_SESSION*)> ticket{SSL_get1_session(first.session()),
                                                              SSL_SESSION_free};
  for (auto host : {"example.com", "other.test"}) {
    odd_client next{s.tunnel(std::string{host} + ":443"), "example.com"};
    SSL_set_session(next.session(), ticket.get());
    CAF_REQUIRE(s.until([&] { return next.step(); }));
    auto resumed = tls::is_resumed(*next.session());
    CAF_CHECK_EQUAL(resumed, std::string_view{host} == "example.com");
  }
}
