#define CAF_SUITE actors.flows.told_inside
#include "tests/actors/flows/stage.hpp"

#include <thread>

using namespace proxy;
using namespace proxy::test;

/// A refused CONNECT that is answered inside the tunnel it asked for.

namespace {

constexpr auto inside = "allowed_domains = [\"allowed.test\"]\nmitm = true\nrefusals = \"inside\"";

struct refusing : stage {
  explicit refusing(const std::string& daemon = "", const std::string& network = inside)
    : stage{{.network = network, .daemon = "log.access = true\n" + daemon}} {
    here.on_connect = [this](const ip_sockaddr& to) { dialled += to.port() != 53; };
  }
  ~refusing() { here.on_connect = {}; }

  /// A tunnel to what is refused, in TLS.
  party& begin_tls(tls::client_options options = {}) {
    auto& who = tunnel("refused.test:443");
    who.speak_tls(trusts_proxy(), "refused.test", options);
    CAF_CHECK(until([&] { return who.has_shaken_hands() || who.is_over(); }));
    CAF_CHECK_EQUAL(who.tls_error, "");
    return who;
  }
  [[nodiscard]] bool logs(std::string_view words) const {
    return log().find(words) != std::string::npos;
  }
  [[nodiscard]] bool was_refused_once() const {
    return decisions() ==
           std::vector<std::string>{"deny https_connect refused.test:443 not_allowed"};
  }

  int dialled = 0; ///< Connections that the proxy has begun.
};

const std::string request = "GET /path HTTP/1.1\r\nHost: refused.test\r\n\r\n";
constexpr std::string_view status = "HTTP/1.1 403 Blocked by policy: not_allowed refused.test\r\n";

/// A hello as a client of ours sends it.
std::string hello_of(refusing& s) {
  auto& far = s.serve_at("198.51.100.7", 443);
  auto& caller = s.somebody(s.user);
  caller.connect(ip("198.51.100.7"), 443);
  auto& called = s.accept(far);
  caller.speak_tls(s.trusts_proxy(), "refused.test");
  CAF_CHECK(s.hears(called, "refused.test"));
  return called.text;
}

} // namespace

CAF_TEST(a client in TLS is told the refusal by the answer to its request and then no more) {
  refusing s;
  auto& client = s.begin_tls();
  CAF_CHECK(!s.is_over(client, 1s));
  client.say(request + request);
  CAF_CHECK(s.is_over(client));
  CAF_CHECK(client.text.starts_with(status));
  for (auto part : {"\r\nx-proxy-error: blocked-by-allowlist\r\n", "\r\nconnection: close\r\n",
                    "\"host\":\"refused.test\"", "\"reason\":\"not_allowed\"",
                    "add \\\"refused.test\\\" to allowed_domains"})
    CAF_CHECK(client.hears(part));
  CAF_CHECK(client.text.find("HTTP/1.1", 1) == std::string::npos);
  auto id = std::string{s.events[0]->request_id.text()};
  CAF_CHECK(client.hears("x-request-id: " + id + "\r\n") &&
            client.hears("\"request_id\":\"" + id + '"'));
  CAF_CHECK(s.was_refused_once());
  CAF_CHECK(s.names.asked.empty());
  CAF_CHECK_EQUAL(s.dialled, 0);
  client.close();
  s.pass(3s);
  CAF_CHECK(s.logs("target=refused.test:443"));
  CAF_CHECK(s.logs("end=refused"));
}

CAF_TEST(a client that speaks HTTP in its tunnel is told in the clear) {
  struct row {
    const char* what;
    std::string said;
    bool at_once; ///< Right behind the CONNECT.
  } rows[] = {
    {"a request", request, false},
    {"a request at once", request, true},
    {"a request for another host", "GET / HTTP/1.1\r\nHost: other.test\r\n\r\n", false},
    {"a request with a body", "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc",
     false},
    {"an offer of a websocket",
     "GET / HTTP/1.1\r\nHost: refused.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
     false},
    {"a CONNECT", "CONNECT allowed.test:443 HTTP/1.1\r\nHost: allowed.test:443\r\n\r\n", false},
  };
  for (auto& [what, said, at_once] : rows) {
    CAF_MESSAGE(what);
    refusing s;
    auto& client = s.client();
    std::string ask = "CONNECT refused.test:443 HTTP/1.1\r\nHost: refused.test:443\r\n\r\n";
    client.say(at_once ? ask + said : ask);
    CAF_CHECK(s.hears(client, "HTTP/1.1 200"));
    if (!at_once)
      client.say(said);
    CAF_CHECK(s.hears(client, std::string{"\r\n\r\n"}.append(status)));
    CAF_CHECK(s.is_over(client, 3s));
    s.pass(1s);
    CAF_CHECK(s.was_refused_once());
    CAF_CHECK_EQUAL(s.dialled, 0);
  }
}

CAF_TEST(a client is told in pieces of any size and in a form that it can show) {
  struct row {
    const char* field;
    const char* type;
  } rows[] = {{"Accept: text/html", "text/html; charset=utf-8"},
              {"User-Agent: git/2.39", "text/plain"},
              {"Content-Type: application/grpc", "application/grpc"},
              {"Accept: */*", "application/json"}};
  for (auto& [field, type] : rows) {
    CAF_MESSAGE(field);
    refusing s;
    s.set_way(s.user,
              {.longest_read = 7, .longest_write = 11, .spurious = 200'000, .reset_at = {}});
    auto& client = s.begin_tls();
    client.say("GET / HTTP/1.1\r\nHost: refused.test\r\n" + std::string{field} + "\r\n\r\n");
    CAF_CHECK(s.is_over(client));
    CAF_CHECK(client.hears("content-type: " + std::string{type}));
    CAF_CHECK(client.hears("not_allowed"));
  }
}

CAF_TEST(a client that speaks HTTP 2 is told on its streams and then the connection ends) {
  refusing s;
  auto& client = s.begin_tls({.offer = tls::alpn::h2});
  CAF_CHECK_EQUAL(tls::protocol_of(*client.session()), "h2");
  // HPACK: GET (2), / (4), https (7), :authority (1) in the clear.
  std::string fields = "\x82\x84\x87\x41\x0crefused.test";
  auto headers = [&](char stream) {
    return std::string{"\0\0", 2} + static_cast<char>(fields.size()) + "\x01\x05" +
           std::string{"\0\0\0", 3} + stream + fields;
  };
  client.say("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string{"\0\0\0\x04\0\0\0\0\0", 9} +
             headers(1) + headers(3));
  CAF_CHECK(s.is_over(client, 5s));
  size_t told = 0;
  for (auto at = client.text.find("\"reason\":\"not_allowed\""); at != std::string::npos;
       at = client.text.find("\"reason\":\"not_allowed\"", at + 1))
    ++told;
  CAF_CHECK_EQUAL(told, 2u);
  CAF_CHECK(client.hears("403"));
  CAF_CHECK(s.was_refused_once());
  CAF_CHECK_EQUAL(s.dialled, 0);
}

CAF_TEST(what is neither TLS nor HTTP is closed without a word and the log says why) {
  struct row {
    const char* what;
    std::string said;
    bool ends; ///< And the client says nothing more.
    const char* cause;
  } rows[] = {
    {"ssh", "SSH-2.0-client\r\n", false, "neither HTTP nor TLS"},
    {"ssh and the end", "SSH-2.0-client\r\n", true, "neither HTTP nor TLS"},
    {"zeros", std::string(8, '\0'), false, "neither HTTP nor TLS"},
    {"socks", "\x05\x01" + std::string(1, '\0'), false, "neither HTTP nor TLS"},
    {"a preface", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n", false, "neither HTTP nor TLS"},
    {"TLS that is none", std::string("\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00", 10), false,
     "neither HTTP nor TLS"},
    {"the hello of a server", "\x16\x03\x01" + std::string("\0\x04\x02\0\0\0", 6), false,
     "neither HTTP nor TLS"},
  };
  for (auto& [what, said, ends, cause] : rows) {
    CAF_MESSAGE(what);
    refusing s;
    auto& client = s.tunnel("refused.test:443");
    client.say(said);
    if (ends)
      client.finish();
    CAF_CHECK(s.is_over(client, 1s));
    CAF_CHECK_EQUAL(client.text, "");
    CAF_CHECK(s.logs("msg=refusal_not_seen host=refused.test port=443 reason=not_allowed"));
    CAF_CHECK(s.logs(cause));
    CAF_CHECK(s.was_refused_once());
  }
}

CAF_TEST(a client has so long for its first message and no byte of it begins that time anew) {
  struct row {
    const char* what;
    size_t of_hello;
    std::string said;
  } rows[] = {{"nothing", 0, ""},
              {"half a hello", 40, ""},
              {"one byte", 1, ""},
              {"half a line", 0, "FETCH x"}};
  for (auto& [what, of_hello, said] : rows) {
    CAF_MESSAGE(what);
    refusing s{"timeouts.head = \"20s\""};
    auto first = of_hello > 0 ? hello_of(s).substr(0, of_hello) : said;
    auto& client = s.tunnel("refused.test:443");
    if (!first.empty()) {
      client.say(first.substr(0, first.size() / 2));
      s.pass(10s);
      client.say(first.substr(first.size() / 2));
      CAF_CHECK(!s.is_over(client, 9s));
    } else {
      CAF_CHECK(!s.is_over(client, 19s));
    }
    CAF_CHECK(s.is_over(client, 2s));
    CAF_CHECK_EQUAL(client.text, "");
    CAF_CHECK(s.logs("said nothing within timeouts.head"));
    s.pass(3s);
    CAF_CHECK(s.was_refused_once());
  }
}

CAF_TEST(a client has so long for its handshake and for its request) {
  refusing s{
    "timeouts.head = \"20s\"\ntimeouts.tls_handshake = \"7s\"\ntimeouts.keep_alive = \"30s\""};
  auto hello = hello_of(s);
  auto& stuck = s.tunnel("refused.test:443");
  stuck.say(hello);
  CAF_CHECK(s.until(
    [&] {
      stuck.move();
      return !stuck.text.empty();
    },
    1s)); // ours
  CAF_CHECK(!s.is_over(stuck, 6s));
  CAF_CHECK(s.is_over(stuck, 2s));
  CAF_CHECK(s.logs("took longer than timeouts.tls_handshake = 7s"));
  auto& silent = s.begin_tls();
  CAF_CHECK(!s.is_over(silent, 29s));
  CAF_CHECK(s.is_over(silent, 2s));
  CAF_CHECK_EQUAL(silent.text, "");
  auto& slow = s.begin_tls();
  slow.say("GET / HTTP/1.1\r\n");
  CAF_CHECK(!s.is_over(slow, 19s));
  CAF_CHECK(s.is_over(slow, 2s));
  CAF_CHECK(slow.text.starts_with("HTTP/1.1 408 "));
}

CAF_TEST(a client that goes before it was told is let go of) {
  struct row {
    const char* what;
    size_t of_hello;
    bool resets;
  } rows[] = {{"ends at once", 0, false},
              {"breaks off at once", 0, true},
              {"ends within its hello", 30, false},
              {"breaks off within its hello", 30, true},
              {"ends within the handshake", 9'999, false},
              {"breaks off within the handshake", 9'999, true}};
  for (auto& [what, of_hello, resets] : rows) {
    CAF_MESSAGE(what);
    refusing s;
    auto hello = of_hello > 0 ? hello_of(s) : "";
    auto before = s.here.sockets();
    auto& client = s.tunnel("refused.test:443");
    client.say(hello.substr(0, of_hello));
    s.pass(1s);
    if (resets)
      client.reset();
    else
      client.finish();
    s.pass(1s);
    if (!resets)
      CAF_CHECK(client.is_over());
    s.pass(3s);
    auto left = s.here.sockets();
    CAF_CHECK_EQUAL(left, before);
    CAF_CHECK(s.was_refused_once());
  }
}

CAF_TEST(the name in the hello is not compared and
         a client that trusts others is told of in the log) {
  refusing s;
  auto& foreign = s.tunnel("refused.test:443");
  foreign.speak_tls(s.trusts_proxy(), "other.test"); // it looks for that name in the certificate
  CAF_CHECK(s.until([&] { return !foreign.tls_error.empty(); }));
  foreign.close();
  s.pass(1s);
  CAF_CHECK(s.logs("msg=refusal_not_seen host=refused.test port=443 reason=not_allowed cause="));
  auto& distrusts = s.tunnel("refused.test:443");
  auto origins = unbox(tls::client_context::make(only(s.at("origins.pem"))));
  distrusts.speak_tls(*origins, "refused.test");
  CAF_CHECK(s.until([&] { return !distrusts.tls_error.empty(); }));
  distrusts.close();
  s.pass(1s);
  CAF_CHECK(s.logs("does not trust"));
}
