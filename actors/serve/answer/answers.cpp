#include "actors/serve/answer/answers.hpp"

#include <charconv>

#include "actors/observe/json_string.hpp"
#include "actors/serve/answer/answer_page.hpp"
#include "protocols/plain_text.hpp"

namespace proxy {

namespace {

void append_number(std::string& out, uint64_t n) {
  char digits[20];
  auto end = std::to_chars(digits, digits + sizeof digits, n).ptr;
  out.append(digits, end);
}

/// Appends a text whose plain bytes stand as they are. @param odd  Called as (out, byte) for
/// others.
template <class Odd>
void append_quotable(std::string& out, std::string_view text, Odd odd) {
  for (;;) {
    auto plain = plain_prefix(text);
    out.append(text, 0, plain);
    if (plain == text.size())
      return;
    odd(out, text[plain]);
    text.remove_prefix(plain + 1);
  }
}

constexpr bool is_printable(char c) { return c >= 0x20 && c < 0x7f; }

/// What stands inside a structured-field string (RFC 8941 §3.3.3): printable ASCII, quote and
/// backslash escaped.
void append_sf_text(std::string& out, std::string_view text) {
  append_quotable(out, text, [](std::string& to, char c) {
    if (c == '"' || c == '\\')
      to += '\\';
    to += is_printable(c) ? c : '?';
  });
}

/// What of a text stands in a status line (RFC 9112 §4 allows more than clients print).
void append_printable(std::string& out, std::string_view text) {
  append_quotable(out, text, [](std::string& to, char c) { to += is_printable(c) ? c : '?'; });
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

void append_json_member(std::string& out, std::string_view name, std::string_view text) {
  out += ",\"";
  out += name;
  out += "\":";
  append_json_string(out, text);
}

/// The same for a word that needs no escapes, e.g. one of ours.
void append_json_word(std::string& out, std::string_view name, std::string_view word) {
  out += ",\"";
  out += name;
  out += "\":\"";
  out += word;
  out += '"';
}

/// Appends a status line up to its reason phrase.
void append_version(std::string& out, uint16_t status) {
  out += "HTTP/1.1 ";
  append_number(out, status);
  out += ' ';
}

/// Ends the status line, and appends the fields of every response of ours.
void append_own_fields(std::string& out, std::string_view content_type, size_t size,
                       const answer_options& options) {
  out += "\r\ncontent-type: ";
  out += content_type;
  out += "\r\ncontent-length: ";
  append_number(out, size);
  out += "\r\ncache-control: no-store\r\n";
  if (!options.request_id.empty()) {
    out += "x-request-id: ";
    out += options.request_id;
    out += "\r\n";
  }
}

/// Ends the head, and appends the body where there is to be one.
void append_end(std::string& out, std::string_view body, const answer_options& options) {
  if (options.close)
    out += "connection: close\r\n";
  out += "\r\n";
  if (!options.head_only)
    out += body;
}

/// "Blocked by policy: not_allowed example.org": many clients show nothing else of a response, of
/// one to CONNECT above all. Printable ASCII, whatever a decider's words are, and at most
/// `max_phrase_size` bytes.
void append_refusal_phrase(std::string& out, const policy::denial& why,
                           const policy::target& what) {
  constexpr size_t longest_reason = 60; // a decider's words; the name has to fit beside them
  auto begin = out.size();
  const auto& look = policy::refusal_of(why.reason);
  // Without the header no policy has decided: the standard phrase tells more.
  if (look.x_proxy_error.empty())
    out += status_phrase(look.status);
  else
    out += "Blocked by policy";
  if (why.reason == policy::reason::client_required)
    return; // says it already
  out += ": ";
  append_cut(out, policy::reason_text(why), longest_reason);
  const auto& host = what.host.text();
  if (!host.empty()) {
    out += ' ';
    append_cut(out, host, max_phrase_size - (out.size() - begin));
  }
}

/// What a refusal says, however it says it.
struct refusal_words {
  const policy::refusal& look;
  std::string_view reason;
  std::string_view rule; ///< "" for none.
  const policy::denial& why;
  const policy::target& what;
  const answer_options& options;
};

/// Fields of every refusal.
void append_refusal_fields(std::string& fields, const refusal_words& w) {
  if (!w.look.x_proxy_error.empty()) {
    fields += "x-proxy-error: ";
    fields += w.look.x_proxy_error;
    fields += "\r\n";
  }
  if (w.why.reason == policy::reason::client_required)
    fields += "proxy-authenticate: Basic realm=\"codex-network-proxy\", charset=\"UTF-8\"\r\n";
  fields += "proxy-status: ";
  fields += product;
  fields += "; error=";
  fields += w.look.proxy_status;
  fields += "; details=\"";
  append_sf_text(fields, w.reason);
  if (!w.rule.empty()) {
    fields += "; ";
    append_sf_text(fields, w.rule);
  }
  fields += "\"\r\n";
}

std::string refusal_text(const refusal_words& w) {
  std::string body;
  body.reserve(384);
  body += policy::refusal_text(w.why, w.what);
  body += "\nhost=";
  body += w.what.host.text();
  body += " reason=";
  body += w.reason;
  body += " rule=";
  body += w.rule.empty() ? std::string_view{"-"} : w.rule;
  body += " request_id=";
  body += w.options.request_id;
  body += '\n';
  if (!w.options.remedy.empty())
    ((body += "remedy: ") += w.options.remedy) += '\n';
  return body;
}

std::string refusal_json(const refusal_words& w) {
  std::string body;
  body.reserve(640);
  body += R"({"status":"blocked")";
  append_json_member(body, "host", w.what.host.text());
  append_json_member(body, "reason", w.reason);
  append_json_word(body, "decision", policy::to_string(w.why.decision));
  append_json_word(body, "source", policy::to_string(w.why.source));
  append_json_word(body, "protocol", policy::to_string(w.what.protocol));
  body += R"(,"port":)";
  append_number(body, w.what.port);
  append_json_member(body, "message", policy::refusal_text(w.why, w.what));
  if (w.rule.empty())
    body += R"(,"rule":null)";
  else
    append_json_member(body, "rule", w.rule);
  append_json_member(body, "request_id", w.options.request_id);
  if (!w.options.remedy.empty())
    append_json_member(body, "remedy", w.options.remedy);
  return body += "}\n";
}

std::string refusal_page(const refusal_words& w) {
  std::string body, title;
  append_refusal_phrase(title, w.why, w.what);
  append_page(body, title, policy::refusal_text(w.why, w.what),
              {{"Host", w.what.host.text()},
               {"Reason", w.reason},
               {"Rule", w.rule},
               {"What to change", w.options.remedy},
               {"Request", w.options.request_id}});
  return body;
}

/// For a browser that was pointed at our own port.
std::string visitor_page(const refusal_words& w) {
  auto url = "http://" + w.what.host.in_url() + ':' + std::to_string(w.what.port);
  auto set =
    "HTTP_PROXY and HTTPS_PROXY = " + url + ", or in a shell: eval \"$(codex-network-proxy env)\"";
  std::string body;
  append_page(
    body, "This is codex-network-proxy",
    "A network policy proxy listens here, not a web site: programs reach the network through "
    "it, as far as its policy allows.",
    {{"To use it, set", set},
     {"To ask what it would do", "codex-network-proxy explain URL"},
     {"Request", w.options.request_id}});
  return body;
}

/// Fields that keep a page of ours from being more than a page.
constexpr std::string_view page_fields =
  "content-security-policy: default-src 'none'\r\nx-content-type-options: nosniff\r\n";
constexpr std::string_view page_type = "text/html; charset=utf-8";

/// What gRPC calls the codes (grpc/status.h).
enum class grpc_status : uint8_t { permission_denied = 7, unavailable = 14 };

/// Appends an answer that gRPC reads: its status is a field beside 200, and there is no body
/// ("trailers-only").
void append_grpc(std::string& out, grpc_status status, std::string_view message, std::string fields,
                 const answer_options& options) {
  fields += "grpc-status: ";
  append_number(fields, static_cast<uint64_t>(status));
  fields += "\r\ngrpc-message: ";
  append_grpc_message(fields, message);
  fields += "\r\n";
  append_response(out, 200, "application/grpc", "", fields, options);
}

/// Appends `"; remedy; request id"`, as far as they are known.
void append_rest(std::string& message, const answer_options& options) {
  if (!options.remedy.empty())
    (message += "; ") += options.remedy;
  if (!options.request_id.empty())
    ((message += " (request ") += options.request_id) += ')';
}

} // namespace

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
  append_version(out, status);
  out += status_phrase(status);
  append_own_fields(out, content_type, body.size(), options);
  out += extra_fields;
  append_end(out, body, options);
}

void append_refusal(std::string& out, const policy::denial& why, const policy::target& what,
                    const answer_options& options) {
  refusal_words words{policy::refusal_of(why.reason),
                      policy::reason_text(why),
                      why.rule ? std::string_view{why.rule->text} : std::string_view{},
                      why,
                      what,
                      options};
  auto is_tunnel = what.protocol == policy::protocol::https_connect && !options.in_tunnel;
  auto answer = [&](std::string_view type, std::string_view body, std::string_view more = {}) {
    append_version(out, words.look.status);
    append_refusal_phrase(out, why, what);
    append_own_fields(out, type, body.size(), options);
    append_refusal_fields(out, words);
    out += more;
    append_end(out, body, options);
  };
  if (is_tunnel || options.form == answer_form::text)
    answer("text/plain", refusal_text(words));
  // Who has not said who it is has to be asked in HTTP.
  else if (options.form == answer_form::grpc && why.reason != policy::reason::client_required) {
    std::string message, fields;
    append_refusal_phrase(message, why, what);
    append_rest(message, options);
    append_refusal_fields(fields, words);
    append_grpc(out, grpc_status::permission_denied, message, std::move(fields), options);
  } else if (options.form == answer_form::html)
    answer(page_type, refusal_page(words), page_fields);
  else if (options.form == answer_form::visit)
    answer(page_type, visitor_page(words), page_fields);
  else
    answer("application/json", refusal_json(words));
}

void append_fault(std::string& out, errc code, std::string_view cause,
                  const answer_options& options) {
  const auto& look = outcome_of(code);
  std::string fields = "proxy-status: ";
  fields += product;
  fields += "; error=";
  fields += look.proxy_status;
  if (!cause.empty()) {
    fields += "; details=\"";
    append_sf_text(fields, cause);
    fields += '"';
  }
  fields += "\r\n";
  if (code == errc::unsupported_method)
    fields += "allow: GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE\r\n";
  if (code == errc::overloaded || code == errc::policy_changed)
    fields += "retry-after: 1\r\n";
  std::string body{look.proxy_status};
  if (!cause.empty())
    (body += ": ") += cause;
  if (options.form == answer_form::grpc) {
    append_rest(body, options);
    auto status = code == errc::misdirected ? grpc_status::permission_denied // no fault of anything
                                            : grpc_status::unavailable;
    append_grpc(out, status, body, std::move(fields), options);
  } else if (options.form == answer_form::html) {
    std::string page;
    append_page(
      page, std::to_string(look.http_status) + ' ' + std::string{status_phrase(look.http_status)},
      look.proxy_status,
      {{"Cause", cause}, {"What to change", options.remedy}, {"Request", options.request_id}});
    append_response(out, look.http_status, page_type, page, fields.append(page_fields), options);
  } else {
    body += '\n';
    if (!options.remedy.empty())
      ((body += "remedy: ") += options.remedy) += '\n';
    append_response(out, look.http_status, "text/plain", body, fields, options);
  }
}

} // namespace proxy
