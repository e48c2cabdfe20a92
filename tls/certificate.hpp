#pragma once

#include <initializer_list>

#include "tls/openssl.hpp"

namespace proxy::tls {

/// A client whose clock is a little late must not find a certificate not yet valid.
inline constexpr std::chrono::hours clock_skew{1};

/// A fresh ECDSA P-256 key; nullptr when OpenSSL cannot make one.
[[nodiscard]] key_ptr make_key();

/// Puts an X.509 v3 certificate together (RFC 5280). A step that fails is remembered, and `sign`
/// tells.
class certificate_builder {
public:
  /// A certificate for this key with a random positive serial number of 16 bytes.
  explicit certificate_builder(EVP_PKEY& subject_key);

  certificate_builder& valid(time_point from, time_point until);
  /// "" leaves the subject empty.
  certificate_builder& subject_name(std::string_view organisation, std::string_view common_name);
  certificate_builder& issuer_name(const X509_NAME* name);
  certificate_builder& issuer_is_subject();
  /// Path length 0 when it is a CA.
  certificate_builder& basic_constraints(bool ca);
  /// Bits of RFC 5280 §4.2.1.3: 0 digitalSignature, 5 keyCertSign, 6 cRLSign. Critical.
  certificate_builder& key_usage(std::initializer_list<int> bits);
  certificate_builder& server_auth();
  /// SHA-1 of the public key (RFC 5280 §4.2.1.2).
  certificate_builder& subject_key_id();
  certificate_builder& authority_key_id(X509& issuer);
  /// Takes the name over; nullptr counts as a step that failed.
  certificate_builder& alternative_name(GENERAL_NAME* name, bool critical);

  /// The finished certificate, its encoding and extensions cached: reading it changes nothing any
  /// more, so threads may share it.
  /// @returns errc::system with OpenSSL's words.
  [[nodiscard]] caf::expected<certificate_ptr> sign(EVP_PKEY& issuer_key);

private:
  void keep(bool worked) noexcept { good_ = good_ && worked; }
  void add(int extension, void* value, bool critical);

  certificate_ptr certificate_;
  bool good_ = true;
};

} // namespace proxy::tls
