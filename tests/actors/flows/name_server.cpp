#include "tests/actors/flows/name_server.hpp"

#include "protocols/ascii.hpp"
#include "tests/support/test.hpp"

namespace proxy::test {

namespace {

constexpr size_t header_size = 12;
constexpr uint16_t type_a = 1, type_aaaa = 28;

void put16(std::string& to, size_t number) {
  to += static_cast<char>(number >> 8 & 0xff);
  to += static_cast<char>(number & 0xff);
}

uint16_t get16(std::string_view from, size_t at) {
  return static_cast<uint16_t>(static_cast<uint8_t>(from[at]) << 8 |
                               static_cast<uint8_t>(from[at + 1]));
}

/// The address as it goes over the wire.
std::string raw(const ip_address& address) {
  auto name = make_sockaddr(address, 0);
  if (address.is_v4())
    return {
      reinterpret_cast<const char*>(&reinterpret_cast<const sockaddr_in*>(name.get())->sin_addr),
      4};
  return {
    reinterpret_cast<const char*>(&reinterpret_cast<const sockaddr_in6*>(name.get())->sin6_addr),
    16};
}

} // namespace

name_server::name_server(simulation::node& on, const ip_address& at)
  : on_(on), fd_(on.open(socket_kind::datagram, at.is_v4() ? AF_INET : AF_INET6)) {
  auto name = make_sockaddr(at, 53);
  CAF_REQUIRE_EQUAL(on.bind(fd_, name.get(), name.size), 0);
}

void name_server::step() {
  char block[2048];
  ip_sockaddr from;
  for (;;) {
    auto n = on_.receive_from(fd_, block, &from);
    if (n < 0)
      return;
    answer({block, static_cast<size_t>(n)}, from);
  }
}

void name_server::answer(std::string_view question, const ip_sockaddr& to) {
  std::string name;
  auto at = header_size;
  while (question[at] != 0) {
    auto size = static_cast<uint8_t>(question[at]);
    for (auto c : question.substr(at + 1, size))
      name += ascii::to_lower(c);
    name += '.';
    at += 1u + size;
  }
  if (!name.empty())
    name.pop_back();
  auto type = get16(question, at + 1);
  asked.push_back((type == type_a ? "A " : type == type_aaaa ? "AAAA " : "? ") + name);
  auto known = names.find(name);
  name_record says = known == names.end() ? name_record{.code = 3} : known->second;
  if (says.silent)
    return;
  std::erase_if(says.addresses,
                [&](const ip_address& each) { return (type == type_a) != each.is_v4(); });
  std::string out{question.substr(0, 2)};
  put16(out, 0x8180u | says.code); // an answer, with recursion
  put16(out, 1);
  put16(out, says.addresses.size());
  put16(out, 0);
  put16(out, 0);
  out += question.substr(header_size, at + 5 - header_size);
  for (const auto& each : says.addresses) {
    put16(out, 0xc000 | header_size); // the name in the question
    put16(out, type);
    put16(out, 1);
    put16(out, says.ttl >> 16);
    put16(out, says.ttl & 0xffff);
    auto bytes = raw(each);
    put16(out, bytes.size());
    out += bytes;
  }
  auto send = [on = &on_, fd = fd_, to, out] {
    iovec part{const_cast<char*>(out.data()), out.size()};
    datagram_row row{&to, {&part, 1}, 0};
    (void)on->send(fd, {&row, 1});
  };
  if (says.late.count() > 0)
    on_.net().at(on_.net().time().now() + says.late, send);
  else
    send();
}

} // namespace proxy::test
