#include <algorithm>
#include <cstring>

#include "tls/ssl.hpp"

namespace proxy::tls {

namespace {

/// Bytes that were read from a socket before TLS began.
struct prefix {
  std::string bytes;
  size_t at = 0;
};

prefix* prefix_of(BIO* bio) { return static_cast<prefix*>(BIO_get_data(bio)); }

int read_prefix(BIO* bio, char* into, size_t room, size_t* size) {
  if (auto* first = prefix_of(bio)) {
    *size = std::min(room, first->bytes.size() - first->at);
    std::memcpy(into, first->bytes.data() + first->at, *size);
    first->at += *size;
    if (first->at == first->bytes.size()) {
      delete first;
      BIO_set_data(bio, nullptr);
    }
    return 1;
  }
  BIO_clear_retry_flags(bio);
  auto result = BIO_read_ex(BIO_next(bio), into, room, size);
  BIO_copy_next_retry(bio);
  return result;
}

/// All else is for the socket, kernel TLS above all.
long control_prefix(BIO* bio, int command, long number, void* pointer) {
  if (auto* first = prefix_of(bio); first && command == BIO_CTRL_PENDING)
    return static_cast<long>(first->bytes.size() - first->at);
  return BIO_next(bio) ? BIO_ctrl(BIO_next(bio), command, number, pointer) : 0;
}

int free_prefix(BIO* bio) {
  delete prefix_of(bio);
  BIO_set_data(bio, nullptr);
  return 1;
}

BIO_METHOD* make_method() {
  auto* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_FILTER, "prefix");
  if (method) {
    BIO_meth_set_read_ex(method, read_prefix);
    BIO_meth_set_ctrl(method, control_prefix);
    BIO_meth_set_destroy(method, free_prefix);
  }
  return method;
}

/// Made once, for the life of the process.
const BIO_METHOD* prefix_method() {
  static const std::unique_ptr<BIO_METHOD, freed_by<BIO_meth_free>> method{make_method()};
  return method.get();
}

} // namespace

bool set_socket(ssl_st& ssl, int descriptor, std::string bytes) {
  bio_ptr socket{BIO_new_socket(descriptor, BIO_NOCLOSE)};
  if (!socket)
    return false;
  if (bytes.empty()) {
    auto* both = socket.release();
    SSL_set_bio(&ssl, both, both); // takes one reference for the two
    return true;
  }
  bio_ptr reader{prefix_method() ? BIO_new(prefix_method()) : nullptr};
  if (!reader)
    return false;
  BIO_set_data(reader.get(), new prefix{std::move(bytes)});
  BIO_set_init(reader.get(), 1);
  BIO_up_ref(socket.get());
  BIO_push(reader.get(), socket.get()); // takes over one of the two references
  SSL_set0_rbio(&ssl, reader.release());
  SSL_set0_wbio(&ssl, socket.release());
  return true;
}

} // namespace proxy::tls
