#define CAF_SUITE actors.flows.socks5_udp_faults
#include "actors/serve/socks5/association.hpp" // unit under test

#include <cerrno>
#include <cstring>

#include "tests/actors/flows/socks_client.hpp"

using namespace proxy;
using namespace proxy::test;
using simulation::call;

namespace {

/// An association with a target.
struct served : stage {
  served() : stage({.network = R"(allowed_domains = ["93.184.216.34"])"}) {}

  void send(const std::string& data) {
    mine.send(open.relay, socks_datagram("93.184.216.34", 53, data));
  }

  udp_end at{*this, place("93.184.216.34"), "93.184.216.34", 53};
  udp_end mine{*this, user, "192.0.2.9"};
  associated open = associate(*this);
};

} // namespace

CAF_TEST(a datagram that cannot be sent is lost and the next one is not ) {
  for (auto error : {ENOBUFS, ENOMEM, EPERM, ENETUNREACH}) {
    CAF_MESSAGE(std::strerror(error));
    served s;
    s.send("first");
    CAF_CHECK(s.at.hears("first"));
    s.here.fail(call::send, error);
    s.send("second");
    s.pass(1s);
    CAF_CHECK_EQUAL(s.here.to_fail(call::send), 0u);
    s.send("third");
    CAF_CHECK(s.at.hears("third"));
    CAF_CHECK_EQUAL(s.at.heard.size(), 2u);
    CAF_CHECK(dropped(s, "unsent") == 1);
    CAF_CHECK(!s.is_over(s.open.control, 0s));
    CAF_CHECK(associate(s).control.is_open());
  }
}

CAF_TEST(a datagram that cannot be received is lost and the next one is not ) {
  for (auto error : {ENOBUFS, ENOMEM, ECONNREFUSED}) {
    CAF_MESSAGE(std::strerror(error));
    served s;
    s.here.fail(call::receive, error);
    s.send("first");
    CAF_CHECK(s.at.hears("first")); // it was an error of one before it: this one waits still
    CAF_CHECK_EQUAL(s.here.to_fail(call::receive), 0u);
    CAF_CHECK(associate(s).control.is_open());
  }
}
