#define CAF_SUITE actors.control.listener_owner
#include "actors/control/listener_owner.hpp" // unit under test

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "actors/loop/system/platform.hpp"
#include "tests/config/support.hpp"
#include "tests/support/test.hpp"

using namespace proxy;

namespace {

bool connects(uint16_t port) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(port);
  auto fd = ::socket(AF_INET, SOCK_STREAM, 0);
  auto up = ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0;
  ::close(fd);
  return up;
}

bool has_ipv6() {
  return bind_listener(endpoint::http, {.ip = "::1", .port = 0, .path = {}}).engaged();
}

/// An owner of nothing, and configurations for it.
struct fixture : test_coordinator_fixture<> {
  fixture() : owner(sys.spawn(listener_owner, listener_set{}, &this_machine().network)) {}

  static config_ptr asking_for(uint16_t http, bool admin = true, bool enabled = true) {
    auto out = std::make_shared<config::proxy_config>();
    out->enabled = enabled;
    out->enable_socks5 = false;
    out->http = {.ip = "127.0.0.1", .port = http, .path = {}};
    out->admin.reset();
    if (admin)
      out->admin = config::listen_address{.ip = "127.0.0.1", .port = 0, .path = {}};
    return out;
  }

  template <class T, class... Ts>
  T asked(Ts... xs) {
    T out;
    auto answer = self->request(owner, std::chrono::seconds{10}, xs...);
    consume_messages();
    answer.receive([&](T& x) { out = std::move(x); },
                   [](const caf::error&) { CAF_FAIL("no answer"); });
    return out;
  }
  bound_listeners bind(const config_ptr& config) {
    return asked<bound_listeners>(atom::bind_v, config);
  }
  listener_set in_force() { return asked<listener_set>(atom::listen_v); }
  template <class... Ts>
  void tell(const Ts&... xs) {
    self->send(owner, xs...);
    consume_messages();
  }

  listener_owner_actor owner;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(listener_owner_tests, fixture)

CAF_TEST(what is bound is in force when it is said so and not before) {
  auto bound = bind(asking_for(0));
  CAF_REQUIRE_EQUAL(bound.all.size(), 2u);
  CAF_CHECK(bound.added == bound.all);
  CAF_CHECK(connects(bound.all[0]->port));
  CAF_CHECK(in_force().empty());
  tell(atom::install_v, bound.all);
  CAF_CHECK(in_force() == bound.all);
}

CAF_TEST(a port keeps its socket and one that moves closes when the new one is in force) {
  auto first = bind(asking_for(0));
  tell(atom::install_v, first.all);
  auto same = bind(asking_for(0));
  CAF_CHECK(same.all == first.all);
  CAF_CHECK(same.added.empty());
  auto port = first.all[0]->port;
  auto config = std::make_shared<config::proxy_config>(*asking_for(0));
  config->http.ip = "127.0.0.2";
  auto moved = bind(config);
  CAF_REQUIRE_EQUAL(moved.added.size(), 1u);
  CAF_CHECK(moved.all[1] == first.all[1]);
  first = same = {};
  CAF_CHECK(connects(port));
  tell(atom::install_v, moved.all);
  CAF_CHECK(!connects(port));
}

CAF_TEST(an address that our own listener keeps is refused and says so) {
  auto first = bind(asking_for(0));
  tell(atom::install_v, first.all);
  auto config = std::make_shared<config::proxy_config>(*asking_for(first.all[1]->port));
  for (auto ip : {"127.0.0.1", "0.0.0.0"}) {
    config->http.ip = ip;
    auto wide = bind(config);
    CAF_REQUIRE_EQUAL(wide.problems.size(), 1u);
    CAF_CHECK(wide.problems[0].hint.find("own admin listener") != std::string::npos);
    CAF_CHECK(wide.problems[0].hint.find(first.all[1]->address()) != std::string::npos);
    CAF_CHECK(in_force() == first.all);
  }
}

CAF_TEST(a listener widens and narrows on its own port and nobody is refused meanwhile) {
  auto first = bind(asking_for(0));
  auto port = first.all[0]->port;
  tell(atom::install_v, first.all);
  first = {};
  for (auto ip : {"0.0.0.0", "127.0.0.1"}) {
    CAF_MESSAGE(ip);
    auto config = std::make_shared<config::proxy_config>(*asking_for(port));
    config->http.ip = ip;
    auto moved = bind(config);
    CAF_REQUIRE(moved.problems.empty());
    CAF_REQUIRE(!moved.added.empty());
    CAF_CHECK_EQUAL(moved.all[0]->port, port);
    CAF_CHECK_EQUAL(moved.all[0]->ip.str(), ip);
    CAF_CHECK(connects(port));
    tell(atom::install_v, moved.all);
    CAF_CHECK(connects(port));
  }
}

CAF_TEST(a port that was handed over is nobody elses to share) {
  auto first = bind(asking_for(0));
  auto port = first.all[0]->port;
  tell(atom::install_v, first.all);
  first = {};
  auto config = std::make_shared<config::proxy_config>(*asking_for(port));
  config->http.ip = "0.0.0.0";
  auto moved = bind(config);
  tell(atom::install_v, moved.all);
  for (auto ip : {"127.0.0.1", "0.0.0.0"}) {
    CAF_CHECK(!bind_listener(endpoint::http, {.ip = ip, .port = port, .path = {}}));
    if (has_ipv6())
      CAF_CHECK(!bind_listener(endpoint::http, {.ip = ip, .port = port, .path = {}},
                               this_machine().network, port_sharing::with_our_own));
  }
}

CAF_TEST(a move to a wider address that comes to nothing leaves the old listener) {
  auto first = bind(asking_for(0));
  auto port = first.all[0]->port;
  tell(atom::install_v, first.all);
  auto taken = unbox(bind_listener(endpoint::http, {.ip = "127.0.0.1", .port = 0, .path = {}}));
  auto config = std::make_shared<config::proxy_config>(*asking_for(port));
  config->http.ip = "0.0.0.0";
  config->admin->port = taken->port;
  auto failed = bind(config);
  CAF_REQUIRE_EQUAL(failed.problems.size(), 1u);
  CAF_CHECK_EQUAL(failed.problems[0].key, "admin_url");
  failed = {};
  CAF_CHECK(in_force() == first.all);
  CAF_CHECK(connects(port));
  config->admin->port = 0;
  auto late = bind(config);
  CAF_CHECK(late.problems.empty());
  late = {};
  tell(atom::abort_v);
  CAF_CHECK(connects(port));
}

CAF_TEST(two listeners swap their ports) {
  auto first = bind(asking_for(0));
  tell(atom::install_v, first.all);
  auto http = first.all[0]->port, admin = first.all[1]->port;
  first = {};
  auto config = std::make_shared<config::proxy_config>(*asking_for(admin));
  config->admin->port = http;
  auto swapped = bind(config);
  CAF_REQUIRE(swapped.problems.empty());
  CAF_REQUIRE_EQUAL(swapped.all.size(), 2u);
  CAF_CHECK(swapped.added == swapped.all);
  CAF_CHECK(swapped.all[0]->serves == endpoint::http && swapped.all[0]->port == admin);
  CAF_CHECK(swapped.all[1]->serves == endpoint::admin && swapped.all[1]->port == http);
  swapped.added.clear();
  tell(atom::install_v, swapped.all);
  CAF_CHECK(connects(http) && connects(admin));
  tell(atom::close_v);
  swapped = {};
  CAF_CHECK(!connects(http) && !connects(admin));
}

CAF_TEST(one address for two is refused wherever a listener stands) {
  auto first = bind(asking_for(0));
  tell(atom::install_v, first.all);
  auto config = std::make_shared<config::proxy_config>(*asking_for(first.all[0]->port));
  config->admin = config->http;
  auto both = bind(config);
  CAF_REQUIRE_EQUAL(both.problems.size(), 1u);
  CAF_CHECK_EQUAL(both.problems[0].key, "admin_url");
}

CAF_TEST(a unix socket that another one has replaced is left alone) {
  config::test::folder home;
  auto at = [&](const std::string& name) {
    return unbox(bind_listener(endpoint::admin, {.ip = "", .port = 0, .path = home.at(name)}));
  };
  auto old = at("admin.sock");
  std::filesystem::remove(home.at("admin.sock"));
  auto successor = at("admin.sock");
  old = nullptr;
  CAF_CHECK(std::filesystem::exists(home.at("admin.sock")));
  successor = nullptr;
  CAF_CHECK(!std::filesystem::exists(home.at("admin.sock")));
}

CAF_TEST(a move that fails keeps what is in force and closes what it had bound) {
  auto first = bind(asking_for(0));
  tell(atom::install_v, first.all);
  auto taken = unbox(bind_listener(endpoint::http, {.ip = "127.0.0.1", .port = 0, .path = {}}));
  auto failed = bind(asking_for(taken->port));
  CAF_REQUIRE_EQUAL(failed.problems.size(), 1u);
  CAF_CHECK_EQUAL(failed.problems[0].key, "proxy_url");
  failed = {};
  CAF_CHECK(in_force() == first.all);
  CAF_CHECK(connects(first.all[0]->port));
}

CAF_TEST(what was bound for nothing closes with the next question) {
  auto proposed = bind(asking_for(0));
  auto port = proposed.all[0]->port;
  proposed = {};
  CAF_CHECK(connects(port));
  auto other = bind(asking_for(port)); // the address is free again
  CAF_CHECK(other.problems.empty());
  CAF_REQUIRE_EQUAL(other.all.size(), 2u);
  CAF_CHECK_EQUAL(other.all[0]->port, port);
}

CAF_TEST(what was bound too late closes when it is said so) {
  auto first = bind(asking_for(0));
  tell(atom::install_v, first.all);
  auto config = std::make_shared<config::proxy_config>(*asking_for(0));
  config->http.ip = "127.0.0.2";
  auto late = bind(config);
  std::weak_ptr<const bound_listener> unwanted = late.added.at(0);
  late = {};
  CAF_CHECK(!unwanted.expired());
  tell(atom::abort_v);
  CAF_CHECK(unwanted.expired());
  CAF_CHECK(in_force() == first.all);
  CAF_CHECK(connects(first.all[0]->port));
}

CAF_TEST(a unix socket is for its owner alone and the umask stays as it was) {
  config::test::folder home;
  struct stat info {};
  for (mode_t mask : {0, 0777}) {
    auto before = ::umask(mask);
    auto bound =
      bind_listener(endpoint::admin, {.ip = {}, .port = 0, .path = home.at("admin.sock")});
    CAF_CHECK_EQUAL(::umask(before), mask);
    CAF_REQUIRE(bound);
    CAF_REQUIRE_EQUAL(::lstat(home.at("admin.sock").c_str(), &info), 0);
    CAF_CHECK_EQUAL(info.st_mode & 07777u, 0600u);
  }
}

CAF_TEST(a unix socket whose owner does not accept is in use) {
  config::test::folder home;
  auto path = home.at("hung.sock");
  auto hung = platform::open_socket(AF_UNIX, SOCK_STREAM);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::ranges::copy(path, name.sun_path);
  CAF_REQUIRE_EQUAL(::bind(hung, reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
  CAF_REQUIRE_EQUAL(::listen(hung, 0), 0);
  std::vector<int> queued;
  do
    queued.push_back(platform::open_socket(AF_UNIX, SOCK_STREAM));
  while (::connect(queued.back(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0);
  auto bound = bind_listener(endpoint::admin, {.ip = {}, .port = 0, .path = path});
  CAF_CHECK(!bound);
  CAF_CHECK(std::filesystem::exists(path));
  for (auto each : queued)
    ::close(each);
  ::close(hung);
}

CAF_TEST(a drain leaves the admin API and a close leaves nothing) {
  auto first = bind(asking_for(0));
  tell(atom::install_v, first.all);
  auto ports = std::pair{first.all[0]->port, first.all[1]->port};
  auto late = first.all;
  first = {};
  tell(atom::drain_v);
  CAF_REQUIRE_EQUAL(in_force().size(), 1u);
  CAF_CHECK(in_force()[0]->serves == endpoint::admin);
  CAF_CHECK(!bind(asking_for(0)).problems.empty());
  tell(atom::install_v, late); // of a change that the drain overtook
  late.clear();
  CAF_CHECK_EQUAL(in_force().size(), 1u);
  CAF_CHECK(!connects(ports.first));
  CAF_CHECK(connects(ports.second));
  tell(atom::close_v);
  CAF_CHECK(in_force().empty());
  CAF_CHECK(!connects(ports.second));
}

CAF_TEST_FIXTURE_SCOPE_END()
