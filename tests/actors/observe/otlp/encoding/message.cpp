#define CAF_SUITE actors.observe.otlp.encoding.message
#include "actors/observe/otlp/encoding/message.hpp" // unit under test

#include <limits>
#include <nlohmann/json.hpp>
#include <protozero/pbf_reader.hpp>

#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::otlp;

CAF_TEST(text that is no UTF 8 becomes some) {
  struct row {
    std::string given, wanted;
  } rows[] = {
    {"", ""},
    {"plain \"text\" \\ \n", "plain \"text\" \\ \n"},
    {"gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f"},
    {"\xff", "\xef\xbf\xbd"},
    {"a\xc3", "a\xef\xbf\xbd"},
    {"\xc0\xaf!", "\xef\xbf\xbd\xef\xbf\xbd!"},
    {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    {"ok \xf0\x9f\x98\x80 \x80 ok", "ok \xf0\x9f\x98\x80 \xef\xbf\xbd ok"},
  };
  for (const auto& [given, wanted] : rows) {
    std::string scratch;
    CAF_CHECK_EQUAL(std::string{valid_utf8(given, scratch)}, wanted);
  }
}

CAF_TEST(JSON has large numbers as text and ids in hexadecimal) {
  std::string out;
  {
    json_message all{out};
    all.number({1, "big"}, std::numeric_limits<uint64_t>::max());
    all.code({2, "code"}, 9);
    all.flag({3, "flag"}, true);
    all.id({4, "id"}, span_id{0x00, 0x01, 0xab, 0xff, 5, 6, 7, 8});
    all.text({5, "text"}, "\"\xff");
    all.real({6, "half"}, 0.5);
    all.real({7, "much"}, std::numeric_limits<double>::infinity());
    all.real({8, "none"}, std::numeric_limits<double>::quiet_NaN());
    const std::vector<uint64_t> counts{1, 2};
    all.fixed64s({9, "counts"}, counts);
    const std::vector<double> bounds{0.25, 1};
    all.reals({10, "bounds"}, bounds);
    { auto empty = all.in_list({11, "empty"}); }
    auto list = all.in_list({12, "list"});
    for (auto* name : {"a", "b"}) {
      json_message one{list, {12, "list"}};
      one.text({1, "name"}, name);
    }
  }
  CAF_CHECK_EQUAL(
    out, R"({"big":"18446744073709551615","code":9,"flag":true,"id":"0001abff05060708","text":"\")"
         "\xef\xbf\xbd"
         R"(","half":0.5,"much":"Infinity","none":"NaN","counts":["1","2"],"bounds":[0.25,1],)"
         R"("empty":[],"list":[{"name":"a"},{"name":"b"}]})");
  CAF_CHECK(nlohmann::json::accept(out));
}

CAF_TEST(protobuf has the same by its numbers) {
  std::string out;
  {
    protobuf_message all{out};
    all.number({1, "big"}, 300);
    all.id({4, "id"}, span_id{1, 2, 3, 4, 5, 6, 7, 8});
    auto&& list = all.in_list({12, "list"});
    for (auto* name : {"a", "\xff"}) {
      protobuf_message one{list, {12, "list"}};
      one.text({1, "name"}, name);
    }
  }
  std::vector<std::string> seen;
  protozero::pbf_reader reader{out};
  while (reader.next()) {
    if (reader.tag() == 1) {
      CAF_CHECK_EQUAL(reader.get_uint64(), 300u);
    } else if (reader.tag() == 4) {
      CAF_CHECK_EQUAL(reader.get_bytes(), "\x01\x02\x03\x04\x05\x06\x07\x08");
    } else {
      auto one = reader.get_message();
      CAF_REQUIRE(one.next(1));
      seen.push_back(one.get_string());
    }
  }
  CAF_CHECK((seen == std::vector<std::string>{"a", "\xef\xbf\xbd"}));
}
