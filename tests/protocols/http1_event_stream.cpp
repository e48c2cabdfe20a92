#define CAF_SUITE protocols.http1_event_stream
#include "protocols/http1/event_stream.hpp" // unit under test

#include "tests/support/test.hpp"

using proxy::http1::is_event_stream;

CAF_TEST(streams that speak when there is something to say are known by their type) {
  for (auto type :
       {"text/event-stream", "Text/Event-Stream; charset=utf-8", "application/grpc",
        "application/grpc+proto", "application/grpc-web+proto", "application/x-ndjson",
        "application/json-seq", "multipart/x-mixed-replace; boundary=x",
        "application/json;stream=watch", "application/json; charset=utf-8; Stream=Watch",
        "application/vnd.kubernetes.protobuf;type=watch", "application/vnd.docker.raw-stream"}) {
    CAF_MESSAGE(type);
    CAF_CHECK(is_event_stream(type));
  }
  for (auto type : {"", ";", "text/plain", "application/json", "application/json;",
                    "text/event-streams", "application/octet-stream", "application/grpcs",
                    "text/html; a=stream=watch", "application/json;stream=watching"}) {
    CAF_MESSAGE(type);
    CAF_CHECK(!is_event_stream(type));
  }
}
