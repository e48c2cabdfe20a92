#define CAF_SUITE actors.flows.addresses
#include "actors/control/address_watch.hpp" // unit under test, beside the policy store that it tells

#include <unistd.h>

#include "tests/actors/flows/scripted_store.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

const ip_address newer = ip("192.0.2.77");
const machine_addresses_read before{{ip("127.0.0.1"), ip("192.0.2.1"), ip("2001:db8::1")}};
const machine_addresses_read after{{ip("127.0.0.1"), ip("192.0.2.1"), newer, ip("2001:db8::1")}};

/// A proxy that listens on all addresses of its machine, one of which will be `newer`. Until then
/// that is somebody else's, who may be asked.
struct wide_stage : scripted_stage {
  explicit wide_stage(const std::string& stands_on = "0.0.0.0") : scripted_stage({.loops = 2}) {
    write("config.toml",
          "default_permissions = \"dev\"\n[network_proxy]\n"
          "admin_url = \"http://192.0.2.1:8080\"\n"
          "dangerously_allow_non_loopback_admin = true\naudit.output = \"stderr\"\n"
          "dns.servers = [\"192.0.2.53\"]\ndns.hosts_file = \"\"\n[permissions.dev.network]\n"
          "enabled = true\nproxy_url = \"http://" +
            stands_on +
            ":3128\"\nsocks_url = \"http://192.0.2.1:1080\"\n"
            "dangerously_allow_non_loopback_proxy = true\n"
            "allow_local_binding = true\nallowed_domains = [\"192.0.2.77\"]\n");
    script->addresses = before;
    auto wide = ask_reload();
    pass(1s);
    CAF_REQUIRE_EQUAL(why_not(wide), "");
  }
  origin& neighbour = serve_at("192.0.2.77", 3128);

  void tell() { caf::anon_send(store, atom::addresses_v); }
  /// Whether a request to the address goes out.
  bool goes_out() {
    auto& who = client();
    who.say(get("http://192.0.2.77:3128/"));
    CAF_CHECK(until(
      [&] { return who.hears("\r\n\r\n") || neighbour.on.readiness(neighbour.listens) != 0; }));
    if (who.text.empty()) {
      accept(neighbour).close();
      return true;
    }
    CAF_CHECK(who.hears("not_allowed_local"));
    return false;
  }
  std::string log_text() { return log(); }
};

} // namespace

CAF_TEST(an address that comes is ours and one that goes is not ours any more) {
  wide_stage s;
  CAF_CHECK(s.goes_out());
  auto& client = s.tunnel("192.0.2.77:3128");
  auto& origin = s.accept(s.neighbour);
  s.script->addresses = after;
  s.tell();
  CAF_CHECK(s.is_over(client, 1s)); // it would lead to ourselves
  CAF_CHECK(s.is_over(origin, 1s));
  CAF_CHECK(!s.goes_out());
  CAF_CHECK_EQUAL(s.generation(), 3u);
  CAF_CHECK(has(s.log_text(), "msg=addresses_changed generation=3 "));
  s.script->addresses = before;
  s.tell();
  s.pass(1s);
  CAF_CHECK(s.goes_out());
  CAF_CHECK_EQUAL(s.generation(), 4u);
}

CAF_TEST(addresses that are as before make no generation and many words of them few) {
  wide_stage s;
  for (int i = 0; i < 10; ++i)
    s.tell();
  s.pass(1s);
  CAF_CHECK_EQUAL(s.generation(), 2u);
  s.script->addresses = after;
  for (int i = 0; i < 100; ++i)
    s.tell();
  s.pass(1s);
  CAF_CHECK_EQUAL(s.generation(), 3u);
}

CAF_TEST(a listener with an address of its own asks for no others) {
  wide_stage s{"192.0.2.1"};
  s.script->addresses = after;
  s.tell();
  s.pass(1min);
  CAF_CHECK_EQUAL(s.generation(), 2u);
  CAF_CHECK(s.goes_out()); // nobody of ours listens there
}

CAF_TEST(addresses that cannot be read stay and are read again after a pause) {
  wide_stage s;
  s.script->addresses = after;
  s.tell();
  s.pass(1s);
  CAF_CHECK(!s.goes_out());
  s.script->addresses = std::nullopt;
  s.tell();
  s.pass(1ms);
  CAF_CHECK(has(s.log_text(), "msg=addresses_unread detail=\"the system does not tell them\""));
  CAF_CHECK(!s.goes_out());
  s.script->addresses = before;
  s.pass(addresses_pause - 1s);
  CAF_CHECK_EQUAL(s.generation(), 3u);
  s.pass(2s);
  CAF_CHECK_EQUAL(s.generation(), 4u);
  CAF_CHECK(s.goes_out());
}

CAF_TEST(a reload that cannot read the addresses keeps those of before) {
  wide_stage s;
  s.script->addresses = after;
  s.tell();
  s.pass(1s);
  s.script->addresses = std::nullopt;
  auto made = s.ask_reload();
  s.pass(1s);
  CAF_CHECK_EQUAL(s.why_not(made), "");
  CAF_CHECK(has(s.log_text(), "msg=addresses_unread detail=\"those of before stay\""));
  CAF_CHECK(!s.goes_out());
  s.script->addresses = before;
  s.pass(addresses_pause);
  CAF_CHECK(s.goes_out());
}

CAF_TEST(addresses wait for the change under way and a change for them) {
  wide_stage s;
  s.script->hangs = true;
  auto change = s.ask_reload();
  s.tell();
  s.script->addresses = after;
  s.pass(30s);
  CAF_CHECK(s.goes_out());
  caf::anon_send(s.sources[0], atom::reload_v); // which has read the newer ones by now
  s.pass(1s);
  CAF_CHECK_EQUAL(s.why_not(change), "");
  CAF_CHECK(!s.goes_out());
  CAF_CHECK_EQUAL(s.script->owed_addresses.size(), 1u);
  // They hang too: a change waits until they are given up, and they are asked for again.
  auto waits = s.ask_reload();
  s.pass(57s);
  CAF_CHECK(!waits->has_value());
  s.script->hangs = false;
  s.pass(3s);
  CAF_CHECK(waits->has_value());
  CAF_CHECK(has(s.log_text(), "msg=addresses_unread detail=\"the policy source does not deliver"));
  CAF_CHECK_EQUAL(s.why_not(waits), "");
  s.script->addresses = before;
  s.pass(addresses_pause);
  CAF_CHECK(s.goes_out());
}

CAF_TEST(a proxy that ends asks for no addresses) {
  wide_stage s;
  auto drained = s.drain();
  CAF_CHECK(s.until([&] { return drained->has_value(); }, 1s));
  s.script->addresses = after;
  s.tell();
  s.pass(1min);
  CAF_CHECK_EQUAL(s.generation(), 2u);
}

CAF_TEST(listeners that do not say where they are leave the addresses as they were) {
  wide_stage s;
  caf::anon_send_exit(s.owner, caf::exit_reason::user_shutdown);
  s.pass(1ms);
  s.script->addresses = after;
  s.tell();
  s.pass(1s);
  CAF_CHECK_EQUAL(s.generation(), 2u);
  CAF_CHECK(has(s.log_text(), "msg=addresses_unread detail=\"listeners: "));
}

CAF_TEST(whoever watches the addresses asks for them at once and ends when told) {
  wide_stage s;
  s.script->addresses = after; // since the policy was read
  caf::actor_config on{&local<std::remove_pointer_t<shard_pointer>>(s.shards[0]).loop()};
  auto made = s.w.system().spawn_impl<address_watch, caf::hidden>(on, s.store);
  s.pass(1s);
  CAF_CHECK(!s.goes_out());
  auto gone = std::make_shared<bool>(false);
  made->attach_functor([gone](const caf::error&) { *gone = true; });
  caf::anon_send(made, atom::abort_v);
  CAF_CHECK(s.until([&] { return *gone; }, 1s));
}
