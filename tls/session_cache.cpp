#include "tls/session_cache.hpp"

#include "tls/ssl.hpp"

namespace proxy::tls {

namespace {

constexpr size_t max_sessions = 4;

/// A resumed session shows no certificate, so nobody would look at its time again.
bool is_outdated(const SSL_SESSION& session) {
  const auto* peer = SSL_SESSION_get0_peer(const_cast<SSL_SESSION*>(&session));
  return peer && X509_cmp_current_time(X509_get0_notAfter(peer)) <= 0;
}

} // namespace

void ssl_session_deleter::operator()(ssl_session_st* session) const noexcept {
  SSL_SESSION_free(session);
}

ssl_session_ptr session_cache::take(std::string_view upstream) {
  auto* found = upstreams_.find(upstream);
  while (found && !found->empty()) {
    auto newest = std::move(found->back());
    found->pop_back();
    if (!SSL_SESSION_is_resumable(newest.get()) || is_outdated(*newest))
      continue;
    if (SSL_SESSION_get_protocol_version(newest.get()) < TLS1_3_VERSION) {
      SSL_SESSION_up_ref(newest.get());
      found->emplace_back(newest.get());
    }
    return newest;
  }
  upstreams_.erase(upstream);
  return nullptr;
}

void session_cache::put(std::string_view upstream, ssl_session_ptr session) {
  auto& kept = upstreams_[upstream];
  // An older protocol's session may be used again and again: the newest one will do.
  auto most = SSL_SESSION_get_protocol_version(session.get()) < TLS1_3_VERSION ? 1 : max_sessions;
  while (kept.size() >= most)
    kept.erase(kept.begin());
  kept.push_back(std::move(session));
}

} // namespace proxy::tls
