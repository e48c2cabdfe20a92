#define CAF_SUITE actors.observe.otlp.encoding.encode_spans
#include "actors/observe/otlp/encoding/encode.hpp" // unit under test

#include "tests/actors/observe/otlp/encoding/encoded.hpp"

using namespace proxy;
using namespace proxy::test;

namespace {

span some_span() {
  span out;
  out.context = *parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  out.begin = otlp::moment{std::chrono::seconds{10}};
  out.end = otlp::moment{std::chrono::milliseconds{10'500}};
  out.method = "GET";
  out.host = "a.example";
  out.port = 80;
  return out;
}

nlohmann::json encoded(const span& one) {
  std::vector<span_ptr> all{std::make_shared<span>(one)};
  auto body = otlp::encode_spans(all, sender(config::otlp_encoding::json));
  auto spans = items_of(body, "resourceSpans", "scopeSpans", "spans");
  CAF_REQUIRE_EQUAL(spans.size(), 1u);
  return spans[0];
}

} // namespace

CAF_TEST(a span has its ids times and attributes) {
  auto one = some_span();
  one.status = 200;
  auto out = encoded(one);
  CAF_CHECK_EQUAL(out["traceId"], "0af7651916cd43dd8448eb211c80319c");
  CAF_CHECK_EQUAL(out["spanId"], "b7ad6b7169203331");
  CAF_CHECK(!out.contains("parentSpanId"));
  CAF_CHECK(!out.contains("status"));
  CAF_CHECK_EQUAL(out["name"], "GET");
  CAF_CHECK_EQUAL(out["kind"], 2);
  CAF_CHECK_EQUAL(out["startTimeUnixNano"], "10000000000");
  CAF_CHECK_EQUAL(out["endTimeUnixNano"], "10500000000");
  CAF_CHECK_EQUAL(out["flags"], 1);
  auto fields = by_name(out["attributes"]);
  CAF_CHECK_EQUAL(fields["http.response.status_code"]["intValue"], "200");
  CAF_CHECK_EQUAL(fields["server.address"]["stringValue"], "a.example");
}

CAF_TEST(a span that failed says so and hangs below its parent) {
  auto one = some_span();
  one.what = span::kind::client;
  one.parent = span_id{1, 2, 3, 4, 5, 6, 7, 8};
  one.failed = true;
  one.error_type = "dns_error";
  auto out = encoded(one);
  CAF_CHECK_EQUAL(out["parentSpanId"], "0102030405060708");
  CAF_CHECK_EQUAL(out["kind"], 3);
  CAF_CHECK_EQUAL(out["status"]["code"], 2);
  auto fields = by_name(out["attributes"]);
  CAF_CHECK_EQUAL(fields["error.type"]["stringValue"], "dns_error");
}

CAF_TEST(protobuf has the same by its numbers) {
  std::vector<span_ptr> all{std::make_shared<span>(some_span())};
  auto spans = messages_of(otlp::encode_spans(all, sender(config::otlp_encoding::protobuf)));
  CAF_REQUIRE_EQUAL(spans.size(), 1u);
  protozero::pbf_reader reader{spans[0]};
  std::vector<uint32_t> tags;
  while (reader.next()) {
    if (tags.empty() || tags.back() != reader.tag())
      tags.push_back(reader.tag());
    if (reader.tag() == 7)
      CAF_CHECK_EQUAL(reader.get_fixed64(), 10'000'000'000u);
    else
      reader.skip();
  }
  CAF_CHECK((tags == std::vector<uint32_t>{1, 2, 5, 6, 7, 8, 9, 16}));
}
