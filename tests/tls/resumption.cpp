#define CAF_SUITE tls.resumption
#include "tls/session_cache.hpp" // unit under test

#include "tests/tls/conversation.hpp"

using namespace proxy;
using namespace proxy::test;
using namespace proxy::tls;

namespace {

struct fixture : tls_fixture {
  /// Whether a conversation, carried to its end, resumed an earlier one.
  bool resumes(std::string_view name, const leaf& as, uint16_t port = 443) {
    client_options wants;
    wants.cache = &cache;
    wants.port = port;
    auto both = talk(name, as, wants);
    CAF_REQUIRE(both->is_up());
    CAF_REQUIRE(both->talks());
    CAF_CHECK_EQUAL(is_resumed(*both->client), is_resumed(*both->server));
    return is_resumed(*both->server);
  }
  bool resumes(std::string_view name, uint16_t port = 443) {
    return resumes(name, *leaf_for(name), port);
  }

  session_cache cache{3};
};

/// A session that is told apart by its identifier.
ssl_session_ptr session_of(int version, unsigned char number) {
  ssl_session_ptr made{SSL_SESSION_new()};
  SSL_SESSION_set_protocol_version(made.get(), version);
  SSL_SESSION_set1_id(made.get(), &number, 1);
  return made;
}

char number_of(const SSL_SESSION& session) {
  unsigned size = 0;
  const auto* name = SSL_SESSION_get_id(&session, &size);
  return size == 1 ? static_cast<char>(*name) : '?';
}

} // namespace

CAF_TEST_FIXTURE_SCOPE(resumption_tests, fixture)

CAF_TEST(the second connection to a host resumes the first and the third the second) {
  for (auto version : {TLS1_3_VERSION, TLS1_2_VERSION}) {
    only_version = version;
    cache.clear();
    CAF_CHECK(!resumes("example.com"));
    CAF_CHECK(resumes("example.com"));
    CAF_CHECK(resumes("example.com"));
    CAF_CHECK(!resumes("other.example"));
    CAF_CHECK(!resumes("example.com", 8443));
    CAF_CHECK_EQUAL(cache.size(), 3u);
  }
}

CAF_TEST(a ticket for one host opens no other) {
  for (auto version : {TLS1_3_VERSION, TLS1_2_VERSION}) {
    only_version = version;
    cache.clear();
    CAF_CHECK(!resumes("example.com"));
    // The client goes on with the same ticket; the tunnel is another host's now.
    client_options wants;
    wants.cache = &cache;
    auto both = talk("example.com", *leaf_for("other.example"), wants);
    CAF_CHECK(!is_resumed(*both->client));
    CAF_CHECK_EQUAL(both->client_code, errc::tls_certificate);
  }
}

CAF_TEST(a ticket from under one CA opens nothing under another) {
  auto before = leaf_for("example.com");
  CAF_CHECK(!resumes("example.com", *before));
  CAF_CHECK(resumes("example.com", *before));
  auto other = unbox(tls::authority::make(start));
  client_options wants;
  wants.cache = &cache;
  auto both = talk("example.com", *unbox(mint(other, parsed("example.com"), start)), wants);
  CAF_CHECK(!is_resumed(*both->client));
  CAF_CHECK_EQUAL(both->client_code, errc::tls_certificate);
}

CAF_TEST(what one context has verified another does not take over) {
  CAF_CHECK(!resumes("example.com"));
  client = unbox(client_context::make({ca_file, ""}));
  CAF_CHECK(!resumes("example.com"));
  CAF_CHECK(resumes("example.com"));
}

CAF_TEST(without a cache nothing is resumed) {
  CAF_CHECK(!resumes("example.com"));
  auto both = talk("example.com");
  CAF_CHECK(both->talks());
  CAF_CHECK(!is_resumed(*both->client));
}

CAF_TEST(a session does not outlive its certificate) {
  auto old_ca = unbox(tls::authority::make(start - 60 * 24h));
  write(ca_file, old_ca->pem());
  client = unbox(client_context::make({ca_file, ""}));
  client_options wants;
  wants.cache = &cache;
  auto shown = unbox(mint(old_ca, parsed("example.com"), start - 50 * 24h));
  // Nobody looks at the time, as if it were earlier: the session is good until then.
  for (int i = 0; i < 2; ++i) {
    conversation both;
    both.client = client->session(parsed("example.com"), both.sockets.carriers[0], wants);
    both.server = server->session(*shown, both.sockets.carriers[1], {});
    X509_VERIFY_PARAM_set_flags(SSL_get0_param(both.client.get()), X509_V_FLAG_NO_CHECK_TIME);
    both.shake_hands();
    CAF_REQUIRE(both.is_up());
    CAF_CHECK(both.talks());
    CAF_CHECK(!is_resumed(*both.client));
    CAF_CHECK_EQUAL(cache.size(), 1u);
  }
}

CAF_TEST(at most four sessions wait for one upstream and the newest goes first) {
  struct row {
    int version;
    std::string_view taken; ///< In this order, by number.
  };
  for (auto& [version, taken] :
       std::initializer_list<row>{{TLS1_3_VERSION, "5432"}, {TLS1_2_VERSION, "5555"}}) {
    cache.clear();
    for (unsigned char number = '0'; number <= '5'; ++number)
      cache.put("upstream", session_of(version, number));
    for (char number : taken) {
      auto next = cache.take("upstream");
      CAF_REQUIRE(next != nullptr);
      CAF_CHECK_EQUAL(number_of(*next), number);
    }
    CAF_CHECK_EQUAL(cache.take("upstream") == nullptr, version == TLS1_3_VERSION);
  }
}

CAF_TEST(a session that cannot be resumed is passed over) {
  cache.put("upstream", session_of(TLS1_3_VERSION, '0'));
  ssl_session_ptr nameless{SSL_SESSION_new()};
  SSL_SESSION_set_protocol_version(nameless.get(), TLS1_3_VERSION);
  cache.put("upstream", std::move(nameless));
  auto next = cache.take("upstream");
  CAF_REQUIRE(next != nullptr);
  CAF_CHECK_EQUAL(number_of(*next), '0');
  CAF_CHECK(cache.take("upstream") == nullptr);
  CAF_CHECK_EQUAL(cache.size(), 0u);
}

CAF_TEST(the cache forgets the upstream used least recently) {
  for (const auto* name : {"a.example", "b.example", "c.example"})
    CAF_CHECK(!resumes(name));
  CAF_CHECK(resumes("a.example"));
  CAF_CHECK(!resumes("d.example"));
  CAF_CHECK_EQUAL(cache.size(), 3u);
  CAF_CHECK(!resumes("b.example"));
  CAF_CHECK(resumes("a.example"));
}

CAF_TEST_FIXTURE_SCOPE_END()
