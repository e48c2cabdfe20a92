#define CAF_SUITE tls.client
#include "tls/client.hpp" // unit under test

#include <cstdio>
#include <filesystem>
#include <openssl/err.h>

#include "protocols/client_hello.hpp"
#include "tests/tls/conversation.hpp"
#include "tls/certificate.hpp"

using namespace proxy;
using namespace proxy::test;
using namespace proxy::tls;

namespace {

struct fixture : tls_fixture {
  /// How the client refuses an upstream that shows `certificate`; "" when it does not.
  std::string refusal_of(X509& certificate, EVP_PKEY& key, std::string_view name = "example.com",
                         int copies = 0) {
    std::unique_ptr<SSL_CTX, freed_by<SSL_CTX_free>> context{SSL_CTX_new(TLS_server_method())};
    SSL_CTX_set_security_level(context.get(), 0);
    SSL_CTX_use_certificate(context.get(), &certificate);
    SSL_CTX_use_PrivateKey(context.get(), &key);
    for (int i = 0; i < copies; ++i)
      SSL_CTX_add1_chain_cert(context.get(), &certificate);
    conversation both;
    both.server.reset(SSL_new(context.get()));
    SSL_set_fd(both.server.get(), both.sockets.ends[1]);
    both.client = client->session(parsed(name), both.sockets.carriers[0]);
    SSL_set_accept_state(both.server.get());
    both.shake_hands();
    code = both.client_code;
    return both.client_error;
  }
  std::string refusal_of(const leaf& as, std::string_view name = "example.com") {
    return refusal_of(as.certificate(), as.key(), name);
  }
  /// A leaf of the test's own making, signed by the trusted CA.
  certificate_builder draft(EVP_PKEY& key) const {
    certificate_builder made{key};
    made.valid(start - 1h, start + 24h)
      .subject_name("", "odd")
      .issuer_name(X509_get_subject_name(&ca->certificate()));
    return made;
  }

  errc code{};
};

/// The name of a certificate for a host.
GENERAL_NAME* dns(std::string_view text) {
  auto* made = GENERAL_NAME_new();
  auto* value = ASN1_STRING_type_new(V_ASN1_IA5STRING);
  ASN1_STRING_set(value, text.data(), static_cast<int>(text.size()));
  GENERAL_NAME_set0_value(made, GEN_DNS, value);
  return made;
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(client_tests, fixture)

CAF_TEST(a good upstream is accepted by name and address) {
  for (std::string_view name : {"example.com", "127.0.0.1", "::1"}) {
    CAF_CHECK_EQUAL(refusal_of(*leaf_for(name), name), "");
    CAF_CHECK_EQUAL(code, errc{});
  }
}

CAF_TEST(a certificate that does not hold is refused in plain words) {
  auto t = start;
  auto old_ca = unbox(tls::authority::make(t - 100 * 24h));
  auto new_ca = unbox(tls::authority::make(t + 48h));
  auto stranger = unbox(tls::authority::make(t));
  write(ca_file, ca->pem() + old_ca->pem() + new_ca->pem());
  client = unbox(client_context::make({ca_file, ""}));
  struct row {
    const char* what;
    leaf_ptr shown;
    std::string_view name, words;
  };
  for (auto& [what, shown, name, words] : std::initializer_list<row>{
         {"expired", unbox(mint(old_ca, parsed("example.com"), t - 60 * 24h)), "example.com",
          "the certificate expired on 20"},
         {"early", unbox(mint(new_ca, parsed("example.com"), t + 50h)), "example.com",
          " is not valid before 20"},
         {"other host", leaf_for("other.example"), "example.com",
          "the certificate is not for example.com but for other.example ("},
         {"other address", leaf_for("127.0.0.2"), "127.0.0.1",
          "the certificate is not for 127.0.0.1 but for 127.0.0.2 ("},
         {"address by name", leaf_for("example.com"), "127.0.0.1",
          "the certificate is not for 127.0.0.1 but for example.com ("},
         {"unknown CA", unbox(mint(stranger, parsed("example.com"), t)), "example.com",
          "no trusted root vouches for the certificate"},
       }) {
    CAF_MESSAGE(what);
    auto words_said = refusal_of(*shown, name);
    CAF_CHECK_EQUAL(code, errc::tls_certificate);
    CAF_CHECK(contains(words_said, words));
    CAF_CHECK(contains(words_said, "; issuer "));
    CAF_CHECK(contains(words_said, "CN=codex-network-proxy CA"));
  }
}

CAF_TEST(a self - signed certificate is told apart) {
  auto key = make_key();
  certificate_builder own{*key};
  auto made = unbox(own.valid(start - 1h, start + 24h)
                      .subject_name("", "self")
                      .issuer_is_subject()
                      .alternative_name(dns("example.com"), false)
                      .sign(*key));
  CAF_CHECK(contains(refusal_of(*made, *key), "the certificate is self-signed and not trusted"));
  CAF_CHECK(contains(refusal_of(*made, *key), "subject CN=self; issuer CN=self"));
}

CAF_TEST(a certificate without names or for other purposes is refused) {
  auto key = make_key();
  auto nameless = draft(*key);
  CAF_CHECK(contains(refusal_of(*unbox(nameless.sign(ca->key())), *key), "but for nothing"));
  auto odd = draft(*key);
  odd.alternative_name(dns("example.com\x1b[31m.evil\nforged=line"), false);
  auto words = refusal_of(*unbox(odd.sign(ca->key())), *key);
  CAF_CHECK(contains(words, "but for example.com?[31m.evil?forged=line ("));
  auto signer = draft(*key);
  signer.basic_constraints(false).key_usage({5}).alternative_name(dns("example.com"), false);
  CAF_CHECK(refusal_of(*unbox(signer.sign(ca->key())), *key) != "");
}

CAF_TEST(a common name is no name) {
  auto key = make_key();
  auto* address = GENERAL_NAME_new();
  auto* bytes = ASN1_OCTET_STRING_new();
  ASN1_OCTET_STRING_set(bytes, reinterpret_cast<const unsigned char*>("\x7f\0\0\1"), 4);
  GENERAL_NAME_set0_value(address, GEN_IPADD, bytes);
  struct row {
    std::string_view common_name, host;
    GENERAL_NAME* alternative;
  };
  for (auto& [common_name, host, alternative] : std::initializer_list<row>{
         {"example.com", "example.com", nullptr},
         {"example.com", "example.com", address},
         {"example.com", "example.com", dns("other.example")},
         {"*.example.com", "a.example.com", nullptr},
         {"127.0.0.1", "127.0.0.1", nullptr},
         {"127.0.0.1", "127.0.0.1", dns("127.0.0.1")},
         {"::1", "::1", nullptr},
         {"x", "a.example.com", dns("a*.example.com")}, // part of a label
         {"x", "ab.example.com", dns("a*.example.com")},
         {"x", "a.b.example.com", dns("*.example.com")},
         {"x", "example.com", dns("*.com")},
       }) {
    CAF_MESSAGE(common_name << " for " << host);
    auto made = draft(*key);
    made.subject_name("", common_name);
    if (alternative)
      made.alternative_name(alternative, false);
    CAF_CHECK(contains(refusal_of(*unbox(made.sign(ca->key())), *key, host),
                       "the certificate is not for " + std::string{host} + " but for "));
    CAF_CHECK_EQUAL(code, errc::tls_certificate);
  }
  auto good = draft(*key);
  good.subject_name("", "other.example").alternative_name(dns("*.example.com"), false);
  CAF_CHECK_EQUAL(refusal_of(*unbox(good.sign(ca->key())), *key, "a.example.com"), "");
}

CAF_TEST(a huge certificate chain is refused) {
  auto shown = leaf_for("example.com");
  CAF_CHECK(contains(refusal_of(shown->certificate(), shown->key(), "example.com", 400),
                     "the upstream sent a message that is too large"));
  CAF_CHECK_EQUAL(code, errc::tls_handshake);
}

CAF_TEST(our own CA vouches for no upstream even where it is trusted) {
  client = unbox(client_context::make({ca_file, "", ca}));
  auto words = refusal_of(*leaf_for("example.com"));
  CAF_CHECK_EQUAL(code, errc::tls_certificate);
  CAF_CHECK(contains(words, "this proxy's own CA"));
  auto other = unbox(tls::authority::make(start));
  write(ca_file, ca->pem() + other->pem());
  client = unbox(client_context::make({ca_file, "", ca}));
  CAF_CHECK_EQUAL(refusal_of(*unbox(mint(other, parsed("example.com"), start))), "");
}

CAF_TEST(the hello names the host and what may be spoken) {
  struct row {
    std::string_view name;
    alpn offer;
    client_hello hello;
  };
  for (auto& [name, offer, hello] : std::initializer_list<row>{
         {"example.com", alpn::http1, {"example.com", {"http/1.1"}, {0x0304, 0x0303}}},
         {"example.com", alpn::either, {"example.com", {"h2", "http/1.1"}, {0x0304, 0x0303}}},
         {"127.0.0.1", alpn::h2, {"", {"h2"}, {0x0304, 0x0303}}},
         {"::1", alpn::h2, {"", {"h2"}, {0x0304, 0x0303}}},
       }) {
    CAF_MESSAGE(name);
    socket_pair sockets;
    auto ssl = client->session(parsed(name), sockets.carriers[0], {offer});
    CAF_CHECK_EQUAL(connect_step(*ssl), step::want_read);
    auto sent = sockets.drain(1);
    auto got = unbox(decode_client_hello(sent));
    CAF_REQUIRE(got);
    CAF_CHECK(got->value == hello);
    CAF_CHECK_EQUAL(got->size, sent.size());
  }
}

CAF_TEST(what is no TLS is told apart from what hangs up) {
  struct row {
    std::string bytes, words;
  };
  for (auto& [bytes, words] : std::initializer_list<row>{
         {"HTTP/1.1 400 Bad Request\r\n\r\n", "the upstream did not speak TLS"},
         {std::string(32, '\xff'), "the upstream"},
         {"", "the upstream closed the connection during the handshake"}}) {
    socket_pair sockets;
    auto ssl = client->session(parsed("example.com"), sockets.carriers[0]);
    CAF_REQUIRE_EQUAL(connect_step(*ssl), step::want_read);
    (void)sockets.drain(1);
    sockets.send(1, bytes);
    sockets.close(1);
    CAF_CHECK_EQUAL(connect_step(*ssl), step::failed);
    auto err = handshake_error(*ssl);
    CAF_CHECK_EQUAL(code_of(err), errc::tls_handshake);
    CAF_CHECK(contains(context_of(err), words));
  }
}

CAF_TEST(a protocol that was not offered is refused) {
  std::unique_ptr<SSL_CTX, freed_by<SSL_CTX_free>> context{SSL_CTX_new(TLS_server_method())};
  auto shown = leaf_for("example.com");
  SSL_CTX_use_cert_and_key(context.get(), &shown->certificate(), &shown->key(), nullptr, 1);
  auto stubborn = [](SSL*, const unsigned char** out, unsigned char* size, const unsigned char*,
                     unsigned, void*) {
    *out = reinterpret_cast<const unsigned char*>("h2");
    *size = 2;
    return SSL_TLSEXT_ERR_OK;
  };
  SSL_CTX_set_alpn_select_cb(context.get(), stubborn, nullptr);
  for (auto offer : {alpn::http1, alpn::either}) {
    conversation both;
    both.server.reset(SSL_new(context.get()));
    SSL_set_fd(both.server.get(), both.sockets.ends[1]);
    SSL_set_accept_state(both.server.get());
    both.client = client->session(parsed("example.com"), both.sockets.carriers[0], {offer});
    both.shake_hands();
    CAF_CHECK_EQUAL(both.client_code, offer == alpn::http1 ? errc::tls_handshake : errc{});
  }
}

CAF_TEST(a server that leaves the choice to us gets AES - 128 - GCM) {
  std::unique_ptr<SSL_CTX, freed_by<SSL_CTX_free>> context{SSL_CTX_new(TLS_server_method())};
  auto shown = leaf_for("example.com");
  SSL_CTX_use_cert_and_key(context.get(), &shown->certificate(), &shown->key(), nullptr, 1);
  for (auto version : {TLS1_3_VERSION, TLS1_2_VERSION}) {
    SSL_CTX_set_max_proto_version(context.get(), version);
    conversation both;
    both.server.reset(SSL_new(context.get()));
    SSL_set_fd(both.server.get(), both.sockets.ends[1]);
    SSL_set_accept_state(both.server.get());
    both.client = client->session(parsed("example.com"), both.sockets.carriers[0]);
    both.shake_hands();
    CAF_REQUIRE(both.is_up());
    CAF_CHECK_EQUAL(SSL_CIPHER_get_cipher_nid(SSL_get_current_cipher(both.client.get())),
                    NID_aes_128_gcm);
  }
}

CAF_TEST(a session runs inside another one) {
  auto outer_leaf = leaf_for("proxy.example"), inner_leaf = leaf_for("example.com");
  auto outer = talk("proxy.example", *outer_leaf);
  CAF_REQUIRE(outer->is_up());
  conversation inner;
  inner.client = client->session_inside(parsed("example.com"), *outer->client, {alpn::either});
  inner.server.reset(nullptr);
  // The far end of the inner session, by the same means.
  std::unique_ptr<SSL_CTX, freed_by<SSL_CTX_free>> context{SSL_CTX_new(TLS_server_method())};
  SSL_CTX_use_cert_and_key(context.get(), &inner_leaf->certificate(), &inner_leaf->key(), nullptr,
                           1);
  inner.server.reset(SSL_new(context.get()));
  auto* bytes = BIO_new(BIO_f_ssl());
  BIO_set_ssl(bytes, outer->server.get(), BIO_NOCLOSE);
  SSL_set_bio(inner.server.get(), bytes, bytes);
  SSL_set_accept_state(inner.server.get());
  inner.shake_hands();
  CAF_CHECK(inner.is_up());
  CAF_CHECK(inner.talks());
  inner.client.reset();
  inner.server.reset();
}

CAF_TEST(trust files that cannot be read are named) {
  auto missing = client_context::make({folder / "missing.pem", ""});
  CAF_CHECK_EQUAL(error_of(missing), errc::invalid_config);
  CAF_CHECK(contains(words_of(missing), "SSL_CERT_FILE " + (folder / "missing.pem")));
  write(folder / "garbage.pem", "garbage");
  CAF_CHECK_EQUAL(error_of(client_context::make({folder / "garbage.pem", ""})),
                  errc::invalid_config);
}

CAF_TEST(the roots of a platform are its first file and for the rest its hashed folder) {
  auto believes = [&](const platform_roots& platform) {
    client = unbox(client_context::make({.platform = platform}));
    return talk("example.com")->is_up();
  };
  write(folder / "other.pem", unbox(tls::authority::make(start))->pem());
  CAF_CHECK(!believes({}));
  CAF_CHECK(believes({{folder / "missing.pem", ca_file, folder / "other.pem"}, {}}));
  CAF_CHECK(!believes({{folder / "other.pem", ca_file}, {}}));
  CAF_CHECK(!believes({{}, {}, folder / "missing"}));
  std::filesystem::create_directory(folder / "hashed");
  char name[16];
  std::snprintf(name, sizeof name, "%08lx.0", X509_subject_name_hash(&ca->certificate()));
  write(folder / "hashed/" + name, ca->pem());
  CAF_CHECK(believes({{}, {}, folder / "hashed"}));
}

CAF_TEST_FIXTURE_SCOPE_END()
