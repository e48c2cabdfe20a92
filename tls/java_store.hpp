#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "tls/openssl.hpp"

namespace proxy::tls {

/// A PKCS #12 file (RFC 7292) that Java takes for a trust store. Equal certificates give equal
/// bytes.
/// @param trusted  The last is our CA, called "codex-network-proxy"; others go by their SHA-256.
/// @returns errc::system with OpenSSL's words.
[[nodiscard]] caf::expected<std::string> java_store_of(std::span<const certificate_ptr> trusted,
                                                       const char* password);

/// The certificates that a trust store of Java vouches for: PKCS #12, or JKS, the older form. What
/// stands beside them (private keys and their chains) is passed over. A JKS is not checked against
/// its password: what it holds is no secret.
/// @returns errc::invalid_config when it is neither, damaged, or of another password.
[[nodiscard]] caf::expected<std::vector<certificate_ptr>> read_java_store(std::string_view bytes,
                                                                          const char* password);

} // namespace proxy::tls
