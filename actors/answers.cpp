#include "actors/answers.hpp"

#include <charconv>

namespace proxy {

namespace {

void append_number(std::string& out, uint64_t n) {
  char digits[20];
  auto end = std::to_chars(digits, digits + sizeof digits, n).ptr;
  out.append(digits, end);
}

/// A structured-field string (RFC 8941 §3.3.3): printable ASCII, quote and backslash escaped.
void append_sf_string(std::string& out, std::string_view text) {
  out += '"';
  for (auto c : text) {
    if (c == '"' || c == '\\')
      out += '\\';
    out += c >= 0x20 && c < 0x7f ? c : '?';
  }
  out += '"';
}

/// What of a text stands in a status line (RFC 9112 §4 allows more than clients print).
void append_printable(std::string& out, std::string_view text) {
  for (auto c : text)
    out += c >= 0x20 && c < 0x7f ? c : '?';
}

/// Appends no more than `size` bytes; a text that is cut says so.
void append_cut(std::string& out, std::string_view text, size_t size) {
  static constexpr std::string_view dots = "...";
  if (text.size() <= size) {
    append_printable(out, text);
    return;
  }
  append_printable(out, text.substr(0, size - dots.size()));
  out += dots;
}

/// Length of the UTF-8 sequence at the start of `text`, 0 when it is none.
size_t utf8_length(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  auto lead = byte(0);
  size_t size = lead < 0x80                   ? 1
                : lead >= 0xc2 && lead < 0xe0 ? 2
                : lead >= 0xe0 && lead < 0xf0 ? 3
                : lead >= 0xf0 && lead < 0xf5 ? 4
                                              : 0;
  if (size == 0 || size > text.size())
    return 0;
  for (size_t i = 1; i < size; ++i)
    if ((byte(i) & 0xc0) != 0x80)
      return 0;
  // Overlong forms, surrogates and code points beyond U+10FFFF.
  if ((lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xed && byte(1) > 0x9f) ||
      (lead == 0xf0 && byte(1) < 0x90) || (lead == 0xf4 && byte(1) > 0x8f))
    return 0;
  return size;
}

} // namespace

void append_json_string(std::string& out, std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  out += '"';
  while (!text.empty()) {
    auto c = static_cast<unsigned char>(text[0]);
    size_t size = 1;
    if (c == '"' || c == '\\') {
      out += '\\';
      out += text[0];
    } else if (c < 0x20 || c == 0x7f) {
      out += "\\u00";
      out += hex[c >> 4];
      out += hex[c & 15];
    } else if (size = utf8_length(text); size == 0) {
      out += "\xef\xbf\xbd";
      size = 1;
    } else {
      out.append(text.substr(0, size));
    }
    text.remove_prefix(size);
  }
  out += '"';
}

std::string_view status_phrase(uint16_t status) noexcept {
  switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 407: return "Proxy Authentication Required";
    case 408: return "Request Timeout";
    case 413: return "Content Too Large";
    case 421: return "Misdirected Request";
    case 422: return "Unprocessable Content";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 501: return "Not Implemented";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 508: return "Loop Detected";
    default: return "";
  }
}

void append_response(std::string& out, uint16_t status, std::string_view content_type,
                     std::string_view body, std::string_view extra_fields,
                     const answer_options& options) {
  out += "HTTP/1.1 ";
  append_number(out, status);
  out += ' ';
  out += options.phrase.empty() ? status_phrase(status) : options.phrase;
  out += "\r\ncontent-type: ";
  out += content_type;
  out += "\r\ncontent-length: ";
  append_number(out, body.size());
  out += "\r\ncache-control: no-store\r\n";
  if (!options.request_id.empty()) {
    out += "x-request-id: ";
    out += options.request_id;
    out += "\r\n";
  }
  out += extra_fields;
  if (options.close)
    out += "connection: close\r\n";
  out += "\r\n";
  if (!options.head_only)
    out += body;
}

std::string refusal_phrase(const policy::denial& why, const policy::target& what) {
  constexpr size_t longest_reason = 60; // a decider's words; the name has to fit beside them
  const auto& look = policy::refusal_of(why.reason);
  std::string out;
  out.reserve(max_phrase_size);
  // Without the header no policy has decided: the standard phrase tells more.
  if (look.x_proxy_error.empty())
    out += status_phrase(look.status);
  else
    out += "Blocked by policy";
  if (why.reason == policy::reason::client_required)
    return out; // says it already
  out += ": ";
  append_cut(out, policy::reason_text(why), longest_reason);
  const auto& host = what.host.text();
  if (!host.empty()) {
    out += ' ';
    append_cut(out, host, max_phrase_size - out.size());
  }
  return out;
}

void append_refusal(std::string& out, const policy::denial& why, const policy::target& what,
                    const answer_options& for_all) {
  auto phrase = refusal_phrase(why, what);
  auto options = for_all;
  options.phrase = phrase;
  const auto& look = policy::refusal_of(why.reason);
  auto reason = policy::reason_text(why);
  auto rule = why.rule ? std::string_view{why.rule->text} : std::string_view{};
  std::string fields;
  fields.reserve(256);
  if (!look.x_proxy_error.empty()) {
    fields += "x-proxy-error: ";
    fields += look.x_proxy_error;
    fields += "\r\n";
  }
  if (why.reason == policy::reason::client_required)
    fields += "proxy-authenticate: Basic realm=\"codex-network-proxy\", charset=\"UTF-8\"\r\n";
  fields += "proxy-status: ";
  fields += product;
  fields += "; error=";
  fields += look.proxy_status;
  fields += "; details=";
  std::string details{reason};
  if (!rule.empty())
    (details += "; ") += rule;
  append_sf_string(fields, details);
  fields += "\r\n";
  std::string body;
  body.reserve(384);
  if (what.protocol == policy::protocol::https_connect) {
    body += look.text;
    body += "\nhost=";
    body += what.host.text();
    body += " reason=";
    body += reason;
    body += " rule=";
    body += rule.empty() ? std::string_view{"-"} : rule;
    body += " request_id=";
    body += options.request_id;
    body += '\n';
    append_response(out, look.status, "text/plain", body, fields, options);
    return;
  }
  body += R"({"status":"blocked","host":)";
  append_json_string(body, what.host.text());
  body += R"(,"reason":)";
  append_json_string(body, reason);
  body += R"(,"decision":")";
  body += policy::to_string(why.decision);
  body += R"(","source":")";
  body += policy::to_string(why.source);
  body += R"(","protocol":")";
  body += policy::to_string(what.protocol);
  body += R"(","port":)";
  append_number(body, what.port);
  body += R"(,"message":)";
  append_json_string(body, look.text);
  body += R"(,"rule":)";
  if (rule.empty())
    body += "null";
  else
    append_json_string(body, rule);
  body += R"(,"request_id":")";
  body += options.request_id;
  body += "\"}\n";
  append_response(out, look.status, "application/json", body, fields, options);
}

void append_fault(std::string& out, errc code, std::string_view cause,
                  const answer_options& options) {
  const auto& look = outcome_of(code);
  std::string fields = "proxy-status: ";
  fields += product;
  fields += "; error=";
  fields += look.proxy_status;
  if (!cause.empty()) {
    fields += "; details=";
    append_sf_string(fields, cause);
  }
  fields += "\r\n";
  if (code == errc::unsupported_method)
    fields += "allow: GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE\r\n";
  if (code == errc::overloaded || code == errc::policy_changed)
    fields += "retry-after: 1\r\n";
  std::string body{look.proxy_status};
  if (!cause.empty())
    (body += ": ") += cause;
  body += '\n';
  append_response(out, look.http_status, "text/plain", body, fields, options);
}

} // namespace proxy
