#define CAF_SUITE actors.embed.library
// unit under test: include/codex/network_proxy.hpp, without deciders

#include "tests/actors/embed/in_a_child.hpp"
#include "tests/actors/embed/program.hpp"

#include <nlohmann/json.hpp>

using namespace proxy::test;
using namespace std::chrono_literals;
using codex::error_code;
using codex::network_mode;

namespace {

/// A configuration file with these lines in the table of the network.
std::string file_with(const std::string& lines) {
  return proxy::config::test::newer("enabled = true\nallow_local_binding = true\n" + lines);
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(library_tests, program)

CAF_TEST(addresses are known before it runs and whoever connects by then is served after it) {
  auto wanted = wanting({"127.0.0.1"});
  auto made = built(wanted);
  auto address = made.http_addr();
  CAF_CHECK(address.starts_with("127.0.0.1:"));
  CAF_CHECK(!address.ends_with(":0"));
  CAF_CHECK(made.socks_addr().starts_with("127.0.0.1:"));
  CAF_CHECK_EQUAL(made.admin_addr(), "");
  auto early = connect_to(address);
  CAF_REQUIRE(early);
  listening origin;
  CAF_CHECK(early.send("CONNECT " + origin.address() + " HTTP/1.1\r\nHost: " + origin.address() +
                       "\r\n\r\n"));
  auto running = made.run();
  CAF_REQUIRE(running);
  CAF_CHECK_EQUAL(status_in(early.read_until("\r\n\r\n")), "200");
  CAF_CHECK_EQUAL(running->http_addr(), address);
  CAF_CHECK_EQUAL(running->admin_addr(), "");
}

CAF_TEST(one that is never run leaves its addresses) {
  std::string address;
  {
    auto wanted = wanting();
    address = built(wanted).http_addr();
  }
  CAF_CHECK(!connect_to(address));
}

CAF_TEST(where it listens is as was said and never beyond this machine) {
  auto taken = nobody();
  struct row {
    const char* name;
    bool managed;
    std::string asked;
    std::string expected; ///< What the address begins with.
  };
  for (const auto& [name, managed, asked, expected] : {
         row{"la-managed-ignores-addr", true, taken, "127.0.0.1:"},
         row{"la-unmanaged-clamped", false, "0.0.0.0:0", "127.0.0.1:"},
         row{"as asked for", false, taken, taken},
       }) {
    CAF_MESSAGE(name);
    heard<std::string> log;
    auto wanted = wanting();
    wanted.managed_by_codex(managed)
      .http_addr(asked)
      .socks_addr("127.0.0.1:0")
      .log_sink([&](auto line) { log.add(std::string{line}); });
    auto proxy = running(wanted);
    auto address = proxy.http_addr();
    CAF_CHECK(address.starts_with(expected));
    if (managed)
      CAF_CHECK_NOT_EQUAL(address, asked);
    if (asked.starts_with("0"))
      CAF_CHECK(log.has([](const auto& line) { return contains(line, "clamping to 127.0.0.1"); }));
    CAF_CHECK(connect_to(address));
  }
}

CAF_TEST(one that is not enabled listens nowhere and is not waited for) { // la-disabled-run
  codex::network_proxy::builder wanted;
  wanted.config({.enabled = false}).environment(variables()).admin_addr("127.0.0.1:0");
  auto made = built(wanted);
  CAF_CHECK_EQUAL(made.http_addr(), "");
  CAF_CHECK_EQUAL(made.socks_addr(), "");
  auto proxy = made.run();
  CAF_REQUIRE(proxy);
  CAF_CHECK(proxy->wait());
  CAF_CHECK_EQUAL(proxy->http_addr(), "");
  std::map<std::string, std::string> environment;
  auto applied = proxy->apply_to_env(environment);
  CAF_REQUIRE(!applied);
  CAF_CHECK(applied.error().code == error_code::not_running);
  CAF_CHECK(environment.empty());
}

CAF_TEST(it runs once) {
  auto wanted = wanting();
  auto made = built(wanted);
  auto first = made.run();
  CAF_REQUIRE(first);
  auto second = made.run();
  CAF_REQUIRE(!second);
  CAF_CHECK(second.error().code == error_code::not_running);
  CAF_CHECK(connect_to(first->http_addr()));
}

CAF_TEST(a builder makes proxies that know nothing of each other) {
  auto wanted = wanting({"127.0.0.1"});
  auto one = running(wanted);
  auto other = running(wanted);
  wanted.config({.allow_local_binding = true});
  auto strict = running(wanted);
  CAF_CHECK_NOT_EQUAL(one.http_addr(), other.http_addr());
  CAF_CHECK(one.add_denied_domain("127.0.0.1"));
  auto target = nobody();
  CAF_CHECK_EQUAL(status_of_get(one.http_addr(), target), "403");
  CAF_CHECK_EQUAL(status_of_get(other.http_addr(), target), "502");
  CAF_CHECK_EQUAL(status_of_get(strict.http_addr(), target), "403");
  CAF_CHECK(one.blocked()->total == 1);
  CAF_CHECK(other.blocked()->total == 0);
  CAF_CHECK(*one.shutdown(1min));
  CAF_CHECK_EQUAL(status_of_get(other.http_addr(), target), "502");
}

CAF_TEST(a builder takes its calls in any order and the last of a kind) {
  auto in_one = codex::network_proxy::builder{};
  in_one.workers(1)
    .http_addr("nonsense")
    .socks_addr("127.0.0.1:0")
    .http_addr("127.0.0.1:0")
    .set(R"(mode="limited")")
    .environment({})
    .config({.mode = network_mode::full})
    .config({.mode = network_mode::full, .allowed_domains = {"127.0.0.1"}})
    .environment(variables())
    .set("allow_local_binding=true");
  auto proxy = running(in_one);
  auto target = nobody();
  CAF_CHECK_EQUAL(status_of_get(proxy.http_addr(), target), "502");
  CAF_CHECK_EQUAL(status_of_get(proxy.http_addr(), target, "POST"), "403"); // `set` is above it
}

CAF_TEST(changes that it takes are in force when they return ) {
  auto wanted = wanting();
  auto proxy = running(wanted);
  listening origin;
  auto connect = [&] { return status_of_connect(proxy.http_addr(), origin.address()); };
  CAF_CHECK_EQUAL(connect(), "403");
  auto change = proxy.add_allowed_domain("127.0.0.1");
  CAF_REQUIRE(change);
  CAF_CHECK_EQUAL(change->generation, 2u);
  auto [client, status] = open_tunnel(proxy.http_addr(), origin.address());
  CAF_CHECK_EQUAL(status_in(status), "200");
  change = proxy.set_mode(network_mode::limited);
  CAF_REQUIRE(change);
  CAF_CHECK_EQUAL(change->closed_tunnels, 1u); // which may not be looked into
  CAF_CHECK_EQUAL(client.rest(), "");
  auto target = nobody();
  CAF_CHECK_EQUAL(status_of_get(proxy.http_addr(), target, "POST"), "403");
  CAF_CHECK_EQUAL(status_of_get(proxy.http_addr(), target), "502");
  CAF_CHECK(proxy.set_mode(network_mode::full));
  CAF_CHECK_EQUAL(connect(), "200");
  CAF_CHECK(proxy.reload()); // keeps what was added
  CAF_CHECK_EQUAL(connect(), "200");
  CAF_CHECK(proxy.add_denied_domain("127.0.0.0/8"));
  CAF_CHECK_EQUAL(connect(), "403");
}

CAF_TEST(what is no pattern changes nothing) {
  auto wanted = wanting({"127.0.0.1"});
  auto proxy = running(wanted);
  for (const auto* wrong : {"*", "", "a b", "http://a.test"}) {
    CAF_MESSAGE(wrong);
    for (const auto& change : {proxy.add_allowed_domain(wrong), proxy.add_denied_domain(wrong)}) {
      if (change) // `*` may be denied
        continue;
      CAF_CHECK(change.error().code == error_code::invalid_config);
      CAF_CHECK(!change.error().message.empty());
      CAF_CHECK(!change.error().problems.empty());
    }
    CAF_CHECK(!proxy.add_allowed_domain(wrong));
  }
  auto other = wanting({"127.0.0.1"});
  auto unchanged = running(other);
  CAF_CHECK(!unchanged.add_denied_domain("a b"));
  auto next = unchanged.reload();
  CAF_REQUIRE(next);
  CAF_CHECK_EQUAL(next->generation, 2u);
  CAF_CHECK_EQUAL(status_of_get(unchanged.http_addr(), nobody()), "502");
}

CAF_TEST(a file that breaks leaves the old policy) {
  auto file = home.write("mine.toml", file_with("allowed_domains = [\"127.0.0.1\"]\n"));
  codex::network_proxy::builder wanted;
  wanted.config_file(file).environment(variables()).managed_by_codex().workers(1);
  auto proxy = running(wanted);
  auto target = nobody();
  CAF_CHECK_EQUAL(status_of_get(proxy.http_addr(), target), "502");
  home.write("mine.toml", "nonsense = [\n");
  auto change = proxy.reload();
  CAF_REQUIRE(!change);
  CAF_CHECK(change.error().code == error_code::invalid_config);
  CAF_REQUIRE(!change.error().problems.empty());
  const auto& problem = change.error().problems.front();
  CAF_CHECK(problem.is_error);
  CAF_CHECK_EQUAL(problem.file, file);
  CAF_CHECK(problem.line > 0);
  CAF_CHECK(problem.str().starts_with(file + ':'));
  CAF_CHECK_EQUAL(status_of_get(proxy.http_addr(), target), "502");
  home.write("mine.toml", file_with(""));
  CAF_CHECK(proxy.reload());
  CAF_CHECK_EQUAL(status_of_get(proxy.http_addr(), target), "403");
}

CAF_TEST(a reload takes another environment from then on and the old one where it fails) {
  std::filesystem::create_directories(home.at("one"));
  std::filesystem::create_directories(home.at("other"));
  std::filesystem::create_directories(home.at("broken"));
  home.write("one/config.toml", file_with("allowed_domains = [\"127.0.0.1\"]\n"));
  home.write("other/config.toml", file_with(""));
  home.write("broken/config.toml", "nonsense = [\n");
  codex::network_proxy::builder wanted;
  wanted.environment({{"CODEX_HOME", home.at("one")}}).managed_by_codex().workers(1);
  auto proxy = running(wanted);
  auto status = [&] { return status_of_get(proxy.http_addr(), nobody()); };
  CAF_CHECK_EQUAL(status(), "502");
  CAF_CHECK(proxy.reload({{"CODEX_HOME", home.at("other")}}));
  CAF_CHECK_EQUAL(status(), "403");
  CAF_CHECK(!proxy.reload({{"CODEX_HOME", home.at("broken")}}));
  CAF_CHECK(proxy.reload());
  CAF_CHECK_EQUAL(status(), "403");
  CAF_CHECK(proxy.reload({{"CODEX_HOME", home.at("one")}}));
  CAF_CHECK_EQUAL(status(), "502");
}

/// The reference takes some keys from a running proxy alone, as it cannot bind anew; ours can.
CAF_TEST(every key may change at a reload) {
  struct row {
    const char* name;
    std::string before, after;
    std::string status_after; ///< "": not to be reached.
  };
  for (const auto& [name, before, after, status_after] : {
         row{"la-reload-enabled (there: refused)", "", "enabled = false\n", ""},
         row{"la-reload-enable_socks5_udp (there: refused)", "", "enable_socks5_udp = false\n",
             "502"},
         row{"la-reload-live-mode", "", "mode = \"limited\"\n", "502"},
         row{"la-reload-live-allow_local_binding", "allow_local_binding = true\n", "", "502"},
       }) {
    CAF_MESSAGE(name);
    auto text = [](const std::string& lines) {
      auto enabled = contains(lines, "enabled") ? "" : "enabled = true\n";
      return proxy::config::test::newer(enabled + lines + "allowed_domains = [\"127.0.0.1\"]\n");
    };
    auto file = home.write("mine.toml", text(before));
    codex::network_proxy::builder wanted;
    wanted.config_file(file).environment(variables()).managed_by_codex().workers(1);
    auto proxy = running(wanted);
    auto address = proxy.http_addr();
    CAF_CHECK_EQUAL(status_of_get(address, nobody()), "502");
    home.write("mine.toml", text(after));
    auto change = proxy.reload();
    CAF_REQUIRE(change);
    CAF_CHECK_EQUAL(change->changed.size(), 1u);
    CAF_CHECK(change->postponed.empty());
    if (status_after.empty())
      CAF_CHECK(!connect_to(address));
    else
      CAF_CHECK_EQUAL(status_of_get(proxy.http_addr(), nobody()), status_after);
  }
}

CAF_TEST(an address may move at a reload) { // la-reload-proxy_url: refused there, as above
  auto first = nobody();
  auto text = [](const std::string& at) {
    return file_with("proxy_url = \"http://" + at + "\"\nenable_socks5 = false\n");
  };
  auto file = home.write("mine.toml", text(first));
  codex::network_proxy::builder wanted;
  wanted.config_file(file).environment(variables()).workers(1);
  auto proxy = running(wanted);
  CAF_CHECK_EQUAL(proxy.http_addr(), first);
  home.write("mine.toml", text("127.0.0.1:0"));
  CAF_CHECK(proxy.reload());
  CAF_CHECK_NOT_EQUAL(proxy.http_addr(), first);
  CAF_CHECK(connect_to(proxy.http_addr()));
}

CAF_TEST(what would become of a request can be asked) {
  auto file = home.write("mine.toml", file_with("allowed_domains = [\"127.0.0.1\"]\n"
                                                "denied_domains = [\"*.evil.test\"]\n"));
  codex::network_proxy::builder wanted;
  wanted.config_file(file).environment(variables()).managed_by_codex().workers(1);
  auto proxy = running(wanted);
  auto allowed = proxy.explain("http://127.0.0.1:8080/");
  CAF_REQUIRE(allowed);
  CAF_CHECK(allowed->goes_through);
  CAF_CHECK_EQUAL(allowed->decision, "allow");
  CAF_CHECK_EQUAL(allowed->reason, "allow");
  CAF_CHECK_EQUAL(allowed->status, 200);
  CAF_CHECK_EQUAL(allowed->rule, "127.0.0.1");
  auto denied = proxy.explain("www.evil.test:443", "CONNECT");
  CAF_REQUIRE(denied);
  CAF_CHECK(!denied->goes_through);
  CAF_CHECK_EQUAL(denied->decision, "deny");
  CAF_CHECK_EQUAL(denied->reason, "denied");
  CAF_CHECK_EQUAL(denied->status, 403);
  CAF_CHECK_EQUAL(denied->rule, "*.evil.test");
  CAF_CHECK_EQUAL(denied->file, file);
  CAF_CHECK(denied->line > 0);
  CAF_CHECK(contains(denied->text, "*.evil.test"));
  auto unlisted = proxy.explain("https://other.test/");
  CAF_REQUIRE(unlisted);
  CAF_CHECK_EQUAL(unlisted->reason, "not_allowed");
  CAF_CHECK_EQUAL(unlisted->rule, "");
  CAF_CHECK(!unlisted->remedy.empty());
  for (const auto* wrong : {"", "http://", "ftp://a.test/", "http://a.test:99999/"}) {
    CAF_MESSAGE(wrong);
    auto unreadable = proxy.explain(wrong);
    CAF_REQUIRE(!unreadable);
    CAF_CHECK(unreadable.error().code == error_code::invalid_argument);
    CAF_CHECK(!unreadable.error().message.empty());
  }
  CAF_CHECK(proxy.blocked()->total == 0); // nobody was refused
}

CAF_TEST(refusals are kept and each is told once in order) { // la-no-decider
  heard<codex::blocked_request> told;
  auto wanted = wanting();
  wanted.workers(1).blocked_request_observer([&](const auto& what) { told.add(what); });
  auto proxy = running(wanted);
  constexpr size_t many = 50;
  for (size_t i = 0; i < many; ++i)
    CAF_REQUIRE_EQUAL(status_of_connect(proxy.http_addr(), "h" + std::to_string(i) + ".test:443"),
                      "403");
  auto all = told.await(many);
  CAF_REQUIRE_EQUAL(all.size(), many);
  auto kept = proxy.blocked();
  CAF_REQUIRE(kept);
  CAF_CHECK_EQUAL(kept->total, many);
  CAF_REQUIRE_EQUAL(kept->newest.size(), many);
  for (size_t i = 0; i < many; ++i) {
    const auto host = "h" + std::to_string(i) + ".test";
    CAF_CHECK_EQUAL(all[i].host, host);
    CAF_CHECK_EQUAL(kept->newest[i].host, host);
    CAF_CHECK_EQUAL(kept->newest[i].id, all[i].id);
  }
  const auto& one = all.front();
  CAF_CHECK_EQUAL(one.port, 443);
  CAF_CHECK(one.protocol == codex::network_protocol::https_connect);
  CAF_CHECK_EQUAL(one.method, "CONNECT");
  CAF_CHECK(one.mode == network_mode::full);
  CAF_CHECK_EQUAL(one.reason, "not_allowed");
  CAF_CHECK_EQUAL(one.decision, "deny");
  CAF_CHECK_EQUAL(one.source, "baseline_policy");
  CAF_CHECK_EQUAL(one.rule, "");
  CAF_CHECK(one.client_address.starts_with("127.0.0.1:"));
  CAF_CHECK_EQUAL(one.client, "");
  CAF_CHECK(std::chrono::system_clock::now() - one.at < patience);
}

CAF_TEST(the configuration in force tells no secret and a child does not see it) {
  auto seen = variables();
  seen["MY_PASSWORD"] = "hush-hush";
  auto wanted = wanting({"127.0.0.1"});
  wanted.environment(seen).set(R"(network_proxy.socks_users={alice="env:MY_PASSWORD"})");
  auto proxy = running(wanted);
  auto text = proxy.current_config();
  CAF_REQUIRE(text);
  CAF_CHECK(!contains(*text, "hush-hush"));
  auto config = nlohmann::json::parse(*text, nullptr, false);
  CAF_REQUIRE(config.is_object());
  auto allowed = config["network_proxy"]["policy"]["allowed_domains"].dump();
  CAF_CHECK(contains(allowed, "127.0.0.1"));
  auto child = seen;
  CAF_REQUIRE(proxy.apply_to_env(child));
  CAF_CHECK_EQUAL(child.count("MY_PASSWORD"), 0u);
  for (const auto* name : {"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"})
    CAF_CHECK(contains(child[name], proxy.http_addr()));
}

CAF_TEST(lines of the audit trail and of the log come whole) {
  heard<std::string> audit, log;
  auto wanted = wanting();
  wanted.audit_sink([&](auto line) { audit.add(std::string{line}); })
    .log_sink([&](auto line) { log.add(std::string{line}); })
    .metadata(
      {.conversation_id = "c-1", .app_version = "9.9", .more = {{"my.field", "my \"own\""}}});
  {
    auto proxy = running(wanted);
    for (auto i = 0; i < 20; ++i)
      CAF_CHECK_EQUAL(status_of_get(proxy.http_addr(), "refused.test"), "403");
  } // all of it is heard by the end
  CAF_CHECK_EQUAL(audit.all().size(), 20u);
  for (const auto& line : audit.all()) {
    auto event = nlohmann::json::parse(line, nullptr, false);
    CAF_REQUIRE(event.is_object());
    CAF_CHECK(event["server.address"] == "refused.test");
    CAF_CHECK(event["conversation.id"] == "c-1");
    CAF_CHECK(event["app.version"] == "9.9");
    CAF_CHECK(event["my.field"] == "my \"own\"");
    CAF_CHECK(!event.contains("user.account_id"));
  }
  auto lines = log.all();
  CAF_CHECK(std::ranges::all_of(lines, [](const auto& line) { return line.starts_with("time="); }));
  CAF_CHECK_EQUAL(
    std::ranges::count_if(lines, [](const auto& line) { return contains(line, "msg=blocked"); }),
    20);
  CAF_CHECK(
    std::ranges::any_of(lines, [](const auto& line) { return contains(line, "msg=ready"); }));
}

CAF_TEST(an upstream proxy is who the given environment names) {
  listening named, other;
  auto at = "http://" + named.address();
  auto another = "http://" + other.address();
  struct row {
    const char* name;
    std::map<std::string, std::string> variables;
    bool tunnel;
    const listening* expected; ///< Null: none.
  };
  for (const auto& [name, given, tunnel, expected] : {
         // HTTP_PROXY never stands in for HTTPS_PROXY, as in Go, whose clients come to us as well.
         row{"la-upstream-https-falls-to-http (there: HTTP_PROXY)",
             {{"HTTP_PROXY", at}, {"ALL_PROXY", another}},
             true,
             &other},
         row{"la-upstream-http-not-https", {{"HTTPS_PROXY", another}}, false, nullptr},
         row{"la-upstream-socks-ignored",
             {{"ALL_PROXY", "socks5h://" + other.address()}},
             false,
             nullptr},
         row{"la-upstream-blank", {{"HTTP_PROXY", " "}, {"http_proxy", at}}, false, &named},
       }) {
    CAF_MESSAGE(name);
    heard<std::string> log;
    auto all = variables();
    all.insert(given.begin(), given.end());
    auto wanted = wanting({"192.0.2.1"});
    wanted.environment(all).log_sink([&](auto line) { log.add(std::string{line}); });
    auto proxy = running(wanted);
    auto what =
      proxy.explain(tunnel ? "192.0.2.1:443" : "http://192.0.2.1/", tunnel ? "CONNECT" : "GET");
    CAF_REQUIRE(what);
    for (const auto* each : {&named, &other})
      CAF_CHECK_EQUAL(contains(what->text, each->address()), each == expected);
    if (contains(name, "socks"))
      CAF_CHECK(log.has([](const auto& line) { return contains(line, "ALL_PROXY"); }));
    if (!expected)
      continue;
    auto client = connect_to(proxy.http_addr());
    CAF_CHECK(client.send(tunnel ? "CONNECT 192.0.2.1:443 HTTP/1.1\r\nHost: 192.0.2.1:443\r\n\r\n"
                                 : "GET http://192.0.2.1/ HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n"));
    CAF_CHECK(contains(expected->accept().read_until("\r\n\r\n"), "192.0.2.1"));
  }
}

CAF_TEST_FIXTURE_SCOPE_END()

CAF_TEST(nothing is written to stdout or stderr) {
  auto printed = in_a_child([](int told) {
    auto* file = std::tmpfile();
    auto fd = ::fileno(file);
    ::dup2(fd, STDOUT_FILENO);
    ::dup2(fd, STDERR_FILENO);
    {
      program home;
      auto wanted = home.wanting({"127.0.0.1"});
      wanted.http_addr("0.0.0.0:0").set(R"(network_proxy.audit.output="stderr")");
      auto proxy = program::running(wanted);
      tell(told, status_of_get(proxy.http_addr(), nobody()) + ' ');
      tell(told, status_of_get(proxy.http_addr(), "refused.test") + ' ');
      (void)proxy.add_allowed_domain("*");
      (void)proxy.reload();
      codex::network_proxy::builder broken;
      broken.set("nonsense");
      tell(told, broken.build() ? "built " : "not built ");
    }
    ::fflush(nullptr);
    std::string all(100'000, '\0');
    auto size = ::pread(fd, all.data(), all.size(), 0);
    tell(told, "printed: " + all.substr(0, static_cast<size_t>(std::max<ssize_t>(size, 0))));
  });
  CAF_CHECK_EQUAL(printed, "502 403 not built printed: ");
}
