#define CAF_SUITE actors.cli.explain
// unit under test: actors/cli/explain.cpp, by its command line

#include "tests/config/support.hpp"
#include "tests/support/command.hpp"
#include "tests/support/test.hpp"

#include <nlohmann/json.hpp>

using namespace proxy;
using namespace proxy::test;
using nlohmann::json;

using words = std::vector<std::string>;

namespace {

struct fixture {
  config::test::folder home;
  std::string file = home.write(
    "config.toml", config::test::newer("enabled = true\n"
                                       "allow_upstream_proxy = false\n"
                                       "allowed_domains = [\"good.example\", \"*.wide.example\"]\n"
                                       "denied_domains = [\"bad.wide.example\"]\n"));

  command_end explain(const words& more, const words& before = {}) {
    words arguments{"--config", file};
    arguments.insert(arguments.end(), before.begin(), before.end());
    arguments.push_back("explain");
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_command({arguments, {{"CODEX_HOME", home.at("home")}, {"TERM", "xterm"}}});
  }
  json told(words more, int code) {
    more.insert(more.begin(), "--json");
    auto got = explain(more);
    CAF_CHECK_EQUAL(got.code, code);
    CAF_CHECK_EQUAL(got.err, "");
    return json::parse(got.out);
  }
};

const words known{"--resolve", "good.example=93.184.216.34"};

words with_known(words these) {
  these.insert(these.end(), known.begin(), known.end());
  return these;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(explain_tests, fixture)

CAF_TEST(whatever way a request is written it is the same question) {
  struct row {
    words request;
    std::string method, protocol;
    int port;
  };
  for (auto& [request, method, protocol, port] : std::initializer_list<row>{
         {{"http://good.example/x"}, "GET", "http", 80},
         {{"POST", "http://good.example/x"}, "POST", "http", 80},
         {{"post http://good.example/x"}, "POST", "http", 80},
         {{"good.example"}, "CONNECT", "https_connect", 443},
         {{"good.example:22", "--protocol", "socks5_tcp"}, "", "socks5_tcp", 22},
       }) {
    CAF_MESSAGE(request[0]);
    auto got = told(with_known(request), 0);
    CAF_CHECK_EQUAL(got["decision"].get<std::string>(), "allow");
    CAF_CHECK_EQUAL(got["host"].get<std::string>(), "good.example");
    CAF_CHECK_EQUAL(got["addresses"].dump(), R"(["93.184.216.34"])");
    CAF_CHECK_EQUAL(got["rule"]["text"].get<std::string>(), "good.example");
    CAF_CHECK_EQUAL(got["rule"]["file"].get<std::string>(), file);
    CAF_CHECK_EQUAL(got["protocol"].get<std::string>(), protocol);
    CAF_CHECK_EQUAL(got["port"].get<int>(), port);
    if (protocol == "http")
      CAF_CHECK_EQUAL(got["method"].get<std::string>(), method);
  }
}

CAF_TEST(a refusal has its reason and its header) {
  struct row {
    words request;
    std::string reason, header;
  };
  for (auto& [request, reason, header] : std::initializer_list<row>{
         {{"http://other.example/"}, "not_allowed", "blocked-by-allowlist"},
         {{"http://bad.wide.example/"}, "denied", "blocked-by-denylist"},
         {{"http://0x7f.2/"}, "not_allowed_local", "blocked-by-allowlist"},
         {{"http://good.example/", "--resolve", "good.example=10.0.0.1"},
          "not_allowed_local",
          "blocked-by-allowlist"},
         {{"POST", "http://good.example/", "--mode", "limited"},
          "method_not_allowed",
          "blocked-by-method-policy"},
         {{"good.example:443", "--protocol", "https_connect", "--mode", "limited"},
          "mitm_required",
          "blocked-by-mitm-required"},
       }) {
    CAF_MESSAGE(request.back());
    auto got = told(request, 1);
    CAF_CHECK_EQUAL(got["decision"].get<std::string>(), "deny");
    CAF_CHECK_EQUAL(got["reason"].get<std::string>(), reason);
    CAF_CHECK_EQUAL(got["x_proxy_error"].get<std::string>(), header);
    CAF_CHECK_EQUAL(got["status"].get<int>(), 403);
  }
}

CAF_TEST(what cannot be asked is a fault of the request) {
  for (auto& request :
       {words{"[a,b]"}, words{"GET", "{}"}, words{"http://good.example/", "--header", "x"}})
    CAF_CHECK_EQUAL(told(request, 1)["status"].get<int>(), 400);
  // A name that none of the answers given beforehand is for is not looked up elsewhere.
  CAF_CHECK_EQUAL(
    told({"http://good.example/", "--resolve", "x.example=1.1.1.1"}, 1)["status"].get<int>(), 502);
}

CAF_TEST(the mode is that of the configuration unless another is asked for) {
  CAF_CHECK_EQUAL(told(with_known({"http://good.example/"}), 0)["mode"].get<std::string>(), "full");
  CAF_CHECK_EQUAL(
    told(with_known({"http://good.example/", "--mode", "limited"}), 0)["mode"].get<std::string>(),
    "limited");
  auto limited = words{"--set", "mode=\"limited\""};
  CAF_CHECK_EQUAL(explain(with_known({"POST", "http://good.example/"}), limited).code, 1);
  CAF_CHECK_EQUAL(
    explain(with_known({"POST", "http://good.example/", "--mode", "full"}), limited).code, 0);
}

CAF_TEST(people get words without colours where nobody shows them) {
  auto got = explain({"http://bad.wide.example/"});
  CAF_CHECK_EQUAL(got.code, 1);
  CAF_CHECK_EQUAL(got.out.find('\x1b'), std::string::npos);
  for (auto& line : {std::string{"denied"}, "bad.wide.example at " + file + ":6",
                     std::string{"target    bad.wide.example port 80 by http"}}) {
    CAF_MESSAGE(line);
    CAF_CHECK(got.out.find(line) != std::string::npos);
  }
}

CAF_TEST(misuse and a bad configuration are told) {
  auto got = explain({"http://good.example/", "--resolve", "good.example"});
  CAF_CHECK_EQUAL(got.code, 2);
  CAF_CHECK_EQUAL(got.err, "codex-network-proxy: explain: --resolve \"good.example\" is not "
                           "name=ip[,ip...]\n");
  CAF_CHECK_EQUAL(explain({}).code, 2);
  CAF_CHECK_EQUAL(explain({"http://good.example/", "--mode", "none"}).code, 2);
  got = explain({"http://good.example/"}, {"--set", "nonsense=1"});
  CAF_CHECK_EQUAL(got.code, 78);
  CAF_CHECK(got.err.find("nonsense") != std::string::npos);
}

CAF_TEST(the request inside a tunnel meets its hooks also without their secrets) {
  home.write("config.toml",
             config::test::newer("enabled = true\nallowed_domains = [\"good.example\"]\n"
                                 "mitm = true\n") +
               "[[permissions.dev.network.mitm_hooks]]\nhost = \"good.example\"\n"
               "match = {methods = [\"GET\"], path_prefixes = [\"/v1/\"]}\n"
               "actions = {inject_request_headers = [{name = \"authorization\", prefix = "
               "\"Bearer \", secret_env_var = \"NOT_THERE\"}]}\n");
  CAF_CHECK_EQUAL(explain(with_known({"https://good.example/v1/x"})).code, 78);
  auto got = told(with_known({"--no-secrets", "https://good.example/v1/x"}), 0);
  CAF_CHECK_EQUAL(got["hook"].get<int>(), 0);
  CAF_CHECK(got["mitm"].get<bool>());
  got = told(with_known({"--no-secrets", "https://good.example/"}), 1);
  CAF_CHECK_EQUAL(got["x_proxy_error"].get<std::string>(), "blocked-by-mitm-hook");
}

CAF_TEST_FIXTURE_SCOPE_END()
