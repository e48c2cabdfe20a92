#include "actors/serve/upstream/upstream_name.hpp"

#include <openssl/evp.h>

namespace proxy {

std::string asks_for_credentials(const policy::upstream_proxy& p) {
  auto who = "upstream proxy " + upstream_proxy_name{p}.text + ": ";
  return who + (p.credentials.empty() ? "asks for credentials (407), and its URL has none"
                                      : "does not take the credentials of its URL (407)");
}

std::string proxy_authorization(const policy::upstream_proxy& p) {
  if (p.credentials.empty())
    return {};
  std::string encoded(4 * ((p.credentials.size() + 2) / 3) + 1, '\0');
  auto size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                              reinterpret_cast<const unsigned char*>(p.credentials.data()),
                              static_cast<int>(p.credentials.size()));
  encoded.resize(static_cast<size_t>(size));
  return "Basic " + encoded;
}

} // namespace proxy
