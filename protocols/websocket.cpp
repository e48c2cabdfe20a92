#include "protocols/websocket.hpp"

#include <array>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <span>

namespace proxy::websocket {

namespace {

constexpr std::string_view guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

std::string base64(std::span<const unsigned char> bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0'); // the library writes a NUL behind it
  auto size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(),
                              static_cast<int>(bytes.size()));
  text.resize(static_cast<size_t>(size));
  return text;
}

} // namespace

std::string make_key() {
  // Only has to differ between handshakes: it proves that the answer is one.
  std::array<unsigned char, 16> nonce{};
  (void)RAND_bytes(nonce.data(), static_cast<int>(nonce.size()));
  return base64(nonce);
}

std::string accept_for(std::string_view key) {
  auto text = std::string{key}.append(guid);
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return base64(digest);
}

} // namespace proxy::websocket
