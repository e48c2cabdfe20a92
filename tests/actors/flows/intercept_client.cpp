#define CAF_SUITE actors.flows.intercept_client
#include "tests/actors/flows/intercepting.hpp"

using namespace proxy;
using namespace proxy::test;
using namespace std::string_literals;

/// What clients say first in a tunnel that is read: hellos of every kind, and what is none.

namespace {

/// Bytes in records of so many, behind a hello's header.
std::string in_records(const std::string& hello, size_t size) {
  std::string out;
  for (size_t at = 5; at < hello.size(); at += size) {
    auto piece = hello.substr(at, size);
    out += "\x16\x03\x01"s + static_cast<char>(piece.size() >> 8) +
           static_cast<char>(piece.size() & 0xff) + piece;
  }
  return out;
}

std::string replaced(std::string in, std::string_view what, std::string_view by) {
  return in.replace(in.find(what), what.size(), by);
}

const std::string ssl2_hello =
  "\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10"s + std::string(21, '\x2f') + std::string(16, 'c');

} // namespace

CAF_TEST(a hello is read however it comes) {
  struct row {
    std::string what;
    std::function<std::vector<std::string>(const std::string&)> pieces;
  } rows[] = {
    {"whole", [](auto& h) { return std::vector{h}; }},
    {"its first byte alone",
     [](auto& h) {
       return std::vector{h.substr(0, 1), h.substr(1)};
     }},
    {"its header alone",
     [](auto& h) {
       return std::vector{h.substr(0, 5), h.substr(5)};
     }},
    {"but for its last byte",
     [](auto& h) {
       return std::vector{h.substr(0, h.size() - 1), h.substr(h.size() - 1)};
     }},
    {"byte by byte",
     [](auto& h) {
       std::vector<std::string> out;
       for (auto c : h)
         out.emplace_back(1, c);
       return out;
     }},
    {"in records of fifty bytes", [](auto& h) { return std::vector{in_records(h, 50)}; }},
    {"in sixty-four records",
     [](auto& h) { return std::vector{in_records(h, (h.size() - 5 + 63) / 64)}; }},
    {"in records that are cut",
     [](auto& h) {
       auto all = in_records(h, 50);
       return std::vector{all.substr(0, 53), all.substr(53, 30), all.substr(83)};
     }},
  };
  for (auto& [what, pieces] : rows) {
    CAF_MESSAGE(what);
    intercepting s;
    odd_client client{s.tunnel("example.com:443")};
    for (auto& each : pieces(client.flight())) {
      s.pass(10ms);
      CAF_CHECK_EQUAL(client.on.text, "");
      client.on.say(each);
    }
    // A hello that was cut into other records is still the one that was signed.
    CAF_CHECK(s.until([&] { return client.step(); }));
    client.on.say(client.sealed(ask_for("GET", "/in")));
    CAF_CHECK(s.hears(s.answer_at(s.example), "GET /in "));
  }
}

CAF_TEST(a hello is read up to its limit and not beyond) {
  for (size_t padding : {4'000, 12'000, 15'500, 16'400, 40'000}) {
    CAF_MESSAGE(padding);
    intercepting s;
    odd_client client{s.tunnel("example.com:443")};
    auto hello = client.flight();
    // One more extension, of a number that nobody uses, and all lengths around it.
    auto message = hello.substr(9) + "\xfa\xfb"s + static_cast<char>(padding >> 8) +
                   static_cast<char>(padding & 0xff) + std::string(padding, 'p');
    auto at = 2 + 32 + 1 + size_t{static_cast<uint8_t>(message[34])};
    at += 2 + (size_t{static_cast<uint8_t>(message[at])} << 8 |
               size_t{static_cast<uint8_t>(message[at + 1])});
    at += 1 + size_t{static_cast<uint8_t>(message[at])};
    auto extensions = message.size() - at - 2;
    message[at] = static_cast<char>(extensions >> 8);
    message[at + 1] = static_cast<char>(extensions & 0xff);
    auto size = message.size();
    auto huge = hello.substr(0, 5) + "\x01"s + static_cast<char>(size >> 16) +
                static_cast<char>(size >> 8 & 0xff) + static_cast<char>(size & 0xff) + message;
    client.on.say(in_records(huge, 4'000));
    if (padding < 16'000) {
      CAF_CHECK(s.hears(client.on, "\x16\x03\x03")); // what it answers cannot be verified
      CAF_CHECK_EQUAL(s.told(), 1u);
    } else {
      CAF_CHECK(s.is_over(client.on));
      CAF_CHECK_EQUAL(client.on.text, "");
      CAF_CHECK_EQUAL(s.decided("deny https_connect example.com:443 mitm_required"), 1u);
    }
  }
}

CAF_TEST(what looks like TLS and cannot be understood is refused by whoever reads) {
  for (auto& network : {limited, inspecting}) {
    intercepting s{{.network = network}};
    auto hello = hello_of(s.tunnel("example.com:443"));
    auto origin = &s.accept(s.example);
    struct row {
      std::string what, bytes;
    } rows[] = {
      {"a server's hello", "\x16\x03\x01\x00\x05\x02\x00\x00\x01\x00"s},
      {"no message", "\x16\x03\x01\x00\x05hello"s},
      {"a request behind its first byte", "\x16GET / HTTP/1.1\r\n\r\n"s},
      {"DTLS", "\x16\xfe\xfd\x00\x00\x00"s},
      {"an empty record", "\x16\x03\x01\x00\x00"s + hello},
      {"a record beyond any", "\x16\x03\x01\x7f\xff\x01"s},
      {"a hello of 64 KiB", "\x16\x03\x01\x40\x00\x01\x01\x00\x00"s + std::string(100, '\3')},
      {"a change of ciphers before it", "\x14\x03\x03\x00\x01\x01"s + hello},
      {"an alert before it", "\x15\x03\x01\x00\x02\x01\x00"s + hello},
      {"data before it", "\x17\x03\x03\x00\x01x"s + hello},
      {"a name with a zero", replaced(hello, "example.com", "examp\0e.com"s)},
      {"a length beyond it", hello.substr(0, 5) + "\x01\xff\xff\xff"s + hello.substr(9)},
      {"too many records", in_records(hello, 1)},
      {"SSL 2", ssl2_hello},
      {"the beginning of SSL 2", ssl2_hello.substr(0, 4)},
      {"PROXY protocol", "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"s + hello},
      {"its version 2", "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c"s + std::string(12, '\0') + hello},
    };
    size_t refused = 0;
    for (auto& [what, bytes] : rows) {
      CAF_MESSAGE(what);
      auto& client = s.tunnel("example.com:443");
      origin = &s.accept(s.example);
      client.say(bytes);
      CAF_CHECK(s.is_over(client, 1s));
      CAF_CHECK_EQUAL(client.text, "");
      CAF_CHECK(s.is_over(*origin, 6s));
      CAF_CHECK_EQUAL(origin->text, "");
      CAF_CHECK_EQUAL(s.decided("deny https_connect example.com:443 mitm_required"), ++refused);
    }
  }
}

CAF_TEST(what is neither TLS nor HTTP is refused where all is read and passes where sizes are) {
  for (auto word : {"SSH-2.0-x\r\n"s, "\x05\x01\x00"s, "\x00\x00\x00\x08\x04\xd2\x16\x2f"s,
                    "* OK imap\r\n"s, "EHLO a.test\r\n"s}) {
    CAF_MESSAGE(word.substr(0, 5));
    intercepting read;
    auto& refused = read.tunnel("example.com:443");
    auto& unheard = read.accept(read.example);
    refused.say(word);
    CAF_CHECK(read.is_over(refused, 1s));
    CAF_CHECK(read.is_over(unheard, 6s));
    CAF_CHECK_EQUAL(unheard.text, "");
    CAF_CHECK_EQUAL(read.decided("deny https_connect example.com:443 mitm_required"), 1u);
    intercepting s{{.network = inspecting}};
    auto& client = s.tunnel("example.com:443");
    auto& origin = s.accept(s.example);
    client.say(word);
    CAF_CHECK(s.hears(origin, word));
    origin.say("heard");
    CAF_CHECK(s.hears(client, "heard"));
    origin.say("GET / HTTP/1.1\r\n\r\n"); // whoever may speak HTTP now, nothing is read any more
    client.say(" GET / HTTP/1.1\r\n\r\n");
    CAF_CHECK(s.hears(origin, " GET / HTTP/1.1\r\n\r\n"));
    CAF_CHECK_EQUAL(s.told(), 1u);
  }
}

CAF_TEST(a beginning that never ends has its time from its last byte on and is refused) {
  intercepting probe;
  auto hello = hello_of(probe.tunnel("example.com:443"));
  for (auto& network : {limited, inspecting})
    for (auto& begun : {"\x16\x03\x01\x02"s, hello.substr(0, 60), "\x80"s, "\x14"s, "FETCH x"s}) {
      intercepting s{{.network = network, .daemon = "timeouts.tls_handshake = \"8s\""}};
      auto& client = s.tunnel("example.com:443");
      auto& origin = s.accept(s.example);
      s.pass(5s);
      client.say(begun);
      CAF_CHECK(!s.is_over(client, 7900ms));
      CAF_CHECK(s.is_over(client, 200ms));
      s.pass(6s);
      CAF_CHECK(origin.is_over());
      CAF_CHECK_EQUAL(origin.text, "");
      CAF_CHECK_EQUAL(s.decided("deny https_connect example.com:443 mitm_required"), 1u);
    }
}

CAF_TEST(a client that never says a word ends without a decision) {
  struct row {
    std::string network;
    std::chrono::nanoseconds patience;
  } rows[] = {{limited, 10s}, {inspecting, 15min}};
  for (auto& [network, patience] : rows) {
    intercepting s{{.network = network}};
    auto& client = s.tunnel("example.com:443");
    auto& origin = s.accept(s.example);
    CAF_CHECK(!s.is_over(client, patience - 1s));
    CAF_CHECK(s.is_over(client, 2s));
    CAF_CHECK(s.is_over(origin));
    CAF_CHECK_EQUAL(s.told(), 1u);
  }
}

CAF_TEST(a client that stops within its handshake has its time and the log says so) {
  intercepting s{{.network = limited, .daemon = "timeouts.tls_handshake = \"6s\""}};
  odd_client client{s.tunnel("example.com:443")};
  client.on.say(client.flight());
  CAF_CHECK(s.until([&] { return !client.on.text.empty(); })); // our answer, which it ignores
  CAF_CHECK(!s.is_over(client.on, 5900ms));
  CAF_CHECK(s.is_over(client.on, 200ms));
  CAF_CHECK(s.logs("the client's TLS handshake took longer than timeouts.tls_handshake"));
  CAF_CHECK_EQUAL(s.told(), 1u);
}

CAF_TEST(a client that does not believe us says so and the log repeats it) {
  intercepting s;
  auto believes_nobody = unbox(tls::client_context::make(only("")));
  auto& client = s.tunnel("example.com:443");
  client.speak_tls(*believes_nobody, "example.com");
  CAF_CHECK(s.is_over(client));
  CAF_CHECK_NOT_EQUAL(client.tls_error, "");
  CAF_CHECK(s.is_over(s.accept(s.example)));
  CAF_CHECK(s.logs("msg=client_tls_failed host=example.com client=192.0.2.9:"));
  CAF_CHECK(s.logs("the client does not trust the certificate authority of our certificate"));
  CAF_CHECK_EQUAL(s.told(), 1u);
}

CAF_TEST(a client may leave at any moment and takes nothing along but its tunnel) {
  for (auto resets : {false, true})
    for (int phase = 0; phase < 6; ++phase)
      for (auto& network : {limited, inspecting}) {
        CAF_MESSAGE(phase << (resets ? " reset" : " end"));
        intercepting s{{.network = network}};
        auto before = s.here.sockets();
        odd_client client{s.tunnel("example.com:443")};
        auto& origin = s.accept(s.example);
        auto hello = client.flight();
        if (phase > 0)
          client.on.say(phase == 1 ? hello.substr(0, 100) : hello);
        if (phase > 2)
          CAF_CHECK(s.until([&] { return !client.on.text.empty(); }));
        if (phase > 3)
          CAF_CHECK(s.until([&] { return client.step(); }));
        if (phase == 5) {
          client.on.say(client.sealed("GET / HTTP/1.1\r\nHo"));
          s.pass(10ms);
        }
        resets ? client.on.reset() : client.on.close();
        CAF_CHECK(s.is_over(origin));
        CAF_CHECK_EQUAL(origin.text, "");
        origin.finish(); // silence alone may be a half of a tunnel that nobody reads
        s.pass(10s);
        CAF_CHECK_EQUAL(s.here.sockets(), before);
        CAF_CHECK_EQUAL(s.told(), 1u);
        CAF_CHECK(!s.logs("msg=client_tls_failed"));
      }
}

CAF_TEST(bytes that are not of the session end it and are no request) {
  for (auto& bytes :
       {"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n"s,
        "\x17\x03\x03\x00\x20"s + std::string(32, 'x'), "\x15\x03\x03\x00\x02\x02\x28"s}) {
    intercepting s;
    odd_client client{s.tunnel("example.com:443")};
    CAF_REQUIRE(s.until([&] { return client.step(); }));
    auto& origin = s.accept(s.example);
    client.on.say(bytes);
    CAF_CHECK(s.is_over(client.on));
    CAF_CHECK(s.is_over(origin));
    CAF_CHECK_EQUAL(origin.text, "");
    CAF_CHECK_EQUAL(s.told(), 1u);
  }
}

CAF_TEST(handshake and requests pass where calls are short or come to nothing) {
  simulation::conditions ways[] = {
    {.longest_read = 1, .reset_at = {}},
    {.longest_write = 7, .reset_at = {}},
    {.delay = 30ms, .jitter = 20ms, .spurious = 400'000, .reset_at = {}},
  };
  for (auto& way : ways) {
    intercepting s;
    s.set_way(s.user, way);
    s.set_way(s.example.on, way);
    auto& client = s.inside();
    client.say(ask_for("GET", "/1", "X-Long: " + std::string(3'000, 'l') + "\r\n"));
    auto& origin = s.answer_at(s.example);
    CAF_CHECK(s.hears(origin, std::string(3'000, 'l') + "\r\n"));
    std::string body(50'000, 'b');
    origin.say(ok(body));
    CAF_CHECK(s.hears(client, body));
    CAF_CHECK_EQUAL(s.served(client, origin, ask_for("GET", "/2")), 200);
  }
}

CAF_TEST(a drain ends silent tunnels at once and lets a handshake and its request finish) {
  intercepting s;
  auto& silent = s.tunnel("example.com:443");
  auto& idle = s.inside();
  auto& busy = s.inside();
  (void)s.accept(s.example);
  (void)s.accept(s.example);
  busy.say(ask_for("GET", "/busy"));
  auto& origin = s.answer_at(s.example);
  CAF_REQUIRE(s.hears(origin, "GET /busy "));
  auto drained = s.drain();
  CAF_CHECK(s.is_over(silent, 1s));
  CAF_CHECK(s.is_over(idle, 1s));
  CAF_CHECK(!busy.is_over());
  origin.say(ok("finished"));
  CAF_CHECK(s.hears(busy, "finished"));
  CAF_CHECK(has(busy.text, "onnection: close"));
  CAF_CHECK(s.until([&] { return drained->has_value(); }));
}

CAF_TEST(a client that reads nothing and says what TLS has to answer costs no turns while there is
           no room) {
  struct row {
    const char* what;
    std::string last;
  } rows[] = {{"its end", ""},
              {"a record that is none", "nothing that TLS knows"},
              {"a record that nobody sealed", "\x17\x03\x03\x00\x20"s + std::string(32, 'x')}};
  for (auto& [what, last] : rows) {
    CAF_MESSAGE(what);
    intercepting s{{.network = limited, .daemon = "timeouts.idle = \"10s\""}};
    odd_client client{s.tunnel("example.com:443")};
    client.on.say(client.flight());
    CAF_REQUIRE(s.until([&] { return client.step(); }));
    client.on.read_nothing();
    client.on.say(client.sealed(ask_for("GET", "/")));
    auto& origin = s.answer_at(s.example);
    CAF_REQUIRE(s.hears(origin, "GET / "));
    origin.say(ok(std::string(2'500'000, 'x')));
    s.pass(1s);
    CAF_REQUIRE(origin.unsaid() > 0); // all rooms on the way are full
    client.on.say(last);
    client.on.finish();
    s.pass(1ms);
    auto before = s.w.steps();
    auto limit = s.w.time().now() + 15s;
    while (s.w.steps() - before < 10'000 && s.w.step(limit))
      ;
    CAF_CHECK(s.w.steps() - before < 1'000);
    CAF_CHECK(s.is_over(origin));
  }
}

CAF_TEST(an interim response inside a tunnel waits for room and is not cut) {
  for (uint32_t spurious : {0u, 400'000u}) {
    intercepting s{{.network = inspecting}};
    auto& client = s.inside();
    simulation::conditions how;
    how.longest_write = 10;
    how.spurious = spurious;
    s.set_way(s.user, how);
    client.say(ask_for("POST", "/", "Expect: 100-continue\r\nContent-Length: 4\r\n"));
    auto& origin = s.answer_at(s.example);
    CAF_REQUIRE(s.hears(origin, "\r\n\r\n"));
    origin.say("HTTP/1.1 100 Continue\r\n\r\n");
    CAF_REQUIRE(s.hears(client, "\r\n\r\n"));
    CAF_CHECK(client.text.starts_with("HTTP/1.1 100 Continue\r\n"));
    client.say("body");
    CAF_CHECK(s.hears(origin, "body"));
    origin.say(ok("done"));
    CAF_CHECK(s.hears(client, "done"));
  }
}
