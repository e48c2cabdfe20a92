#include "tests/simulate/names.hpp"

#include <array>
#include <span>

#include "protocols/ascii.hpp"
#include "tests/simulate/violation.hpp"

namespace proxy::simulate {

namespace {

using namespace std::chrono_literals;

// RFC 1035 §4.1
constexpr size_t header_size = 12;
constexpr uint8_t type_a = 1;
constexpr int servfail = 2, no_such_name = 3;

/// Where no name may lead: this machine, its network, the cloud's metadata service.
constexpr std::array lies{"127.0.0.1", "10.1.2.3", "192.0.2.1", "169.254.169.254"};

/// An answer to a question with at most one address.
std::string answer_to(std::string_view question, size_t question_end, int code,
                      const ip_address* address) {
  std::string out{question.substr(0, 2)};
  out += '\x81';
  out += static_cast<char>(0x80 | code);
  out += std::string{"\0\1\0", 3};
  out += static_cast<char>(address ? 1 : 0);
  out += std::string(4, '\0');
  out += question.substr(header_size, question_end - header_size);
  if (address) {
    out += std::string{"\xc0\x0c\0\1\0\1\0\0\0\x05\0\4", 12}; // that name, A, for 5 s
    for (auto byte : std::span{address->bytes()}.last(4))
      out += static_cast<char>(byte);
  }
  return out;
}

} // namespace

names::names(simulation::node& on, const ip_address& at, bool calm)
  : on_(on), fd_(on.open(socket_kind::datagram, AF_INET)), calm_(calm) {
  auto name = make_sockaddr(at, 53);
  demand(on.bind(fd_, name.get(), name.size) == 0, "a name server cannot be bound");
}

void names::step() {
  char block[2048];
  ip_sockaddr from;
  for (ssize_t n; (n = on_.receive_from(fd_, block, &from)) >= 0;)
    answer({block, static_cast<size_t>(n)}, from);
}

void names::answer(std::string_view question, const ip_sockaddr& to) {
  std::string name;
  auto at = header_size;
  while (question[at] != 0) {
    auto size = static_cast<uint8_t>(question[at]);
    for (auto c : question.substr(at + 1, size))
      name += ascii::to_lower(c);
    name += '.';
    at += 1u + size;
  }
  name.pop_back();
  auto is_v4 = question[at + 2] == type_a;
  auto end = at + 5; // type and class are in it
  auto found = known_.find(name);
  auto code = found == known_.end() ? no_such_name : 0;
  auto address = code == 0 ? found->second : ip_address{};
  auto late = 0ms;
  auto& chance = on_.net().chance();
  if (!calm_)
    switch (chance.below(12)) {
      case 0: return; // silence
      case 1: code = servfail; break;
      case 2: late = std::chrono::milliseconds{chance.below(9000)}; break;
      case 3: address = *ip_address::parse(lies[chance.below(lies.size())]); break;
      default: break;
    }
  auto out = answer_to(question, end, code, code == 0 && is_v4 ? &address : nullptr);
  on_.net().at(on_.net().time().now() + late, [on = &on_, fd = fd_, to, out] {
    iovec part{const_cast<char*>(out.data()), out.size()};
    datagram_row row{&to, {&part, 1}, 0};
    (void)on->send(fd, {&row, 1});
  });
}

} // namespace proxy::simulate
