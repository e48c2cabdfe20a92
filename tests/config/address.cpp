#define CAF_SUITE config.address
#include "config/address.hpp" // unit under test

#include "tests/config/support.hpp"

using namespace proxy;
using namespace proxy::config;

namespace {

std::string parsed(std::string_view text, bool unix_socket = false) {
  auto address = parse_listen_address(text, 3128, unix_socket);
  return address ? to_string(*address) : "refused: " + context_of(address.error());
}

/// Clamps one configuration and returns the messages.
std::vector<std::string> clamped(proxy_config& config) {
  std::vector<std::string> result;
  for (auto& notice : clamp_listeners(config))
    result.push_back(std::string{notice.key} + ": " + notice.message);
  return result;
}

proxy_config listening(const std::string& http, const std::string& admin) {
  proxy_config config;
  config.http = unbox(parse_listen_address(http, 1));
  config.admin = unbox(parse_listen_address(admin, 1));
  return config;
}

} // namespace

CAF_TEST(every way to write an address is understood) {
  struct row {
    std::string_view text;
    std::string address;
  };
  for (auto& [text, address] : std::initializer_list<row>{
         {"http://127.0.0.1:8888", "127.0.0.1:8888"},
         {"http://127.0.0.1:8888/", "127.0.0.1:8888"},
         {"127.0.0.1:8888", "127.0.0.1:8888"},
         {"127.0.0.1", "127.0.0.1:3128"},
         {"http://127.0.0.1:80", "127.0.0.1:80"}, // not the default port: it was asked for
         {"http://127.0.0.1", "127.0.0.1:3128"},
         {"127.0.0.1:0", "127.0.0.1:0"},
         {"LocalHost:5", "127.0.0.1:5"},
         {"localhost", "127.0.0.1:3128"},
         {"::1", "[::1]:3128"},
         {"[::1]", "[::1]:3128"},
         {"[0:0::1]:99", "[::1]:99"},
         {"0.0.0.0:1", "0.0.0.0:1"},
         {"socks5h://127.0.0.1:48081", "127.0.0.1:48081"},
         {" 127.0.0.1:1 ", "127.0.0.1:1"},
       }) {
    CAF_MESSAGE(text);
    CAF_CHECK_EQUAL(parsed(text), address);
  }
}

CAF_TEST(what is no address to listen on is refused) {
  for (std::string_view text : {"",
                                "  ",
                                ":3128",
                                "http://",
                                "http://:80",
                                "example.com",
                                "example.com:80",
                                "127.0.0.1:",
                                "127.0.0.1:x",
                                "127.0.0.1:65536",
                                "127.0.0.1:-1",
                                "127.0.0.1:80:80",
                                "127.1:80",
                                "256.0.0.1",
                                "[::1",
                                "[::1]x",
                                "[::1]80",
                                "[127.0.0.1]:80",
                                "[]:80",
                                "::1%lo",
                                "http://127.0.0.1/path",
                                "http://user@127.0.0.1:80",
                                "127.0.0.1?x",
                                "https://127.0.0.1:80",
                                "ftp://127.0.0.1",
                                "unix:///tmp/s",
                                "://127.0.0.1"}) {
    CAF_MESSAGE("<" << text << ">");
    CAF_CHECK_EQUAL(proxy::test::error_of(parse_listen_address(text, 3128)), errc::invalid_config);
  }
}

CAF_TEST(only the admin API listens on unix sockets) {
  CAF_CHECK_EQUAL(parsed("unix:///run/x.sock", true), std::string{"unix:///run/x.sock"});
  CAF_CHECK_EQUAL(proxy::test::error_of(parse_listen_address("unix://x.sock", 1, true)),
                  errc::invalid_config);
  CAF_CHECK_EQUAL(proxy::test::error_of(parse_listen_address("unix://", 1, true)),
                  errc::invalid_config);
  CAF_CHECK_EQUAL(parsed("unix:///" + std::string(106, 'x'), true),
                  "unix:///" + std::string(106, 'x'));
  CAF_CHECK_EQUAL(
    proxy::test::error_of(parse_listen_address("unix:///" + std::string(107, 'x'), 1, true)),
    errc::invalid_config);
}

CAF_TEST(listeners beyond loopback are clamped with a warning that names the way out) {
  auto config = listening("0.0.0.0:3128", "[::]:8080");
  config.socks.ip = "192.0.2.1";
  CAF_CHECK_EQUAL(clamped(config), (std::vector<std::string>{
                                     "proxy_url: HTTP proxy requested non-loopback bind "
                                     "(0.0.0.0:3128); clamping to 127.0.0.1:3128 (set "
                                     "dangerously_allow_non_loopback_proxy to override)",
                                     "socks_url: SOCKS5 proxy requested non-loopback bind "
                                     "(192.0.2.1:8081); clamping to 127.0.0.1:8081 "
                                     "(set dangerously_allow_non_loopback_proxy to override)",
                                     "admin_url: admin API requested non-loopback bind "
                                     "([::]:8080); clamping to 127.0.0.1:8080 (set "
                                     "dangerously_allow_non_loopback_admin to override)"}));
  CAF_CHECK_EQUAL(to_string(config.http), std::string{"127.0.0.1:3128"});
  CAF_CHECK_EQUAL(to_string(config.socks), std::string{"127.0.0.1:8081"});
  CAF_CHECK_EQUAL(to_string(*config.admin), std::string{"127.0.0.1:8080"});
  CAF_CHECK_EQUAL(clamped(config).size(), 0u);
}

CAF_TEST(the dangerous keys keep what was asked for and say so) {
  auto config = listening("0.0.0.0:3128", "[::]:8080");
  config.dangerously_allow_non_loopback_proxy = true;
  config.dangerously_allow_non_loopback_admin = true;
  CAF_CHECK_EQUAL(
    clamped(config),
    (std::vector<std::string>{
      "proxy_url: DANGEROUS: HTTP proxy listening on non-loopback address 0.0.0.0:3128",
      "admin_url: DANGEROUS: admin API listening on non-loopback address [::]:8080"}));
  CAF_CHECK_EQUAL(to_string(config.http), std::string{"0.0.0.0:3128"});
}

CAF_TEST(any unix socket keeps every listener on loopback whatever the dangerous keys say) {
  for (bool all : {false, true}) {
    auto config = listening("[::1]:3128", "0.0.0.0:8080");
    config.dangerously_allow_non_loopback_proxy = true;
    config.dangerously_allow_non_loopback_admin = true;
    if (all)
      config.dangerously_allow_all_unix_sockets = true;
    else
      config.allow_unix_sockets = {"/tmp/x.sock"};
    CAF_CHECK_EQUAL(clamped(config),
                    (std::vector<std::string>{"proxy_url: unix socket proxying is enabled; "
                                              "ignoring dangerously_allow_non_loopback_proxy and "
                                              "clamping HTTP proxy to loopback",
                                              "admin_url: unix socket proxying is enabled; "
                                              "ignoring dangerously_allow_non_loopback_admin and "
                                              "clamping admin API to loopback"}));
    CAF_CHECK_EQUAL(to_string(config.http), std::string{"127.0.0.1:3128"});
    CAF_CHECK_EQUAL(to_string(*config.admin), std::string{"127.0.0.1:8080"});
  }
}

CAF_TEST(mapped addresses and names of other machines are not loopback) {
  for (auto [ip, kept] : {std::pair{"127.8.9.1", true},
                          {"::1", true},
                          {"::ffff:127.0.0.1", false},
                          {"10.0.0.1", false},
                          {"fe80::1", false}}) {
    proxy_config config;
    config.http.ip = ip;
    CAF_MESSAGE(ip);
    CAF_CHECK_EQUAL(clamped(config).empty(), kept);
  }
}
