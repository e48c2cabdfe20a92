#define CAF_SUITE policy.decide_tunnels
#include "policy/decide.hpp" // unit under test

#include "tests/policy/rule_making.hpp"

using namespace proxy;
using namespace proxy::policy;
using namespace proxy::policy::test;

CAF_TEST(a tunnel is let through to be read where a rule looks at requests) {
  auto allow = rule_of(action::allow);
  allow.request = methods({"GET"});
  auto in_force = with({allow});
  for (auto p : {protocol::https_connect, protocol::socks5_tcp}) {
    auto tunnel = by(p, "a.test");
    CAF_CHECK_EQUAL(said(decided(in_force, tunnel)), "allow");
    CAF_CHECK(is_read(in_force, tunnel));
    // Not when nobody reads it, or can.
    for (auto how : {reading::none, reading::hidden})
      CAF_CHECK_EQUAL(said(decide(in_force, {.to = tunnel, .reading = how})), "mitm_required");
    auto blind = in_force;
    blind.mitm = false;
    CAF_CHECK_EQUAL(said(decided(blind, tunnel)), "mitm_required");
    CAF_CHECK(!is_read(blind, tunnel));
  }
  CAF_CHECK_EQUAL(ask(in_force, request_inside("a.test")), "allow");
  CAF_CHECK_EQUAL(ask(in_force, request_inside("a.test", "POST")), "not_allowed");
  // A datagram is never read, and a request that does not say what it is is not let through.
  CAF_CHECK_EQUAL(said(decided(in_force, by(protocol::socks5_udp, "a.test"))), "not_allowed");
  CAF_CHECK_EQUAL(said(decided(in_force, request_inside("a.test"))), "not_allowed");
  CAF_CHECK_EQUAL(said(decided(in_force, get("a.test"))), "not_allowed");
  // Something that stands is judged by its head besides.
  CAF_CHECK_EQUAL(judged_again(in_force, request_inside("a.test"), {.reading = reading::done}),
                  "allow");
}

CAF_TEST(a tunnel is read for any rule about requests also where a list allows the host) {
  for (auto act : {action::allow, action::deny, action::ask}) {
    auto r = rule_of(act);
    r.request = methods({"DELETE"});
    auto in_force = with({r}, {"*.test"});
    auto tunnel = by(protocol::https_connect, "a.test");
    CAF_CHECK_EQUAL(said(decided(in_force, tunnel)), "allow"); // the request is not known yet
    CAF_CHECK(is_read(in_force, tunnel));
    CAF_CHECK(!is_read(in_force, by(protocol::https_connect, "b.test")));
    CAF_CHECK_EQUAL(ask(in_force, request_inside("a.test", "DELETE")),
                    act == action::deny ? "denied" : "allow");
    CAF_CHECK_EQUAL(ask(in_force, request_inside("a.test", "GET")), "allow");
    r.ports = {8443};
    CAF_CHECK(!is_read(with({r}, {"*.test"}), tunnel));
  }
}

CAF_TEST(a rule for https only admits the tunnel for reading and one for CONNECT only unread) {
  auto for_https = rule_of(action::allow);
  for_https.protocols = {protocol::https};
  auto in_force = with({for_https});
  auto tunnel = by(protocol::https_connect, "a.test");
  CAF_CHECK_EQUAL(said(decided(in_force, tunnel)), "allow");
  CAF_CHECK(is_read(in_force, tunnel));
  CAF_CHECK_EQUAL(ask(in_force, request_inside("a.test")), "allow");
  CAF_CHECK_EQUAL(ask(in_force, request_inside("a.test", "GET", false)),
                  "not_allowed"); // plain, inside
  auto for_http = for_https;
  for_http.protocols = {protocol::http};
  CAF_CHECK_EQUAL(said(decided(with({for_http}), tunnel)), "not_allowed");

  auto for_connect = for_https;
  for_connect.protocols = {protocol::https_connect};
  in_force = with({for_connect});
  CAF_CHECK_EQUAL(said(decided(in_force, tunnel)), "allow");
  CAF_CHECK(!is_read(in_force, tunnel));
  in_force.inspect = true; // now it is read
  CAF_CHECK_EQUAL(said(decided(in_force, tunnel)), "not_allowed");
}

CAF_TEST(a listing that holds for some requests opens a local host to them alone) {
  auto reads = rule_of(action::allow, {"localhost"});
  reads.request = methods({"GET"});
  auto in_force = with({reads}, {"*.localhost"});
  auto plain = get("foo.localhost");
  CAF_CHECK_EQUAL(ask(in_force, plain), "allow");
  plain.method = "POST";
  CAF_CHECK_EQUAL(ask(in_force, plain), "not_allowed_local");
  for (auto p : {protocol::https_connect, protocol::socks5_tcp}) {
    auto tunnel = by(p, "foo.localhost", 22);
    CAF_CHECK_EQUAL(said(decided(in_force, tunnel)), "allow"); // to be read
    CAF_CHECK(is_read(in_force, tunnel));
    for (auto how : {reading::none, reading::hidden})
      CAF_CHECK_EQUAL(said(decide(in_force, {.to = tunnel, .reading = how})), "mitm_required");
    auto blind = in_force;
    blind.mitm = false;
    CAF_CHECK_EQUAL(said(decided(blind, tunnel)), "mitm_required");
  }
  for (auto literal : {"127.0.0.1", "169.254.169.254"}) {
    CAF_MESSAGE(literal);
    auto for_https = rule_of(action::allow, {literal});
    for_https.protocols = {protocol::https, protocol::socks5_tcp};
    in_force = with({for_https}, {"0.0.0.0/0"});
    auto tunnel = by(protocol::https_connect, literal, 22);
    CAF_CHECK_EQUAL(said(decide(in_force, {.to = tunnel, .reading = reading::none})),
                    "mitm_required");
    in_force.mitm = false;
    CAF_CHECK_EQUAL(said(decided(in_force, tunnel)), "mitm_required");
    CAF_CHECK_EQUAL(said(decided(in_force, get(literal))), "not_allowed_local");
    CAF_CHECK_EQUAL(said(decided(in_force, by(protocol::socks5_tcp, literal))), "allow");
  }
  // Nor is a name that leads to a metadata address read on account of its literal.
  reads.hosts = hosts({"169.254.169.254"});
  in_force = with({reads}, {"a.test"});
  in_force.allow_local_binding = true;
  CAF_CHECK_EQUAL(
    vetting(in_force, by(protocol::https_connect, "a.test"), ips({"169.254.169.254"})),
    "not_allowed_local");
}

CAF_TEST(a tunnel stays closed where nobody can read what a rule says of plain HTTP) {
  auto r = rule_of(action::deny);
  r.request = methods({"POST"});
  r.protocols = {protocol::http};
  auto in_force = with({r}, {"a.test"});
  in_force.mitm = false;
  auto tunnel = by(protocol::https_connect, "a.test", 80);
  CAF_CHECK_EQUAL(said(decided(in_force, tunnel)), "mitm_required");
  CAF_CHECK_EQUAL(judged_again(in_force, tunnel), "mitm_required");
  auto judged = decided(in_force, tunnel);
  auto text = refusal_text(std::get<denial>(judged), tunnel);
  CAF_CHECK(text.find("hooks") == std::string_view::npos);
  CAF_CHECK(text.find("Rules look at the requests") != std::string_view::npos);
}

CAF_TEST(a rule for https and more that is no CONNECT has its tunnels read) {
  auto r = rule_of(action::allow);
  r.protocols = {protocol::https, protocol::socks5_udp};
  auto in_force = with({r});
  auto tunnel = by(protocol::https_connect, "a.test");
  CAF_CHECK_EQUAL(said(decided(in_force, tunnel)), "allow");
  CAF_CHECK(is_read(in_force, tunnel));
  CAF_CHECK_EQUAL(said(decided(in_force, by(protocol::socks5_udp, "a.test"))), "allow");
}

CAF_TEST(a rule that asks about all of https asks at the tunnel that would be read) {
  auto r = rule_of(action::ask);
  r.protocols = {protocol::https};
  auto in_force = with({r});
  auto tunnel = by(protocol::https_connect, "a.test");
  CAF_CHECK_EQUAL(said(decided(in_force, tunnel)), "ask");
  CAF_CHECK_EQUAL(said(answered(in_force, tunnel)), "allow");
  CAF_CHECK_EQUAL(said(decide(in_force, {.to = tunnel, .reading = reading::none, .answer = &yes})),
                  "mitm_required");
  answer of_tunnel{.of_tunnel = true};
  CAF_CHECK_EQUAL(ask(in_force, request_inside("a.test"), {}, &of_tunnel), "allow");
  in_force.mitm = false;
  CAF_CHECK_EQUAL(said(decided(in_force, tunnel)), "not_allowed");
}
