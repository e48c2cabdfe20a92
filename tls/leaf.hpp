#pragma once

#include <array>
#include <caf/expected.hpp>
#include <chrono>
#include <memory>

#include "protocols/host.hpp"
#include "tls/authority.hpp"

namespace proxy::tls {

/// A certificate for one host, ready to be served. Immutable, shared between threads.
class leaf {
public:
  using time_point = std::chrono::system_clock::time_point;

  ~leaf();
  leaf(const leaf&) = delete;
  leaf& operator=(const leaf&) = delete;

  [[nodiscard]] x509_st& certificate() const noexcept { return *certificate_; }
  [[nodiscard]] evp_pkey_st& key() const noexcept { return *key_; }
  /// What leads from it to a root; keeps the CA alive.
  [[nodiscard]] const authority& issuer() const noexcept { return *issuer_; }
  /// Past this another one should be minted: a quarter of its time is left.
  [[nodiscard]] time_point renew_at() const noexcept { return renew_at_; }
  /// SHA-256 of host and CA: a TLS session of another host, or from under another CA, is not
  /// resumed here.
  [[nodiscard]] const std::array<unsigned char, 32>& session_context() const noexcept {
    return session_context_;
  }

private:
  friend caf::expected<std::shared_ptr<const leaf>> mint(authority_ptr, const host&, time_point);
  leaf() = default;

  x509_st* certificate_ = nullptr;
  evp_pkey_st* key_ = nullptr;
  authority_ptr issuer_;
  time_point renew_at_;
  std::array<unsigned char, 32> session_context_{};
};

using leaf_ptr = std::shared_ptr<const leaf>;

/// Mints a certificate for a host: dNSName or iPAddress, ECDSA P-256 with one key for the whole
/// process, serverAuth, thirty days at most and not beyond the CA's own time. Takes as long as one
/// signature, so loops leave it to others.
/// @returns errc::invalid_config when the CA's time is over, errc::system with OpenSSL's words.
[[nodiscard]] caf::expected<leaf_ptr> mint(authority_ptr ca, const host& name,
                                           authority::time_point now);

} // namespace proxy::tls
