#define CAF_SUITE actors.network_proxy
#include "actors/network_proxy.hpp" // unit under test

#include "tests/actors/running_proxy.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

/// All problems, one a line.
std::string words_of(const std::vector<config::problem>& problems) {
  std::string out;
  for (const auto& each : problems)
    out += each.str() + '\n';
  return out;
}

bool contains(const std::vector<std::string>& all, std::string_view one) {
  return std::ranges::find(all, one) != all.end();
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(network_proxy_tests, running_proxy)

CAF_TEST(a proxy that has started serves and tells where) {
  configure("allowed_domains = [\"127.0.0.1\"]\n", "admin_url = \"http://127.0.0.1:0\"\n");
  auto proxy = start();
  for (auto& address : {proxy.http_address(), proxy.socks_address(), proxy.admin_address()}) {
    CAF_REQUIRE(address);
    CAF_CHECK(address->starts_with("127.0.0.1:"));
    CAF_CHECK(connect_to(*address));
  }
  listening origin;
  auto [client, status] = open_tunnel(*proxy.http_address(), origin.address());
  CAF_CHECK(status.starts_with("HTTP/1.1 200 "));
  auto upstream = origin.accept();
  CAF_CHECK(client.send("ping"));
  client.finish();
  CAF_CHECK_EQUAL(upstream.rest(), "ping");
  CAF_CHECK(upstream.send("pong"));
  upstream.close();
  CAF_CHECK_EQUAL(client.rest(), "pong");
  CAF_CHECK_EQUAL(proxy.config()->allow_local_binding, true);
  CAF_CHECK(told().empty());
}

CAF_TEST(what is off is bound nowhere) {
  configure("enable_socks5 = false\n");
  auto proxy = start();
  CAF_CHECK(proxy.http_address());
  CAF_CHECK(!proxy.socks_address());
  CAF_CHECK(!proxy.admin_address());
}

CAF_TEST(a proxy that is not enabled waits for a reload) {
  home.write("config.toml",
             config::test::newer("enabled = false\n") + "[network_proxy]\nadmin_url = \"\"\n");
  auto proxy = start();
  CAF_CHECK(!proxy.http_address());
  configure();
  auto outcome = proxy.reload();
  CAF_REQUIRE(outcome.report);
  CAF_CHECK(contains(outcome.report->changed, "permissions.dev.network.enabled"));
  CAF_CHECK(proxy.http_address());
}

CAF_TEST(a start that fails says of what kind and why) {
  listening taken;
  home.write("config.toml",
             config::test::newer("enabled = true\nenable_socks5 = false\nproxy_url = \"http://" +
                                 taken.address() + "\"\n") +
               "[network_proxy]\nadmin_url = \"\"\n");
  auto started = try_start();
  auto* failure = std::get_if<start_failure>(&started);
  CAF_REQUIRE(failure);
  CAF_CHECK(failure->what == start_failure::kind::bind);
  CAF_CHECK_NOT_EQUAL(words_of(failure->problems).find(taken.address()), std::string::npos);
  home.write("config.toml", "nonsense = [\n");
  started = try_start();
  failure = std::get_if<start_failure>(&started);
  CAF_REQUIRE(failure);
  CAF_CHECK(failure->what == start_failure::kind::config);
  CAF_CHECK_NOT_EQUAL(words_of(failure->problems).find("config.toml:"), std::string::npos);
  CAF_CHECK(told().empty());
}

CAF_TEST(whoever starts a proxy hears when its configuration is read) {
  configure();
  auto heard = 0;
  auto start_it = [&] {
    return network_proxy::start({sources(), [](const std::string&) {}, {}, [&] { ++heard; }, {}});
  };
  CAF_CHECK(std::holds_alternative<network_proxy>(start_it()));
  CAF_CHECK_EQUAL(heard, 1);
}

CAF_TEST(a reload brings the new policy or leaves the old one in force) {
  configure("allowed_domains = [\"127.0.0.1\"]\n");
  auto proxy = start();
  listening origin;
  auto status = [&] {
    return open_tunnel(*proxy.http_address(), origin.address()).second.substr(0, 12);
  };
  CAF_CHECK_EQUAL(status(), "HTTP/1.1 200");
  configure("allowed_domains = [\"other.test\"]\n");
  auto outcome = proxy.reload();
  CAF_REQUIRE(outcome.report);
  CAF_CHECK_EQUAL(outcome.report->generation, 2u);
  std::vector<std::string> changed{"permissions.dev.network.allowed_domains"};
  CAF_CHECK_EQUAL(outcome.report->changed, changed);
  CAF_CHECK_EQUAL(status(), "HTTP/1.1 403");
  home.write("config.toml", "nonsense = [\n");
  outcome = proxy.reload();
  CAF_CHECK(!outcome.report);
  CAF_CHECK_NOT_EQUAL(words_of(outcome.problems).find("config.toml:"), std::string::npos);
  CAF_CHECK_EQUAL(status(), "HTTP/1.1 403");
  configure("allowed_domains = [\"127.0.0.1\"]\n");
  proxy.begin_reload();
  outcome = proxy.reload(); // waits for the one that has begun
  CAF_REQUIRE(outcome.report);
  CAF_CHECK_EQUAL(outcome.report->generation, 4u);
  CAF_CHECK_EQUAL(status(), "HTTP/1.1 200");
}

CAF_TEST(a mode that is set stays over a reload until it is lifted) {
  configure("allowed_domains = [\"127.0.0.1\"]\n");
  auto proxy = start();
  auto status = [&](const std::string& method) {
    return get(*proxy.http_address(), "127.0.0.1:" + std::to_string(closed_port()), method)
      .substr(0, 12);
  };
  CAF_CHECK_EQUAL(status("POST"), "HTTP/1.1 502");
  CAF_CHECK(proxy.set_mode(policy::mode::limited).report);
  CAF_CHECK(proxy.reload().report);
  CAF_CHECK_EQUAL(status("POST"), "HTTP/1.1 403");
  CAF_CHECK_EQUAL(status("GET"), "HTTP/1.1 502");
  CAF_CHECK(proxy.config()->mode == policy::mode::limited);
  CAF_CHECK(proxy.lift_mode().report);
  CAF_CHECK_EQUAL(status("POST"), "HTTP/1.1 502");
  CAF_CHECK(proxy.config()->mode == policy::mode::full);
}

CAF_TEST(a mode that the managed layer does not allow is refused) {
  home.write("managed.toml", config::test::newer("mode = \"limited\"\n"));
  configure();
  auto proxy = start();
  auto outcome = proxy.set_mode(policy::mode::full);
  CAF_CHECK(!outcome.report);
  CAF_CHECK_NOT_EQUAL(words_of(outcome.problems).find("mode"), std::string::npos);
  CAF_CHECK(proxy.config()->mode == policy::mode::limited);
}

CAF_TEST(a pattern that is added counts over a reload and a denial closes what it concerns) {
  configure("allowed_domains = [\"a.test\"]\n");
  auto proxy = start();
  listening origin;
  auto status = [&] {
    return open_tunnel(*proxy.http_address(), origin.address()).second.substr(0, 12);
  };
  CAF_CHECK_EQUAL(status(), "HTTP/1.1 403");
  auto outcome = proxy.add_allowed_domain("127.0.0.1");
  CAF_REQUIRE(outcome.report);
  CAF_CHECK_EQUAL(outcome.report->generation, 2u);
  CAF_CHECK(proxy.reload().report);
  auto [client, answer] = open_tunnel(*proxy.http_address(), origin.address());
  CAF_CHECK_EQUAL(answer.substr(0, 12), "HTTP/1.1 200");
  outcome = proxy.add_denied_domain("127.0.0.0/8");
  CAF_REQUIRE(outcome.report);
  CAF_CHECK_EQUAL(outcome.report->closed_tunnels, 1u);
  CAF_CHECK_EQUAL(status(), "HTTP/1.1 403");
  CAF_CHECK(proxy.config()->added == (config::added_patterns{{"127.0.0.1"}, {"127.0.0.0/8"}}));
  outcome = proxy.add_allowed_domain("*");
  CAF_CHECK(!outcome.report);
  CAF_CHECK_NOT_EQUAL(words_of(outcome.problems).find("allowed_domains"), std::string::npos);
}

CAF_TEST(the newest refusals of all workers are told in their order) {
  configure("allowed_domains = [\"a.test\"]\n");
  auto proxy = start();
  CAF_CHECK_EQUAL(proxy.blocked().total, 0u);
  auto address = *proxy.http_address();
  constexpr size_t refused = blocked_ring::max_size + 5;
  for (size_t i = 0; i < refused; ++i)
    CAF_REQUIRE(get(address, 'h' + std::to_string(i) + ".test").starts_with("HTTP/1.1 403 "));
  auto page = proxy.blocked();
  CAF_CHECK_EQUAL(page.total, refused);
  CAF_REQUIRE_EQUAL(page.entries.size(), blocked_ring::max_size);
  CAF_CHECK_EQUAL(page.entries.back()->host, "h" + std::to_string(refused - 1) + ".test");
  CAF_CHECK(std::ranges::is_sorted(page.entries, {}, [](const auto& e) { return e->id; }));
}

CAF_TEST(the audit trail goes on in a new file when told so) {
  configure("", "admin_url = \"\"\naudit = {output = \"file:audit.log\"}\n");
  auto proxy = start();
  auto trail = home.at("audit.log");
  CAF_REQUIRE(std::filesystem::exists(trail));
  std::filesystem::rename(trail, trail + ".1");
  proxy.reopen_files();
  CAF_CHECK(get(*proxy.http_address(), "refused.test").starts_with("HTTP/1.1 403 "));
  CAF_CHECK(proxy.shutdown(std::chrono::minutes{1}));
  CAF_CHECK(proxy.end());
  std::ifstream in{trail};
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  CAF_CHECK_NOT_EQUAL(text.find("refused.test"), std::string::npos);
}

CAF_TEST(a proxy may change hands) {
  configure();
  auto first = start();
  auto address = *first.http_address();
  auto second = std::move(first);
  CAF_CHECK_EQUAL(second.http_address().value_or(""), address);
  {
    running_proxy other;
    other.configure();
    second = other.start();
  }
  CAF_CHECK(!connect_to(address)); // the one of before has ended
  CAF_CHECK(connect_to(*second.http_address()));
}

CAF_TEST_FIXTURE_SCOPE_END()
