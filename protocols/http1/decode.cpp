#include "protocols/http1/decode.hpp"

#include <algorithm>
#include <string>

#include "protocols/http1/grammar.hpp"
#include "protocols/http1/summary.hpp"

namespace proxy::http1 {

namespace {

/// Empty lines before a request that are taken for slack of the one before (RFC 9112 §2.2).
constexpr std::string_view empty_lines = "\r\n\r\n\r\n\r\n";

/// Of a method. The longest that anybody registered has 17 (RFC 9110 §18.2).
constexpr size_t max_method_bytes = 64;
constexpr const char* method_too_long = "method longer than 64 bytes";

size_t count_leading_line_ends(std::string_view in) noexcept {
  auto end = in.find_first_not_of("\r\n");
  return end == std::string_view::npos ? in.size() : end;
}

/// Reads a head line by line. Whatever finds a fault returns its text, nullptr otherwise; an error
/// is made of it once, at the end, as heads without one should not pay for it.
class head_reader {
public:
  head_reader(std::string_view in, const head_limits& limits) noexcept : in_(in), limits_(limits) {}

  const char* check_size() noexcept {
    if (in_.size() > limits_.max_bytes)
      met_ = limit::bytes;
    return met_ == limit::none ? nullptr : "head too long";
  }

  const char* skip_empty_lines() noexcept {
    at_ = count_leading_line_ends(in_);
    bool good = at_ % 2 == 0 && empty_lines.starts_with(in_.substr(0, at_));
    return good ? nullptr : "bad empty lines before the request";
  }

  /// Takes the next line, without its CRLF.
  const char* next_line(std::string_view& line) noexcept {
    line_start_ = at_;
    auto rest = in_.substr(at_);
    auto end = rest.find('\n');
    if (end == std::string_view::npos)
      return "missing line end";
    if (end == 0 || rest[end - 1] != '\r')
      return "bare LF";
    line = rest.substr(0, end - 1);
    at_ += end + 1;
    return nullptr;
  }

  /// Takes the fields and the empty line behind them, which must end the head.
  const char* read_fields(head& out, summary& facts) {
    for (std::string_view line;;) {
      if (auto wrong = next_line(line))
        return wrong;
      if (line.empty())
        return at_ == in_.size() ? nullptr : "bytes behind the head";
      if (out.fields.size() == limits_.max_fields) {
        met_ = limit::fields;
        return "too many fields";
      }
      auto& f = out.fields.emplace_back();
      if (auto wrong = split_field_line(line, f))
        return wrong;
      if (auto wrong = facts.add(f))
        return wrong;
    }
  }

  /// The error for what a reading returned.
  [[nodiscard]] caf::error error(const char* wrong, errc fault, errc too_large) const {
    if (!wrong)
      return {};
    if (met_ == limit::bytes)
      return caf::make_error(too_large, head_too_long(limits_.max_bytes));
    if (met_ == limit::fields)
      return caf::make_error(too_large, too_many_fields(limits_.max_fields));
    return caf::make_error(fault, std::string{wrong} + " at byte " + std::to_string(line_start_));
  }

private:
  std::string_view in_;
  const head_limits& limits_;
  size_t at_ = 0;
  size_t line_start_ = 0;
  enum class limit : uint8_t { none, bytes, fields };
  limit met_ = limit::none; ///< Was the fault.
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
  if (out.method.size() > max_method_bytes)
    return method_too_long;
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
  if (facts.coding_fields > 0) {
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
  out.authorization = facts.authorization;
  out.content_length = facts.length;
  out.body = facts.codings > 0   ? framing::chunked
             : facts.lengths > 0 ? framing::length
                                 : framing::none;
  return nullptr;
}

const char* read_request(head_reader& reader, request& out) {
  out.fields.clear();
  if (auto wrong = reader.check_size())
    return wrong;
  if (auto wrong = reader.skip_empty_lines())
    return wrong;
  std::string_view line;
  if (auto wrong = reader.next_line(line))
    return wrong;
  if (auto wrong = read_request_line(line, out))
    return wrong;
  summary facts;
  if (auto wrong = reader.read_fields(out, facts))
    return wrong;
  out.traceparent = facts.traceparents == 1 ? facts.traceparent : std::string_view{};
  out.expect_continue = facts.expect_continue && !out.http_1_0;
  if (facts.hosts > 1)
    return "more than one Host";
  if (facts.hosts == 0 && !out.http_1_0)
    return "missing Host";
  auto wrong = conclude(facts, out);
  // What such a client means by keep-alive is not what a proxy could keep (RFC 9112 §C.2.2).
  out.keep_alive &= !out.http_1_0;
  return wrong;
}

const char* read_response(head_reader& reader, response& out) {
  out.fields.clear();
  if (auto wrong = reader.check_size())
    return wrong;
  std::string_view line;
  if (auto wrong = reader.next_line(line))
    return wrong;
  if (auto wrong = read_status_line(line, out))
    return wrong;
  summary facts;
  facts.lenient = true;
  if (auto wrong = reader.read_fields(out, facts))
    return wrong;
  return conclude(facts, out);
}

} // namespace

std::string head_too_long(size_t max_bytes) {
  return "head longer than limits.max_head_bytes = " + std::to_string(max_bytes);
}

std::string too_many_fields(size_t max_fields) {
  return "more fields than limits.max_header_fields = " + std::to_string(max_fields);
}

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
  head_reader reader{head, limits};
  const auto* wrong = read_request(reader, out);
  if (wrong == method_too_long)
    return caf::make_error(errc::not_implemented, std::string{wrong});
  return reader.error(wrong, errc::malformed, errc::head_too_large);
}

caf::error decode_response(std::string_view head, const head_limits& limits, bool to_head,
                           bool to_connect, response& out) {
  head_reader reader{head, limits};
  auto wrong = read_response(reader, out);
  // RFC 9112 §6.3, rules 1, 2 and 8.
  if (to_head || out.status < 200 || out.status == 204 || out.status == 304 ||
      (to_connect && out.status < 300)) {
    out.body = framing::none;
  } else if (out.body == framing::none) {
    out.body = framing::until_close;
    out.keep_alive = false;
  }
  return reader.error(wrong, errc::bad_response, errc::bad_response);
}

} // namespace proxy::http1
