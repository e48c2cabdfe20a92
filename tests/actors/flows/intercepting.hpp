#pragma once

#include <openssl/ssl.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/actors/flows/stage.hpp"

/// Clients inside tunnels that are read, and origins behind them.

namespace proxy::test {

inline const std::string two_hosts = "allowed_domains = [\"example.com\", \"other.test\"]\n";
inline const std::string limited = two_hosts + "mode = \"limited\"\nmitm = true\n";
inline const std::string inspecting = two_hosts + "mitm = {enabled = true, inspect = true}\n";

/// A request inside a tunnel.
inline std::string ask_for(const std::string& method, const std::string& target,
                           const std::string& more = "", const std::string& body = "",
                           const std::string& host = "example.com") {
  return method + ' ' + target + " HTTP/1.1\r\nHost: " + host + "\r\n" + more +
         (body.empty() ? "" : "Content-Length: " + std::to_string(body.size()) + "\r\n") + "\r\n" +
         body;
}

/// A stage with an origin that speaks TLS, and another one.
class intercepting : public stage {
public:
  explicit intercepting(stage_settings with = {.network = limited}) : stage(std::move(with)) {
    names.names["example.com"] = {.addresses = {ip("93.184.216.34")}};
    names.names["other.test"] = {.addresses = {ip("93.184.216.35")}};
  }

  /// Shakes hands as a client that believes us. @param name  What its hello says.
  party& secure(party& who, const std::string& name = "example.com",
                tls::client_options options = {}) {
    who.speak_tls(trusts_proxy(), name, options);
    if (!until([&] { return who.has_shaken_hands() || !who.tls_error.empty(); }) ||
        !who.tls_error.empty())
      CAF_FAIL("no TLS inside: " << who.tls_error);
    return who;
  }
  /// A client that has taken TLS off inside a tunnel.
  party& inside(const std::string& host = "example.com", tls::client_options options = {}) {
    return secure(tunnel(host + ":443"), host, options);
  }
  /// The next connection to an origin, which shows a certificate there.
  party& answer_at(origin& from, const std::string& name = "example.com") {
    auto& who = accept(from);
    who.answer_tls(*origin_tls, origin_leaf(name));
    return who;
  }
  /// The status that a client gets, its whole answer behind it in `text`; 0 for none.
  int status(party& who, const std::string& request) {
    who.forget();
    who.say(request);
    return status_of(who);
  }
  int status_of(party& who, std::chrono::nanoseconds span = 30s) {
    (void)until([&] { return who.hears("\r\n\r\n") || who.is_over(); }, span);
    return who.text.starts_with("HTTP/1.1 ") ? std::stoi(who.text.substr(9, 3)) : 0;
  }
  /// The status that a client gets of an origin, which answers with what it has heard.
  int served(party& who, party& by, const std::string& request) {
    who.forget();
    by.forget();
    who.say(request);
    if (until([&] { return by.hears("\r\n\r\n") || who.hears("\r\n\r\n") || who.is_over(); }) &&
        !by.text.empty())
      by.say(request.starts_with("HEAD") ? "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"
                                         : ok("done"));
    return status_of(who);
  }
  /// The whole log, when a line of it has this.
  bool logs(std::string_view part) { return has(log(), part); }
  /// How often a decision was made.
  [[nodiscard]] size_t decided(std::string_view what) {
    pass(1ms); // what tells of them is on its way
    auto all = decisions();
    return static_cast<size_t>(std::ranges::count(all, what));
  }
  /// How many decisions were made in all.
  [[nodiscard]] size_t told() {
    pass(1ms);
    return events.size();
  }
  /// What the admin API answers.
  std::string ask_admin(const std::string& line) {
    auto& asks = client(8080);
    asks.say(line + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    CAF_CHECK(is_over(asks));
    return asks.text;
  }

  origin& example = serve_at("93.184.216.34", 443);
  origin& other = serve_at("93.184.216.35", 443);

private:
};

/// A TLS client whose bytes go when and as a test wants, and that believes everybody.
class odd_client {
public:
  explicit odd_client(party& over, const std::string& name = "example.com",
                      int version = TLS1_3_VERSION)
    : on(over), context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
    SSL_CTX_set_max_proto_version(context_.get(), version);
    session_.reset(SSL_new(context_.get()));
    SSL_set_bio(session_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    if (!name.empty())
      SSL_set_tlsext_host_name(session_.get(), name.c_str());
    SSL_set_connect_state(session_.get());
  }

  [[nodiscard]] ssl_ctx_st* context() { return context_.get(); }
  [[nodiscard]] ssl_st* session() { return session_.get(); }

  /// What it has to send next, which is not sent: at first its hello.
  std::string flight() {
    (void)SSL_do_handshake(session_.get());
    std::string out(static_cast<size_t>(BIO_pending(SSL_get_wbio(session_.get()))), '\0');
    if (!out.empty())
      BIO_read(SSL_get_wbio(session_.get()), out.data(), static_cast<int>(out.size()));
    return out;
  }
  /// Takes what has come, and answers. @returns whether hands are shaken.
  bool step() {
    on.move();
    if (!on.text.empty())
      BIO_write(SSL_get_rbio(session_.get()), on.text.data(), static_cast<int>(on.text.size()));
    on.text.clear();
    if (auto next = flight(); !next.empty())
      on.say(next);
    return SSL_is_init_finished(session_.get()) == 1;
  }
  /// The record of some bytes, which is not sent.
  std::string sealed(std::string_view bytes) {
    SSL_write(session_.get(), bytes.data(), static_cast<int>(bytes.size()));
    return flight();
  }
  /// What it has heard since the last time.
  std::string heard() {
    (void)step();
    char block[16384];
    auto n = SSL_read(session_.get(), block, sizeof block);
    return n > 0 ? std::string(block, static_cast<size_t>(n)) : "";
  }

  party& on;

private:
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context_;
  tls::ssl_ptr session_;
};

/// The bytes of a hello.
inline std::string hello_of(party& over, const std::string& name = "example.com") {
  return odd_client{over, name}.flight();
}

} // namespace proxy::test
