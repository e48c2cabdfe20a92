#pragma once

#include <caf/expected.hpp>
#include <chrono>
#include <memory>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <string>
#include <string_view>

#include "protocols/error.hpp"

/// What the sources of this folder share about OpenSSL; no other folder includes it.
namespace proxy::tls {

using time_point = std::chrono::system_clock::time_point;

/// Calls a free function of OpenSSL.
template <auto Free>
struct freed_by {
  template <class T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};

using bio_ptr = std::unique_ptr<BIO, freed_by<BIO_free>>;
using certificate_ptr = std::unique_ptr<X509, freed_by<X509_free>>;
using key_ptr = std::unique_ptr<EVP_PKEY, freed_by<EVP_PKEY_free>>;

/// The newest entry of OpenSSL's error queue in words; empties the queue.
[[nodiscard]] std::string last_error();

/// errc::system: `what`, and the newest entry of the error queue.
[[nodiscard]] caf::error failure(std::string_view what);

/// errc::invalid_config: `text`, what OpenSSL may have queued about it dropped.
[[nodiscard]] caf::error refused(std::string text);

/// A pem_password_cb that knows none: OpenSSL would ask the terminal for that of an encrypted key.
int no_password(char*, int, int, void*);

/// A name on one line, as RFC 4514 writes it, control characters escaped, at most 200 bytes.
[[nodiscard]] std::string text_of(const X509_NAME* name);

/// "2026-11-22 02:50:51 UTC".
[[nodiscard]] std::string text_of(const ASN1_TIME* time);

/// The epoch when `time` cannot be read.
[[nodiscard]] time_point time_of(const ASN1_TIME* time) noexcept;

/// A reader of memory that stays with the caller.
[[nodiscard]] bio_ptr reader_of(std::string_view bytes);

/// The certificate as a PEM block; "" when memory has run out.
[[nodiscard]] std::string pem_of(X509& certificate);

} // namespace proxy::tls
