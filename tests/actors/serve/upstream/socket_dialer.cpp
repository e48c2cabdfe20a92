#define CAF_SUITE actors.serve.upstream.socket_dialer
#include "actors/serve/upstream/socket_dialer.hpp" // unit under test

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "actors/net/bound_listener.hpp"
#include "actors/net/own_socket_file.hpp"
#include "policy/decide.hpp"
#include "tests/policy/rules.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using outcome_of_dial = socket_dialled::outcome;
namespace fs = std::filesystem;

namespace {

/// A socket that listens, for connections that nobody accepts.
struct listening {
  explicit listening(const std::string& path, int type = SOCK_STREAM)
    : fd(::socket(AF_UNIX, type, 0)) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    CAF_REQUIRE(path.size() < sizeof name.sun_path);
    std::memcpy(name.sun_path, path.data(), path.size());
    CAF_REQUIRE_EQUAL(::bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
    if (type == SOCK_STREAM)
      CAF_REQUIRE_EQUAL(::listen(fd, 16), 0);
  }
  listening(const listening&) = delete;
  ~listening() { ::close(fd); }
  [[nodiscard]] bool was_reached() const {
    pollfd asked{fd, POLLIN, 0};
    return ::poll(&asked, 1, 0) == 1;
  }
  int fd;
};

struct fixture {
  fixture() {
    auto name = (fs::temp_directory_path() / "proxy-dial-XXXXXX").string();
    CAF_REQUIRE(::mkdtemp(name.data()) != nullptr);
    folder = fs::canonical(name).string() + '/';
  }
  ~fixture() { fs::remove_all(folder); }

  [[nodiscard]] std::string at(const std::string& name) const { return folder + name; }

  socket_dialled dial(const std::string& path) const {
    auto in_force = policy::test::allowing({});
    in_force.sockets = {config.allow_unix_sockets, config.denied_unix_sockets,
                        config.dangerously_allow_all_unix_sockets};
    policy::target what;
    what.method = "GET";
    what.unix_socket = std::make_shared<const std::string>(path);
    auto judged = policy::decide(in_force, policy::socket_query{.request = what});
    auto* permit = std::get_if<policy::socket_permit>(&judged);
    CAF_REQUIRE(permit != nullptr);
    return dial_unix_socket(*permit, config);
  }

  std::string folder;
  config::proxy_config config;
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(socket_dialer_tests, fixture)

CAF_TEST(a listed socket is connected to and the connection never blocks) {
  listening server{at("a.sock")};
  config.allow_unix_sockets = {at("a.sock")};
  auto got = dial(at("x/../a.sock"));
  CAF_REQUIRE(got.what == outcome_of_dial::connected);
  CAF_CHECK_EQUAL(got.path, at("a.sock"));
  CAF_CHECK(server.was_reached());
  auto fd = got.made->take();
  char byte;
  CAF_CHECK_EQUAL(::recv(fd, &byte, 1, 0), -1);
  CAF_CHECK(errno == EAGAIN || errno == EWOULDBLOCK);
  CAF_CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  ::close(fd);
}

CAF_TEST(a link counts as what it leads to) {
  listening server{at("a.sock")};
  listening other{at("b.sock")};
  fs::create_symlink(at("a.sock"), at("in.sock"));
  fs::create_symlink(at("b.sock"), at("out.sock"));
  fs::create_directory_symlink(folder, at("dir"));
  config.allow_unix_sockets = {at("a.sock"), at("nowhere.sock"), "no/path"};
  for (auto name : {"in.sock", "dir/a.sock", "dir/in.sock"}) {
    CAF_MESSAGE(name);
    auto got = dial(at(name));
    CAF_CHECK(got.what == outcome_of_dial::connected);
    CAF_CHECK_EQUAL(got.path, at("a.sock"));
  }
  for (auto name : {"b.sock", "out.sock", "dir/b.sock", "missing.sock", "a.sock/x", ""}) {
    CAF_MESSAGE(name);
    auto got = dial(at(name));
    CAF_CHECK(got.what == outcome_of_dial::not_allowed);
  }
  CAF_CHECK(!other.was_reached());
  // What is listed may be a link itself.
  config.allow_unix_sockets = {at("out.sock")};
  CAF_CHECK(dial(at("out.sock")).what == outcome_of_dial::connected);
  CAF_CHECK(dial(at("b.sock")).what == outcome_of_dial::connected);
  CAF_CHECK(dial(at("a.sock")).what == outcome_of_dial::not_allowed);
}

CAF_TEST(what is denied is denied under every name) {
  listening server{at("no.sock")};
  fs::create_symlink(at("no.sock"), at("soft.sock"));
  fs::create_hard_link(at("no.sock"), at("hard.sock"));
  config.dangerously_allow_all_unix_sockets = true;
  for (auto denied : {"no.sock", "soft.sock", "hard.sock"}) {
    config.denied_unix_sockets = {at(denied), "no/path", at("nowhere.sock")};
    for (auto name : {"no.sock", "soft.sock", "hard.sock"})
      if (std::string_view{name} != denied) {
        CAF_MESSAGE(name << " where denied is " << denied);
        CAF_CHECK(dial(at(name)).what == outcome_of_dial::not_allowed);
      }
  }
  CAF_CHECK(!server.was_reached());
}

CAF_TEST(what is allowed and does not answer says why) {
  config.dangerously_allow_all_unix_sockets = true;
  std::ofstream{at("file")} << "x";
  fs::create_symlink(at("loop"), at("loop"));
  listening datagrams{at("datagrams.sock"), SOCK_DGRAM};
  { listening gone{at("dead.sock")}; }
  struct row {
    std::string name;
    int error;
  };
  for (const auto& [name, error] :
       {row{"missing", ENOENT}, row{"file", ECONNREFUSED}, row{"file/x", ENOTDIR},
        row{"loop", ELOOP}, row{"dead.sock", ECONNREFUSED}, row{"datagrams.sock", EPROTOTYPE},
        row{std::string(300, 'x'), ENAMETOOLONG}}) {
    CAF_MESSAGE(name);
    auto got = dial(at(name));
    CAF_CHECK(got.what == outcome_of_dial::failed);
    CAF_CHECK_EQUAL(got.error, error);
    CAF_CHECK(!got.made);
  }
}

CAF_TEST(a path that is too long for a socket is dialled by its listed name alone) {
  auto deep = at(std::string(90, 'd'));
  fs::create_directory(deep);
  fs::current_path(deep); // bound by a relative name, as no other would fit
  listening server{"long-name-of-a.sock"};
  fs::current_path("/");
  fs::create_directory_symlink(deep, at("short"));
  auto listed = at("short/long-name-of-a.sock");
  config.allow_unix_sockets = {listed};
  CAF_CHECK(dial(listed).what == outcome_of_dial::connected);
  // By another name it would be whatever that leads to at the time.
  fs::create_directory_symlink(deep, at("other"));
  auto got = dial(at("other/long-name-of-a.sock"));
  CAF_CHECK(got.what == outcome_of_dial::failed);
  CAF_CHECK_EQUAL(got.error, ENAMETOOLONG);
}

CAF_TEST(a full queue is told from a socket that is gone) {
  listening server{at("a.sock")};
  CAF_REQUIRE_EQUAL(::listen(server.fd, 0), 0);
  config.allow_unix_sockets = {at("a.sock")};
  std::vector<std::shared_ptr<open_descriptor>> waiting;
  auto got = dial(at("a.sock"));
  for (; got.what == outcome_of_dial::connected && waiting.size() < 100; got = dial(at("a.sock")))
    waiting.push_back(got.made);
#ifdef __APPLE__
  CAF_CHECK(got.what == outcome_of_dial::failed); // it says so of both
#else
  CAF_CHECK(got.what == outcome_of_dial::busy);
#endif
}

CAF_TEST(our own sockets are known by file and by name as long as they are there) {
  config.dangerously_allow_all_unix_sockets = true;
  {
    auto admin = bind_listener(endpoint::admin, {.ip = {}, .port = 0, .path = at("admin.sock")});
    CAF_REQUIRE(admin);
    fs::create_symlink(at("admin.sock"), at("soft.sock"));
    fs::create_hard_link(at("admin.sock"), at("hard.sock"));
    for (auto name : {"admin.sock", "soft.sock", "hard.sock"}) {
      CAF_MESSAGE(name);
      CAF_CHECK(dial(at(name)).what == outcome_of_dial::own);
    }
    fs::remove(at("soft.sock"));
    fs::rename(at("admin.sock"), at("moved.sock"));
    CAF_CHECK(dial(at("moved.sock")).what == outcome_of_dial::own);
    // The name alone tells, too: of a file that was put in place after it had been looked at.
    CAF_CHECK(is_own_socket(at("admin.sock")));
    fs::rename(at("moved.sock"), at("admin.sock"));
  }
  CAF_CHECK(!is_own_socket(at("admin.sock")));
  fs::remove(at("hard.sock"));
  listening successor{at("admin.sock")};
  CAF_CHECK(dial(at("admin.sock")).what == outcome_of_dial::connected);
}

CAF_TEST_FIXTURE_SCOPE_END()
