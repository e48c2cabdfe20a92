#define CAF_SUITE actors.flows.listeners
#include "actors/control/listener_owner.hpp" // unit under test

#include <filesystem>

#include "tests/actors/flows/stage.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

/// Where a proxy listens, as a whole configuration says it.
struct layout {
  std::string http = "192.0.2.1:3128";
  std::string socks = "192.0.2.1:1080";
  std::string admin = "http://192.0.2.1:8080";
  std::string network{};
  std::string daemon = "mixed_listeners = false";
};

struct moving : stage {
  explicit moving(uint64_t seed = 1, std::string daemon = "mixed_listeners = false")
    : stage({.daemon = std::move(daemon), .seed = seed, .loops = 2}) {}

  std::shared_ptr<std::optional<reload_outcome>> begin(const layout& to) {
    write("config.toml",
          "default_permissions = \"dev\"\n[network_proxy]\nadmin_url = \"" + to.admin +
            "\"\ndangerously_allow_non_loopback_admin = true\naudit.output = \"stderr\"\n"
            "dns.servers = [\"192.0.2.53\"]\ndns.hosts_file = \"\"\n" +
            to.daemon + "\n[permissions.dev.network]\nenabled = true\nproxy_url = \"http://" +
            to.http + "\"\nsocks_url = \"http://" + to.socks +
            "\"\ndangerously_allow_non_loopback_proxy = true\n" + to.network + '\n');
    return ask<reload_outcome>(store, atom::reload_v);
  }
  /// @returns "" when it has come to pass, or why not.
  std::string move(const layout& to) {
    auto answer = begin(to);
    CAF_REQUIRE(until([&] { return answer->has_value(); }, 5min));
    std::string out;
    for (const auto& each : (*answer)->problems)
      if (each.level == config::problem::severity::error)
        out += each.str() + '\n';
    CAF_CHECK_EQUAL((*answer)->report.has_value(), out.empty());
    return out;
  }

  party& connect(const std::string& address) {
    auto colon = address.rfind(':');
    auto name = address.substr(0, colon);
    if (name.front() == '[')
      name = name.substr(1, name.size() - 2);
    // Loopback addresses are those of the proxy's own machine.
    auto& who = somebody(name.starts_with("127.") ? here : user);
    who.connect(ip(name), static_cast<uint16_t>(std::stoi(address.substr(colon + 1))));
    return who;
  }
  bool is_refused(const std::string& address) {
    pass(1ms); // the last who holds a socket may let go of it after a reload is answered
    auto& who = connect(address);
    return is_over(who) && who.error == ECONNREFUSED;
  }
  /// Which front end answers there: "http", "socks", "admin"; else what came.
  std::string who_answers(party& at) {
    at.forget();
    at.say("GET /health HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n");
    (void)until([&] { return at.is_over() || at.hears("\r\n\r\n") || at.hears("\x05"); });
    if (at.text.starts_with("HTTP/1.1 200") && at.hears("\r\n\r\nok"))
      return "admin";
    if (at.text.starts_with("HTTP/1.1 4"))
      return "http";
    return at.error != 0 || at.ended ? "socks" : at.text;
  }
  std::string who_answers(const std::string& address) { return who_answers(connect(address)); }
  /// Whether SOCKS5 is spoken there.
  bool speaks_socks(const std::string& address) {
    auto& who = connect(address);
    who.say(std::string{"\x05\x01\x00", 3});
    return hears(who, std::string{"\x05\x00", 2});
  }
  /// Somebody else's socket on the proxy's machine.
  int take(const std::string& address, uint16_t port) {
    auto fd = here.open(socket_kind::listener, ip(address).is_v4() ? AF_INET : AF_INET6);
    auto name = make_sockaddr(ip(address), port);
    CAF_REQUIRE_EQUAL(here.bind(fd, name.get(), name.size), 0);
    CAF_REQUIRE_EQUAL(here.listen(fd), 0);
    return fd;
  }
};

} // namespace

CAF_TEST(a listener moves and back and whoever is connected goes on) {
  struct row {
    std::string layout::*which;
    std::string kind, from, to;
  };
  uint64_t seed = 0;
  for (const auto& [which, kind, from, to] : {
         row{&layout::http, "http", "192.0.2.1:3128", "192.0.2.1:4128"},
         row{&layout::http, "http", "192.0.2.1:3128", "[2001:db8::1]:3128"},
         row{&layout::http, "http", "192.0.2.1:3128", "127.0.0.1:3128"},
         row{&layout::admin, "admin", "192.0.2.1:8080", "192.0.2.1:4080"},
         row{&layout::admin, "admin", "192.0.2.1:8080", "[2001:db8::1]:9"},
       }) {
    CAF_MESSAGE(kind << " to " << to);
    moving s{++seed};
    auto& old = s.connect(from);
    CAF_CHECK_EQUAL(s.who_answers(old), kind);
    layout moved;
    moved.*which = kind == "admin" ? "http://" + to : to;
    CAF_CHECK_EQUAL(s.move(moved), "");
    CAF_CHECK(s.is_refused(from));
    CAF_CHECK_EQUAL(s.who_answers(to), kind);
    CAF_CHECK_EQUAL(s.who_answers(old), kind);
    auto& newer = s.connect(to);
    CAF_CHECK_EQUAL(s.who_answers(newer), kind);
    CAF_CHECK_EQUAL(s.move({}), "");
    CAF_CHECK(s.is_refused(to));
    CAF_CHECK_EQUAL(s.who_answers(from), kind);
    CAF_CHECK_EQUAL(s.who_answers(old), kind);
    CAF_CHECK_EQUAL(s.who_answers(newer), kind);
  }
}

CAF_TEST(SOCKS moves onto the port of HTTP and away and is turned off and on) {
  moving s;
  CAF_CHECK(s.speaks_socks("192.0.2.1:1080"));
  layout shared{.socks = "192.0.2.1:3128", .daemon = ""};
  CAF_CHECK_EQUAL(s.move(shared), "");
  CAF_CHECK(s.is_refused("192.0.2.1:1080"));
  CAF_CHECK(s.speaks_socks("192.0.2.1:3128"));
  CAF_CHECK_EQUAL(s.who_answers("192.0.2.1:3128"), "http");
  CAF_CHECK_EQUAL(s.move({.network = "enable_socks5 = false"}), "");
  CAF_CHECK(s.is_refused("192.0.2.1:1080"));
  CAF_CHECK(!s.speaks_socks("192.0.2.1:3128"));
  CAF_CHECK_EQUAL(s.move({}), "");
  CAF_CHECK(s.speaks_socks("192.0.2.1:1080"));
  CAF_CHECK(!s.speaks_socks("192.0.2.1:3128"));
}

CAF_TEST(HTTP and SOCKS swap their ports and nobody is refused meanwhile) {
  for (uint64_t seed = 1; seed <= 6; ++seed) {
    moving s{seed, "# either port takes both"};
    std::vector<party*> crowd;
    for (int turn = 0; turn < 2; ++turn) {
      layout to{.daemon = ""};
      if (turn == 0)
        std::swap(to.http, to.socks);
      auto answer = s.begin(to);
      CAF_CHECK(s.until([&] {
        if (crowd.size() < 80u * static_cast<size_t>(turn + 1)) {
          crowd.push_back(&s.client(crowd.size() % 2 == 0 ? 3128 : 1080));
          crowd.back()->say(get("http://a.test/"));
        }
        return answer->has_value();
      }));
      CAF_CHECK((*answer)->report);
    }
    CAF_CHECK(crowd.size() > 10);
    for (auto* each : crowd)
      CAF_CHECK(s.hears(*each, "HTTP/1.1 403"));
    s.pass(1s);
    CAF_CHECK_EQUAL(s.decisions().size(), crowd.size());
  }
}

CAF_TEST(ports that are swapped have the front end of the new policy) {
  moving s;
  CAF_CHECK_EQUAL(s.move({.http = "192.0.2.1:1080", .socks = "192.0.2.1:3128"}), "");
  CAF_CHECK_EQUAL(s.who_answers("192.0.2.1:1080"), "http");
  CAF_CHECK(s.speaks_socks("192.0.2.1:3128"));
  CAF_CHECK(!s.speaks_socks("192.0.2.1:1080"));
  // A third that comes at the same time: all three go round.
  CAF_CHECK_EQUAL(
    s.move({.http = "192.0.2.1:8080", .socks = "192.0.2.1:1080", .admin = "http://192.0.2.1:3128"}),
    "");
  CAF_CHECK_EQUAL(s.who_answers("192.0.2.1:8080"), "http");
  CAF_CHECK(s.speaks_socks("192.0.2.1:1080"));
  CAF_CHECK_EQUAL(s.who_answers("192.0.2.1:3128"), "admin");
}

CAF_TEST(a listener widens and narrows on its own port) {
  moving s;
  auto& old = s.connect("192.0.2.1:3128");
  CAF_CHECK_EQUAL(s.who_answers(old), "http");
  CAF_CHECK(s.is_refused("127.0.0.1:3128"));
  for (int i = 0; i < 2; ++i) {
    for (std::string at : {"0.0.0.0:3128", "192.0.2.1:3128"}) {
      CAF_MESSAGE(at);
      auto answer = s.begin({.http = at});
      std::vector<party*> crowd;
      CAF_CHECK(s.until([&] {
        if (crowd.size() < 40)
          crowd.push_back(&s.connect("192.0.2.1:3128"));
        return answer->has_value();
      }));
      CAF_CHECK((*answer)->report);
      s.pass(1s);
      // Who waits in the queue of the socket that closes is reset; nobody finds the port closed.
      for (auto* each : crowd)
        CAF_CHECK_NOT_EQUAL(each->error, ECONNREFUSED);
      CAF_CHECK_EQUAL(s.is_refused("127.0.0.1:3128"), at.front() != '0');
      CAF_CHECK_EQUAL(s.who_answers("192.0.2.1:3128"), "http");
    }
  }
  CAF_CHECK_EQUAL(s.move({.http = "[::]:3128"}), "");
  CAF_CHECK_EQUAL(s.who_answers("[2001:db8::1]:3128"), "http");
  CAF_CHECK(s.is_refused("192.0.2.1:3128"));
  CAF_CHECK_EQUAL(s.who_answers(old), "http");
}

CAF_TEST(a port that could not be ours alone again is not shared) {
  moving s;
  auto other = s.take("::1", 3128); // whose number keeps us from taking the sharing back
  auto why = s.move({.http = "0.0.0.0:3128"});
  CAF_CHECK(has(why, "cannot listen on 0.0.0.0:3128: bind: Address already in use"));
  CAF_CHECK_EQUAL(s.who_answers("192.0.2.1:3128"), "http");
  s.here.close(other);
  CAF_CHECK_EQUAL(s.move({.http = "0.0.0.0:3128"}), "");
  CAF_CHECK_EQUAL(s.who_answers("127.0.0.1:3128"), "http");
  // Nor may anybody else come onto it now.
  auto fd = s.here.open(socket_kind::listener, AF_INET);
  s.here.share_port(fd, true);
  auto name = make_sockaddr(ip("127.0.0.1"), 3128);
  CAF_CHECK_EQUAL(s.here.bind(fd, name.get(), name.size), -1);
  s.here.close(fd);
}

CAF_TEST(a listener that cannot widen for lack of descriptors stays and widens later) {
  for (size_t left : {0u, 1u}) {
    CAF_MESSAGE(left << " left");
    moving s;
    auto& old = s.connect("192.0.2.1:3128");
    CAF_CHECK_EQUAL(s.who_answers(old), "http");
    auto sockets = s.here.sockets();
    s.here.limit_descriptors(s.here.descriptors() + left);
    CAF_CHECK(has(s.move({.http = "0.0.0.0:3128"}), "cannot listen on 0.0.0.0:3128: "));
    CAF_CHECK_EQUAL(s.here.sockets(), sockets);
    s.here.limit_descriptors(1 << 20);
    CAF_CHECK_EQUAL(s.who_answers("192.0.2.1:3128"), "http");
    CAF_CHECK(s.is_refused("127.0.0.1:3128"));
    CAF_CHECK_EQUAL(s.move({.http = "0.0.0.0:3128"}), "");
    CAF_CHECK_EQUAL(s.who_answers("127.0.0.1:3128"), "http");
    CAF_CHECK_EQUAL(s.who_answers(old), "http");
  }
}

CAF_TEST(an address in use is told and nothing changes at all) {
  struct row {
    layout to;
    std::string key;
  };
  moving s;
  auto other = s.take("192.0.2.1", 4000);
  auto& old = s.connect("192.0.2.1:3128");
  CAF_CHECK_EQUAL(s.who_answers(old), "http");
  auto sockets = s.here.sockets();
  const std::string mode = "mode = \"limited\"";
  for (const auto& [to, key] : {
         row{{.http = "192.0.2.1:4000", .network = mode}, "proxy_url"},
         row{{.socks = "192.0.2.1:4000", .network = mode}, "socks_url"},
         row{{.admin = "http://192.0.2.1:4000", .network = mode}, "admin_url"},
         row{{.http = "192.0.2.1:4001", .admin = "http://192.0.2.1:4000", .network = mode},
             "admin_url"},
         // Those that would swap stay where they are as well.
         row{{.http = "192.0.2.1:1080",
         .socks = "192.0.2.1:3128",
         .admin = "http://192.0.2.1:4000",
         .network = mode},
             "admin_url"},
         row{{.http = "0.0.0.0:4000", .network = mode}, "proxy_url"},
       }) {
    auto why = s.move(to);
    CAF_MESSAGE(why);
    CAF_CHECK(has(why, key));
    CAF_CHECK(has(why, "Address already in use"));
    CAF_CHECK_EQUAL(s.who_answers(old), "http");
    CAF_CHECK_EQUAL(s.who_answers("192.0.2.1:3128"), "http");
    CAF_CHECK(s.speaks_socks("192.0.2.1:1080"));
    CAF_CHECK_EQUAL(s.who_answers("192.0.2.1:8080"), "admin");
    CAF_CHECK(s.is_refused("192.0.2.1:4001"));
    auto now = s.ask<snapshot_ptr>(s.store, atom::current_v);
    CAF_CHECK(s.until([&] { return now->has_value(); }));
    CAF_CHECK((**now)->rules->mode == policy::mode::full);
  }
  s.pass(10min); // those who have asked leave
  CAF_CHECK_EQUAL(s.here.sockets(), sockets - 1);
  s.here.close(other);
  CAF_CHECK_EQUAL(s.move({.http = "192.0.2.1:4000"}), "");
  CAF_CHECK_EQUAL(s.who_answers("192.0.2.1:4000"), "http");
}

CAF_TEST(a proxy is itself where it listens now and not where it did) {
  moving s;
  const std::string all = "allowed_domains = [\"192.0.2.1\"]\nallow_local_binding = true";
  CAF_CHECK_EQUAL(s.move({.http = "192.0.2.1:4128", .network = all}), "");
  auto asks = [&](const std::string& url) {
    auto& who = s.connect("192.0.2.1:4128");
    who.say(get(url));
    CAF_CHECK(s.hears(who, "\r\n\r\n"));
    return who.text;
  };
  for (std::string port : {"4128", "1080", "8080"})
    CAF_CHECK(has(asks("http://192.0.2.1:" + port + "/"), "not_allowed_local"));
  CAF_CHECK(has(asks("http://192.0.2.1:3128/"), "HTTP/1.1 502"));
}

CAF_TEST(the admin API is turned off and on by reloads) {
  moving s;
  CAF_CHECK_EQUAL(s.move({.admin = ""}), "");
  CAF_CHECK(s.is_refused("192.0.2.1:8080"));
  CAF_CHECK_EQUAL(s.who_answers("192.0.2.1:3128"), "http");
  CAF_CHECK_EQUAL(s.move({}), "");
  CAF_CHECK_EQUAL(s.who_answers("192.0.2.1:8080"), "admin");
}

CAF_TEST(a unix socket that cannot be is told and what is in its place is left alone) {
  moving s;
  s.write("a-file", "mine");
  auto folder = s.at("open");
  std::filesystem::create_directory(folder);
  std::filesystem::permissions(folder, std::filesystem::perms::all);
  struct row {
    std::string path, told;
  };
  for (const auto& [path, told] : std::initializer_list<row>{
         {s.at("a-file"), "Address already in use"},
         {s.at(std::string(120, 'x')), "at most 107 bytes"},
         {s.at("nowhere/admin.sock"), "cannot listen on unix:"},
         {folder + "/admin.sock", "cannot listen on unix:"},
       }) {
    auto why = s.move({.admin = "unix://" + path});
    CAF_MESSAGE(why);
    CAF_CHECK(has(why, told));
    CAF_CHECK_EQUAL(s.who_answers("192.0.2.1:8080"), "admin");
  }
  std::ifstream file{s.at("a-file")};
  std::string text;
  file >> text;
  CAF_CHECK_EQUAL(text, "mine");
}

CAF_TEST(the admin API moves to a unix socket and leaves no file behind) {
  moving s;
  auto path = s.at("admin.sock");
  CAF_CHECK_EQUAL(s.move({.admin = "unix://" + path}), "");
  CAF_CHECK(s.is_refused("192.0.2.1:8080"));
  auto mode = std::filesystem::status(path).permissions();
  CAF_CHECK(mode == (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));
  auto& asks = s.somebody(s.here);
  asks.connect(path);
  CAF_CHECK_EQUAL(s.who_answers(asks), "admin");
  auto& elsewhere = s.somebody(s.user); // of another machine nobody comes
  elsewhere.connect(path);
  CAF_CHECK_EQUAL(elsewhere.error, ECONNREFUSED);
  CAF_CHECK_EQUAL(s.move({}), "");
  CAF_CHECK_EQUAL(s.who_answers("192.0.2.1:8080"), "admin");
  asks.close();
  s.pass(1s);
  CAF_CHECK(!std::filesystem::exists(path));
}

CAF_TEST(a unix socket that nobody listens on any more is replaced and one in use is not ) {
  moving s;
  for (auto in_use : {false, true}) {
    auto path = s.at(in_use ? "used.sock" : "stale.sock");
    auto fd = s.here.open(socket_kind::listener, AF_UNIX);
    auto name = simulation::name_of(path);
    CAF_REQUIRE_EQUAL(s.here.bind(fd, name.get(), name.size), 0);
    CAF_REQUIRE_EQUAL(s.here.listen(fd), 0);
    if (!in_use)
      s.here.close(fd);
    auto why = s.move({.admin = "unix://" + path});
    CAF_CHECK_EQUAL(has(why, "Address already in use"), in_use);
    auto& asks = s.somebody(s.here);
    asks.connect(path);
    if (in_use)
      s.here.close(fd);
    else
      CAF_CHECK_EQUAL(s.who_answers(asks), "admin");
  }
}
