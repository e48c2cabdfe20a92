#include <sys/socket.h>

#include "tls/ssl.hpp"

namespace proxy::tls {

namespace {

/// What stands between a session and its socket.
struct wire {
  std::string prefix; ///< Bytes that were read before TLS began, from `at` on.
  size_t at = 0;
  bool until_short = false; ///< The socket is not asked again once it is empty.
  bool emptied = false;     ///< The last read found less than it had room for.
  bool more = false;        ///< What is written next is not all there is to write.

  [[nodiscard]] size_t left() const noexcept { return prefix.size() - at; }
};

#if defined(MSG_NOSIGNAL) && !defined(PROXY_PORTABLE)
constexpr int send_flags = MSG_NOSIGNAL;
#else
constexpr int send_flags = 0;
#endif
#if defined(MSG_MORE) && !defined(PROXY_PORTABLE)
constexpr int more_follows = MSG_MORE;
#else
constexpr int more_follows = 0;
#endif

/// How OpenSSL tells our kind of BIO from others.
int wire_type() {
  static const int type = BIO_get_new_index() | BIO_TYPE_FILTER;
  return type;
}

wire& wire_in(BIO* bio) { return *static_cast<wire*>(BIO_get_data(bio)); }

int read_wire(BIO* bio, char* into, size_t room, size_t* size) {
  auto& state = wire_in(bio);
  if (state.left() > 0) {
    *size = state.prefix.copy(into, room, state.at);
    state.at += *size;
    if (state.left() == 0) {
      std::string{}.swap(state.prefix);
      state.at = 0;
    }
    return 1;
  }
  BIO_clear_retry_flags(bio);
  if (state.until_short && state.emptied) {
    BIO_set_retry_read(bio);
    return 0;
  }
  auto result = BIO_read_ex(BIO_next(bio), into, room, size);
  BIO_copy_next_retry(bio);
  // The kernel's TLS gives out one record at a time.
  auto is_short = *size < room && BIO_get_ktls_recv(BIO_next(bio)) == 0;
  state.emptied = result == 1 ? is_short : BIO_should_retry(bio) != 0;
  return result;
}

int write_wire(BIO* bio, const char* bytes, size_t count, size_t* size) {
  BIO_clear_retry_flags(bio);
  if (BIO_get_ktls_send(BIO_next(bio)) != 0) { // it tells the kernel what is no data
    auto result = BIO_write_ex(BIO_next(bio), bytes, count, size);
    BIO_copy_next_retry(bio);
    return result;
  }
  auto flags = send_flags | (wire_in(bio).more ? more_follows : 0);
  auto sent = ::send(static_cast<int>(BIO_get_fd(BIO_next(bio), nullptr)), bytes, count, flags);
  *size = sent > 0 ? static_cast<size_t>(sent) : 0;
  if (sent < 0 && BIO_sock_should_retry(-1))
    BIO_set_retry_write(bio);
  return sent > 0;
}

/// All else is for the socket, kernel TLS above all.
long control_wire(BIO* bio, int command, long number, void* pointer) {
  const auto& state = wire_in(bio);
  if (state.left() > 0 && command == BIO_CTRL_PENDING)
    return static_cast<long>(state.left());
  return BIO_next(bio) ? BIO_ctrl(BIO_next(bio), command, number, pointer) : 0;
}

int free_wire(BIO* bio) {
  delete static_cast<wire*>(BIO_get_data(bio));
  BIO_set_data(bio, nullptr);
  return 1;
}

BIO_METHOD* make_method() {
  auto* method = BIO_meth_new(wire_type(), "wire");
  if (method) {
    BIO_meth_set_read_ex(method, read_wire);
    BIO_meth_set_write_ex(method, write_wire);
    BIO_meth_set_ctrl(method, control_wire);
    BIO_meth_set_destroy(method, free_wire);
  }
  return method;
}

/// Made once, for the life of the process.
const BIO_METHOD* wire_method() {
  static const std::unique_ptr<BIO_METHOD, freed_by<BIO_meth_free>> method{make_method()};
  return method.get();
}

/// The wire that a session, or the outermost of those it runs inside, reads from; nullptr when it
/// reads from something else.
wire* wire_of(const ssl_st& ssl) noexcept {
  auto* reader = SSL_get_rbio(&ssl);
  SSL* outer = nullptr;
  while (reader && BIO_method_type(reader) == BIO_TYPE_SSL && BIO_get_ssl(reader, &outer) == 1 &&
         outer)
    reader = SSL_get_rbio(outer);
  return reader && BIO_method_type(reader) == wire_type() ? &wire_in(reader) : nullptr;
}

} // namespace

void ask_socket_until_short(const ssl_st& ssl, bool on) noexcept {
  if (auto* from = wire_of(ssl)) {
    from->until_short = on;
    from->emptied = from->emptied && !on;
  }
}

bool has_emptied_socket(const ssl_st& ssl) noexcept {
  const auto* from = wire_of(ssl);
  return from && from->emptied;
}

void announce_more(const ssl_st& ssl, bool more) noexcept {
  if (auto* to = wire_of(ssl))
    to->more = more;
}

bool set_socket(ssl_st& ssl, int descriptor, std::string received) {
  bio_ptr socket{BIO_new_socket(descriptor, BIO_NOCLOSE)};
  bio_ptr both{wire_method() ? BIO_new(wire_method()) : nullptr};
  if (!socket || !both)
    return false;
  BIO_set_data(both.get(), new wire{std::move(received)});
  BIO_set_init(both.get(), 1);
  BIO_push(both.get(), socket.release());
  auto* bio = both.release();
  SSL_set_bio(&ssl, bio, bio); // takes one reference for the two
  return true;
}

} // namespace proxy::tls
