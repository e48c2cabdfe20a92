#pragma once

#include <span>

#include "tls/openssl.hpp"

namespace proxy::tls {

/// A PKCS #12 file (RFC 7292) that Java takes for a trust store. Equal certificates give equal
/// bytes.
/// @param trusted  The last is our CA, called "codex-network-proxy"; others go by their SHA-256.
/// @returns errc::system with OpenSSL's words.
[[nodiscard]] caf::expected<std::string> java_store_of(std::span<const certificate_ptr> trusted,
                                                       const char* password);

} // namespace proxy::tls
