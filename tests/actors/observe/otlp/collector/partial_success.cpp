#define CAF_SUITE actors.observe.otlp.collector.partial_success
#include "actors/observe/otlp/collector/partial_success.hpp" // unit under test

#include "tests/support/test.hpp"

using namespace proxy;
using namespace std::literals;
using enum config::otlp_encoding;

CAF_TEST(an answer tells how many were rejected and why in both encodings) {
  struct row {
    config::otlp_encoding encoding;
    std::string_view body;
    uint64_t rejected;
    std::string_view words;
  };
  for (auto& [encoding, body, rejected, words] : std::initializer_list<row>{
         {protobuf, "", 0, ""},
         {protobuf, "\x0a\x00"sv, 0, ""},
         {protobuf, "\x0a\x02\x08\x03"sv, 3, ""},
         {protobuf, "\x0a\x07\x08\xac\x02\x12\x02no"sv, 300, "no"},
         {protobuf, "\x0a\x04\x12\x02no"sv, 0, "no"}, // a warning
         // Fields of other kinds, and of later versions, are passed over.
         {protobuf, "\x1d\x01\x02\x03\x04\x21\x01\x02\x03\x04\x05\x06\x07\x08\x0a\x02\x08\x01"sv, 1,
          ""},
         {protobuf, "\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"sv, 0, ""}, // -1
         {json, R"({})", 0, ""},
         {json, R"({"partialSuccess":{}})", 0, ""},
         {json, R"({"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"no"}})", 3, "no"},
         {json, R"({"partialSuccess":{"rejectedSpans":4}})", 4, ""},
         {json, R"({"partialSuccess":{"rejectedDataPoints":"5"}})", 5, ""},
       }) {
    auto said = decode_partial_success(body, encoding);
    CAF_CHECK_EQUAL(said.rejected, rejected);
    CAF_CHECK_EQUAL(said.words, words);
  }
}

CAF_TEST(garbage says nothing) {
  for (auto body :
       {"\x0a"sv, "\x0a\x05\x08\x03"sv, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"sv,
        "\x0b\x0c"sv, "<html>no</html>"sv, "\xff\xff\xff\xff"sv, "[]"sv, "null"sv,
        R"({"partialSuccess":7})"sv, R"({"partialSuccess":{"rejectedSpans":-4}})"sv,
        R"({"partialSuccess":{"rejectedSpans":"4x"}})"sv,
        R"({"partialSuccess":{"rejectedSpans":"99999999999999999999"}})"sv, "{"sv})
    for (auto encoding : {protobuf, json}) {
      auto said = decode_partial_success(body, encoding);
      CAF_CHECK_EQUAL(said.rejected, 0u);
    }
}

CAF_TEST(words are cut and deep nesting is no danger) {
  auto body = R"({"partialSuccess":{"errorMessage":")" + std::string(5'000, 'x') + "\"}}";
  CAF_CHECK_EQUAL(decode_partial_success(body, json).words.size(), partial_success::longest_words);
  auto nested = decode_partial_success(std::string(60'000, '['), json);
  CAF_CHECK_EQUAL(nested.rejected, 0u);
}
