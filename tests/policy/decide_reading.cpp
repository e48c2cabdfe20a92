#define CAF_SUITE policy.decide_reading
#include "policy/decide.hpp" // unit under test

#include "tests/policy/asking.hpp"
#include "tests/policy/hooks.hpp"
#include "tests/policy/rules.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::policy;
using namespace proxy::policy::test;

CAF_TEST(a hooked host is reached only where its requests are read) {
  struct row {
    protocol by;
    bool mitm;
    std::string_view in_full, in_limited, unhooked_in_full;
    bool read;
    bool two = false; ///< The host is a decision of its own before this one.
  };
  for (auto& [by, mitm, in_full, in_limited, unhooked, read, two] : std::initializer_list<row>{
         {protocol::http, true, "mitm_required", "mitm_required", "allow", false, true},
         {protocol::https, true, "allow", "method_not_allowed", "allow", true},
         {protocol::https_connect, true, "allow", "allow", "allow", true},
         {protocol::https_connect, false, "mitm_required", "mitm_required", "allow", false, true},
         {protocol::socks5_tcp, true, "mitm_required", "mitm_required", "allow", false, true},
         {protocol::socks5_udp, true, "mitm_required", "mitm_required", "allow", false},
       }) {
    CAF_MESSAGE(to_string(by));
    auto in_force = allowing({"*.test"}, {"denied.test"});
    in_force.mitm = mitm;
    set_hooks(in_force, hooks_of({{.host = "api.test"}, {.host = "denied.test"}}));
    auto what = get("api.test");
    what.protocol = by;
    what.method = "POST";
    auto verdict = decided(in_force, what);
    CAF_CHECK_EQUAL(said(verdict), in_full);
    if (auto no = std::get_if<denial>(&verdict)) {
      CAF_CHECK(no->source == source::mode_guard);
      CAF_CHECK(!no->domain_scope);
      CAF_CHECK_EQUAL(no->rule, &in_force.table->hooks()->hooks()[0].where);
      auto text = refusal_text(*no, what);
      CAF_CHECK(text.find("hooks") != std::string_view::npos);
      CAF_CHECK(text.find("limited") == std::string_view::npos);
      CAF_CHECK_EQUAL(text.find("plain HTTP") != std::string_view::npos, by == protocol::http);
      CAF_CHECK_EQUAL(no->passed != nullptr, two);
    }
    CAF_CHECK_EQUAL(is_read(in_force, what), read);
    set_mode(in_force, mode::limited);
    CAF_CHECK_EQUAL(judge(in_force, what), in_limited); // before the method
    set_mode(in_force, mode::full);
    // The host comes first.
    what.host = get("denied.test").host;
    CAF_CHECK_EQUAL(judge(in_force, what), "denied");
    what.host = get("b.test").host;
    CAF_CHECK_EQUAL(judge(in_force, what), unhooked);
  }
}

CAF_TEST(tunnels are read where mode or hooks or inspection ask for it) {
  struct row {
    bool mitm, limited, hooked, inspect, read;
  };
  for (auto& [mitm, limited, hooked, inspect, read] : std::initializer_list<row>{
         {true, false, false, false, false},
         {true, true, false, false, true},
         {true, false, true, false, true},
         {true, false, false, true, true},
         {false, true, true, true, false}, // not available: such tunnels are refused
       }) {
    auto in_force = allowing({"api.test"});
    in_force.mitm = mitm;
    in_force.inspect = inspect;
    set_mode(in_force, limited ? mode::limited : mode::full);
    if (hooked)
      set_hooks(in_force, hooks_of({{.host = "api.test"}}));
    auto what = get("api.test", 443);
    CAF_CHECK(!is_read(in_force, what)); // plain HTTP has nothing to intercept
    what.protocol = protocol::https_connect;
    CAF_CHECK_EQUAL(is_read(in_force, what), read);
    what.protocol = protocol::socks5_tcp; // the mode and hooks refuse it
    CAF_CHECK_EQUAL(is_read(in_force, what), mitm && inspect);
    what.protocol = protocol::socks5_udp;
    CAF_CHECK(!is_read(in_force, what));
  }
}

CAF_TEST(a request inside a tunnel is read with TLS and without) {
  auto in_force = allowing({"api.test"});
  for (auto tls : {true, false})
    CAF_CHECK(is_read(in_force, request_inside("api.test", "GET", tls, false, 8443)));
}

CAF_TEST(what cannot be read goes on only where nobody reads or it has nothing to read) {
  struct row {
    protocol by;
    bool limited, hooked, inspect, hides;
    std::string_view said;
  };
  for (auto& [by, limited, hooked, inspect, hides, words] : std::initializer_list<row>{
         {protocol::https_connect, false, false, true, false, "allow"},
         {protocol::https_connect, false, false, true, true, "mitm_required"},
         {protocol::https_connect, false, false, false, true, "allow"},
         {protocol::https_connect, true, false, false, false, "mitm_required"},
         {protocol::https_connect, false, true, false, false, "mitm_required"},
         {protocol::socks5_tcp, false, false, true, false, "allow"},
         {protocol::socks5_tcp, false, false, true, true, "mitm_required"},
         {protocol::socks5_tcp, false, false, false, true, "allow"},
         {protocol::socks5_tcp, true, false, false, false, "mitm_required"},
         {protocol::socks5_tcp, false, true, true, false, "mitm_required"},
       }) {
    auto in_force = allowing({"api.test"});
    in_force.mitm = true;
    in_force.inspect = inspect;
    set_mode(in_force, limited ? mode::limited : mode::full);
    if (hooked)
      set_hooks(in_force, hooks_of({{.host = "api.test"}}));
    auto what = get("api.test", 443);
    what.protocol = by;
    auto no = why_not(in_force, {.to = what, .reading = hides ? reading::hidden : reading::none});
    // Limited mode takes nothing by SOCKS at all, which comes first.
    if (by == protocol::socks5_tcp && limited)
      CAF_CHECK_EQUAL(said(no), "method_not_allowed");
    else
      CAF_CHECK_EQUAL(said(no), words);
  }
}

CAF_TEST(a tunnel that cannot be read ends when its host gets hooks) {
  auto in_force = allowing({"*.test"});
  in_force.mitm = true;
  set_hooks(in_force, hooks_of({{.host = "api.test"}}));
  auto again = [&](protocol by, std::string_view name, bool intercepted) {
    auto what = get(name, 443);
    what.protocol = by;
    return judged_again(in_force, what, {.reading = intercepted ? reading::done : reading::none});
  };
  CAF_CHECK_EQUAL(again(protocol::https_connect, "api.test", false), "mitm_required");
  CAF_CHECK_EQUAL(again(protocol::https_connect, "api.test", true), "allow");
  CAF_CHECK_EQUAL(again(protocol::https_connect, "b.test", false), "allow");
  CAF_CHECK_EQUAL(again(protocol::socks5_tcp, "api.test", false), "mitm_required");
  CAF_CHECK_EQUAL(again(protocol::socks5_tcp, "b.test", false), "allow");
}
