#define CAF_SUITE actors.clients.proxy_settings
#include "actors/clients/proxy_settings.hpp" // unit under test

#include <map>

#include "tests/support/test.hpp"

using namespace proxy;
using namespace std::string_literals;

CAF_TEST(lines of Wget that speak of proxies go and all others stay) {
  const std::pair<const char*, const char*> cases[] = {
    {"", ""},
    {"a = b", "a = b"},
    {"use_proxy = off\na = b\n", "a = b\n"},
    {"a = b\nUse-Proxy=off", "a = b\n"},
    {"USEPROXY=off\n\thttps_proxy = x\r\nno_proxy=\nnoproxy =.x\n", ""},
    {"# use_proxy = off\n", "# use_proxy = off\n"},
    {"\n\na = proxy\n", "\n\na = proxy\n"},
    {"=\n", "=\n"},
  };
  for (auto& [settings, left] : cases)
    CAF_CHECK_EQUAL(without_wget_proxies(settings), left);
  CAF_CHECK_EQUAL(without_wget_proxies(wget_proxies("http://u:p@127.0.0.1:1")), "");
}

CAF_TEST(our proxy is the last word in settings of curl however often it is said) {
  auto once = curl_settings("noproxy = \"*\"", "http://127.0.0.1:1");
  CAF_CHECK(once.starts_with("noproxy = \"*\"\n"));
  CAF_CHECK(
    once.ends_with("proxy = \"http://127.0.0.1:1\"\nnoproxy = \"localhost,127.0.0.1,::1\"\n"));
  CAF_CHECK_EQUAL(curl_settings(once, "http://127.0.0.1:1"), once);
  CAF_CHECK_EQUAL(curl_settings(once, "http://127.0.0.1:2").find("0.0.1:1\""), std::string::npos);
}

CAF_TEST(what git says is read key by key) {
  auto told =
    read_git_settings("http.proxy\n\0http.https://x/.proxy\nhttp://y\nz\0http.proxy\nb\0"s);
  CAF_CHECK(!told.has_ssh);
  CAF_CHECK_EQUAL(told.proxy_keys, (std::vector{"http.proxy"s, "http.https://x/.proxy"s}));
  told = read_git_settings("core.sshcommand\nssh -v\0remote.o.proxy\0"s);
  CAF_CHECK(told.has_ssh);
  CAF_CHECK_EQUAL(told.proxy_keys, std::vector{"remote.o.proxy"s});
  CAF_CHECK(read_git_settings("").proxy_keys.empty());
}

CAF_TEST(variables for the configuration of git keep those of the user) {
  using variables = std::map<std::string, std::string>;
  auto said = [](const variables& own, const std::vector<std::string>& keys) {
    auto all = git_variables(keys, "url", [&](const std::string& name) {
      auto at = own.find(name);
      return at == own.end() ? std::nullopt : std::optional{at->second};
    });
    return variables{all.begin(), all.end()};
  };
  CAF_CHECK(said({{"GIT_CONFIG_COUNT", "1"}}, {}).empty());
  variables alone{
    {"GIT_CONFIG_COUNT", "1"}, {"GIT_CONFIG_KEY_0", "http.proxy"}, {"GIT_CONFIG_VALUE_0", "url"}};
  CAF_CHECK_EQUAL(said({}, {"http.proxy"}), alone);
  CAF_CHECK_EQUAL(said(alone, {"http.proxy"}), alone);
  variables own{{"GIT_CONFIG_COUNT", "2"},
                {"GIT_CONFIG_KEY_0", "http.proxy"},
                {"GIT_CONFIG_VALUE_0", "other"},
                {"GIT_CONFIG_KEY_1", "a.b"},
                {"GIT_CONFIG_VALUE_1", "c"}};
  CAF_CHECK_EQUAL(said(own, {"http.proxy"}), (variables{{"GIT_CONFIG_COUNT", "2"},
                                                        {"GIT_CONFIG_KEY_0", "a.b"},
                                                        {"GIT_CONFIG_VALUE_0", "c"},
                                                        {"GIT_CONFIG_KEY_1", "http.proxy"},
                                                        {"GIT_CONFIG_VALUE_1", "url"}}));
}
