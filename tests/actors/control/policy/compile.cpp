#define CAF_SUITE actors.control.policy.compile
#include "actors/control/policy/compile.hpp" // unit under test

#include "actors/control/policy/file_source.hpp"
#include "actors/control/policy/generation.hpp"
#include "policy/decide.hpp"
#include "tests/config/support.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::config::test;
using namespace std::literals;

namespace {

/// A folder with one configuration of the newer layout.
struct fixture : folder {
  void configure(const std::string& lines, const std::string& daemon = "admin_url = \"\"") {
    write("config.toml", newer("enabled = true\n" + lines) + "\n[network_proxy]\n" + daemon + '\n');
  }

  snapshot_ptr compiled(std::map<std::string, std::string> env = {}) {
    problems.clear();
    return compile_unbound(from(std::move(env)), false, problems);
  }

  std::string told() const {
    std::string lines;
    for (const auto& p : problems)
      lines += p.str() + '\n';
    return lines;
  }

  std::vector<config::problem> problems;
};

std::string shown(const std::vector<policy::socket_address>& listeners) {
  std::string out;
  for (const auto& l : listeners)
    out += (out.empty() ? "" : " ") + l.ip.str() + ':' + std::to_string(l.port);
  return out;
}

bool judged_alike(const policy::rules& one, const policy::rules& other, std::string_view address) {
  policy::target to;
  to.host = unbox(host::parse(address.substr(0, address.rfind(':'))));
  to.port = static_cast<uint16_t>(std::stoi(std::string{address.substr(address.rfind(':') + 1)}));
  to.method = "GET";
  auto reason_of = [&](const policy::rules& rules) {
    auto denial = policy::why_not(rules, {.to = to});
    return denial ? denial->reason : policy::reason::allow;
  };
  return reason_of(one) == reason_of(other);
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(compile_tests, fixture)

CAF_TEST(listeners that nobody has bound stand where the configuration says) {
  struct row {
    std::string lines, daemon;
    std::string_view listeners;
  };
  for (auto& [lines, daemon, listeners] : std::initializer_list<row>{
         {"proxy_url = \"127.0.0.1:3128\"", "admin_url = \"http://127.0.0.1:8080\"",
          "127.0.0.1:3128 127.0.0.1:8081 127.0.0.1:8080"},
         {"proxy_url = \"127.0.0.1:0\"\nsocks_url = \"127.0.0.1:0\"",
          "admin_url = \"http://127.0.0.1:8080\"", "127.0.0.1:8080"},
         {"proxy_url = \"127.0.0.1:3128\"\nsocks_url = \"127.0.0.2:1080\"", "admin_url = \"\"",
          "127.0.0.1:3128 127.0.0.2:1080"},
         {"proxy_url = \"127.0.0.1:3128\"\nenable_socks5 = false",
          "admin_url = \"unix:///tmp/admin.sock\"", "127.0.0.1:3128"},
       }) {
    CAF_MESSAGE(lines << ' ' << daemon);
    configure(lines, daemon);
    auto out = compiled();
    CAF_REQUIRE(out);
    CAF_CHECK_EQUAL(shown(out->rules->own_listeners), listeners);
  }
}

CAF_TEST(a daemon that is not enabled has no listener) {
  write("config.toml", newer("enabled = false\nproxy_url = \"127.0.0.1:3128\"\n[network_proxy]\n"
                             "admin_url = \"http://127.0.0.1:8080\"\n"));
  auto out = compiled();
  CAF_REQUIRE(out);
  CAF_CHECK_EQUAL(shown(out->rules->own_listeners), "");
}

CAF_TEST(upstream proxies are read and warned of as far as they are allowed) {
  std::map<std::string, std::string> env{{"HTTP_PROXY", "http://u:secret@p.test:8080"},
                                         {"HTTPS_PROXY", "socks5://q.test"},
                                         {"no_proxy", "direct.test"}};
  auto via = [](const snapshot& s, bool tls, std::string_view name) {
    return s.upstreams.choose(tls, unbox(host::parse(name)), tls ? 443 : 80) != nullptr;
  };
  configure("proxy_url = \"127.0.0.1:3128\"");
  auto out = compiled(env);
  CAF_REQUIRE(out);
  CAF_CHECK(via(*out, false, "a.example"));
  CAF_CHECK(!via(*out, true, "a.example"));
  CAF_CHECK(!via(*out, false, "direct.test"));
  CAF_CHECK_EQUAL(told(), "warning: ignoring HTTPS_PROXY: non-http proxy protocol\n");
  out = compiled({{"HTTP_PROXY", "http://127.0.0.1:3128"}});
  CAF_REQUIRE(out);
  CAF_CHECK(!via(*out, false, "a.example"));
  CAF_CHECK_EQUAL(told(), "warning: ignoring HTTP_PROXY: it names this proxy itself\n");
  configure("allow_upstream_proxy = false");
  out = compiled(env);
  CAF_REQUIRE(out);
  CAF_CHECK(!via(*out, false, "a.example"));
  CAF_CHECK_EQUAL(told(), "");
}

CAF_TEST(what keeps the daemon from starting keeps from compiling) {
  configure("");
  CAF_CHECK(!compiled({{"SSL_CERT_FILE", at("missing.pem")}}));
  CAF_CHECK(told().find("missing.pem") != std::string::npos);
  configure("mode = \"ful\"");
  CAF_CHECK(!compiled());
  CAF_CHECK(has_error(problems));
}

CAF_TEST(a listener on all addresses wants them known) {
  auto compiles = [&](const std::string& listeners) {
    configure(listeners);
    problems.clear();
    auto document = load_document(from(), false, missing_ca::ignore, problems, std::nullopt);
    return document && compile(std::move(*document), 1, problems);
  };
  auto wide = std::string{"dangerously_allow_non_loopback_proxy = true\n"};
  CAF_CHECK(compiles(wide + "proxy_url = \"127.0.0.1:0\"\nsocks_url = \"[::1]:0\""));
  CAF_CHECK(!compiles(wide + "proxy_url = \"0.0.0.0:0\""));
  CAF_CHECK(told().find("addresses of this machine cannot be read") != std::string::npos);
  CAF_CHECK(!compiles(wide + "socks_url = \"[::]:0\""));
  CAF_CHECK(compiles(wide + "socks_url = \"[::]:0\"\nenable_socks5 = false"));
}

CAF_TEST(what is compiled unbound judges as what is served) {
  configure("proxy_url = \"0.0.0.0:0\"\nsocks_url = "
            "\"0.0.0.0:0\"\ndangerously_allow_non_loopback_proxy = true\n"
            "allowed_domains = [\"*.good.example\", \"127.0.0.1\", \"localhost\"]\n"
            "denied_domains = [\"bad.good.example\"]\nmode = \"limited\"");
  auto foreseen = compiled();
  auto served = prepare(from(), 7, {});
  CAF_REQUIRE(foreseen && served.next);
  CAF_CHECK_EQUAL(served.next->generation, 7u);
  CAF_CHECK_EQUAL(served.next->rules->generation, 7u);
  CAF_CHECK(!foreseen->rules->local_addresses.empty());
  CAF_CHECK(foreseen->rules->local_addresses == served.next->rules->local_addresses);
  CAF_CHECK_EQUAL(foreseen->rules->mitm, served.next->rules->mitm);
  CAF_CHECK(foreseen->trust);
  for (auto address : {"a.good.example:80", "bad.good.example:80", "other.example:80",
                       "127.0.0.1:80", "localhost:80", "10.0.0.1:80"}) {
    CAF_MESSAGE(address);
    CAF_CHECK(judged_alike(*foreseen->rules, *served.next->rules, address));
  }
  // Only a bound listener knows its port.
  CAF_REQUIRE_EQUAL(served.listeners.size(), 2u);
  CAF_CHECK_EQUAL(shown(served.next->rules->own_listeners),
                  "0.0.0.0:" + std::to_string(served.listeners[0]->port) +
                    " 0.0.0.0:" + std::to_string(served.listeners[1]->port));
}

CAF_TEST(hooks and what is intercepted reach the rules and secrets are read again at each reload) {
  auto with = [&](const std::string& source) {
    configure("proxy_url = \"127.0.0.1:0\"\nenable_socks5 = false\n"
              "mitm = {enabled = true, inspect = true}\n"
              "[[permissions.dev.network.mitm_hooks]]\nhost = \"api.test\"\n"
              "match = {methods = [\"GET\"], path_prefixes = [\"/\"]}\n"
              "actions = {inject_request_headers = [{name = \"x-token\", prefix = \"half-\", " +
              source + "}]}\n");
  };
  auto injected = [](const snapshot& s) {
    return std::string{
      s.rules->table->hooks()->hooks().at(0).inject_request_headers.at(0).value.reveal()};
  };
  with("secret_file = \"" + write("token", "first\n") + '"');
  auto first = prepare(from(), 1, {});
  CAF_REQUIRE(first.next && first.next->rules->table->hooks());
  CAF_CHECK(first.next->rules->mitm && first.next->rules->inspect && first.next->ca);
  CAF_CHECK_EQUAL(injected(*first.next), "half-first");
  write("token", "second\n");
  auto second = prepare(from(), 2, first.listeners);
  CAF_REQUIRE(second.next);
  CAF_CHECK_EQUAL(injected(*second.next), "half-second");
  CAF_CHECK_EQUAL(injected(*first.next), "half-first"); // what is in force is never edited
  auto shown = config::to_json(*second.next->config);
  CAF_CHECK(shown.find("x-token") != std::string::npos);
  CAF_CHECK_EQUAL(shown.find("second"), std::string::npos);
  CAF_CHECK(shown.find("half-") != std::string::npos); // what stands before it is no secret
  std::filesystem::remove(at("token"));
  auto third = prepare(from(), 3, second.listeners);
  CAF_CHECK(!third.next && !third.bind_failed);
  problems = third.problems;
  CAF_CHECK(told().find("failed to read secret file " + at("token")) != std::string::npos);
  with("secret_env_var = \"TOKEN\"");
  auto by_env = compiled({{"TOKEN", "of-the-environment"}});
  CAF_REQUIRE(by_env);
  CAF_CHECK_EQUAL(injected(*by_env), "half-of-the-environment");
  CAF_CHECK(!compiled());
  CAF_CHECK(told().find("missing required environment variable TOKEN") != std::string::npos);
}

CAF_TEST(a listener in use is taken over and a port that is taken fails the binding) {
  configure("proxy_url = \"127.0.0.1:0\"\nenable_socks5 = false");
  auto first = prepare(from(), 1, {});
  CAF_REQUIRE(first.next);
  auto second = prepare(from(), 2, first.listeners);
  CAF_REQUIRE(second.next);
  CAF_CHECK(first.listeners == second.listeners);
  configure("proxy_url = \"127.0.0.1:" + std::to_string(first.listeners[0]->port) +
            "\"\nenable_socks5 = false");
  auto third = prepare(from(), 3, first.listeners);
  CAF_CHECK(third.next);
  auto stranger = prepare(from(), 4, {}); // to whom these are somebody else's
  CAF_CHECK(!stranger.next);
  CAF_CHECK(stranger.bind_failed);
  CAF_CHECK(has_error(stranger.problems));
}

CAF_TEST_FIXTURE_SCOPE_END()
