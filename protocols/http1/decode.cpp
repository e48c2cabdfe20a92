#include "protocols/http1/decode.hpp"

#include <algorithm>
#include <string>

#include "protocols/http1/grammar.hpp"

namespace proxy::http1 {

namespace {

/// Empty lines before a request that are taken for slack of the one before (RFC 9112 §2.2).
constexpr std::string_view empty_lines = "\r\n\r\n\r\n\r\n";

size_t count_leading_line_ends(std::string_view in) noexcept {
  auto end = in.find_first_not_of("\r\n");
  return end == std::string_view::npos ? in.size() : end;
}

/// What the fields of a head say about its connection and body, gathered while they are read.
struct summary {
  size_t hosts = 0;
  size_t lengths = 0;
  uint64_t length = 0;
  size_t codings = 0;
  bool chunked = false; ///< The first transfer coding is `chunked` and nothing else.
  size_t options = 0;
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;
  bool expect_continue = false;
  std::string_view upgrade_value;

  /// @returns nullptr, or why the field cannot stand.
  const char* add(const field& f);

private:
  const char* add_length(std::string_view value);
  const char* add_connection(std::string_view value);
};

const char* summary::add(const field& f) {
  // The length tells most fields apart before a single byte is compared.
  auto is = [&](std::string_view name) { return ascii::equals_ignoring_case(f.name, name); };
  switch (f.name.size()) {
    case 4: hosts += is("host"); break;
    case 6:
      expect_continue |= is("expect") && ascii::equals_ignoring_case(f.value, "100-continue");
      break;
    case 7:
      if (is("upgrade") && upgrade_value.empty())
        upgrade_value = f.value;
      break;
    case 10:
      if (is("connection"))
        return add_connection(f.value);
      break;
    case 14:
      if (is("content-length"))
        return add_length(f.value);
      break;
    case 17:
      if (is("transfer-encoding"))
        chunked = codings++ == 0 && ascii::equals_ignoring_case(f.value, "chunked");
      break;
    default: break;
  }
  return nullptr;
}

const char* summary::add_length(std::string_view value) {
  auto number = parse_content_length(value);
  if (!number)
    return "bad Content-Length";
  if (lengths++ > 0 && *number != length)
    return "differing Content-Lengths";
  length = *number;
  return nullptr;
}

const char* summary::add_connection(std::string_view value) {
  for_each_element(value, [this](std::string_view option) {
    ++options;
    close |= ascii::equals_ignoring_case(option, "close");
    keep_alive |= ascii::equals_ignoring_case(option, "keep-alive");
    upgrade |= ascii::equals_ignoring_case(option, "upgrade");
  });
  return options > max_connection_options ? "too many Connection options" : nullptr;
}

/// Reads a head line by line; the first fault ends it.
class head_reader {
public:
  head_reader(std::string_view in, errc fault_code, errc too_large_code) noexcept
    : in_(in), fault_code_(fault_code), too_large_code_(too_large_code) {}

  void skip(size_t bytes) noexcept { at_ = bytes; }

  /// Takes the next line, without its CRLF.
  caf::error next_line(std::string_view& line) {
    line_start_ = at_;
    auto rest = in_.substr(at_);
    auto end = rest.find('\n');
    if (end == std::string_view::npos)
      return fault("missing line end");
    if (end == 0 || rest[end - 1] != '\r')
      return fault("bare LF");
    line = rest.substr(0, end - 1);
    at_ += end + 1;
    return {};
  }

  caf::error read_fields(const head_limits& limits, head& out, summary& facts) {
    for (std::string_view line;;) {
      if (auto err = next_line(line))
        return err;
      if (line.empty())
        return at_ == in_.size() ? caf::error{} : fault("bytes behind the head");
      if (out.fields.size() == limits.max_fields)
        return caf::make_error(too_large_code_,
                               "more than " + std::to_string(limits.max_fields) + " fields");
      auto& f = out.fields.emplace_back();
      auto wrong = split_field_line(line, f);
      if (!wrong)
        wrong = facts.add(f);
      if (wrong)
        return fault(wrong);
    }
  }

  [[nodiscard]] caf::error fault(std::string_view what) const {
    return caf::make_error(fault_code_,
                           std::string{what} + " at byte " + std::to_string(line_start_));
  }

  caf::error too_long(size_t max_bytes) const {
    return caf::make_error(too_large_code_,
                           "head longer than " + std::to_string(max_bytes) + " bytes");
  }

private:
  std::string_view in_;
  size_t at_ = 0;
  size_t line_start_ = 0;
  errc fault_code_;
  errc too_large_code_;
};

/// @returns whether `text` names a version that is served, and sets `out.http_1_0`.
bool read_version(std::string_view text, head& out) noexcept {
  out.http_1_0 = text == "HTTP/1.0";
  return out.http_1_0 || text == "HTTP/1.1";
}

const char* read_request_line(std::string_view line, request& out) noexcept {
  auto method_end = line.find(' ');
  auto version_start = line.rfind(' ');
  if (method_end == version_start)
    return "request line without three parts";
  out.method = line.substr(0, method_end);
  out.target = line.substr(method_end + 1, version_start - method_end - 1);
  if (out.method.empty() || !std::ranges::all_of(out.method, is_token_char))
    return "bad method";
  if (!is_visible_ascii(out.target))
    return "bad request target";
  return read_version(line.substr(version_start + 1), out) ? nullptr : "unsupported HTTP version";
}

const char* read_status_line(std::string_view line, response& out) noexcept {
  if (!read_version(line.substr(0, 8), out))
    return "unsupported HTTP version";
  auto status = line.substr(8);
  // The space before an empty reason is often forgotten; it changes nothing.
  if (status.size() < 4 || status[0] != ' ' || (status.size() > 4 && status[4] != ' ') ||
      !std::ranges::all_of(status.substr(1, 3), ascii::is_digit) || status[1] == '0')
    return "bad status";
  out.status =
    static_cast<uint16_t>(ascii::digit_value(status[1]) * 100 + ascii::digit_value(status[2]) * 10 +
                          ascii::digit_value(status[3]));
  out.reason = status.substr(std::min<size_t>(5, status.size()));
  return is_field_text(out.reason) ? nullptr : "control character in the reason";
}

/// Sets what both kinds of message take from their fields.
const char* conclude(const summary& facts, head& out) noexcept {
  if (facts.codings > 0) {
    if (facts.lengths > 0)
      return "Content-Length beside Transfer-Encoding";
    // HTTP/1.0 knows no transfer codings: the sender and those between may see another body (RFC
    // 9112 §6.1).
    if (out.http_1_0)
      return "Transfer-Encoding in an HTTP/1.0 message";
    if (!facts.chunked)
      return "Transfer-Encoding other than chunked";
  }
  out.keep_alive = !facts.close && (!out.http_1_0 || facts.keep_alive);
  // An HTTP/1.0 sender may have passed on a Connection field it did not understand (RFC 9110 §7.8).
  out.upgrade = facts.upgrade && !out.http_1_0 ? facts.upgrade_value : std::string_view{};
  out.content_length = facts.length;
  out.body = facts.codings > 0   ? framing::chunked
             : facts.lengths > 0 ? framing::length
                                 : framing::none;
  return nullptr;
}

} // namespace

std::optional<size_t> find_head_end(std::string_view in, size_t from) noexcept {
  auto start = count_leading_line_ends(in);
  if (start > empty_lines.size())
    return start; // enough to refuse
  // The last line end may have been seen already, its successor not.
  auto at = std::max(start, from < 3 ? 0 : from - 3);
  for (;;) {
    at = in.find('\n', at);
    if (at == std::string_view::npos)
      return std::nullopt;
    auto next = in.substr(++at, 2);
    // Bare LFs end a head too, so that the decoder can refuse them at once instead of waiting.
    if (next.starts_with('\n'))
      return at + 1;
    if (next == "\r\n")
      return at + 2;
  }
}

bool may_be_request(std::string_view in) noexcept {
  auto start = count_leading_line_ends(in);
  if (start > empty_lines.size())
    return false;
  auto line = in.substr(start);
  auto method = line.substr(0, line.find(' '));
  return std::ranges::all_of(method, is_token_char) && (!method.empty() || line.empty());
}

caf::error decode_request(std::string_view head, const head_limits& limits, request& out) {
  head_reader reader{head, errc::malformed, errc::head_too_large};
  out.fields.clear();
  if (head.size() > limits.max_bytes)
    return reader.too_long(limits.max_bytes);
  auto start = count_leading_line_ends(head);
  if (!empty_lines.starts_with(head.substr(0, start)) || start % 2 != 0)
    return reader.fault("bad empty lines before the request");
  reader.skip(start);
  std::string_view line;
  if (auto err = reader.next_line(line))
    return err;
  if (auto wrong = read_request_line(line, out))
    return reader.fault(wrong);
  summary facts;
  if (auto err = reader.read_fields(limits, out, facts))
    return err;
  if (auto wrong = conclude(facts, out))
    return reader.fault(wrong);
  if (facts.hosts > 1 || (facts.hosts == 0 && !out.http_1_0))
    return reader.fault(facts.hosts > 1 ? "more than one Host" : "missing Host");
  out.expect_continue = facts.expect_continue && !out.http_1_0;
  return {};
}

caf::error decode_response(std::string_view head, const head_limits& limits, bool to_head,
                           bool to_connect, response& out) {
  head_reader reader{head, errc::bad_response, errc::bad_response};
  out.fields.clear();
  if (head.size() > limits.max_bytes)
    return reader.too_long(limits.max_bytes);
  std::string_view line;
  if (auto err = reader.next_line(line))
    return err;
  if (auto wrong = read_status_line(line, out))
    return reader.fault(wrong);
  summary facts;
  if (auto err = reader.read_fields(limits, out, facts))
    return err;
  if (auto wrong = conclude(facts, out))
    return reader.fault(wrong);
  // RFC 9112 §6.3, rules 1, 2 and 8.
  if (to_head || out.status < 200 || out.status == 204 || out.status == 304 ||
      (to_connect && out.status < 300)) {
    out.body = framing::none;
  } else if (out.body == framing::none) {
    out.body = framing::until_close;
    out.keep_alive = false;
  }
  return {};
}

} // namespace proxy::http1
