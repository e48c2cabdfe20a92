#define CAF_SUITE policy.unix_socket
#include "policy/unix_socket.hpp" // unit under test

#include "policy/decide.hpp"
#include "tests/policy/rules.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::policy;
using namespace std::literals;

namespace {

using strings = std::vector<std::string>;

struct question {
  std::string_view path = "/run/a.sock";
  std::string_view method = "GET";
  bool upgrade = false;
  bool served = true;
};

struct fixture {
  [[nodiscard]] std::variant<socket_permit, denial> judge(const question& q,
                                                          std::string_view file = {}) const {
    auto what = asked(q);
    return decide(in_force, socket_query{.request = what, .served = q.served, .file = file});
  }
  static target asked(const question& q) {
    target what;
    what.method = q.method;
    what.upgrade = q.upgrade;
    what.unix_socket = std::make_shared<const std::string>(q.path);
    return what;
  }
  /// "allow", "look" (files decide), or the reason.
  [[nodiscard]] std::string verdict(const question& q) const {
    auto judged = judge(q);
    if (auto* no = std::get_if<denial>(&judged)) {
      CAF_CHECK(!no->domain_scope);
      CAF_CHECK(no->source == (no->reason == reason::method_not_allowed ? source::mode_guard
                                                                        : source::proxy_state));
      return std::string{to_string(no->reason)};
    }
    return std::get<socket_permit>(judged).by_name() ? "allow" : "look";
  }

  rules in_force = policy::test::allowing({});
};

} // namespace

CAF_TEST(paths are absolute and say nothing twice) {
  struct row {
    std::string_view path, normal;
  };
  for (auto [path, normal] : std::initializer_list<row>{
         {"/tmp/a.sock", "/tmp/a.sock"},
         {"/tmp/x/../a.sock", "/tmp/a.sock"},
         {"/tmp/./a.sock", "/tmp/a.sock"},
         {"//tmp///a.sock", "/tmp/a.sock"},
         {"/tmp/a.sock/", "/tmp/a.sock"},
         {"/tmp/a.sock/.", "/tmp/a.sock"},
         {"/../../tmp/a.sock", "/tmp/a.sock"},
         {"/tmp/..a/...", "/tmp/..a/..."},
         {"/a/b/../../c", "/c"},
         {"/", ""},
         {"/..", ""},
         {"/a/..", ""},
         {"", ""},
         {"a.sock", ""},
         {"./a.sock", ""},
         {"~/a.sock", ""},
         {"@abstract", ""},
         {"\0abstract"sv, ""},
         {"/tmp/a\0.sock"sv, ""},
         {"unix:///tmp/a.sock", ""},
         {" /tmp/a.sock", ""},
       }) {
    CAF_MESSAGE(path);
    CAF_CHECK_EQUAL(normal_socket_path(path).value_or(""), std::string{normal});
  }
}

CAF_TEST(a socket is named once and in printable ASCII) {
  struct row {
    std::vector<http1::field> fields;
    bool good;
  };
  for (const auto& [fields, good] : std::initializer_list<row>{
         {{{"A", "b"}, {"X-UNIX-Socket", "/run/a b.sock"}}, true},
         {{{"x-unix-socket", ""}}, true}, // present: refused as a path
         {{{"x-unix-socket", "/a"}, {"X-Unix-Socket", "/a"}}, false},
         {{{"x-unix-socket", ""}, {"x-unix-socket", "/a"}}, false},
         {{{"x-unix-socket", "/\xc3\xa9"}}, false},
         {{{"x-unix-socket", "/a\tb"}}, false},
         {{{"x-unix-socket", "/a\0b"sv}}, false},
         {{{"x_unix_socket", "/a"}}, false},
       }) {
    http1::head head;
    head.fields = fields;
    target what;
    what.port = 80;
    auto err = read_socket_name(head, what);
    CAF_CHECK_EQUAL(!err, good);
    if (err)
      CAF_CHECK_EQUAL(context_of(err), "invalid x-unix-socket header");
    CAF_CHECK_EQUAL(what.host.text(), "unix-socket");
    CAF_CHECK_EQUAL(what.port, 0);
  }
}

CAF_TEST(a path is allowed under the name that is listed and for files to decide under others) {
  fixture f;
  CAF_CHECK_EQUAL(f.verdict({}), "not_allowed"); // an empty list allows nothing, and looks nowhere
  f.in_force.sockets.allowed = {"/run/x/../a.sock", "/run/b.sock/"};
  for (auto path : {"/run/a.sock", "/run//a.sock", "/run/y/../a.sock", "/run/b.sock"})
    CAF_CHECK_EQUAL(f.verdict({path}), "allow");
  for (auto path : {"/run/A.sock", "/run/a.sock2", "/run", "/run/a.sock/c", "/x/run/a.sock"})
    CAF_CHECK_EQUAL(f.verdict({path}), "look");
  for (auto path : {"", "run/a.sock", "/", "@a", "unix:/run/a.sock"})
    CAF_CHECK_EQUAL(f.verdict({path}), "not_allowed");
}

CAF_TEST(what is denied is denied however it is spelled and whatever else is allowed) {
  fixture f;
  f.in_force.sockets.all = true;
  f.in_force.sockets.denied = {"/run/no.sock", "no/path"};
  CAF_CHECK_EQUAL(f.verdict({"/anything"}), "allow");
  CAF_CHECK_EQUAL(f.verdict({"relative"}), "not_allowed");
  CAF_CHECK_EQUAL(f.verdict({"/run/no.sock"}), "not_allowed");
  CAF_CHECK_EQUAL(f.verdict({"/run/./no.sock/"}), "not_allowed");
  f.in_force.sockets.all = false;
  f.in_force.sockets.allowed = {"/run/no.sock"};
  CAF_CHECK_EQUAL(f.verdict({"/run/no.sock"}), "not_allowed");
}

CAF_TEST(state comes before mode and mode before the platform and that before the path) {
  fixture f;
  f.in_force.sockets.allowed = {"/run/a.sock"};
  policy::test::set_mode(f.in_force, mode::limited);
  question post{.path = "/not/listed", .method = "POST", .served = false};
  f.in_force.enabled = false;
  CAF_CHECK_EQUAL(f.verdict(post), "proxy_disabled");
  f.in_force.enabled = true;
  CAF_CHECK_EQUAL(f.verdict(post), "method_not_allowed");
  post.method = "GET";
  CAF_CHECK_EQUAL(f.verdict(post), "unix_socket_unsupported");
  post.served = true;
  CAF_CHECK_EQUAL(f.verdict(post), "look");
  for (auto method : {"GET", "HEAD", "OPTIONS"})
    CAF_CHECK_EQUAL(f.verdict({.method = method}), "allow");
  for (auto method : {"get", "PUT", "DELETE", "TRACE", "PATCH"})
    CAF_CHECK_EQUAL(f.verdict({.method = method}), "method_not_allowed");
  CAF_CHECK_EQUAL(f.verdict({.upgrade = true}), "method_not_allowed");
  policy::test::set_mode(f.in_force, mode::full);
  CAF_CHECK_EQUAL(f.verdict({.method = "DELETE", .upgrade = true}), "allow");
}

CAF_TEST(what is under way goes on while its name or that of its file is listed) {
  fixture f;
  auto refused = [&](std::string_view real) {
    return std::holds_alternative<denial>(f.judge({}, real));
  };
  f.in_force.sockets.allowed = {"/run/a.sock"};
  CAF_CHECK(!refused("/elsewhere/a.sock")); // listed is what was asked for
  f.in_force.sockets.allowed = {"/run/b.sock"};
  CAF_CHECK(!refused("/run/b.sock")); // listed is what the asked for is a link to
  CAF_CHECK(refused("/run/c.sock"));
  f.in_force.sockets.denied = {"/run/b.sock"};
  CAF_CHECK(refused("/run/b.sock"));
  f.in_force.sockets.denied.clear();
  f.in_force.enabled = false;
  CAF_CHECK(refused("/run/b.sock"));
}

CAF_TEST(the steps to a socket are those of every request and then its own) {
  fixture f;
  auto& sockets = f.in_force.sockets;
  sockets.allowed = {"/run/a.sock"};
  sockets.denied = {"/run/no.sock"};
  auto steps = [&](const question& q, std::string_view file = {}) {
    trace why;
    auto what = fixture::asked(q);
    std::ignore =
      decide(f.in_force, socket_query{.request = what, .served = q.served, .file = file}, &why);
    std::string out;
    for (auto& s : why)
      out += (out.empty() ? "" : ", ") + std::string{s.name} + ": " + s.outcome;
    return out;
  };
  const std::string before = "enabled: yes, method: full: any method, unix_socket: ";
  CAF_CHECK_EQUAL(steps({}), before + "listed");
  CAF_CHECK_EQUAL(steps({"/run/b.sock"}), before + "not listed; passes as a link to one that is");
  CAF_CHECK_EQUAL(steps({"/run/no.sock"}), before + "denied");
  CAF_CHECK_EQUAL(steps({"b.sock"}), before + "not an absolute path");
  CAF_CHECK_EQUAL(steps({.served = false}), before + "none is served here");
  CAF_CHECK_EQUAL(steps({"/run/b.sock"}, "/run/c.sock"), before + "not listed any more");
  sockets.allowed.clear();
  CAF_CHECK_EQUAL(steps({}), before + "none is listed");
  policy::test::set_mode(f.in_force, mode::limited);
  CAF_CHECK_EQUAL(steps({.method = "POST"}),
                  "enabled: yes, method: limited: only GET, HEAD, OPTIONS");
  f.in_force.enabled = false;
  CAF_CHECK_EQUAL(steps({}), "enabled: no");
}
