#include "protocols/http2/head.hpp"
#include "protocols/known_word.hpp"

#include <algorithm>

#include "protocols/http1/chunked.hpp"
#include "protocols/http1/grammar.hpp"
#include "protocols/websocket.hpp"

namespace proxy::http2 {

namespace {

/// What frames a message or belongs to a connection: HTTP/2 has neither in fields (RFC 9113
/// §8.2.2).
bool belongs_to_http1(std::string_view name) noexcept {
  static constexpr std::string_view names[] = {
    "connection",       "host",    "http2-settings", "keep-alive", "te", "transfer-encoding",
    "proxy-connection", "upgrade",
  };
  return std::ranges::any_of(names,
                             [&](auto other) { return ascii::equals_ignoring_case(name, other); });
}

bool is_websocket_handshake(std::string_view name) noexcept {
  return ascii::is<"sec-websocket-key">(name) || ascii::is<"sec-websocket-accept">(name);
}

void append_line(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

/// Names are in lower case (RFC 9113 §8.2.1): in another one they would mean the same to a reader
/// of HTTP/1.1, and not to what is compared here.
bool is_name(std::string_view name) noexcept {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return http1::is_token_char(c) && (c < 'A' || c > 'Z');
  });
}

/// Appends the fields that mean the same in both.
/// @returns false when one cannot be spelled.
bool append_fields(const field_section& in, bool websocket, bool keep_length, std::string& out) {
  for (const auto& f : in.fields()) {
    if (f.name.starts_with(':') || belongs_to_http1(f.name))
      continue;
    if (!is_name(f.name) || !http1::is_field_text(f.value))
      return false;
    if ((websocket && is_websocket_handshake(f.name)) ||
        (!keep_length && f.name == "content-length"))
      continue;
    append_line(out, f.name, f.value);
  }
  return true;
}

/// Appends how the body is framed. @returns it.
http1::framing append_framing(const field_section& in, bool ended, bool as_chunks,
                              std::string& out) {
  if (in.has("content-length") && !as_chunks)
    return http1::framing::length;
  if (ended)
    return http1::framing::none;
  append_line(out, "Transfer-Encoding", "chunked");
  return http1::framing::chunked;
}

/// Whoever reads this meets the limit that the section met.
spelled_head too_large(const field_section& in, std::string start_line) {
  const auto& limits = in.limits();
  spelled_head out{std::move(start_line), http1::framing::none};
  if (in.too_large() == field_section::excess::bytes) {
    out.text.append("x: ").append(limits.max_bytes, 'x');
    return out;
  }
  for (size_t i = 0; i <= limits.max_fields; ++i)
    out.text += "x:\r\n";
  out.text += "\r\n";
  return out;
}

bool sends_content(std::string_view method) noexcept {
  return method == "POST" || method == "PUT" || method == "PATCH";
}

/// The request target (RFC 9112 §3.2), "" when there is none.
std::string target_of(const field_section& in, bool plain_connect) {
  std::string authority{in.value_of(":authority")};
  if (plain_connect)
    return authority;
  std::string path{in.value_of(":path")};
  auto scheme = in.value_of(":scheme");
  if (scheme.empty() || ascii::is<"https">(scheme))
    return path;
  return std::string{scheme} + "://" + authority + path;
}

/// Appends Host. A Host field that says something else than `:authority` stays, as one too many.
void append_host(const field_section& in, std::string& out) {
  auto authority = in.value_of(":authority");
  if (!authority.empty())
    append_line(out, "Host", authority);
  for (const auto& f : in.fields())
    if (f.name == "host" && (authority.empty() || f.value != authority))
      append_line(out, "Host", f.value);
}

std::string lower(std::string_view name) {
  std::string out{name};
  std::ranges::transform(out, out.begin(), ascii::to_lower);
  return out;
}

void append_same(const http1::head& h, bool websocket, bool keep_length, std::vector<field>& out) {
  for (const auto& f : h.fields)
    if (!belongs_to_http1(f.name) && !(websocket && is_websocket_handshake(f.name)) &&
        (keep_length || !ascii::is<"content-length">(f.name)))
      out.push_back({lower(f.name), std::string{f.value}});
}

/// A response whose trailers matter more than its length: only chunks can carry them.
bool has_trailers(const field_section& in) noexcept {
  return in.has("trailer") || in.value_of("content-type").starts_with("application/grpc");
}

} // namespace

void field_section::add(std::string_view name, std::string_view value) {
  constexpr std::string_view between_cookies = "; ";
  auto another_cookie = cookie_ > 0 && name == "cookie";
  bytes_ += another_cookie ? between_cookies.size() + value.size() : name.size() + value.size() + 4;
  auto is_line = !another_cookie && (!name.starts_with(':') || name == ":authority");
  if (bytes_ > limits_.max_bytes && too_large_ == excess::none)
    too_large_ = excess::bytes;
  if (is_line && ++lines_ > limits_.max_fields && too_large_ == excess::none)
    too_large_ = excess::fields;
  if (too_large_ != excess::none)
    return;
  if (another_cookie) {
    fields_[cookie_ - 1].value.append(between_cookies).append(value);
    return;
  }
  fields_.push_back({std::string{name}, std::string{value}});
  if (name == "cookie")
    cookie_ = fields_.size();
}

void field_section::clear() {
  std::vector<field>{}.swap(fields_);
  bytes_ = 0;
  lines_ = 0;
  cookie_ = 0;
  too_large_ = excess::none;
}

std::string_view field_section::value_of(std::string_view name) const noexcept {
  auto at = std::ranges::find(fields_, name, &field::name);
  return at == fields_.end() ? std::string_view{} : std::string_view{at->value};
}

bool field_section::has(std::string_view name) const noexcept {
  return std::ranges::find(fields_, name, &field::name) != fields_.end();
}

std::optional<spelled_head> spell_request(const field_section& in, bool ended,
                                          exchange_facts& facts) {
  if (in.too_large() != field_section::excess::none)
    return too_large(in, "GET / HTTP/1.1\r\n");
  auto method = in.value_of(":method");
  auto connect = method == "CONNECT";
  auto websocket = connect && in.value_of(":protocol") == "websocket";
  auto target = target_of(in, connect && !websocket);
  if (method.empty() || !std::ranges::all_of(method, http1::is_token_char) ||
      !http1::is_visible_ascii(target))
    return std::nullopt;
  facts.to_head = method == "HEAD";
  spelled_head out;
  out.text.append(websocket ? "GET" : method).append(" ").append(target).append(" HTTP/1.1\r\n");
  append_host(in, out.text);
  if (!append_fields(in, websocket, !websocket, out.text))
    return std::nullopt;
  if (in.value_of("te") == "trailers")
    append_line(out.text, "TE", "trailers");
  if (websocket) {
    facts.websocket_key = websocket::make_key();
    append_line(out.text, "Sec-WebSocket-Key", facts.websocket_key);
    append_line(out.text, "Upgrade", "websocket");
    append_line(out.text, "Connection", "Upgrade");
    out.body = http1::framing::until_close;
  } else if (connect) {
    ended = true; // nothing behind it is read
  } else if (ended && sends_content(method) && !in.has("content-length")) {
    append_line(out.text, "Content-Length", "0");
  }
  if (!websocket)
    out.body = append_framing(in, ended, false, out.text);
  out.text += "\r\n";
  return out;
}

std::optional<spelled_head> spell_response(const field_section& in, bool ended,
                                           const exchange_facts& facts) {
  if (in.too_large() != field_section::excess::none)
    return too_large(in, "HTTP/1.1 200 \r\n");
  auto status = in.value_of(":status");
  if (status.size() != 3 || !std::ranges::all_of(status, ascii::is_digit) || status == "101")
    return std::nullopt;
  auto interim = status[0] == '1';
  auto switched = !facts.websocket_key.empty() && status[0] == '2';
  auto bodiless = interim || switched || facts.to_head || status == "204" || status == "304";
  auto as_chunks = !bodiless && !ended && has_trailers(in);
  spelled_head out;
  out.text.append("HTTP/1.1 ").append(switched ? "101" : status).append(" \r\n");
  if (!append_fields(in, switched, !as_chunks && !switched, out.text))
    return std::nullopt;
  if (switched) {
    append_line(out.text, "Sec-WebSocket-Accept", websocket::accept_for(facts.websocket_key));
    append_line(out.text, "Upgrade", "websocket");
    append_line(out.text, "Connection", "Upgrade");
    out.body = http1::framing::until_close;
  } else if (!bodiless) {
    if (ended && !in.has("content-length"))
      append_line(out.text, "Content-Length", "0");
    out.body = append_framing(in, ended, as_chunks, out.text);
  }
  out.text += "\r\n";
  return out;
}

std::string spell_trailers(const field_section& in) {
  std::string out;
  if (in.too_large() != field_section::excess::none)
    return out;
  for (const auto& f : in.fields())
    if (!f.name.starts_with(':') && http1::may_be_trailer(f.name) && is_name(f.name) &&
        http1::is_field_text(f.value))
      append_line(out, f.name, f.value);
  return out;
}

std::vector<field> to_fields(const http1::request& req, exchange_facts& facts) {
  std::vector<field> out;
  out.reserve(req.fields.size() + 4);
  auto websocket = ascii::is<"websocket">(req.upgrade);
  facts.to_head = req.method == "HEAD";
  facts.websocket_key = websocket ? req.find("sec-websocket-key").value_or("") : "";
  out.push_back({":method", websocket ? "CONNECT" : std::string{req.method}});
  if (websocket)
    out.push_back({":protocol", "websocket"});
  out.push_back({":scheme", "https"});
  out.push_back({":authority", std::string{req.find("host").value_or("")}});
  out.push_back({":path", std::string{req.target}});
  append_same(req, websocket, true, out);
  if (req.find("te"))
    out.push_back({"te", "trailers"}); // the one value that a rewritten head may have
  return out;
}

std::vector<field> to_fields(const http1::response& res, const exchange_facts& facts) {
  std::vector<field> out;
  auto switched = res.status == 101;
  if (switched && res.find("sec-websocket-accept") != websocket::accept_for(facts.websocket_key))
    return out;
  out.reserve(res.fields.size() + 1);
  out.push_back({":status", switched ? "200" : std::to_string(res.status)});
  // That there is nothing is what the end of the stream says; as a field it would be one that a
  // response of trailers alone (gRPC) does not have.
  auto empty = res.body == http1::framing::length && res.content_length == 0;
  append_same(res, switched, !empty, out);
  return out;
}

std::vector<field> to_trailer_fields(std::string_view lines) {
  std::vector<field> out;
  while (!lines.empty()) {
    auto line = lines.substr(0, lines.find("\r\n"));
    lines.remove_prefix(std::min(lines.size(), line.size() + 2));
    http1::field f;
    if (!line.empty() && !http1::split_field_line(line, f))
      out.push_back({lower(f.name), std::string{f.value}});
  }
  return out;
}

} // namespace proxy::http2
