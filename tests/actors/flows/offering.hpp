#pragma once

#include <string>

#include "tests/actors/flows/stage.hpp"

/// Requests that ask to switch to another protocol, however they come to the proxy.

namespace proxy::test {

inline constexpr auto plain = "allowed_domains = [\"example.com\"]";
inline constexpr auto inspecting_example =
  "allowed_domains = [\"example.com\"]\nmitm = {enabled = true, inspect = true}";
inline constexpr auto websocket = "Upgrade: websocket\r\nConnection: Upgrade\r\n";

inline std::string switching(const std::string& to = "websocket") {
  return "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: " + to + "\r\n\r\n";
}

enum class way { absolute, plain_tunnel, tls_tunnel };
inline constexpr way ways[] = {way::absolute, way::plain_tunnel, way::tls_tunnel};
inline constexpr const char* name_of[] = {"in absolute form", "in a plain tunnel", "in TLS"};

/// A client that asks to switch, and its origin.
struct offering : stage {
  explicit offering(way by, const std::string& network = "", const std::string& daemon = "")
    : stage{{.network = !network.empty()      ? network
                        : by == way::absolute ? plain
                                              : inspecting_example,
             .daemon = daemon}},
      by_(by), at(serve_at("93.184.216.34", by == way::tls_tunnel ? 443 : 80)) {
    names.names["example.com"] = {.addresses = {ip("93.184.216.34")}, .ttl = 0};
    here.on_connect = [this](const ip_sockaddr& to) { dialled += to.port() != 53; };
  }
  ~offering() { here.on_connect = {}; }

  /// A client that may send its request.
  void open() {
    who = by_ == way::absolute
            ? &client()
            : &tunnel(by_ == way::tls_tunnel ? "example.com:443" : "example.com:80");
    if (by_ == way::tls_tunnel) {
      who->speak_tls(trusts_proxy(), "example.com");
      CAF_REQUIRE(until([&] { return who->has_shaken_hands(); }));
    }
  }
  void ask(const std::string& fields, const std::string& behind = "") {
    auto path = by_ == way::absolute ? "http://example.com/chat" : "/chat";
    who->say("GET " + std::string{path} + " HTTP/1.1\r\nHost: example.com\r\n" + fields + "\r\n" +
             behind);
  }
  /// The origin hears the request.
  void take() {
    origin = &accept(at);
    if (by_ == way::tls_tunnel)
      origin->answer_tls(*origin_tls, origin_leaf("example.com"));
    CAF_REQUIRE(hears(*origin, "\r\n\r\n"));
  }

private:
  way by_;

public:
  origin& at;
  int dialled = 0;
  party* who = nullptr;
  party* origin = nullptr;
};

} // namespace proxy::test
