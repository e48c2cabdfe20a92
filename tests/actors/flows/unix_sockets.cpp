#define CAF_SUITE actors.flows.unix_sockets
#include "actors/serve/upstream/socket_dialer.hpp" // unit under test, as flows meet it

#include <filesystem>

#include "actors/net/bound_listener.hpp"
#include "tests/actors/flows/socks_client.hpp"

using namespace proxy;
using namespace proxy::test;
using namespace std::string_literals;

namespace {

using came_to = socket_dialled::outcome;

const std::string listed = R"(allow_unix_sockets = ["/run/a.sock"])";

/// What dialling comes to, one after the other; the last one stays.
struct script {
  std::vector<came_to> outcomes;
  size_t asked = 0;
  simulation::node* from = nullptr;
};

/// What is dialled is an origin of TCP: that of the file system is below.
socket_dialer_actor::behavior_type dial_as_told(socket_dialer_actor::pointer,
                                                const std::shared_ptr<script>& told) {
  return {[told](atom::dial, const policy::socket_permit& to, const config_ptr&) {
    socket_dialled out;
    out.what = told->outcomes[std::min(told->asked++, told->outcomes.size() - 1)];
    out.error = ENOENT;
    out.path = to.path();
    if (out.what == came_to::connected) {
      auto fd = told->from->open(socket_kind::stream, AF_INET);
      out.made = std::make_shared<open_descriptor>(*told->from, fd);
      auto name = make_sockaddr(ip("93.184.216.34"), 80);
      (void)told->from->connect(fd, name.get(), name.size);
    }
    return out;
  }};
}

struct served : stage {
  explicit served(std::vector<came_to> outcomes = {came_to::connected}, std::string daemon = "")
    : stage({.network = listed, .daemon = std::move(daemon)}) {
    told->outcomes = std::move(outcomes);
    told->from = &here;
    process->socket_dialer = w.system().spawn<caf::hidden>(dial_as_told, told);
  }
  ~served() { process->socket_dialer = nullptr; }

  /// A client on the proxy's own machine: where sockets are listed nobody else
  /// may come.
  party& local() {
    auto& who = somebody(here);
    who.connect(ip("127.0.0.1"), 3128);
    return who;
  }

  std::shared_ptr<script> told = std::make_shared<script>();
  origin& at = serve_at("93.184.216.34", 80);
};

const std::string to_socket = "x-unix-socket: /run/a.sock\r\n";

/// A server that listens at a path of the proxy's machine, and the dialer that proxies have.
struct with_server : stage {
  explicit with_server(std::string daemon = "") : stage({.daemon = daemon}) {
    process->socket_dialer =
      w.system().spawn<caf::hidden>(socket_dialer, static_cast<proxy::network*>(&here));
    install("allow_unix_sockets = [\"" + path + "\", \"" + stage::at("link") + "\"]", daemon);
    auto name = simulation::name_of(path);
    CAF_REQUIRE_EQUAL(here.bind(server.listens, name.get(), name.size), 0);
    CAF_REQUIRE_EQUAL(here.listen(server.listens), 0);
  }
  ~with_server() { process->socket_dialer = nullptr; }

  party& local() {
    auto& who = somebody(here);
    who.connect(ip("127.0.0.1"), 3128);
    return who;
  }
  /// A client that asks for what is at a path.
  party& asks(const std::string& at, const std::string& body = "") {
    auto& who = local();
    who.say("POST http://any.test/ HTTP/1.1\r\nHost: any.test\r\nx-unix-socket: " + at +
            "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    return who;
  }

  std::string path = stage::at("a.sock");
  origin server{here, here.open(socket_kind::listener, AF_UNIX)};
};

} // namespace

CAF_TEST(a socket gets path and body alone and the connection of the client goes on) {
  served s;
  auto& client = s.local();
  for (int i = 0; i < 3; ++i) {
    client.forget();
    client.say("POST http://docker:99/info?all=1 HTTP/1.1\r\nHost: docker:99\r\n" + to_socket +
               "Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 4\r\n\r\nbody");
    auto& origin = s.accept(s.at); // a connection for each request
    CAF_CHECK(s.hears(origin, "\r\n\r\nbody"));
    CAF_CHECK(origin.text.starts_with("POST /info?all=1 HTTP/1.1\r\nHost: docker:99\r\n"));
    CAF_CHECK(!has(origin.text, "unix-socket"));
    CAF_CHECK(!has(origin.text, "pgrade"));
    origin.say(ok("answer"));
    CAF_CHECK(s.hears(client, "\r\n\r\nanswer"));
    CAF_CHECK(s.is_over(origin, 1s));
  }
  CAF_CHECK_EQUAL(s.events.size(), 3u);
}

CAF_TEST(each way that dialling ends has its answer) {
  struct row {
    std::vector<came_to> outcomes;
    std::string status, part;
    std::chrono::milliseconds after; ///< When it is known.
  };
  for (const auto& [outcomes, status, part, after] : std::initializer_list<row>{
         {{came_to::failed}, "502", "unix socket proxy failed: No such file", 0ms},
         {{came_to::not_allowed}, "403", "not_allowed", 0ms},
         {{came_to::own}, "403", "not_allowed_local", 0ms},
         {{came_to::busy}, "504", "timeouts.connect", 1500ms},
         {{came_to::busy, came_to::busy, came_to::failed}, "502", "unix socket proxy failed", 15ms},
       }) {
    CAF_MESSAGE(status << ' ' << part);
    served s{outcomes, "timeouts.connect = \"2s\""};
    auto& client = s.local();
    client.say(get("http://any.test/", to_socket));
    CAF_CHECK(after == 0ms || !s.hears(client, "HTTP/1.1", after - 1ms));
    CAF_CHECK(s.hears(client, "HTTP/1.1 " + status, 600ms));
    CAF_CHECK(s.hears(client, part));
    CAF_CHECK(!client.is_over());
  }
}

CAF_TEST(what is not listed or not wanted by the mode is refused and dials nothing) {
  struct row {
    std::string network, request;
  };
  const auto named = [](const std::string& path) {
    return get("http://any.test/", "x-unix-socket: " + path + "\r\n");
  };
  for (const auto& [network, request] : std::initializer_list<row>{
         {listed, named("relative.sock")},
         {listed + "\nmode = \"limited\"",
          "DELETE http://any.test/ HTTP/1.1\r\nHost: any.test\r\n" + to_socket + "\r\n"},
       }) {
    served s;
    s.install(network);
    auto& client = s.local();
    client.say(request);
    CAF_CHECK(s.hears(client, "HTTP/1.1 403"));
    CAF_CHECK_EQUAL(s.told->asked, 0u);
  }
}

CAF_TEST(a policy that changes while a socket is busy is the one that it is dialled by) {
  struct row {
    std::string network;
    bool passes;
  };
  for (const auto& [network, passes] : std::initializer_list<row>{
         {listed + "\nallowed_domains = [\"other.test\"]", true},
         {"allow_unix_sockets = [\"/run/b.sock\"]", false},
         {"allow_unix_sockets = []", false},
       }) {
    served s{{came_to::busy}};
    auto& client = s.local();
    client.say(get("http://any.test/", to_socket));
    s.pass(1s);
    s.install(network);
    s.told->outcomes = {passes ? came_to::connected : came_to::not_allowed};
    if (passes) {
      auto& origin = s.accept(s.at);
      CAF_CHECK(s.hears(origin, "GET / "));
      origin.say(ok("hello"));
      CAF_CHECK(s.hears(client, "hello"));
    } else {
      CAF_CHECK(s.hears(client, "HTTP/1.1 403"));
    }
  }
}

CAF_TEST(a client that leaves and a server that does are each told to the other) {
  {
    served s{{came_to::busy}};
    auto& client = s.local();
    client.say(get("http://any.test/", to_socket));
    s.pass(1s);
    client.reset();
    s.pass(1s);
    CAF_CHECK(s.process->total_connections() == 0);
  }
  for (auto early : {true, false}) {
    served s;
    auto& client = s.local();
    client.say(get("http://any.test/", to_socket));
    auto& origin = s.accept(s.at);
    CAF_CHECK(s.hears(origin, "\r\n\r\n"));
    if (!early)
      origin.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    s.pass(1ms);
    origin.reset();
    CAF_CHECK(early ? s.hears(client, "HTTP/1.1 502") : s.is_over(client, 1s));
  }
  served s;
  auto& client = s.local();
  client.say(get("http://any.test/", to_socket));
  auto& origin = s.accept(s.at);
  CAF_CHECK(s.hears(origin, "\r\n\r\n"));
  client.reset();
  CAF_CHECK(s.is_over(origin, 1s));
}

CAF_TEST(a server at a path is spoken to under each of its names) {
  const std::string much(300'000, 'm');
  with_server s;
  std::filesystem::create_symlink(s.path, s.at("link"));
  for (const auto& at : {s.path, s.at("link")}) {
    auto& client = s.asks(at, much);
    auto& server = s.accept(s.server);
    CAF_CHECK(s.hears(server, much));
    CAF_CHECK(server.text.starts_with("POST / HTTP/1.1\r\nHost: any.test\r\n"));
    server.say(ok(much));
    CAF_CHECK(s.hears(client, "\r\n\r\n" + much));
    CAF_CHECK(s.is_over(server, 1s));
    CAF_CHECK(!client.is_over());
  }
}

CAF_TEST(a server that is not there or does not come to accept is told) {
  struct row {
    std::string why, told;
    std::chrono::milliseconds after;
  };
  for (const auto& [why, told, after] : std::initializer_list<row>{
         {"no file", "unix socket proxy failed: No such file", 0ms},
         {"nobody listens", "unix socket proxy failed: Connection refused", 0ms},
         {"too many wait", "timeouts.connect", 1500ms},
         {"our own", "not_allowed_local", 0ms},
       }) {
    CAF_MESSAGE(why);
    with_server s{"timeouts.connect = \"2s\""};
    if (why == "our own") {
      std::filesystem::remove(s.path);
      auto own = unbox(bind_listener(endpoint::admin, {.path = s.path}, s.here));
      auto& client = s.asks(s.path);
      CAF_CHECK(s.hears(client, told, 1s));
      continue;
    }
    if (why != "too many wait")
      s.here.close(s.server.listens);
    if (why == "no file")
      std::filesystem::remove(s.path);
    for (int i = 0; i < 128 && why == "too many wait"; ++i)
      s.somebody(s.here).connect(s.path);
    auto& client = s.asks(s.path);
    CAF_CHECK(after == 0ms || !s.hears(client, "HTTP/1.1", after));
    CAF_CHECK(s.hears(client, told, 1s));
    CAF_CHECK(!client.is_over());
  }
}

CAF_TEST(a server at a path that goes away is never the end of an answer) {
  for (auto unread : {false, true})
    for (auto begun : {false, true}) {
      with_server s;
      auto& client = s.asks(s.path, std::string(unread ? 50'000 : 1, 'u'));
      auto& server = s.accept(s.server);
      if (!unread)
        CAF_CHECK(s.hears(server, "\r\n\r\nu"));
      server.read_nothing();
      if (begun) {
        server.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        s.pass(1s);
      }
      server.close();
      CAF_CHECK(begun ? s.is_over(client, 1s) : s.hears(client, "HTTP/1.1 502", 1s));
      CAF_CHECK(!client.hears("unix socket proxy failed: Success"));
    }
}
