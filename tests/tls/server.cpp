#define CAF_SUITE tls.server
#include "tls/server.hpp" // unit under test

#include <openssl/err.h>
#include <openssl/pem.h>

#include "tests/tls/conversation.hpp"
#include "tls/certificate.hpp"

using namespace proxy;
using namespace proxy::test;
using namespace proxy::tls;

namespace {

struct fixture : tls_fixture {
  /// A client of the test's own on one end; the server on the other.
  struct odd_client {
    std::unique_ptr<SSL_CTX, freed_by<SSL_CTX_free>> context{SSL_CTX_new(TLS_client_method())};
    conversation both;
  };
  std::unique_ptr<odd_client> odd(const server_options& accepts = {}) {
    auto made = std::make_unique<odd_client>();
    SSL_CTX_set_security_level(made->context.get(), 0);
    made->both.client.reset(SSL_new(made->context.get()));
    SSL_set_fd(made->both.client.get(), made->both.sockets.ends[0]);
    made->both.server = server->session(*shown, made->both.sockets.carriers[1], {}, accepts);
    return made;
  }

  leaf_ptr shown = leaf_for("example.com");
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(server_tests, fixture)

CAF_TEST(client and server talk in both versions) {
  for (auto version : {TLS1_3_VERSION, TLS1_2_VERSION}) {
    only_version = version;
    auto both = talk("example.com");
    CAF_CHECK(both->is_up());
    CAF_CHECK(both->talks());
    CAF_CHECK_EQUAL(version_of(*both->server), version == TLS1_3_VERSION ? "TLSv1.3" : "TLSv1.2");
    CAF_CHECK_EQUAL(version_of(*both->client), version_of(*both->server));
    (void)shutdown(*both->client);
    char into[8];
    size_t got = 0;
    CAF_CHECK_EQUAL(read(*both->server, into, sizeof into, got), step::end);
  }
}

CAF_TEST(the protocol is what both may speak and h2 before http1) {
  struct row {
    alpn offer, accept;
    std::string_view chosen; ///< "" for a refusal.
  };
  for (auto& [offer, accept, chosen] : std::initializer_list<row>{
         {alpn::either, alpn::either, "h2"},
         {alpn::either, alpn::http1, "http/1.1"},
         {alpn::either, alpn::h2, "h2"},
         {alpn::http1, alpn::either, "http/1.1"},
         {alpn::http1, alpn::http1, "http/1.1"},
         {alpn::http1, alpn::h2, ""},
         {alpn::h2, alpn::either, "h2"},
         {alpn::h2, alpn::http1, ""},
       }) {
    auto both = talk("example.com", {offer}, {accept});
    CAF_MESSAGE("offer " << int(offer) << " accept " << int(accept));
    CAF_CHECK_EQUAL(both->is_up(), !chosen.empty());
    CAF_CHECK_EQUAL(protocol_of(*both->server), chosen);
    CAF_CHECK_EQUAL(protocol_of(*both->client), chosen);
    if (chosen.empty()) {
      CAF_CHECK_EQUAL(both->server_code, errc::tls_handshake);
      CAF_CHECK(contains(both->server_error, "the client offers no protocol"));
      CAF_CHECK(contains(both->client_error, "alert: no application protocol"));
    }
  }
}

CAF_TEST(an unknown protocol is refused and none at all is not ) {
  auto unknown = odd();
  SSL_set_alpn_protos(unknown->both.client.get(),
                      reinterpret_cast<const unsigned char*>("\x0a"
                                                             "acme-tls/1"),
                      11);
  unknown->both.shake_hands();
  CAF_CHECK(contains(unknown->both.server_error, "offers no protocol"));
  CAF_CHECK(contains(unknown->both.client_error, "no application protocol"));
  auto silent = odd();
  silent->both.shake_hands();
  CAF_CHECK(silent->both.is_up());
  CAF_CHECK_EQUAL(protocol_of(*silent->both.server), "");
}

CAF_TEST(old versions and weak suites are refused) {
  auto old = odd();
  SSL_set_min_proto_version(old->both.client.get(), TLS1_1_VERSION);
  SSL_set_max_proto_version(old->both.client.get(), TLS1_1_VERSION);
  old->both.shake_hands();
  CAF_CHECK(contains(old->both.server_error, "no TLS as new as 1.2"));
  for (const auto* suites : {"ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA",
                             "ECDHE-ECDSA-AES128-CCM8", "AES128-GCM-SHA256", "ALL:!ECDHE:eNULL"}) {
    CAF_MESSAGE(suites);
    auto weak = odd();
    SSL_set_max_proto_version(weak->both.client.get(), TLS1_2_VERSION);
    CAF_REQUIRE_EQUAL(SSL_set_cipher_list(weak->both.client.get(), suites), 1);
    weak->both.shake_hands();
    CAF_CHECK(contains(weak->both.server_error, "no cipher suite in common"));
  }
}

CAF_TEST(the client may not negotiate anew) {
  auto both = odd();
  SSL_set_max_proto_version(both->both.client.get(), TLS1_2_VERSION);
  both->both.shake_hands();
  CAF_REQUIRE(both->both.talks());
  SSL_renegotiate(both->both.client.get());
  (void)connect_step(*both->both.client); // the second hello goes out
  char into[8];
  size_t got = 0;
  CAF_CHECK_EQUAL(read(*both->both.server, into, sizeof into, got), step::want_read);
  auto answer = connect_step(*both->both.client);
  CAF_CHECK_EQUAL(answer, step::failed);
  CAF_CHECK_EQUAL(ERR_GET_REASON(ERR_peek_last_error()), SSL_R_NO_RENEGOTIATION);
  ERR_clear_error();
}

CAF_TEST(what is no hello is refused in plain words) {
  struct row {
    const char* what;
    std::string bytes;
    std::string_view words;
  };
  for (auto& [what, bytes, words] : std::initializer_list<row>{
         {"http", "GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", "the client did not speak TLS"},
         {"connect", "CONNECT a:443 HTTP/1.1\r\n\r\n", "the client did not speak TLS"},
         {"ssh", "SSH-2.0-OpenSSH_9.2\r\n", "the client did not speak TLS"},
         {"zeros", std::string(64, '\0'), "the client"},
         {"ones", std::string(64, '\xff'), "the client"},
         {"alert", {"\x15\x03\x01\x00\x02\x02\x28", 7}, "the client"},
         {"server hello", {"\x16\x03\x03\x00\x04\x02\x00\x00\x00", 9}, "the client"},
         {"empty hello", {"\x16\x03\x03\x00\x04\x01\x00\x00\x00", 9}, "the client"},
       }) {
    for (bool is_prefix : {false, true}) {
      CAF_MESSAGE(what << (is_prefix ? ", received before" : ""));
      socket_pair sockets;
      auto ssl = server->session(*shown, sockets.carriers[1], is_prefix ? bytes : "");
      if (!is_prefix)
        sockets.send(0, bytes);
      CAF_CHECK_EQUAL(accept_step(*ssl), step::failed);
      auto err = accept_error(*ssl);
      CAF_CHECK_EQUAL(code_of(err), errc::tls_handshake);
      CAF_CHECK(contains(context_of(err), words));
    }
  }
}

CAF_TEST(a client that hangs up is news) {
  for (bool has_seen : {false, true}) {
    auto both = odd();
    (void)connect_step(*both->both.client);
    if (has_seen)
      CAF_CHECK_EQUAL(accept_step(*both->both.server), step::want_read);
    both->both.client.reset();
    both->both.sockets.close(0);
    auto last = accept_step(*both->both.server);
    while (last == step::want_read)
      last = accept_step(*both->both.server);
    CAF_CHECK_EQUAL(last, step::failed);
    auto err = accept_error(*both->both.server);
    CAF_CHECK_EQUAL(code_of(err), errc::closed);
    CAF_CHECK(contains(context_of(err), "the client closed the connection"));
    CAF_CHECK_EQUAL(contains(context_of(err), "may not trust the certificate authority"), has_seen);
  }
}

CAF_TEST(a hello cut at every byte ends in a refusal) {
  socket_pair source;
  auto asking = client->session(parsed("example.com"), source.carriers[0]);
  (void)connect_step(*asking);
  auto hello = source.drain(1);
  CAF_REQUIRE(hello.size() > 100);
  for (size_t size = 0; size < hello.size(); ++size) {
    socket_pair sockets;
    auto ssl = server->session(*shown, sockets.carriers[1], hello.substr(0, size));
    auto waiting = accept_step(*ssl);
    sockets.close(0);
    auto ended = accept_step(*ssl);
    CAF_CHECK(waiting == step::want_read && ended == step::failed);
    CAF_CHECK_EQUAL(code_of(accept_error(*ssl)), errc::closed);
  }
}

CAF_TEST(a client that does not trust our CA says so) {
  client = unbox(client_context::make({}));
  for (auto version : {TLS1_3_VERSION, TLS1_2_VERSION}) {
    only_version = version;
    auto both = talk("example.com");
    CAF_CHECK(contains(both->server_error, "the client does not trust the certificate authority of "
                                           "our certificate (alert: unknown CA)"));
    CAF_CHECK_EQUAL(both->server_code, errc::tls_handshake);
    CAF_CHECK_EQUAL(both->client_code, errc::tls_certificate);
  }
}

CAF_TEST(what a client says about our certificate is passed on) {
  struct row {
    int verdict; ///< Of the client, on the certificate.
    std::string_view words;
  };
  for (auto& [verdict, words] : std::initializer_list<row>{
         {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "certificate authority of our certificate (alert: "
                                                "unknown CA)"},
         {X509_V_ERR_CERT_REJECTED, "certificate authority of our certificate (alert: "
                                    "bad certificate)"},
         {X509_V_ERR_APPLICATION_VERIFICATION, "refused the handshake (alert: handshake failure)"},
         {X509_V_ERR_CERT_HAS_EXPIRED, "refused our certificate (alert: certificate expired)"},
         {X509_V_ERR_CERT_REVOKED, "refused our certificate (alert: certificate revoked)"},
         {X509_V_ERR_INVALID_PURPOSE, "refused our certificate (alert: unsupported certificate)"},
       }) {
    CAF_MESSAGE(words);
    auto picky = odd();
    auto refuse = [](X509_STORE_CTX* chain, void* what) {
      X509_STORE_CTX_set_error(chain, *static_cast<int*>(what));
      return 0;
    };
    auto code = verdict;
    SSL_CTX_set_cert_verify_callback(picky->context.get(), refuse, &code);
    picky->both.client.reset(SSL_new(picky->context.get()));
    SSL_set_fd(picky->both.client.get(), picky->both.sockets.ends[0]);
    SSL_set_verify(picky->both.client.get(), SSL_VERIFY_PEER, nullptr);
    picky->both.shake_hands();
    CAF_CHECK(contains(picky->both.server_error, words));
    CAF_CHECK_EQUAL(picky->both.server_code, errc::tls_handshake);
  }
}

CAF_TEST(the way up to the root is sent) {
  auto key = make_key();
  certificate_builder draft{*key};
  auto middle = unbox(draft.valid(start - 1h, start + 24h)
                        .subject_name("", "below")
                        .issuer_name(X509_get_subject_name(&ca->certificate()))
                        .basic_constraints(true)
                        .key_usage({5})
                        .subject_key_id()
                        .authority_key_id(ca->certificate())
                        .sign(ca->key()));
  // The path length of ours forbids a CA below it, so the client is told to trust this one alone.
  write(ca_file, pem_of(*middle));
  bio_ptr memory{BIO_new(BIO_s_mem())};
  PEM_write_bio_PrivateKey(memory.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  char* bytes = nullptr;
  auto size = BIO_get_mem_data(memory.get(), &bytes);
  write(folder / "key", {bytes, static_cast<size_t>(size)});
  auto below = unbox(tls::authority::load({ca_file, folder / "key"}, start));
  auto both = talk("example.com", *unbox(mint(below, parsed("example.com"), start)));
  auto* chain = SSL_get_peer_cert_chain(both->client.get());
  CAF_REQUIRE(chain != nullptr);
  CAF_CHECK_EQUAL(sk_X509_num(chain), 2);
  CAF_CHECK_EQUAL(X509_cmp(sk_X509_value(chain, 1), middle.get()), 0);
}

CAF_TEST_FIXTURE_SCOPE_END()
