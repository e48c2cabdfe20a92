#pragma once

#include <deque>

#include "tests/actors/flows/stage.hpp"
#include "tests/support/h2_end.hpp"

namespace proxy::test {

/// A stage that reads what goes to example.com and other.test, whose clients and origins speak
/// HTTP/2 where a test says so.
class h2_stage : public stage {
public:
  static inline const std::string reading = "allowed_domains = [\"example.com\", \"other.test\"]\n"
                                            "mitm = {enabled = true, inspect = true}\n";

  explicit h2_stage(const std::string& daemon = "", const std::string& network = reading,
                    uint64_t seed = 1)
    : stage({.network = network, .daemon = daemon, .seed = seed}) {
    names.names["example.com"] = {.addresses = {ip("93.184.216.34")}};
    names.names["other.test"] = {.addresses = {ip("93.184.216.35")}};
  }

  /// As of `stage`, while all ends go on.
  [[nodiscard]] bool until(const std::function<bool()>& done, std::chrono::nanoseconds span = 30s) {
    return stage::until(
      [&] {
        for (auto& each : ends_)
          each.step();
        return done();
      },
      span);
  }
  void pass(std::chrono::nanoseconds span) {
    (void)until([] { return false; }, span);
  }

  /// A client that has agreed on h2 inside a tunnel, and greets unless it shall not.
  h2_end& inside(const std::string& host = "example.com", const h2_settings& own = {},
                 bool greets = true) {
    auto& made = ends_.emplace_back(secure_tunnel(host, tls::alpn::h2), true, host);
    if (greets)
      made.greet(own);
    return made;
  }
  /// The same with HTTP/1.1.
  party& inside_h1(const std::string& host = "example.com") {
    return secure_tunnel(host, tls::alpn::http1);
  }
  /// The next connection to an origin, which speaks h2 on it.
  h2_end& serve_h2(origin& at, const h2_settings& own = {}, bool greets = true,
                   const std::string& name = "example.com") {
    auto& made = ends_.emplace_back(shake_hands(at, tls::alpn::h2, name), false, name);
    if (greets)
      made.greet(own);
    return made;
  }
  /// The next connection to an origin of h2 alone, on which something else was offered.
  void insist_on_h2(origin& at, const std::string& name = "example.com") {
    CAF_CHECK_NOT_EQUAL(shake_hands(at, tls::alpn::h2, name).tls_error.size(), 0u);
  }
  /// The same with HTTP/1.1.
  party& serve_h1(origin& at, const std::string& name = "example.com") {
    return shake_hands(at, tls::alpn::http1, name);
  }
  /// The next request at an origin for this path: its number.
  int32_t take(h2_end& at, std::string_view path) {
    if (!until([&] { return at.find(path) != 0; }))
      CAF_FAIL("no request for " << path);
    return at.find(path);
  }
  [[nodiscard]] bool ends(h2_end& who, int32_t id, std::chrono::nanoseconds span = 30s) {
    return until([&] { return who.streams[id].is_over(); }, span);
  }

  /// The next connection to an origin of HTTP/1.1, once it has this request.
  party& reach(origin& at, std::string_view line, const std::string& name = "example.com") {
    auto& who = serve_h1(at, name);
    if (!until([&] { return who.hears(std::string{line} + " HTTP/1.1\r\n"); }))
      CAF_FAIL("the origin has not heard " << line << " but " << who.text);
    return who;
  }
  [[nodiscard]] bool hears(party& who, std::string_view what, std::chrono::nanoseconds span = 30s) {
    return until([&] { return who.hears(what); }, span);
  }
  [[nodiscard]] bool is_over(party& who, std::chrono::nanoseconds span = 30s) {
    return until([&] { return who.is_over(); }, span);
  }

  origin& example = serve_at("93.184.216.34", 443);
  origin& other = serve_at("93.184.216.35", 443);

private:
  party& secure_tunnel(const std::string& host, tls::alpn offer) {
    auto& who = tunnel(host + ":443");
    who.speak_tls(trusts_proxy(), host, {.offer = offer});
    if (!until([&] { return who.has_shaken_hands() || !who.tls_error.empty(); }) ||
        !who.tls_error.empty())
      CAF_FAIL("no TLS inside: " << who.tls_error);
    return who;
  }
  party& shake_hands(origin& at, tls::alpn accept, const std::string& name) {
    auto& who = this->accept(at);
    who.answer_tls(*origin_tls, origin_leaf(name), {.accept = accept});
    (void)until([&] { return who.has_shaken_hands() || !who.tls_error.empty(); }, 5s);
    return who;
  }

  std::deque<h2_end> ends_;
};

/// An extended CONNECT (RFC 8441 §4).
inline h2_fields websocket_to(const h2_end& end, const std::string& path,
                              const std::string& protocol = "websocket") {
  auto fields = end.request_to("CONNECT", path, {{"sec-websocket-version", "13"}});
  fields.insert(fields.begin() + 1, {":protocol", protocol});
  return fields;
}

/// The value of a field in the text of an HTTP/1.1 message; "" when it is not there.
inline std::string field_of(const std::string& text, const std::string& name) {
  auto at = text.find("\r\n" + name + ": ");
  if (at == std::string::npos)
    return "";
  at += name.size() + 4;
  return text.substr(at, text.find("\r\n", at) - at);
}

} // namespace proxy::test
