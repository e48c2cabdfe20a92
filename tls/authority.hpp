#pragma once

#include <caf/expected.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "protocols/error.hpp"
#include "tls/ca_files.hpp"

struct x509_st;
struct evp_pkey_st;

namespace proxy::tls {

class authority;
using authority_ptr = std::shared_ptr<const authority>;

/// The certificate authority that vouches for the hosts we intercept. Immutable, shared between
/// threads.
class authority {
public:
  using time_point = std::chrono::system_clock::time_point;

  /// A new CA that is on no disk: ECDSA P-256, path length 0, ten years.
  /// @returns errc::system with OpenSSL's words.
  [[nodiscard]] static caf::expected<authority_ptr> make(time_point now);

  /// The CA in these files. The certificate's file may go on with the certificates that lead from
  /// it to a root.
  /// @returns errc::invalid_config, which names the file and says what to do: when one is missing,
  ///          no regular file, a symlink, too large or no PEM; the key is open to others, somebody
  ///          else's, encrypted or not the certificate's; the certificate is no CA's, or its time
  ///          is over or has not come.
  [[nodiscard]] static caf::expected<authority_ptr> load(const ca_paths& paths, time_point now);

  /// The same; when both files are missing, makes a CA and stores it first. Processes that race end
  /// up with the same CA, and nothing is ever overwritten.
  /// @returns errc::system when it cannot be stored.
  [[nodiscard]] static caf::expected<authority_ptr> load_or_make(const ca_paths& paths,
                                                                 time_point now);

  ~authority();
  authority(const authority&) = delete;
  authority& operator=(const authority&) = delete;

  [[nodiscard]] x509_st& certificate() const noexcept { return *certificate_; }
  [[nodiscard]] evp_pkey_st& key() const noexcept { return *key_; }
  /// What a server sends after a leaf so that clients find its root; nothing when we are a root.
  [[nodiscard]] const std::vector<x509_st*>& chain() const noexcept { return chain_; }
  /// What clients have to trust: the certificate as one PEM block, without text around it.
  [[nodiscard]] const std::string& pem() const noexcept { return pem_; }
  /// SHA-256 of the certificate in hexadecimal.
  [[nodiscard]] const std::string& fingerprint() const noexcept { return fingerprint_; }
  [[nodiscard]] time_point valid_from() const noexcept { return valid_from_; }
  [[nodiscard]] time_point valid_until() const noexcept { return valid_until_; }

private:
  authority() = default;
  [[nodiscard]] static caf::expected<authority_ptr> parse(const ca_pem& pem, const ca_paths& paths,
                                                          time_point now);

  x509_st* certificate_ = nullptr;
  evp_pkey_st* key_ = nullptr;
  std::vector<x509_st*> chain_;
  std::string pem_;
  std::string fingerprint_;
  time_point valid_from_;
  time_point valid_until_;
};

} // namespace proxy::tls
