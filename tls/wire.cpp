#include "tls/carrier.hpp"
#include "tls/ssl.hpp"

namespace proxy::tls {

namespace {

/// What stands between a session and what carries it.
struct wire {
  carrier& under;
  std::string prefix; ///< Bytes that were read before TLS began, from `at` on.
  size_t at = 0;
  bool until_short = false; ///< The socket is not asked again once it is empty.
  bool emptied = false;     ///< The last read found less than it had room for.
  bool ended = false;       ///< The last read met the end of what the other end sends.
  bool more = false;        ///< What is written next is not all there is to write.

  [[nodiscard]] size_t left() const noexcept { return prefix.size() - at; }
};

/// How OpenSSL tells our kind of BIO from others.
int wire_type() {
  static const int type = BIO_get_new_index() | BIO_TYPE_SOURCE_SINK;
  return type;
}

wire& wire_in(BIO* bio) { return *static_cast<wire*>(BIO_get_data(bio)); }

// Both say -1 for "not now", as OpenSSL's own do: of an alert that was not sent for a 0 it thinks
// that it was.

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
    return -1;
  }
  auto got = state.under.receive(into, room);
  *size = got > 0 ? static_cast<size_t>(got) : 0;
  state.ended = got == 0;
  auto blocked = got < 0 && BIO_sock_should_retry(-1);
  if (blocked)
    BIO_set_retry_read(bio);
  state.emptied = got > 0 ? *size < room : blocked;
  return got > 0 ? 1 : got == 0 ? 0 : -1;
}

int write_wire(BIO* bio, const char* bytes, size_t count, size_t* size) {
  BIO_clear_retry_flags(bio);
  auto& state = wire_in(bio);
  auto sent = state.under.send(bytes, count, state.more);
  *size = sent > 0 ? static_cast<size_t>(sent) : 0;
  if (sent < 0 && BIO_sock_should_retry(-1))
    BIO_set_retry_write(bio);
  return sent > 0 ? 1 : -1;
}

long control_wire(BIO* bio, int command, long, void*) {
  const auto& state = wire_in(bio);
  switch (command) {
    case BIO_CTRL_PENDING: return static_cast<long>(state.left());
    case BIO_CTRL_EOF: return state.ended;
    case BIO_CTRL_FLUSH: return 1;
    default: return 0;
  }
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

bool set_carrier(ssl_st& ssl, carrier& under, std::string received) {
  bio_ptr both{wire_method() ? BIO_new(wire_method()) : nullptr};
  if (!both)
    return false;
  BIO_set_data(both.get(), new wire{under, std::move(received)});
  BIO_set_init(both.get(), 1);
  auto* bio = both.release();
  SSL_set_bio(&ssl, bio, bio); // takes one reference for the two
  return true;
}

} // namespace proxy::tls
