#define CAF_SUITE protocols.trace_context
#include "protocols/trace_context.hpp" // unit under test

#include <initializer_list>

#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::test;
using namespace std::string_literals;

namespace {

const std::string trace_digits = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string span_digits = "00f067aa0ba902b7";
const std::string usual = "00-" + trace_digits + '-' + span_digits + "-01";

} // namespace

CAF_TEST(a field of this version is read and written again as it was) {
  auto got = parse_traceparent(usual);
  CAF_REQUIRE(got);
  CAF_CHECK_EQUAL(to_hex(got->trace), trace_digits);
  CAF_CHECK_EQUAL(to_hex(got->span), span_digits);
  CAF_CHECK_EQUAL(got->flags, 1u);
  CAF_CHECK(got->is_sampled());
  CAF_CHECK_EQUAL(traceparent(*got), usual);
}

CAF_TEST(flags are kept and the lowest one says whether it is recorded) {
  struct row {
    std::string digits;
    uint8_t flags;
    bool sampled;
  };
  for (const auto& [digits, flags, sampled] : std::initializer_list<row>{
         {"00", 0x00, false},
         {"01", 0x01, true},
         {"02", 0x02, false},
         {"03", 0x03, true},
         {"fe", 0xfe, false},
         {"ff", 0xff, true},
       }) {
    auto got = parse_traceparent("00-" + trace_digits + '-' + span_digits + '-' + digits);
    CAF_MESSAGE(digits);
    CAF_REQUIRE(got);
    CAF_CHECK_EQUAL(got->flags, flags);
    CAF_CHECK_EQUAL(got->is_sampled(), sampled);
  }
}

CAF_TEST(of a later version the beginning is read and no other flag) {
  struct row {
    std::string version, behind;
    bool good;
  };
  for (const auto& [version, behind, good] : std::initializer_list<row>{
         {"01", "", true},
         {"01", "-", true},
         {"cc", "-what-the-future-will-be-like", true},
         {"fe", "-x", true},
         {"01", "x", false},
         {"01", ".what", false},
         {"ff", "", false},
         {"ff", "-x", false},
       }) {
    auto text = version + "-" + trace_digits + '-' + span_digits + "-0b" + behind;
    auto got = parse_traceparent(text);
    CAF_MESSAGE(text);
    CAF_CHECK_EQUAL(got.has_value(), good);
    if (got)
      CAF_CHECK_EQUAL(got->flags, 1u);
  }
}

CAF_TEST(whatever else it is makes no trace) {
  const std::string no_trace(32, '0'), no_span(16, '0');
  for (const auto& text : {
         ""s,
         "00"s,
         "00-"s,
         usual.substr(0, 54),
         usual + ' ',
         usual + '-',
         usual + "-01",
         ' ' + usual.substr(1),
         "0 " + usual.substr(2),
         "0-" + usual.substr(2),
         "0x" + usual.substr(2),
         "00-" + no_trace + '-' + span_digits + "-01",
         "00-" + trace_digits + '-' + no_span + "-01",
         "01-" + no_trace + '-' + span_digits + "-01",
         "00_" + trace_digits + '-' + span_digits + "-01",
         "00-" + trace_digits + '_' + span_digits + "-01",
         "00-" + trace_digits + '-' + span_digits + "_01",
         "00-" + trace_digits + '-' + span_digits + "-1 ",
         "00-" + trace_digits + '-' + span_digits + "-0G",
         "00-4BF92F3577B34DA6A3CE929D0E0E4736-" + span_digits + "-01",
         "00-" + trace_digits + "-00F067AA0BA902B7-01",
         "00-" + trace_digits + '-' + span_digits + "-0A",
         "00-" + trace_digits.substr(1) + "-" + span_digits + "-010",
         "00-" + trace_digits.substr(0, 31) + "g-" + span_digits + "-01",
         usual + ", " + usual,
         std::string(55, '0'),
         std::string(55, '-'),
         std::string(55, '\0'),
         std::string(55, '\xff'),
       }) {
    CAF_MESSAGE(text);
    CAF_CHECK(!parse_traceparent(text));
  }
}

CAF_TEST(a single wrong character anywhere makes it none) {
  for (size_t at = 0; at < usual.size(); ++at)
    for (char wrong : {'/', ':', '`', 'g', 'A', ' ', '\0', '\x80'}) {
      auto text = usual;
      text[at] = wrong;
      CAF_CHECK(!parse_traceparent(text));
    }
}
