#define CAF_SUITE actors.flows.intercept_turns
#include "tests/actors/flows/later_policies.hpp"

#include <filesystem>
#include <fstream>

using namespace proxy;
using namespace proxy::test;
using namespace std::string_literals;

/// Policies after which tunnels are read that were not, or no longer, or under another CA.

CAF_TEST(words that were let pass end when all has to be read and pass when nothing has to) {
  for (auto& network : {limited, hook, unread, no_mitm}) {
    auto read = network == limited || network == hook;
    intercepting s{{.network = inspecting}};
    auto& silent = s.tunnel("example.com:443");
    auto& origin = s.accept(s.example);
    auto& greeted = s.tunnel("example.com:443");
    auto& greeter = s.accept(s.example);
    greeter.say("220 ready\r\n");
    CAF_REQUIRE(s.hears(greeted, "220 ready\r\n"));
    auto& talking = s.tunnel("example.com:443");
    auto& listener = s.accept(s.example);
    talking.say("SSH-2.0-x\r\n");
    CAF_REQUIRE(s.hears(listener, "SSH-2.0-x\r\n"));
    s.install(network);
    CAF_CHECK_EQUAL(s.is_over(greeted, 1s), read);
    CAF_CHECK_EQUAL(s.is_over(talking, 1s), read);
    CAF_CHECK(!silent.is_over());
    CAF_CHECK_EQUAL(s.decided("deny https_connect example.com:443 mitm_required"), read ? 2u : 0u);
    if (read)
      origin.say("220 ready\r\n");
    silent.say("SSH-2.0-x\r\n");
    CAF_CHECK_EQUAL(s.is_over(silent, 1s), read);
    CAF_CHECK_EQUAL(silent.text, "");
    CAF_CHECK_EQUAL(origin.text, read ? "" : "SSH-2.0-x\r\n");
  }
}

CAF_TEST(a policy that has to read a tunnel ends it while it is dialled to go on unread) {
  for (auto& network : {limited, hook, unread, no_mitm}) {
    auto read = network == limited || network == hook;
    intercepting s{{.network = inspecting, .daemon = "dns.cache_size = 0\n"}};
    auto& before = s.inside();
    before.say(ask_for("GET", "/"));
    auto& kept = s.answer_at(s.example);
    CAF_REQUIRE(s.hears(kept, "GET / "));
    kept.say(ok("kept"));
    CAF_REQUIRE(s.hears(before, "kept"));
    auto& client = s.tunnel("example.com:443"); // that one will do
    s.names.names["example.com"].late = 2s;
    client.say("SSH-2.0-x\r\n");
    s.pass(1s);
    s.install(network);
    CAF_CHECK_EQUAL(s.is_over(client, 5s), read);
    CAF_CHECK_EQUAL(s.decided("deny https_connect example.com:443 mitm_required"), read ? 1u : 0u);
    CAF_CHECK_EQUAL(client.text, "");
    if (!read)
      CAF_CHECK(s.hears(s.accept(s.example), "SSH-2.0-x\r\n"));
  }
}

CAF_TEST(a tunnel that is not read any more carries the client s own handshake) {
  for (auto& network : {unread, no_mitm}) {
    intercepting s{{.network = inspecting}};
    auto& client = s.tunnel("example.com:443");
    auto& origin = s.accept(s.example);
    s.install(network);
    auto hello = hello_of(client);
    client.say(hello);
    CAF_CHECK(s.until([&] { return origin.text == hello; }));
    CAF_CHECK_EQUAL(s.told(), 1u);
  }
}

CAF_TEST(inspection that comes while a tunnel is dialled reads it) {
  intercepting s{{.network = unread}};
  s.names.names["example.com"].late = 2s;
  auto& client = s.client();
  client.say("CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n");
  s.pass(1s);
  s.install(inspecting);
  CAF_REQUIRE(s.hears(client, "HTTP/1.1 200"));
  client.forget();
  s.secure(client);
  CAF_CHECK_EQUAL(s.status(client, ask_for("GET", "/", "", "", "other.test")), 421);
}

CAF_TEST(another CA vouches for tunnels from its policy on) {
  tls::session_cache cache;
  intercepting s;
  auto& old = s.inside("example.com", {.cache = &cache});
  CAF_CHECK_EQUAL(s.status(old, ask_for("PUT", "/")), 403);
  std::filesystem::remove(s.at("proxy/ca.pem"));
  std::filesystem::remove(s.at("proxy/ca.key"));
  s.install(limited);
  CAF_CHECK_EQUAL(s.status(old, ask_for("PUT", "/")), 403); // what stands goes on
  auto& doubts = s.tunnel("example.com:443");
  doubts.speak_tls(s.trusts_proxy(), "example.com"); // that of before
  CAF_CHECK(s.until([&] { return !doubts.tls_error.empty(); }));
  auto trusts_new = unbox(tls::client_context::make(only(s.at("proxy/ca.pem"))));
  auto& believes = s.tunnel("example.com:443");
  believes.speak_tls(*trusts_new, "example.com", {.cache = &cache});
  CAF_CHECK(s.until([&] { return believes.has_shaken_hands(); }));
  CAF_CHECK(!tls::is_resumed(*believes.session()));
}

CAF_TEST(a CA that cannot be used refuses the reload and the old one stays) {
  namespace fs = std::filesystem;
  struct row {
    std::string what;
    std::function<void(const std::string& certificate, const std::string& key)> spoil;
    std::string words;
  } rows[] = {
    {"a key that others may read",
     [](auto&, auto& key) { fs::permissions(key, fs::perms::others_read, fs::perm_options::add); },
     "ca.key"},
    {"a key that is gone", [](auto&, auto& key) { fs::remove(key); }, "ca.key"},
    {"a certificate that is gone", [](auto& pem, auto&) { fs::remove(pem); }, "ca.pem"},
    {"a certificate that is none", [](auto& pem, auto&) { std::ofstream{pem} << "nothing"; },
     "ca.pem"},
    {"a link",
     [](auto&, auto& key) {
       fs::rename(key, key + ".there");
       fs::create_symlink(key + ".there", key);
     },
     "ca.key"},
  };
  for (auto& [what, spoil, words] : rows) {
    CAF_MESSAGE(what);
    intercepting s;
    (void)s.trusts_proxy();
    spoil(s.at("proxy/ca.pem"), s.at("proxy/ca.key"));
    auto outcome = s.reload(inspecting);
    CAF_CHECK(!outcome.report);
    std::string told;
    for (auto& each : outcome.problems)
      told += each.str() + '\n';
    CAF_CHECK(has(told, words));
    CAF_CHECK_EQUAL(s.status(s.inside(), ask_for("PUT", "/")), 403);
  }
}
