#define CAF_SUITE actors.flows.hooks
#include "tests/actors/flows/intercepting.hpp"

#include <filesystem>

using namespace proxy;
using namespace proxy::test;
using namespace std::string_literals;

/// Hosts that have hooks: what passes, what is added and taken off, and who would lead around them.

namespace {

const std::string secret = "s3cr3t-of-the-test";
const std::string repos = "match = {methods = [\"GET\", \"POST\"], path_prefixes = [\"/repos/\"]}";
const std::string token = "inject_request_headers = [{name = \"authorization\", prefix = "
                          "\"Bearer \", secret_env_var = \"TOKEN\"}]";

std::string hook(const std::string& match, const std::string& actions,
                 const std::string& host = "example.com") {
  return "{host = \"" + host + "\", " + match + ", actions = {" + actions + "}}";
}

std::string hooked(const std::string& hooks, const std::string& mode = "full") {
  return two_hosts + "mode = \"" + mode + "\"\nmitm = true\nmitm_hooks = [" + hooks + "]\n";
}

const std::string usual = hooked(hook(repos, "strip_request_headers = [\"cookie\"], " + token));

/// One whose hook looks at everything.
const std::string strict =
  hooked(hook("match = {methods = [\"GET\", \"POST\"], path_prefixes = [\"/q\"], query = {repo = "
              "[\"good\"]}, headers = {x-scope = [\"read\"]}}",
              "strip_request_headers = [\"x-strip\"], inject_request_headers = [{name = "
              "\"x-token\", secret_env_var = \"TOKEN\"}]"));

struct hooking : intercepting {
  explicit hooking(const std::string& network = usual)
    : intercepting({.network = network, .environment = {{"TOKEN", secret}}}) {}

  /// Whether a request inside reaches the origin, which answers it. What it has heard is in
  /// `there->text`.
  bool passes(const std::string& request) {
    if (!here_inside)
      here_inside = &inside();
    here_inside->forget();
    here_inside->say(request);
    if (!there && !until([&] { return here_inside->hears("\r\n\r\n") || is_called(example, 0s); }))
      return false;
    if (here_inside->text.empty() && !there)
      there = &answer_at(example);
    if (there)
      there->forget();
    (void)until(
      [&] { return here_inside->hears("\r\n\r\n") || (there && there->hears("\r\n\r\n")); });
    auto passed = there && !there->text.empty();
    if (passed)
      there->say(ok("done"));
    CAF_CHECK_EQUAL(status_of(*here_inside), passed ? 200 : 403);
    CAF_CHECK_EQUAL(has(here_inside->text, "x-proxy-error: blocked-by-mitm-hook"), !passed);
    return passed;
  }

  party* here_inside = nullptr;
  party* there = nullptr;
};

std::string told(const std::vector<config::problem>& of) {
  std::string out;
  for (const auto& each : of)
    out += each.str() + '\n';
  return out;
}

size_t count(std::string_view in, std::string_view what) {
  size_t out = 0;
  for (auto at = in.find(what); at != std::string_view::npos; at = in.find(what, at + 1))
    ++out;
  return out;
}

} // namespace

CAF_TEST(a hook takes off and adds what the client never sees) {
  hooking s;
  CAF_CHECK(s.passes(
    ask_for("GET", "/repos/a?b=c", "Cookie: c=1\r\nAuthorization: Bearer mine\r\nX-Other: 1\r\n")));
  auto heard = s.there->text;
  CAF_CHECK(heard.starts_with("GET /repos/a?b=c HTTP/1.1\r\n"));
  CAF_CHECK_EQUAL(count(heard, "uthorization:"), 1u);
  CAF_CHECK(has(heard, "uthorization: Bearer " + secret + "\r\n"));
  CAF_CHECK(has(heard, "X-Other: 1\r\n"));
  CAF_CHECK(!has(heard, "ookie") && !has(heard, "mine"));
  CAF_CHECK(!has(s.here_inside->text, secret));
  CAF_CHECK(!s.passes(ask_for("GET", "/user")));
  for (auto& shown : {s.ask_admin("GET /config"), s.ask_admin("GET /connections"),
                      s.ask_admin("GET /blocked"), s.ask_admin("GET /metrics"), s.log()})
    CAF_CHECK(!has(shown, secret));
  for (auto& each : s.events)
    CAF_CHECK(!has(each->host + each->method + each->rule + each->words, secret));
  CAF_CHECK_EQUAL(s.decided("deny https example.com:443 mitm_hook_denied"), 1u);
  CAF_CHECK_EQUAL(s.decided("allow https example.com:443 allow"), 1u);
}

CAF_TEST(what no hook matches is refused in every mode and what matches is not beyond the mode) {
  struct row {
    std::string method, path;
    bool good;
  } rows[] = {
    {"GET", "/repos/", true},
    {"GET", "/repos/x", true},
    {"GET", "/repos/x?y=../../user", true},
    {"GET", "/repos/x/../a", true},
    {"GET", "/repos/%61", true},
    {"PUT", "/repos/a", false},
    {"HEAD", "/repos/a", false},
    {"GET", "/user", false},
    {"GET", "/repos", false},
    {"GET", "/Repos/a", false},
    {"GET", "/", false},
    {"GET", "/x/repos/a", false},
    {"GET", "/repos/../user", false},
    {"GET", "/repos/%2e%2e/user", false},
    {"GET", "/repos/.%2E/user", false},
    {"GET", "/repos/a/../../user", false},
    {"GET", "/repos%2fa", false},
    {"GET", "/repos/%2fuser", false},
    {"GET", "/repos/..%5cuser", false},
    {"GET", "/repos/..;/user", false},
    {"GET", "/repos/..%3b/user", false},
    {"GET", "/repos/..%20/user", false},
    {"GET", "/repos/..%09/user", false},
    {"GET", "/repos/%252e%252e/user", false},
    {"GET", "/repos/a%00", false},
    {"GET", "/repos/%c0%ae%c0%ae/user", false},
    {"GET", "/repos/%ef%bc%8e%ef%bc%8e/user", false},
    {"GET", "/repos/a%ff", false},
    {"GET", "https://example.com/repos/a", true},
    {"GET", "https://example.com/user", false},
    {"OPTIONS", "*", false},
  };
  for (auto mode : {"full", "limited"}) {
    hooking s{hooked(hook(repos, token), mode)};
    for (auto& [method, path, good] : rows) {
      CAF_MESSAGE(mode << ' ' << method << ' ' << path);
      CAF_CHECK_EQUAL(s.passes(ask_for(method, path)), good);
    }
    auto post = ask_for("POST", "/repos/a", "", "x");
    if (mode == "full"s) {
      CAF_CHECK(s.passes(post));
      continue;
    }
    CAF_CHECK_EQUAL(s.status(*s.here_inside, post), 403);
    CAF_CHECK(has(s.here_inside->text, "blocked-by-method-policy"));
  }
}

CAF_TEST(a path goes on as it was judged) {
  struct row {
    std::string asked, sent;
  } rows[] = {
    {"/repos/x/../a", "/repos/a"},
    {"/repos/./a", "/repos/a"},
    {"/x/../repos/a?q=/../b", "/repos/a?q=/../b"},
    {"/repos/caf%c3%a9/%E6%97%A5?r=%2e", "/repos/caf%C3%A9/%E6%97%A5?r=%2e"},
    {"/repos/%61%7e", "/repos/a~"},
  };
  hooking s;
  for (auto& [asked, sent] : rows) {
    CAF_CHECK(s.passes(ask_for("GET", asked)));
    auto line = s.there->text.substr(0, s.there->text.find("\r\n"));
    CAF_CHECK_EQUAL(line, "GET " + sent + " HTTP/1.1");
  }
}

CAF_TEST(every occurrence of what a hook looks at has to match in a tunnel and in absolute form) {
  struct row {
    std::string query, fields;
    bool good;
  } rows[] = {
    {"repo=good", "X-Scope: read\r\n", true},
    {"repo=good&repo=good", "X-Scope: read\r\nx-scope: read\r\n", true},
    {"x=1&repo=good", "X-Scope: read\r\n", true},
    {"", "X-Scope: read\r\n", false},
    {"repo=good", "", false},
    {"repo=good&repo=evil", "X-Scope: read\r\n", false},
    {"repo=evil&repo=good", "X-Scope: read\r\n", false},
    {"repo=good&re%70o=evil", "X-Scope: read\r\n", false},
    {"repo=good;repo=evil", "X-Scope: read\r\n", false},
    {"x=1;repo=evil&repo=good", "X-Scope: read\r\n", false},
    {"repo=good&repo[]=evil", "X-Scope: read\r\n", false},
    {"repo=good&Repo=evil", "X-Scope: read\r\n", false},
    {"repo=good&repo", "X-Scope: read\r\n", false},
    {"repo=good", "X-Scope: read\r\nX-Scope: admin\r\n", false},
    {"repo=good", "X-Scope: admin\r\nX-Scope: read\r\n", false},
    {"repo=good", "X-Scope: read, admin\r\n", false},
    {"repo=good", "X-Scope: read\r\nX_Scope: admin\r\n", false},
    {"repo=good", "X_Scope: read\r\n", false},
    {"repo=good", "X-Scope: read\r\nX-Scope:\r\n", false},
    {"repo=good", "X-Scope: read\r\nConnection: X-Scope\r\n", false},
  };
  hooking s{strict};
  for (auto& [query, fields, good] : rows) {
    CAF_MESSAGE(query << ' ' << fields);
    CAF_CHECK_EQUAL(s.passes(ask_for("GET", "/q?" + query, fields)), good);
    auto& absolute = s.client();
    absolute.say(ask_for("GET", "https://example.com/q?" + query, fields));
    if (good) {
      s.there->forget();
      CAF_CHECK(s.hears(*s.there, secret));
      s.there->say(ok("absolute"));
      CAF_CHECK(s.hears(absolute, "absolute"));
    } else {
      CAF_CHECK(s.hears(absolute, "x-proxy-error: blocked-by-mitm-hook"));
    }
  }
}

CAF_TEST(what a hook sets or strips is taken off in every spelling and from trailers) {
  hooking s{strict};
  CAF_CHECK(
    s.passes(ask_for("GET", "/q?repo=good",
                     "X-Scope: read\r\nX-Token: mine\r\nx_token: mine\r\nX_TOKEN: mine\r\n"
                     "x.token: mine\r\nX_strip: mine\r\nX-Strip: mine\r\nX-Stay: yes\r\n")));
  CAF_CHECK(!has(s.there->text, "mine"));
  CAF_CHECK_EQUAL(count(s.there->text, secret), 1u);
  CAF_CHECK(has(s.there->text, "X-Stay: yes\r\n"));
  const auto head = ask_for("POST", "/q?repo=good",
                            "X-Scope: read\r\nTransfer-Encoding: chunked\r\nTrailer: X-Stay\r\n");
  const auto body =
    "3\r\nabc\r\n0\r\nX-Stay: yes\r\nX-Token: mine\r\nX_Token: mine\r\nx.token: "
    "mine\r\nX_Strip: mine\r\nX-Scope: mine\r\nx-strip: mine\r\nx-end: yes\r\n\r\n"s;
  for (size_t cut = 0; cut <= body.size(); cut += cut < 12 ? 1 : 9) {
    s.there->forget();
    s.here_inside->forget();
    s.here_inside->say(head + body.substr(0, cut));
    s.pass(1ms);
    s.here_inside->say(body.substr(cut));
    CAF_CHECK(s.hears(*s.there, "x-end: yes\r\n\r\n"));
    CAF_CHECK(!has(s.there->text, "mine"));
    CAF_CHECK(has(s.there->text, "0\r\nX-Stay: yes\r\nx-end: yes\r\n\r\n"));
    s.there->say(ok("taken"));
    CAF_CHECK(s.hears(*s.here_inside, "taken"));
  }
}

CAF_TEST(the first hook that fits decides what is added) {
  auto two = hooked(hook("match = {methods = [\"GET\"], path_prefixes = [\"/a\"]}",
                         "inject_request_headers = [{name = \"x-as\", prefix = \"first \", "
                         "secret_env_var = \"TOKEN\"}]") +
                    ", " +
                    hook("match = {methods = [\"GET\"], path_prefixes = [\"pattern:/*\"]}",
                         "inject_request_headers = [{name = \"x-as\", prefix = \"second \", "
                         "secret_env_var = \"TOKEN\"}]"));
  hooking s{two};
  struct row {
    std::string path, as;
  } rows[] = {{"/a", "first"}, {"/ab", "first"}, {"/b", "second"}, {"/b/../a/x", "first"}};
  for (auto& [path, as] : rows) {
    CAF_CHECK(s.passes(ask_for("GET", path)));
    CAF_CHECK(has(s.there->text, ": " + as + ' ' + secret));
  }
}

CAF_TEST(a hooked host is not reached in the clear nor unread) {
  for (auto mode : {"full", "limited"}) {
    hooking s{hooked(hook(repos, token), mode)};
    auto& plain = s.serve_at("93.184.216.34", 80);
    auto& absolute = s.client();
    absolute.say(get("http://example.com/repos/a"));
    CAF_CHECK(s.hears(absolute, "x-proxy-error: blocked-by-mitm-required"));
    CAF_CHECK(has(absolute.text, "hook"));
    CAF_CHECK(!s.is_called(plain, 1s));
    auto& in_tunnel = s.tunnel("example.com:80");
    in_tunnel.say(ask_for("GET", "/repos/a"));
    CAF_CHECK(s.hears(in_tunnel, "x-proxy-error: blocked-by-mitm-required"));
    auto& other_words = s.tunnel("example.com:443");
    other_words.say("SSH-2.0-x\r\n");
    CAF_CHECK(s.is_over(other_words, 1s));
    auto& socks = s.client(1080);
    socks.say("\x05\x01\x00"s);
    CAF_CHECK(s.hears(socks, "\x05\x00"s));
    socks.forget();
    socks.say("\x05\x01\x00\x03\x0b"s + "example.com" + "\x01\xbb"s);
    CAF_CHECK(s.hears(socks, "\x05\x02"s));
    CAF_CHECK_EQUAL(s.accept(plain).text + s.accept(s.example).text, "");
  }
}

CAF_TEST(a host without hooks is not read in full mode) {
  hooking s;
  auto& client = s.tunnel("other.test:443");
  auto& origin = s.accept(s.other);
  client.say(hello_of(s.somebody(s.user), "other.test"));
  CAF_CHECK(s.until([&] { return origin.hears("\x16\x03\x01"s); })); // as it was sent
  CAF_CHECK(has(origin.text, "other.test"));
}

CAF_TEST(secrets of files are read at the start and at a reload and a missing one changes nothing) {
  config::test::folder folder;
  auto file = folder.write("token", "first\n");
  std::filesystem::permissions(file, std::filesystem::perms::owner_read |
                                       std::filesystem::perms::owner_write);
  auto network = hooked(
    hook(repos, "inject_request_headers = [{name = \"x-token\", secret_file = \"" + file + "\"}]"));
  hooking s{network};
  CAF_CHECK(s.passes(ask_for("GET", "/repos/a")));
  CAF_CHECK(has(s.there->text, ": first\r\n"));
  folder.write("token", "  second \n");
  CAF_CHECK(s.passes(ask_for("GET", "/repos/a")));
  CAF_CHECK(has(s.there->text, ": first\r\n")); // nobody reads it meanwhile
  s.install(network);
  s.there = nullptr; // a new policy begins with new connections
  CAF_CHECK(s.passes(ask_for("GET", "/repos/a")));
  CAF_CHECK(has(s.there->text, ": second\r\n"));
  for (auto broken : {"two\nlines", ""}) {
    *broken ? (void)folder.write("token", broken) : (void)std::filesystem::remove(file);
    auto outcome = s.reload(network);
    CAF_CHECK(!outcome.report);
    CAF_CHECK(has(told(outcome.problems), "failed to compile injected header x-token"));
    CAF_CHECK(!has(told(outcome.problems), "lines"));
  }
  CAF_CHECK(s.passes(ask_for("GET", "/repos/a")));
  CAF_CHECK(has(s.there->text, ": second\r\n"));
  CAF_CHECK(!has(s.log(), "second"));
}

CAF_TEST(a missing variable stops the start) {
  stage s{{.network = usual, .may_fail = true}};
  CAF_REQUIRE(!s.first.empty());
  CAF_CHECK(has(told(s.first), "missing required environment variable TOKEN"));
  CAF_CHECK(s.shards.empty());
}
