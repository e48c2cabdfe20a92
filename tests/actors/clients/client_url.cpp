#define CAF_SUITE actors.clients.client_url
#include "actors/clients/client_url.hpp" // unit under test

#include "tests/support/test.hpp"

using namespace proxy;

CAF_TEST(percent signs mean what stands behind them where that is a byte) {
  for (auto& [text, meant] : std::initializer_list<std::pair<const char*, const char*>>{
         {"", ""},
         {"plain", "plain"},
         {"p%40ss%20%2fword", "p@ss /word"},
         {"100%", "100%"},
         {"%4", "%4"},
         {"%zz%4g", "%zz%4g"},
         {"%2525", "%25"},
       })
    CAF_CHECK_EQUAL(url_decoded(text), meant);
}

CAF_TEST(a url carries what a client has to show) {
  config::proxy_config config;
  std::string url = "http://127.0.0.1:3128";
  CAF_CHECK_EQUAL(log_in(url, config, ""), "");
  CAF_CHECK_EQUAL(url, "http://127.0.0.1:3128");
  CAF_CHECK(!log_in(url, config, "bob").empty());
  // Without a password here, and with a name that HTTP cannot carry.
  config.socks_users = {
    {"alice", "env:A", ""}, {"a:b", "env:A", "x"}, {"bob", "env:B", "p@:/%\xe4"}};
  CAF_CHECK(!log_in(url, config, "alice").empty());
  CAF_CHECK(!log_in(url, config, "a:b").empty());
  CAF_CHECK_EQUAL(log_in(url, config, ""), "");
  CAF_CHECK_EQUAL(url, "http://bob:p%40%3A%2F%25%E4@127.0.0.1:3128");
}

CAF_TEST(clients are told an address they can reach) {
  struct row {
    config::listen_address listener;
    std::string_view url;
  };
  for (auto& [listener, url] : std::initializer_list<row>{
         {{"127.0.0.1", 3128, ""}, "http://127.0.0.1:3128"},
         {{"::1", 80, ""}, "http://[::1]:80"},
         {{"0.0.0.0", 3128, ""}, "http://127.0.0.1:3128"},
         {{"::", 3128, ""}, "http://[::1]:3128"},
         {{"127.0.0.1", 0, ""}, ""},
         {{"127.0.0.1", 1, "/run/proxy"}, ""},
       })
    CAF_CHECK_EQUAL(url_for_clients(listener).value_or(""), url);
}
