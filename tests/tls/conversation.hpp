#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/descriptor_carrier.hpp"
#include "tests/tls/support.hpp"
#include "tls/client.hpp"
#include "tls/server.hpp"
#include "tls/ssl.hpp"

namespace proxy::test {

/// Two connected sockets that never block.
struct socket_pair {
  socket_pair() {
    CAF_REQUIRE_EQUAL(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    for (auto fd : ends)
      ::fcntl(fd, F_SETFL, O_NONBLOCK);
  }
  ~socket_pair() {
    close(0);
    close(1);
  }
  socket_pair(const socket_pair&) = delete;
  socket_pair& operator=(const socket_pair&) = delete;

  void close(int end) {
    if (ends[end] >= 0)
      ::close(ends[end]);
    ends[end] = -1;
  }
  /// All bytes that wait at an end.
  [[nodiscard]] std::string drain(int end) const {
    std::string all;
    char chunk[4096];
    for (ssize_t got; (got = ::read(ends[end], chunk, sizeof chunk)) > 0;)
      all.append(chunk, static_cast<size_t>(got));
    return all;
  }
  void send(int end, std::string_view bytes) const {
    CAF_REQUIRE_EQUAL(::send(ends[end], bytes.data(), bytes.size(), 0),
                      static_cast<ssize_t>(bytes.size()));
  }

  int ends[2] = {-1, -1};
  /// Of sessions at the two ends.
  descriptor_carrier carriers[2] = {descriptor_carrier{ends[0]}, descriptor_carrier{ends[1]}};
};

/// A client's and a server's session on the two ends of a pair.
struct conversation {
  /// Lets both go on until both are done, or one has failed and the other has heard of it.
  void shake_hands() {
    bool moved = true;
    auto is_over = [](tls::step s) { return s != tls::step::want_read; };
    for (int turn = 0; turn < 100 && moved; ++turn) {
      auto client_was = client_step, server_was = server_step;
      if (!is_over(client_step))
        client_step = tls::connect_step(*client);
      if (client_step == tls::step::failed && client_error.empty())
        hear(tls::handshake_error(*client), client_error, client_code);
      if (!is_over(server_step))
        server_step = tls::accept_step(*server);
      if (server_step == tls::step::failed && server_error.empty())
        hear(tls::accept_error(*server), server_error, server_code);
      // Either may wait for the other once; twice in a row with nothing new is a standstill.
      moved = turn < 8 || client_was != client_step || server_was != server_step;
    }
  }

  [[nodiscard]] bool is_up() const {
    return client_step == tls::step::done && server_step == tls::step::done;
  }

  /// Sends a text from one to the other. @returns what arrived.
  static std::string carry(ssl_st& from, ssl_st& to, std::string_view text) {
    size_t sent = 0, got = 0;
    char into[256];
    if (tls::write(from, text.data(), text.size(), sent) != tls::step::done || sent != text.size())
      return "(not sent)";
    return tls::read(to, into, sizeof into, got) == tls::step::done ? std::string{into, got}
                                                                    : "(not read)";
  }
  /// Bytes both ways, so that the client has read the tickets, too.
  [[nodiscard]] bool talks() const {
    return carry(*client, *server, "ping") == "ping" && carry(*server, *client, "pong") == "pong";
  }

  socket_pair sockets;
  tls::ssl_ptr client, server;
  tls::step client_step = tls::step::want_read, server_step = tls::step::want_read;
  std::string client_error, server_error;
  errc client_code{}, server_code{};

private:
  static void hear(const caf::error& err, std::string& words, errc& code) {
    words = context_of(err);
    code = code_of(err);
  }
};

/// A CA, a client that trusts it, and a server that shows its leaves.
struct tls_fixture {
  tls_fixture() {
    CAF_REQUIRE(ca_file.find('/') != std::string::npos);
    write(ca_file, ca->pem());
    client =
      unbox(tls::client_context::make({.cert_file = ca_file, .cert_dir = {}, .platform = {}}));
  }

  [[nodiscard]] tls::leaf_ptr leaf_for(std::string_view name) const {
    return unbox(tls::mint(ca, parsed(name), start));
  }

  /// A handshake of a client that asks for `name` with a server that shows `as`.
  std::unique_ptr<conversation> talk(std::string_view name, const tls::leaf& as,
                                     const tls::client_options& wants = {},
                                     const tls::server_options& accepts = {}) {
    auto both = std::make_unique<conversation>();
    both->client = client->session(parsed(name), both->sockets.carriers[0], wants);
    both->server = server->session(as, both->sockets.carriers[1], {}, accepts);
    CAF_REQUIRE(both->client && both->server);
    if (only_version != 0)
      SSL_set_max_proto_version(both->client.get(), only_version);
    both->shake_hands();
    return both;
  }
  std::unique_ptr<conversation> talk(std::string_view name, const tls::client_options& wants = {},
                                     const tls::server_options& accepts = {}) {
    return talk(name, *leaf_for(name), wants, accepts);
  }

  temp_folder folder;
  tls::time_point start = now();
  tls::authority_ptr ca = unbox(tls::authority::make(start));
  std::string ca_file = folder / "trusted.pem";
  std::shared_ptr<const tls::client_context> client;
  std::shared_ptr<const tls::server_context> server = unbox(tls::server_context::make());
  int only_version = 0; ///< TLS1_2_VERSION keeps the client from 1.3.
};

} // namespace proxy::test
