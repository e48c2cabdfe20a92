#define CAF_SUITE actors.flows.names_forged
#include "tests/actors/flows/odd_names.hpp"

using namespace proxy;
using namespace proxy::test;

/// Answers that nobody should believe.

namespace {

constexpr auto truth = "93.184.216.34", lie = "93.184.216.66";

} // namespace

CAF_TEST(a lie of somebody who has not seen the question is not believed) {
  enum class by { wrong_id, other_name, other_type, another_port, another_address };
  for (auto how :
       {by::wrong_id, by::other_name, by::other_type, by::another_port, by::another_address}) {
    CAF_MESSAGE("case " << static_cast<int>(how));
    odd_names s;
    s.reply = [&](const question& q, const ip_sockaddr& from) {
      auto forged = q;
      if (how == by::wrong_id)
        forged.id[0] = static_cast<char>(forged.id[0] ^ 1);
      if (how == by::other_name)
        forged.section = labels("other.test") + two(q.type) + two(1);
      if (how == by::other_type)
        forged.section = labels("example.com") + two(q.type ^ 29) + two(1);
      auto bytes = answer(forged, {record(asked_name, type_a, 60, address(lie))});
      auto& on = how == by::another_address ? s.place("192.0.2.66") : s.server;
      s.send(on,
             how == by::another_address ? s.far
             : how == by::another_port  ? s.beside
                                        : s.fd,
             from, bytes);
      s.later(300ms, from, says(q, truth));
    };
    auto text = s.answer_for();
    CAF_CHECK(has(text, truth));
    CAF_CHECK(!has(text, lie));
  }
}

CAF_TEST(an answer that is none is never an address) {
  const std::string loop{"\xc0\x0c", 2};
  struct row {
    const char* what;
    std::function<std::string(const question&)> bytes;
  } rows[] = {
    {"nothing",
     [](const question&) {
       return std::string{"\0", 1};
     }},
    {"a header", [](const question& q) { return q.id + two(0x8180) + four(0) + four(0); }},
    {"half a header", [](const question& q) { return q.id + two(0x8182).substr(0, 1); }},
    {"a question",
     [](const question& q) { return q.id + two(0x0100) + two(1) + two(0) + four(0) + q.section; }},
    {"less records than it says",
     [](const question& q) {
       auto out = answer(q, {record(asked_name, q.type, 60, address(lie))});
       out[7] = 9;
       return out;
     }},
    {"a record that is cut",
     [](const question& q) {
       auto out = answer(q, {record(asked_name, q.type, 60, address(lie))});
       return out.substr(0, out.size() - 2);
     }},
    {"an address of three bytes",
     [](const question& q) {
       return answer(q, {record(asked_name, q.type, 60, address(lie).substr(1))});
     }},
    {"a name that refers to itself",
     [](const question& q) {
       return answer(q, {record(std::string{"\xc0\x1d", 2}, q.type, 60, address(lie))});
     }},
    {"a label beyond the end",
     [](const question& q) {
       return answer(q, {"\x3f"
                         "abc"});
     }},
    {"another class",
     [](const question& q) {
       auto out = record(asked_name, q.type, 60, address(lie));
       out[5] = 3;
       return answer(q, {out});
     }},
    {"noise", [](const question& q) { return q.id + std::string(500, '\xa5'); }},
    {"a failure with a name that is none",
     [](const question& q) {
       return q.id + two(0x8182) + two(1) + two(0) + four(0) +
              "\x7f"
              "ab";
     }},
  };
  for (const auto& [what, bytes] : rows) {
    CAF_MESSAGE(what);
    odd_names s;
    const auto& make = bytes;
    s.reply = [&](const question& q, const ip_sockaddr& from) {
      s.send(s.server, s.fd, from, make(q));
    };
    auto text = s.answer_for();
    CAF_CHECK(text.starts_with("HTTP/1.1 50"));
    CAF_CHECK(!has(text, lie));
    CAF_CHECK(has(text, "error=dns_"));
    s.reply = [&](const question& q, const ip_sockaddr& from) {
      s.send(s.server, s.fd, from, says(q, truth));
    };
    s.pass(6s); // it is not remembered beyond
    CAF_CHECK(has(s.answer_for(), truth));
  }
}

CAF_TEST(a flood of answers that nobody asked for leaves others their turn) {
  odd_names s;
  s.reply = [&](const question& q, const ip_sockaddr& from) {
    for (size_t i = 0; i < 400; ++i) {
      auto other = q;
      other.id = two(i * 151);
      if (other.id == q.id) // which the resolver drew: that one would be an answer
        continue;
      s.send(s.server, s.fd, from, answer(other, {}, 0x8182));
    }
    s.later(10ms, from, says(q, truth));
  };
  CAF_CHECK(has(s.answer_for(), truth));
  CAF_CHECK(has(s.answer_for("other.test"), truth));
}
