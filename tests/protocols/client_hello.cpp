#define CAF_SUITE protocols.client_hello
#include "protocols/client_hello.hpp" // unit under test

#include "tests/support/decoding.hpp"

using namespace proxy;
using namespace proxy::test;
using namespace std::string_literals;

namespace {

std::string number(size_t value, int bytes) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    text += static_cast<char>(value >> shift & 0xff);
  return text;
}

/// A vector: its length in so many bytes, then what it holds.
std::string vector(int length_bytes, const std::string& content) {
  return number(content.size(), length_bytes) + content;
}

std::string extension(size_t type, const std::string& data) {
  return number(type, 2) + vector(2, data);
}

std::string server_name(const std::string& name) {
  return extension(0, vector(2, '\0' + vector(2, name)));
}

std::string protocols(std::initializer_list<std::string> names) {
  std::string list;
  for (auto& name : names)
    list += vector(1, name);
  return extension(16, vector(2, list));
}

/// What stands before the extensions.
std::string fields() {
  return "\x03\x03"s + std::string(32, 'r') + vector(1, std::string(32, 's')) +
         vector(2, "\x13\x01\x2a\x2a"s) + vector(1, "\0"s);
}

std::string message(const std::string& body) { return '\x01' + vector(3, body); }

std::string record(const std::string& payload) { return "\x16\x03\x01"s + vector(2, payload); }

/// A hello in one record.
std::string hello_with(const std::string& extensions) {
  return record(message(fields() + vector(2, extensions)));
}

/// The message in records of so many bytes.
std::string in_records(const std::string& whole, size_t size) {
  std::string all;
  for (size_t at = 0; at < whole.size(); at += size)
    all += record(whole.substr(at, size));
  return all;
}

/// What a hello says that names neither host, nor protocol, nor list of versions.
client_hello plain() { return {"", {}, {0x0303}}; }

/// Whether bytes are refused in words like these.
bool is_refused(std::string_view in, std::string_view words) {
  auto got = decode_client_hello(in);
  return !got && context_of(got.error()).find(words) != std::string::npos;
}

} // namespace

CAF_TEST(a hello decodes whole and byte by byte and with bytes to spare) {
  struct row {
    std::string extensions;
    client_hello value;
  };
  for (auto& [extensions, value] : std::initializer_list<row>{
         {"", plain()},
         {server_name("example.com"), {"example.com", {}, {0x0303}}},
         {server_name("x"), {"x", {}, {0x0303}}},
         {server_name(std::string(255, 'a')), {std::string(255, 'a'), {}, {0x0303}}},
         {server_name("EXAMPLE.com."), {"EXAMPLE.com.", {}, {0x0303}}}, // as sent
         {server_name("!~"), {"!~", {}, {0x0303}}},                     // all that is visible
         {protocols({"a"}), {"", {"a"}, {0x0303}}},
         {protocols({"h2", "http/1.1"}), {"", {"h2", "http/1.1"}, {0x0303}}},
         {protocols({"\0\xff"s}), {"", {"\0\xff"s}, {0x0303}}},
         {extension(43, vector(1, "\x03\x04\x03\x03"s)), {"", {}, {0x0304, 0x0303}}},
         // RFC 8701: reserved extensions, protocols and versions; only 0x?a?a with equal halves.
         {extension(0x2a2a, "") + server_name("a.example") + protocols({"\x7a\x7a", "h2"}) +
            extension(43, vector(1, "\xfa\xfa\x03\x04\x0a\x1a"s)) + extension(0xfafa, "\0"s),
          {"a.example", {"\x7a\x7a", "h2"}, {0x0304, 0x0a1a}}},
         // Kinds of names that nobody has defined.
         {extension(0, vector(2, "\x07"s + vector(2, "?") + '\0' + vector(2, "a.example"))),
          {"a.example", {}, {0x0303}}},
         {extension(0, vector(2, "\x07"s + vector(2, "?"))), plain()},
         // What is not looked into may be anything, and come twice.
         {extension(51, std::string(1200, 'k')) + extension(51, "") + server_name("a.example"),
          {"a.example", {}, {0x0303}}},
       }) {
    CAF_MESSAGE("extensions of " << extensions.size() << " bytes for " << value.server_name);
    check_decodes(decode_client_hello, hello_with(extensions), value);
  }
}

CAF_TEST(a hello without extensions decodes) {
  check_decodes(decode_client_hello, record(message(fields())), plain());
  auto least = "\x03\x01"s + std::string(32, 'r') + "\0\0\x02\x13\x01\x01\0"s;
  check_decodes(decode_client_hello, record(message(least)), {"", {}, {0x0301}});
}

CAF_TEST(a hello may be spread over records) {
  auto whole = message(fields() + vector(2, server_name("example.com") + protocols({"h2"})));
  client_hello value{"example.com", {"h2"}, {0x0303}};
  for (size_t size : {size_t{2}, size_t{3}, size_t{5}, size_t{50}, whole.size() - 1, whole.size()})
    check_decodes(decode_client_hello, in_records(whole, size), value);
  // The version of a record is of no account.
  auto odd = in_records(whole, 60);
  odd[2] = '\xff';
  check_decodes(decode_client_hello, odd, value);
}

CAF_TEST(what is no TLS is refused at once) {
  for (auto& [bytes, size] : std::initializer_list<std::pair<std::string, size_t>>{
         {"GET / HTTP/1.1\r\n\r\n", 1},
         {"SSH-2.0-x\r\n", 1},
         {"\0\0"s, 1},
         {"\x05\x01\0"s, 1},
         {"\x80\x2e\x01\x03\x01"s, 1},              // SSL 2
         {"\x15\x03\x01\0\x02\x01\0"s, 1},          // an alert
         {"\x17\x03\x03\0\x05"s, 1},                // data
         {"\x16\x02\0\0\x05"s, 2},                  // versions before SSL 3
         {"\x16\xfe\xfd\0\0"s, 2},                  // DTLS
         {"\x16\x03\x01\0\0\x01"s, 5},              // an empty record
         {"\x16\x03\x01\x40\x01\x01"s, 5},          // a record beyond 16 KiB
         {"\x16\x03\x01\0\x04\x02\0\0\0"s, 6},      // a server's hello
         {"\x16\x03\x01\0\x04\0\0\0\0"s, 6},        // a hello request
         {record(message(fields())) + "GET", 0}}) { // the control: decodes
    CAF_MESSAGE(bytes);
    if (size > 0)
      check_refuses(decode_client_hello, bytes, size, errc::malformed);
    else
      CAF_CHECK(unbox(decode_client_hello(bytes)));
  }
}

CAF_TEST(a record that breaks off the hello goes on with a handshake record only) {
  auto whole = message(fields());
  auto first = record(whole.substr(0, 30));
  for (char type : {'\x14', '\x15', '\x17', '\0'})
    check_refuses(decode_client_hello, first + type + "\x03\x03\0\x01."s, first.size() + 1,
                  errc::malformed);
  check_refuses(decode_client_hello, first + "\x16\x03\x03\0\0"s, first.size() + 5,
                errc::malformed);
}

CAF_TEST(limits hold) {
  auto with_size = [](size_t size) { return "\x01"s + number(size - 4, 3); };
  // The length tells before the bytes come.
  check_refuses(decode_client_hello, "\x16\x03\x01\x02\0"s + with_size(max_client_hello + 1), 9,
                errc::malformed);
  check_refuses(decode_client_hello, "\x16\x03\x01\x02\0\x01\xff\xff\xff"s, 9, errc::malformed);
  auto room = max_client_hello - message(fields()).size() - 2 - 4;
  auto largest = message(fields() + vector(2, extension(21, std::string(room, '\0'))));
  CAF_REQUIRE_EQUAL(largest.size(), max_client_hello);
  auto got = unbox(decode_client_hello(in_records(largest, 300)));
  CAF_REQUIRE(got);
  CAF_CHECK(got->value == plain());
  // Records: as many as allowed, and one more.
  auto whole = message(fields() + vector(2, server_name("example.com")));
  auto size = whole.size() / max_client_hello_records + 1;
  CAF_REQUIRE_EQUAL(size, 2u);
  CAF_CHECK(unbox(decode_client_hello(in_records(whole, size))));
  CAF_CHECK(is_refused(in_records(whole, 1), "too many records"));
  auto most = in_records(whole.substr(0, max_client_hello_records - 1), 1) +
              record(whole.substr(max_client_hello_records - 1));
  CAF_CHECK(unbox(decode_client_hello(most)));
  // A record: as large as one may be, which is as large as a hello may be.
  CAF_CHECK(unbox(decode_client_hello(record(largest))));
  CAF_CHECK(is_refused("\x16\x03\x01\x40\x01"s, "record length at byte 3"));
  // What records announce counts before the length of the message has come.
  check_refuses(decode_client_hello, record("\x01\0\0"s) + "\x16\x03\x01\x40\0."s, 13,
                errc::malformed);
  // Versions.
  auto versions = [](size_t bytes) {
    return hello_with(extension(43, vector(1, std::string(bytes, '\x03'))));
  };
  got = unbox(decode_client_hello(versions(254)));
  CAF_REQUIRE(got);
  CAF_CHECK_EQUAL(got->value.versions.size(), 127u);
  CAF_CHECK(is_refused(versions(255), "version list"));
  // Protocols.
  std::string names;
  for (size_t i = 0; i < max_client_hello_protocols; ++i)
    names += vector(1, "p");
  got = unbox(decode_client_hello(hello_with(extension(16, vector(2, names)))));
  CAF_REQUIRE(got);
  CAF_CHECK_EQUAL(got->value.protocols.size(), max_client_hello_protocols);
  CAF_CHECK(
    is_refused(hello_with(extension(16, vector(2, names + vector(1, "p")))), "too many protocols"));
}

CAF_TEST(broken grammar is refused) {
  struct row {
    std::string bytes, words;
  };
  auto extended = [](const std::string& all) { return hello_with(all); };
  auto named = [](const std::string& list) { return hello_with(extension(0, list)); };
  auto one = '\0' + vector(2, "a.example"s);
  auto random = std::string(32, 'r');
  for (auto& [bytes, words] : std::initializer_list<row>{
         {"\x16\x02\x01"s, "record version at byte 1"},
         {"\x16\x03\x01\0\0"s, "record length at byte 3"},
         {record(message("\x02\x03"s + fields().substr(2))), "version at byte"},
         {record(message("\x03")), "version at byte"},
         {record(message("\x03\x03"s + random.substr(1))), "random at byte"},
         {record(message("\x03\x03"s + random + vector(1, std::string(33, 's')))), "session id"},
         {record(message("\x03\x03"s + random + "\x20"s)), "session id"},
         {record(message("\x03\x03"s + random + "\0\0\0\x01\0"s)), "cipher suites"},
         {record(message("\x03\x03"s + random + "\0\0\x03\x13\x01\x13\x01\0"s)), "cipher suites"},
         {record(message("\x03\x03"s + random + "\0\0\x02\x13\x01\0"s)), "compression"},
         {record(message(fields() + "\0"s)), "extensions"},
         {record(message(fields() + "\0\x01"s)), "extensions"},
         {record(message(fields() + "\0\0."s)), "bytes behind the extensions"},
         {record(message(fields()) + '.'), "record longer than the message"},
         {extended("\0"s), "extension type"},
         {extended("\x12\x34\0"s), "extension at byte"},
         {extended("\x12\x34\0\x01"s), "extension at byte"},
         {extended(server_name("a") + server_name("a")), "extension given twice"},
         {extended(protocols({"h2"}) + protocols({"h2"})), "extension given twice"},
         {named(""), "server name list"},
         {named("\0\0"s), "server name list"},
         {named("\0\x04\0\0\x01"s), "server name list"},
         {named(vector(2, one) + '.'), "bytes behind the server name list"},
         {named(vector(2, "\0"s)), "server name at byte"},
         {named(vector(2, "\0\0\0"s)), "server name at byte"}, // empty
         {named(vector(2, "\0\0\x02."s)), "server name at byte"},
         {named(vector(2, one + one)), "second server name"},
         {named(vector(2, one + '\0' + vector(2, "b"))), "second server name"},
         {extended(server_name(std::string(256, 'a'))), "longer than 255"},
         {extended(server_name("a\0b"s)), "odd bytes"},
         {extended(server_name("a b")), "odd bytes"},
         {extended(server_name("a\nb=c")), "odd bytes"},
         {extended(server_name("b\xc3\xbc"s)), "odd bytes"},
         {extended(server_name("a\x7f")), "odd bytes"},
         {extended(protocols({})), "protocol list"},
         {extended(protocols({""})), "protocol list"},
         {extended(protocols({"a", ""})), "protocol name"},
         {extended(extension(16, vector(2, "\x05h2"s))), "protocol name"},
         {extended(extension(16, vector(2, "\x02h2"s) + '.')), "bytes behind the protocol list"},
         {extended(extension(43, "")), "version list"},
         {extended(extension(43, "\0"s)), "version list"},
         {extended(extension(43, vector(1, "\x03\x04\x03"s))), "version at byte"},
         {extended(extension(43, vector(1, "\x03\x04"s) + '.')), "bytes behind the version list"},
       }) {
    CAF_MESSAGE(words);
    CAF_CHECK_EQUAL(error_of(decode_client_hello(bytes)), errc::malformed);
    CAF_CHECK(is_refused(bytes, words));
    // What is refused stays refused whatever follows, and is never a hello before.
    bool refused = false;
    for (size_t size = 0; size <= bytes.size(); ++size) {
      auto come = exact_copy(std::string_view{bytes}.substr(0, size));
      auto got = decode_client_hello({come.data(), come.size()});
      CAF_CHECK(!got || !*got);
      CAF_CHECK(!refused || !got);
      refused = !got;
    }
    CAF_CHECK(refused);
  }
}

CAF_TEST(a length that cannot hold is refused before its bytes come) {
  // A server name list longer than its extension: nothing of the list has come.
  auto bytes = hello_with(extension(0, "\xff\xff"s + std::string(100, 'a')));
  auto at = bytes.find("\xff\xff");
  check_refuses(decode_client_hello, bytes, at + 2, errc::malformed);
  // A name that is too long.
  bytes = hello_with(server_name(std::string(256, 'a')));
  check_refuses(decode_client_hello, bytes, bytes.find("aaa"), errc::malformed);
}
