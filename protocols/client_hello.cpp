#include "protocols/client_hello.hpp"

#include <algorithm>

#include "protocols/ascii.hpp"

namespace proxy {

namespace {

constexpr size_t record_header = 5;
constexpr size_t message_header = 4;
constexpr size_t max_record = 1 << 14; // RFC 8446 §5.1
constexpr size_t max_server_name = 255;

constexpr uint8_t record_is_handshake = 22;
constexpr uint8_t message_is_client_hello = 1;
constexpr uint8_t major_version = 3;
constexpr uint8_t name_is_host = 0;

constexpr uint16_t extension_server_name = 0;
constexpr uint16_t extension_alpn = 16;
constexpr uint16_t extension_versions = 43;

/// A number of so many bytes in network order.
size_t number_at(std::string_view in, size_t at, size_t bytes) noexcept {
  size_t value = 0;
  for (size_t i = 0; i < bytes; ++i)
    value = value << 8 | ascii::byte_at(in, at + i);
  return value;
}

caf::error malformed(std::string_view what, size_t at) {
  return caf::make_error(errc::malformed,
                         "client hello: " + std::string{what} + " at byte " + std::to_string(at));
}

/// How far a message has been understood; what is first wrong or missing stands.
struct progress {
  enum { going, missing, wrong } state = going;
  std::string_view what; ///< What is wrong.
  size_t at = 0;         ///< And where.
};

/// Reads a vector (RFC 8446 §3.4) of which only the beginning may have come. Lengths are held
/// against what they stand in at once, so that nobody waits for bytes that cannot come.
class cursor {
public:
  /// @param come  The message from its beginning; `end` may lie beyond it.
  cursor(progress& state, std::string_view come, size_t at, size_t end) noexcept
    : state_(state), come_(come), at_(at), end_(end) {}

  /// Whether there is more to read, and nothing is wrong or missing.
  [[nodiscard]] bool goes_on() const noexcept { return is_going() && at_ < end_; }

  void fail(std::string_view what) noexcept {
    if (is_going())
      state_ = {progress::wrong, what, at_};
  }

  /// A number of so many bytes; 0 when it is not there.
  size_t number(size_t bytes, std::string_view what) noexcept {
    auto from = at_;
    skip(bytes, what);
    return has_come() ? number_at(come_, from, bytes) : 0;
  }

  /// Passes over bytes, come or not.
  void skip(size_t bytes, std::string_view what) noexcept {
    if (bytes > end_ - at_)
      fail(what);
    if (is_going())
      at_ += bytes;
  }

  /// A vector behind a length of so many bytes, and passes over it.
  cursor vector(size_t length_bytes, size_t least, size_t most, std::string_view what) noexcept {
    auto size = number(length_bytes, what);
    if (size < least || size > most)
      fail(what);
    auto from = at_;
    skip(size, what);
    return {state_, come_, from, at_};
  }

  /// All bytes left; "" when they have not come.
  std::string_view rest() noexcept {
    auto from = at_;
    at_ = end_;
    return has_come() ? come_.substr(from, end_ - from) : std::string_view{};
  }

  [[nodiscard]] size_t left() const noexcept { return end_ - at_; }

private:
  [[nodiscard]] bool is_going() const noexcept { return state_.state == progress::going; }

  bool has_come() noexcept {
    if (is_going() && at_ > come_.size())
      state_ = {progress::missing, {}, at_};
    return is_going();
  }

  progress& state_;
  std::string_view come_;
  size_t at_;
  size_t end_;
};

void read_server_name(cursor in, client_hello& into) {
  auto list = in.vector(2, 1, SIZE_MAX, "server name list");
  if (in.goes_on())
    in.fail("bytes behind the server name list");
  while (list.goes_on()) {
    auto type = list.number(1, "type of a server name");
    auto name = list.vector(2, 1, SIZE_MAX, "server name");
    if (type != name_is_host) // RFC 6066 §3: others, if ever, begin with a length, too.
      continue;
    if (!into.server_name.empty())
      list.fail("second server name");
    if (name.left() > max_server_name)
      list.fail("server name longer than 255 bytes");
    auto text = name.rest();
    if (std::ranges::any_of(text, [](char c) { return c <= ' ' || c > '~'; }))
      list.fail("server name with odd bytes");
    into.server_name = text;
  }
}

void read_protocols(cursor in, client_hello& into) {
  auto list = in.vector(2, 2, SIZE_MAX, "protocol list");
  if (in.goes_on())
    in.fail("bytes behind the protocol list");
  while (list.goes_on()) {
    auto name = list.vector(1, 1, SIZE_MAX, "protocol name");
    if (into.protocols.size() == max_client_hello_protocols)
      list.fail("too many protocols");
    into.protocols.emplace_back(name.rest());
  }
}

/// RFC 8701 §2: values like 0x3a3a mean nothing, and keep servers used to unknown ones.
bool is_reserved(size_t value) noexcept {
  return (value & 0x0f0f) == 0x0a0a && value >> 8 == (value & 0xff);
}

void read_versions(cursor in, client_hello& into) {
  auto list = in.vector(1, 2, 254, "version list");
  if (in.goes_on())
    in.fail("bytes behind the version list");
  into.versions.clear();
  while (list.goes_on())
    if (auto version = list.number(2, "version"); !is_reserved(version))
      into.versions.push_back(static_cast<uint16_t>(version));
}

void read_extensions(cursor all, client_hello& into) {
  struct row {
    uint16_t type;
    void (*read)(cursor, client_hello&);
    bool seen;
  };
  row known[] = {{extension_server_name, read_server_name, false},
                 {extension_alpn, read_protocols, false},
                 {extension_versions, read_versions, false}};
  while (all.goes_on()) {
    auto type = all.number(2, "extension type");
    auto data = all.vector(2, 0, SIZE_MAX, "extension");
    auto* found = std::ranges::find(known, type, &row::type);
    if (found == std::end(known))
      continue;
    if (found->seen)
      all.fail("extension given twice"); // RFC 8446 §4.2
    found->seen = true;
    found->read(data, into);
  }
}

/// @param in  The fields behind the header of the message.
client_hello read_fields(cursor in) {
  client_hello hello;
  auto version = in.number(2, "version");
  if (version >> 8 != major_version)
    in.fail("version");
  hello.versions = {static_cast<uint16_t>(version)};
  in.skip(32, "random");
  in.vector(1, 0, 32, "session identifier");
  if (in.vector(2, 2, SIZE_MAX, "cipher suites").left() % 2 != 0)
    in.fail("cipher suites");
  in.vector(1, 1, SIZE_MAX, "compression methods");
  if (!in.goes_on()) // RFC 5246 §7.4.1.2: there may be no extensions at all.
    return hello;
  auto extensions = in.vector(2, 0, SIZE_MAX, "extensions");
  if (in.goes_on())
    in.fail("bytes behind the extensions");
  read_extensions(extensions, hello);
  return hello;
}

/// The message, as far as it has come, out of its records.
struct message {
  std::string bytes;
  size_t size = 0; ///< With its header; 0 while that is not known.
  size_t read = 0; ///< How many bytes of the records it took.
};

/// What is wrong with the beginning of a record's header, if anything is.
caf::error check_header(std::string_view in, size_t at) {
  auto come = in.size() - at;
  if (ascii::byte_at(in, at) != record_is_handshake)
    return malformed("record type", at);
  if (come > 1 && ascii::byte_at(in, at + 1) != major_version)
    return malformed("record version", at + 1);
  if (come < record_header)
    return {};
  // RFC 8446 §5.1: a handshake record is never empty.
  if (auto size = number_at(in, at + 3, 2); size == 0 || size > max_record)
    return malformed("record length", at + 3);
  return {};
}

/// Reads the header of the message once it has come. `whole` is how long the message is at least by
/// the lengths of its records.
caf::error check_message(message& out, size_t whole, size_t at) {
  if (!out.bytes.empty() && ascii::byte_at(out.bytes, 0) != message_is_client_hello)
    return malformed("message type", at);
  if (out.bytes.size() >= message_header)
    out.size = message_header + number_at(out.bytes, 1, 3);
  if (out.size > max_client_hello || whole > max_client_hello)
    return malformed("more than 16 KiB", at);
  // Nothing can follow before the server has answered.
  if (out.size > 0 && whole > out.size)
    return malformed("record longer than the message", at);
  return {};
}

caf::expected<message> join(std::string_view in) {
  message out;
  for (size_t records = 0; out.read < in.size(); ++records) {
    auto at = out.read;
    if (records == max_client_hello_records)
      return malformed("too many records", at);
    if (auto wrong = check_header(in, at))
      return wrong;
    if (in.size() - at < record_header)
      break;
    auto size = number_at(in, at + 3, 2);
    auto before = out.bytes.size();
    out.bytes += in.substr(at + record_header, size);
    out.read = std::min(at + record_header + size, in.size());
    if (auto wrong = check_message(out, before + size, at))
      return wrong;
    if (out.bytes.size() < before + size || out.bytes.size() == out.size)
      break;
  }
  return out;
}

} // namespace

decode_result<client_hello> decode_client_hello(std::string_view in) {
  auto got = join(in);
  if (!got)
    return std::move(got.error());
  if (got->size == 0)
    return std::nullopt;
  progress state;
  auto hello = read_fields({state, got->bytes, message_header, got->size});
  if (state.state == progress::wrong)
    return malformed(state.what, state.at);
  if (got->bytes.size() < got->size)
    return std::nullopt;
  return decoded<client_hello>{std::move(hello), got->read};
}

} // namespace proxy
