#include <iterator>
#include <utility>

#include "tests/simulate/certificates.hpp"
#include "tests/simulate/socks.hpp"
#include "tests/simulate/visitors.hpp"
#include "tests/support/h2_frames.hpp"

namespace proxy::simulate {

namespace {

using namespace test;
using namespace std::string_literals;

std::string repeat(const std::string& what, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i)
    out += what;
  return out;
}

class abuser final : public visitor {
public:
  abuser(surroundings& around, destination to, bool secure) : visitor(around, std::move(to)) {
    leaves_ = around.time.now() + std::chrono::milliseconds{around.chance.below(20'000)};
    if (secure && around.chance.below(4) != 0) {
      is_ = plan::tunnel;
      end_.say(connect_to(to_.name + ":443"));
      return;
    }
    switch (around.chance.below(3)) {
      case 0: end_.say("GET http://" + to_.text() + "/ HTTP/1.1\r\n" + long_head()); break;
      case 1: end_.say(odd_socks()); break;
      default:
        is_ = plan::relay;
        end_.say(socks::greeting + socks::request(socks::associate, {}, 0));
    }
  }
  ~abuser() override {
    if (fd_ >= 0)
      around_.on.close(fd_);
  }
  std::string name() const override { return "abuser"; }

private:
  enum class plan : uint8_t { tunnel, tls, relay, waits };

  void go_on() override {
    if (is_ == plan::tunnel && end_.text.starts_with("HTTP/1.1 200") && take_head(end_.text))
      abuse_tunnel();
    else if (is_ == plan::tls && end_.has_shaken_hands())
      abuse_session();
    else if (is_ == plan::relay)
      abuse_relay();
    if (end_.text.size() > 100'000)
      end_.text.clear();
    if (around_.time.now() < leaves_)
      return;
    if (around_.chance.below(2) == 0)
      end_.reset();
    else
      leave();
  }
  void is_cut_off() override {}

  /// Too many fields, or one that is too long.
  std::string long_head() {
    return around_.chance.below(2) == 0 ? repeat("X-Y: z\r\n", 400) + "\r\n"
                                        : "X: " + std::string(300'000, 'y') + "\r\n\r\n";
  }

  std::string odd_socks() {
    const std::string odd[] = {
      "\5\0"s,                                           // no method
      "\5\1\2"s,                                         // none that is known
      socks::greeting + socks::request('\x09', to_, 80), // no such command
      socks::greeting + "\5\1\0\7abcdefgh"s,             // no such kind of address
      socks::greeting + "\5\1\0\3\0\0P"s,                // a name without a letter
      socks::greeting + "\5\1\0\3\5a\0b\0c\0P"s,         // NULs in it
      "\5\1\0\5"s,                                       // half of a request
    };
    return odd[around_.chance.below(std::size(odd))];
  }

  void abuse_tunnel() {
    is_ = plan::waits;
    switch (around_.chance.below(4)) {
      case 0: return end_.say("\x16\x03\x01\x02"s + noise(600));                 // no TLS
      case 1: return end_.say("\x16\x03\x01\x40\x00\x01\x00\x3f"s + noise(100)); // half a hello
      default: break;
    }
    is_ = plan::tls;
    h2_ = around_.chance.below(3) != 0;
    end_.speak_tls(*certificates::of_all_worlds().client_trusts, to_.name,
                   {.offer = h2_ ? tls::alpn::h2 : tls::alpn::http1});
  }

  void abuse_session() {
    is_ = plan::waits;
    if (!h2_)
      return end_.say("GET / HTTP/1.1\r\nHost: " + to_.name + "\r\n" + long_head());
    std::string out{h2::preface};
    out += h2::settings({{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 0}});
    switch (around_.chance.below(6)) {
      case 0: // streams that are reset at once
        for (int32_t id = 1; id < 1000; id += 2)
          out += request(id) + h2::reset(id);
        break;
      case 1: out += repeat(h2::settings({}), 2000); break;
      case 2: out += repeat(h2::ping(), 2000); break;
      case 3: // a head without an end
        out += h2::frame(NGHTTP2_HEADERS, 0, 1, h2::block({{":method", "GET"}})) +
               repeat(h2::frame(NGHTTP2_CONTINUATION, 0, 1, noise(1000)), 300);
        break;
      case 4: out += noise(3000); break;
      default: // answers that it has no window for
        for (int32_t id = 1; id < 40; id += 2)
          out += request(id);
    }
    end_.say(out);
    end_.read_nothing(around_.chance.below(2) == 0);
  }

  std::string request(int32_t stream) {
    auto path = '/' + std::to_string(around_.next_id++) + "/20000/l";
    return h2::head(
      stream, {{":method", "GET"}, {":scheme", "https"}, {":authority", to_.name}, {":path", path}},
      true);
  }

  /// Datagrams that are none, that go where nobody may, or come from somebody else.
  void abuse_relay() {
    auto reply = socks::take_reply(end_.text);
    if (!reply)
      return;
    is_ = plan::waits;
    if (reply->code != 0)
      return;
    auto relay = make_sockaddr(around_.proxy, reply->port);
    fd_ = around_.on.open(socket_kind::datagram, AF_INET);
    const std::string odd[] = {
      "",
      "\0"s,
      "\0\0\1\1\1\2\3\4\0\x09 fragment"s,
      "\0\0\0\x09 no such kind of address"s,
      "\0\0\0\3\0\0\x09 no name"s,
      "\0\0\0\3\xff too short"s,
      socks::datagram_head({around_.proxy, "", false}, around_.port) + "GET / HTTP/1.1\r\n\r\n",
      socks::datagram_head({*ip_address::parse("127.0.0.1"), "", false}, 53) + "to itself",
      socks::datagram_head({*ip_address::parse("169.254.169.254"), "", false}, 80) + "to nobody",
      noise(200),
    };
    for (int i = 0; i < 50; ++i) {
      auto bytes = odd[around_.chance.below(std::size(odd))];
      iovec part{bytes.data(), bytes.size()};
      datagram_row row{&relay, {&part, 1}, 0};
      (void)around_.on.send(fd_, {&row, 1});
    }
  }

  std::string noise(size_t size) {
    std::string out(size, '\0');
    for (auto& c : out)
      c = static_cast<char>(around_.chance.below(256));
    return out;
  }

  plan is_ = plan::waits;
  bool h2_ = false;
  int fd_ = -1;
  steady_time leaves_;
};

} // namespace

visitor_ptr make_abuser(surroundings& around, destination to, bool secure) {
  return std::make_unique<abuser>(around, std::move(to), secure);
}

} // namespace proxy::simulate
