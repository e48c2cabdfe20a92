#define CAF_SUITE protocols.http2.stream_state

#include "protocols/http2/stream_state.hpp" // units under test

#include <nghttp2/nghttp2.h>

#include <map>
#include <string>
#include <vector>

#include "protocols/http2/session.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::http2;

namespace {

using ev = stream_event;
using st = stream_state;

constexpr st all_states[] = {st::idle, st::open, st::half_closed_local, st::half_closed_remote,
                             st::closed};
constexpr ev all_events[] = {ev::sent_headers,
                             ev::sent_data,
                             ev::sent_end_stream,
                             ev::sent_reset,
                             ev::received_headers,
                             ev::received_data,
                             ev::received_end_stream,
                             ev::received_reset,
                             ev::received_window_update,
                             ev::received_priority,
                             ev::lost};
static_assert(std::size(all_states) == stream_states && std::size(all_events) == stream_events);

constexpr transition to(st next) { return {transition::verdict::legal, next, NGHTTP2_NO_ERROR}; }
constexpr transition connection_error(uint32_t code) {
  return {transition::verdict::connection_error, st::idle, code};
}
constexpr transition stream_error(uint32_t code) {
  return {transition::verdict::stream_error, st::idle, code};
}

/// A sentence of RFC 9113 §5.1, and what it says of some frames in some state.
struct sentence {
  std::string_view words;
  role we_are;
  st now;
  std::vector<ev> frames;
  transition expected;
};

constexpr auto both = {role::client, role::server};

std::vector<sentence> section_5_1() {
  std::vector<sentence> all{
    {"sending a HEADERS frame as a client causes the stream to become open",
     role::client,
     st::idle,
     {ev::sent_headers},
     to(st::open)},
    {"receiving a HEADERS frame as a server causes the stream to become open",
     role::server,
     st::idle,
     {ev::received_headers},
     to(st::open)},
    {"a server opens none, which we do not take (no PUSH_PROMISE)",
     role::client,
     st::idle,
     {ev::received_headers},
     connection_error(NGHTTP2_PROTOCOL_ERROR)},
    {"a server opens none, which we do not send",
     role::server,
     st::idle,
     {ev::sent_headers},
     connection_error(NGHTTP2_PROTOCOL_ERROR)},
  };
  for (auto we : both) {
    auto add = [&](std::string_view words, st now, std::vector<ev> frames, transition expected) {
      all.push_back({words, we, now, std::move(frames), expected});
    };
    add(
      "any frame other than HEADERS or PRIORITY on an idle stream: connection error", st::idle,
      {ev::received_data, ev::received_end_stream, ev::received_reset, ev::received_window_update},
      connection_error(NGHTTP2_PROTOCOL_ERROR));
    add("RST_STREAM frames MUST NOT be sent for an idle stream (§6.4), nor DATA (§6.1)", st::idle,
        {ev::sent_data, ev::sent_end_stream, ev::sent_reset},
        connection_error(NGHTTP2_PROTOCOL_ERROR));
    add("PRIORITY can be received in any state (§5.3.2, RFC 7540 §6.3)", st::idle,
        {ev::received_priority}, to(st::idle));

    add("open: both peers send frames of any type", st::open,
        {ev::sent_headers, ev::sent_data, ev::received_headers, ev::received_data,
         ev::received_window_update, ev::received_priority},
        to(st::open));
    add("an endpoint sending END_STREAM: half-closed (local)", st::open, {ev::sent_end_stream},
        to(st::half_closed_local));
    add("an endpoint receiving END_STREAM: half-closed (remote)", st::open,
        {ev::received_end_stream}, to(st::half_closed_remote));
    add("either endpoint can send RST_STREAM from this state: closed", st::open,
        {ev::sent_reset, ev::received_reset}, to(st::closed));

    add(
      "half-closed (local): cannot be used for sending frames other than WINDOW_UPDATE, PRIORITY, "
      "and RST_STREAM",
      st::half_closed_local, {ev::sent_headers, ev::sent_data, ev::sent_end_stream},
      stream_error(NGHTTP2_STREAM_CLOSED));
    add("closed when a frame with END_STREAM is received or either peer sends RST_STREAM",
        st::half_closed_local, {ev::received_end_stream, ev::sent_reset, ev::received_reset},
        to(st::closed));
    add(
      "an endpoint can receive any type of frame in this state", st::half_closed_local,
      {ev::received_headers, ev::received_data, ev::received_window_update, ev::received_priority},
      to(st::half_closed_local));

    add("half-closed (remote): frames other than WINDOW_UPDATE, PRIORITY, or RST_STREAM: stream "
        "error STREAM_CLOSED",
        st::half_closed_remote, {ev::received_headers, ev::received_data, ev::received_end_stream},
        stream_error(NGHTTP2_STREAM_CLOSED));
    add("can be used by the endpoint to send frames of any type", st::half_closed_remote,
        {ev::sent_headers, ev::sent_data, ev::received_window_update, ev::received_priority},
        to(st::half_closed_remote));
    add("closed by sending END_STREAM or when either peer sends RST_STREAM", st::half_closed_remote,
        {ev::sent_end_stream, ev::sent_reset, ev::received_reset}, to(st::closed));

    add("an endpoint MUST NOT send frames other than PRIORITY on a closed stream", st::closed,
        {ev::sent_headers, ev::sent_data, ev::sent_end_stream, ev::sent_reset},
        stream_error(NGHTTP2_STREAM_CLOSED));
    add("an endpoint can perform minimal processing for all streams that are closed", st::closed,
        {ev::received_headers, ev::received_data, ev::received_end_stream, ev::received_reset,
         ev::received_window_update, ev::received_priority},
        to(st::closed));
    for (auto now : all_states)
      add("nothing outlives its connection", now, {ev::lost}, to(st::closed));
  }
  return all;
}

// -- the same on the wire --

std::string frame(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload) {
  std::string out;
  for (auto shift : {16, 8, 0})
    out += static_cast<char>(payload.size() >> shift & 0xff);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  for (auto shift : {24, 16, 8, 0})
    out += static_cast<char>(stream >> shift & 0xff);
  return out.append(payload);
}

/// :method GET, :scheme https, :path /, :authority a (RFC 7541 §6).
constexpr std::string_view request_fields{"\x82\x87\x84\x41\x01"
                                          "a",
                                          6};
/// :status 200.
constexpr std::string_view response_fields = "\x88";
/// t: u, as a trailer.
constexpr std::string_view trailer_fields{"\x00\x01t\x01u", 5};

constexpr uint8_t end_stream = NGHTTP2_FLAG_END_STREAM;
constexpr uint8_t end_headers = NGHTTP2_FLAG_END_HEADERS;

/// What the peer sends for an event of ours.
std::string frame_of(ev what, role we_are, uint32_t id) {
  switch (what) {
    case ev::received_headers:
      return frame(NGHTTP2_HEADERS, end_headers, id,
                   we_are == role::server ? request_fields : response_fields);
    case ev::received_data: return frame(NGHTTP2_DATA, 0, id, "x");
    case ev::received_end_stream: return frame(NGHTTP2_DATA, end_stream, id, "");
    case ev::received_reset: return frame(NGHTTP2_RST_STREAM, 0, id, {"\0\0\0\x08", 4});
    case ev::received_window_update: return frame(NGHTTP2_WINDOW_UPDATE, 0, id, {"\0\0\0\x01", 4});
    case ev::received_priority: return frame(NGHTTP2_PRIORITY, 0, id, {"\0\0\0\0\x0f", 5});
    default: return {};
  }
}

/// A session whose peer the test plays with frames of its own.
struct wire {
  explicit wire(role as) : we(as), ours(as, {}) {
    auto hello = as == role::server ? std::string{NGHTTP2_CLIENT_MAGIC} : std::string{};
    CAF_REQUIRE(!ours.receive(hello + frame(NGHTTP2_SETTINGS, 0, 0, {})));
    (void)sent();
  }

  /// The frames that we have sent: (type, stream, first error code of a RST_STREAM or GOAWAY).
  struct seen {
    uint8_t type;
    uint32_t id;
    uint32_t code;
  };
  std::vector<seen> sent() {
    std::string bytes;
    for (auto more = ours.output(); !more.empty(); more = ours.output())
      bytes += more;
    if (bytes.starts_with("PRI"))
      bytes.erase(0, 24);
    std::vector<seen> out;
    auto number = [&](size_t at, size_t size) {
      uint32_t value = 0;
      for (size_t i = 0; i < size; ++i)
        value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
      return value;
    };
    for (size_t at = 0; at + 9 <= bytes.size(); at += 9 + number(at, 3)) {
      auto type = static_cast<uint8_t>(bytes[at + 3]);
      auto code = type == NGHTTP2_RST_STREAM ? number(at + 9, 4)
                  : type == NGHTTP2_GOAWAY   ? number(at + 13, 4)
                                             : 0;
      out.push_back({type, number(at + 5, 4), code});
    }
    return out;
  }

  /// Brings stream 1 into a state. @returns nullptr where there is none to hold.
  stream* bring(st now) {
    if (now == st::idle)
      return nullptr;
    stream* s = nullptr;
    if (we == role::server) {
      CAF_REQUIRE(!ours.receive(frame_of(ev::received_headers, we, 1)));
      s = ours.accept();
    } else {
      s = ours.open();
      CAF_REQUIRE(s != nullptr);
      CAF_CHECK(s->state() == st::idle);
      CAF_REQUIRE(
        s->write("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n").has_value());
      (void)sent();
      CAF_REQUIRE(!ours.receive(frame_of(ev::received_headers, we, 1)));
    }
    CAF_REQUIRE(s != nullptr);
    CAF_CHECK(s->state() == st::open);
    if (now == st::half_closed_local) {
      CAF_REQUIRE(
        s->write(we == role::server ? "HTTP/1.1 204 No Content\r\n\r\n" : "0\r\n\r\n").has_value());
      (void)sent();
    }
    if (now == st::half_closed_remote)
      CAF_REQUIRE(!ours.receive(frame_of(ev::received_end_stream, we, 1)));
    if (now == st::closed)
      CAF_REQUIRE(!ours.receive(frame_of(ev::received_reset, we, 1)));
    CAF_CHECK(s->state() == now);
    return s;
  }

  role we;
  session ours;
};

} // namespace

CAF_TEST(every event in every state does what RFC 9113 says) {
  std::map<std::tuple<role, st, ev>, std::pair<std::string_view, transition>> expected;
  for (const auto& s : section_5_1())
    for (auto what : s.frames) {
      auto [at, is_new] = expected.insert({{s.we_are, s.now, what}, {s.words, s.expected}});
      CAF_CHECK(is_new); // no pair is said twice
    }
  CAF_CHECK_EQUAL(expected.size(),
                  size_t{2} * stream_states * stream_events); // and none is left out
  for (const auto& [key, says] : expected) {
    auto [we, now, what] = key;
    CAF_MESSAGE(says.first << " (event " << static_cast<int>(what) << ", state "
                           << static_cast<int>(now) << ")");
    CAF_CHECK(after(we, now, what) == says.second);
  }
}

CAF_TEST(what is half closed takes or gives no data) {
  for (auto we : both)
    for (auto now : all_states) {
      CAF_CHECK_EQUAL(may_send(now), now != st::idle && after(we, now, ev::sent_data).legal());
      CAF_CHECK_EQUAL(may_receive(now),
                      now != st::closed && after(we, now, ev::received_data).legal());
    }
}

CAF_TEST(frames on the wire are taken and refused as the table says) {
  for (auto we : both)
    for (auto now : all_states)
      for (auto what : all_events) {
        // A client's streams are idle until it opens one, so nobody could hold it.
        if (what < ev::received_headers || what == ev::lost)
          continue;
        CAF_MESSAGE("role " << static_cast<int>(we) << " state " << static_cast<int>(now)
                            << " event " << static_cast<int>(what));
        wire w{we};
        auto* s = w.bring(now);
        (void)w.sent();
        auto expected = after(we, now, what);
        // A second head in the middle of a message is none of §5.1 (§8.1): it ends the message.
        auto bytes = what == ev::received_headers && now != st::idle && may_receive(now)
                       ? frame(NGHTTP2_HEADERS, end_headers | end_stream, 1, trailer_fields)
                       : frame_of(what, we, 1);
        auto err = w.ours.receive(bytes);
        uint32_t code = NGHTTP2_NO_ERROR;
        auto on_connection = false;
        for (const auto& f : w.sent()) {
          if (f.type == NGHTTP2_RST_STREAM || f.type == NGHTTP2_GOAWAY)
            code = f.code;
          on_connection |= f.type == NGHTTP2_GOAWAY;
        }
        CAF_CHECK_EQUAL(code, expected.code);
        // An endpoint may treat a stream error as a connection error (§5.4.1).
        if (expected.is == transition::verdict::connection_error)
          CAF_CHECK(on_connection);
        if (expected.legal()) {
          CAF_CHECK(!err);
          CAF_CHECK(!on_connection);
        }
        if (s && expected.legal() && bytes == frame_of(what, we, 1))
          CAF_CHECK(s->state() == expected.next);
      }
}

CAF_TEST(nothing is sent for a stream whose end was sent or that is closed) {
  for (auto we : both)
    for (auto now : {st::half_closed_local, st::closed}) {
      wire w{we};
      auto* s = w.bring(now);
      CAF_REQUIRE(s != nullptr);
      CAF_CHECK(!s->write("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"));
      for (const auto& f : w.sent())
        CAF_CHECK(f.type == NGHTTP2_RST_STREAM && now != st::closed);
      CAF_CHECK(s->state() == st::closed);
    }
}

CAF_TEST(a stream is closed by the end of both or by a reset of either) {
  for (auto first : {ev::sent_end_stream, ev::received_end_stream})
    for (auto we : both) {
      wire w{we};
      auto* s =
        w.bring(first == ev::sent_end_stream ? st::half_closed_local : st::half_closed_remote);
      if (first == ev::sent_end_stream) {
        CAF_CHECK(!w.ours.receive(frame_of(ev::received_end_stream, we, 1)));
      } else {
        CAF_REQUIRE(s->write(we == role::server ? "HTTP/1.1 204 No Content\r\n\r\n" : "0\r\n\r\n")
                      .has_value());
        (void)w.sent();
      }
      CAF_CHECK(s->state() == st::closed);
      CAF_CHECK(s->ended());
      CAF_CHECK(!s->is_reset());
    }
  for (auto we : both) {
    wire w{we};
    auto* s = w.bring(st::open);
    s->abort();
    auto frames = w.sent();
    CAF_REQUIRE_EQUAL(frames.size(), 1u);
    CAF_CHECK_EQUAL(frames[0].type, NGHTTP2_RST_STREAM);
    CAF_CHECK_EQUAL(w.ours.stream_count(), 0u);
  }
}
