// Names, literals and authorities: what one spelling was normalised to must be normal.

#include "protocols/host.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace proxy;
using namespace proxy::fuzz;

namespace {

void check_host(const host& h) {
  require(!h.text().empty() && h.text().size() <= 253, "a host has a text");
  auto again = host::parse(h.text());
  require(again && again->text() == h.text() && again->ip() == h.ip(),
          "a normal text stays as it is");
  auto in_url = host::parse(h.in_url());
  require(in_url && *in_url == h, "the text for a URL names the host");
  if (h.ip()) {
    require(h.ip()->str() == h.text(), "a literal is the text of its address");
    require(ip_address::parse(h.text()) == h.ip(), "which is in strict notation");
    require(!h.scope().empty() || host::from(*h.ip()) == h, "and makes the same host");
  } else {
    require(!ip_address::parse(h.text()), "a name is no address");
    require(h.scope().empty(), "nor has it a scope");
  }
}

void check_authority(const authority& a) {
  check_host(a.host);
  require(a.port != 0, "a port is not zero");
  auto text = a.host.in_url() + (a.port ? ':' + std::to_string(*a.port) : "");
  auto again = authority::parse(text);
  require(again && *again == a, "an authority parses back");
}

} // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto in = view(data, size);
  if (auto h = host::parse(in))
    check_host(*h);
  if (auto a = authority::parse(in))
    check_authority(*a);
  if (auto ip = ip_address::parse(in)) {
    require(ip_address::parse(ip->str()) == ip, "an address parses back");
    auto h = host::parse(in);
    require(h && h->ip() == ip, "an address is a host");
  }
  if (auto network = ip_network::parse(in)) {
    require(ip_network::parse(network->str()) == network, "a network parses back");
    require(network->contains(network->base) && network->contains(*network), "holds itself");
    require(!ip_network::has_host_bits(in), "and has no host bits");
  }
  return 0;
}
