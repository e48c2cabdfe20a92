#define CAF_SUITE protocols.http1_upgrade

#include "protocols/http1/upgrade.hpp" // unit under test

#include "protocols/http1/decode.hpp"
#include "tests/support/test.hpp"

using namespace proxy;

CAF_TEST(an offer is what all Upgrade lines name but HTTP2 in the clear) {
  struct row {
    std::string_view fields, offer;
    bool websocket_alone = false;
  };
  for (auto& [fields, offer, websocket_alone] : std::initializer_list<row>{
         {"Connection: upgrade\r\nUpgrade: websocket\r\n", "websocket", true},
         {"Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n", "WebSocket", true},
         {"Connection: upgrade\r\nUpgrade: websocket, h2c\r\n", "websocket"},
         {"Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c\r\n", "websocket"},
         {"Connection: upgrade\r\nUpgrade: websocket, websocket\r\n", "websocket, websocket"},
         {"Connection: upgrade\r\nUpgrade: websocket/13\r\n", "websocket/13"},
         {"Upgrade: x\r\n", ""}, // Connection does not name it
         {"Connection: upgrade\r\n", ""},
         {"Connection: upgrade\r\nUpgrade: ,\r\n", ""},
         {"Connection: upgrade\r\nUpgrade: h2c\r\n", ""},
         {"Connection: upgrade\r\nUpgrade: H2C\r\n", ""},
         {"Connection: upgrade\r\nUpgrade: h2c-14\r\n", ""},
         {"Connection: upgrade\r\nUpgrade: h2c/1\r\n", ""},
         {"Connection: upgrade\r\nUpgrade: websocket, h2c,foo/1\r\n", "websocket, foo/1"},
         {"Connection: upgrade\r\nUpgrade: h2c\r\nUpgrade: a\r\nUpgrade: b\r\n", "a, b"},
         {"Connection: upgrade\r\nUpgrade: h2cx\r\n", "h2cx"},
       }) {
    CAF_MESSAGE(fields);
    auto head = "GET / HTTP/1.1\r\nHost: a\r\n" + std::string{fields} + "\r\n";
    http1::request req;
    CAF_REQUIRE(!http1::decode_request(head, {}, req));
    CAF_CHECK_EQUAL(http1::upgrade_offer(req), offer);
    CAF_CHECK_EQUAL(http1::offers_websocket_alone(req), websocket_alone);
  }
}

CAF_TEST(a response takes an offer when it names nothing else) {
  struct row {
    std::string_view offer, fields;
    bool takes;
  };
  for (auto& [offer, fields, takes] : std::initializer_list<row>{
         {"websocket", "Connection: upgrade\r\nUpgrade: websocket\r\n", true},
         {"websocket", "Connection: upgrade\r\nUpgrade: WebSocket\r\n", true},
         {"a, b", "Connection: upgrade\r\nUpgrade: b\r\n", true},
         {"a, b", "Connection: upgrade\r\nUpgrade: b, a\r\n", true}, // in layers, RFC 9110 §7.8
         {"a, b", "Connection: upgrade\r\nUpgrade: b\r\nUpgrade: c\r\n", false},
         {"websocket", "Connection: upgrade\r\nUpgrade: h2c\r\n", false},
         {"websocket", "Connection: upgrade\r\nUpgrade: websocket, h2c\r\n", false},
         {"websocket", "Connection: upgrade\r\nUpgrade: websocket/13\r\n", false},
         {"websocket", "Upgrade: websocket\r\n", false},
         {"websocket", "Connection: upgrade\r\n", false},
         {"websocket", "Connection: upgrade\r\nUpgrade: ,\r\n", false},
         {"", "Connection: upgrade\r\nUpgrade: websocket\r\n", false},
       }) {
    CAF_MESSAGE(offer << " against " << fields);
    auto head = "HTTP/1.1 101 Switching Protocols\r\n" + std::string{fields} + "\r\n";
    http1::response res;
    CAF_REQUIRE(!http1::decode_response(head, {}, false, false, res));
    CAF_CHECK_EQUAL(http1::takes_offer(res, offer), takes);
  }
}
