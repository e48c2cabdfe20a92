#define CAF_SUITE actors.flows.tunnel_open
#include "tests/actors/flows/connecting.hpp"

using namespace proxy;
using namespace proxy::test;

/// Where a CONNECT leads.

CAF_TEST(a tunnel leads to the port and the address that were asked for) {
  struct row {
    const char* authority;
    const char* address;
    uint16_t port;
  } rows[] = {
    {"example.com:443", "93.184.216.34", 443},
    {"example.com:80", "93.184.216.34", 80},
    {"example.com:22", "93.184.216.34", 22},
    {"example.com:65535", "93.184.216.34", 65535},
    {"EXAMPLE.com.:443", "93.184.216.34", 443},
    {"93.184.216.34:8443", "93.184.216.34", 8443},
    {"0x5db8d822:443", "93.184.216.34", 443}, // as a resolver would read it
    {"1572395042:443", "93.184.216.34", 443},
    {"[2606:4700::1]:443", "2606:4700::1", 443},
    {"[2606:4700:0:0::0001]:443", "2606:4700::1", 443},
  };
  for (auto& [authority, address, port] : rows) {
    CAF_MESSAGE(authority);
    world_of_names s;
    auto& at = s.serve_at(address, port);
    auto& client = s.client();
    client.say(connect(authority));
    auto& origin = s.accept(at);
    CAF_CHECK(s.answer(client).starts_with("HTTP/1.1 200"));
    CAF_CHECK(client.text.ends_with("\r\n\r\n"));
    CAF_CHECK(client.text.find("content-length") == std::string::npos); // RFC 9110 §9.3.6
    client.say("up");
    CAF_CHECK(s.hears(origin, "up"));
    s.pass(1s);
    auto decided = s.events.size();
    CAF_REQUIRE_EQUAL(decided, 1u);
    CAF_CHECK(s.decisions()[0].starts_with("allow https_connect "));
  }
}

CAF_TEST(a client whose tunnel has failed may ask for another one on the same connection) {
  world_of_names s;
  auto& at = s.serve_at("93.184.216.34", 443);
  auto& client = s.client();
  for (auto target : {"example.com:444", "refused.test:443", "unknown.example.com:443"}) {
    client.forget();
    client.say(connect(target));
    CAF_CHECK(!s.answer(client).starts_with("HTTP/1.1 200"));
    CAF_CHECK(!s.is_over(client, 1s));
  }
  client.forget();
  client.say(connect("example.com:443"));
  CAF_CHECK(s.answer(client).starts_with("HTTP/1.1 200"));
  auto& origin = s.accept(at);
  client.say("up");
  CAF_CHECK(s.hears(origin, "up"));
}

CAF_TEST(an HTTP 1 0 client gets a tunnel without a Host field) {
  world_of_names s;
  auto& at = s.serve_at("93.184.216.34", 443);
  auto& client = s.client();
  client.say("CONNECT example.com:443 HTTP/1.0\r\n\r\nup");
  CAF_CHECK(s.hears(client, " 200 "));
  CAF_CHECK(s.hears(s.accept(at), "up"));
}

CAF_TEST(a client that breaks off while its tunnel is made leaves nothing behind) {
  struct row {
    const char* what;
    name_record name;
    simulation::conditions to_origin;
  } rows[] = {
    {"name", {.addresses = {ip("93.184.216.34")}, .late = 2s}, {}},
    {"dial", {.addresses = {ip("93.184.216.34")}}, {.delay = 2s, .reset_at = {}}},
    {"dial without an answer",
     {.addresses = {ip("93.184.216.34")}},
     {.reset_at = {}, .swallows = true}},
  };
  for (auto& [what, name, to_origin] : rows) {
    CAF_MESSAGE(what);
    world_of_names s;
    auto before = s.here.sockets();
    s.names.names["example.com"] = name;
    auto& at = s.serve_at("93.184.216.34", 443);
    s.set_way(at.on, to_origin);
    auto& client = s.client();
    client.say(connect("example.com:443", "") + "secret");
    s.pass(1s);
    client.reset();
    s.pass(4s);
    while (s.is_called(at, 1s))
      CAF_CHECK(s.is_over(s.accept(at), 5s));
    auto left = s.here.sockets();
    CAF_CHECK(left <= before + 1); // the one that asks the name server is kept
  }
}

CAF_TEST(a client that has said its last byte before the answer gets its tunnel all the same) {
  world_of_names s;
  s.names.names["example.com"].late = 1s;
  auto& at = s.serve_at("93.184.216.34", 443);
  auto& client = s.client();
  client.say(connect("example.com:443") + "all I say");
  client.finish();
  auto& origin = s.accept(at);
  CAF_CHECK(s.is_over(origin));
  CAF_CHECK_EQUAL(origin.text, "all I say");
  origin.say("all that is answered");
  origin.finish();
  CAF_CHECK(s.is_over(client));
  CAF_CHECK(client.text.ends_with("\r\n\r\nall that is answered"));
  CAF_CHECK(client.error == 0);
}

CAF_TEST(a tunnel goes to the next address where one does not answer) {
  world_of_names s;
  s.names.names["example.com"].addresses = {ip("93.184.216.33"), ip("93.184.216.34")};
  s.set_way(s.place("93.184.216.33"), {.reset_at = {}, .swallows = true});
  auto& at = s.serve_at("93.184.216.34", 443);
  auto began = s.w.time().now();
  auto& client = s.tunnel("example.com:443");
  CAF_CHECK(s.w.time().now() - began < 500ms);
  client.say("up");
  CAF_CHECK(s.hears(s.accept(at), "up"));
}

CAF_TEST(without a descriptor for the other end a tunnel is refused and the next one is not) {
  world_of_names s;
  auto& at = s.serve_at("93.184.216.34", 443);
  (void)s.tunnel("example.com:443"); // the name is known from here on
  (void)s.accept(at);
  auto& client = s.client();
  s.pass(1s);
  s.here.limit_descriptors(s.here.descriptors());
  client.say(connect("example.com:443"));
  CAF_CHECK(s.answer(client).starts_with("HTTP/1.1 503 "));
  s.here.limit_descriptors(1'000);
  client.forget();
  client.say(connect("example.com:443"));
  CAF_CHECK(s.answer(client).starts_with("HTTP/1.1 200 "));
}
