#include "protocols/http1/rewrite.hpp"
#include "protocols/known_word.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>
#include <utility>

#include "protocols/http1/grammar.hpp"

namespace proxy::http1 {

namespace {

/// The name by which we sign Proxy-Status (RFC 9209 §2).
constexpr std::string_view proxy_name = "codex-network-proxy";

/// How a field is treated on its way through.
enum class treatment : uint8_t {
  forward,
  drop,
  ours, ///< In responses it is ours to set; in requests it is like any other.
  te,
  max_forwards,
  content_length,
  proxy_status,
};

/// Length first, then one or two comparisons: this runs for every field of every message.
treatment treatment_of(std::string_view name) noexcept {
  auto when = [](bool hit, treatment then) { return hit ? then : treatment::forward; };
  switch (name.size()) {
    case 2: return when(ascii::is<"te">(name), treatment::te);
    case 4: return when(ascii::is<"host">(name), treatment::drop);
    case 7: return when(ascii::is<"upgrade">(name), treatment::drop);
    case 10:
      return when(ascii::is<"connection">(name) || ascii::is<"keep-alive">(name), treatment::drop);
    case 12:
      if (ascii::is<"max-forwards">(name))
        return treatment::max_forwards;
      if (same_variable(name, "x-request-id"))
        return treatment::ours;
      return when(same_variable(name, "proxy-status"), treatment::proxy_status);
    // These mark our own refusals: no origin may pass an answer off as one.
    case 13:
      return when(same_variable(name, "x-unix-socket") || same_variable(name, "x-proxy-error"),
                  treatment::drop);
    case 14:
      return ascii::is<"http2-settings">(name)
               ? treatment::drop
               : when(ascii::is<"content-length">(name), treatment::content_length);
    case 16: return when(ascii::is<"proxy-connection">(name), treatment::drop);
    case 17: return when(ascii::is<"transfer-encoding">(name), treatment::drop);
    case 18: return when(ascii::is<"proxy-authenticate">(name), treatment::drop);
    case 19: return when(ascii::is<"proxy-authorization">(name), treatment::drop);
    case 25: return when(ascii::is<"proxy-authentication-info">(name), treatment::drop);
    default: return treatment::forward;
  }
}

/// Fields that a Connection line has no business naming (RFC 9110 §7.6.1): a client must not make
/// us drop what frames, routes or authenticates a message.
constexpr std::string_view end_to_end[] = {
  "authorization",
  "cache-control",
  "content-encoding",
  "content-length",
  "content-range",
  "content-type",
  "cookie",
  "date",
  "expect",
  "host",
  "location",
  "max-forwards",
  "range",
  "set-cookie",
  "trailer",
  "via",
  "www-authenticate",
};

/// The names that the Connection lines of a head take off it.
class nominated_names {
public:
  explicit nominated_names(const head& h) {
    for (const auto& f : h.fields)
      if (ascii::is<"connection">(f.name))
        for_each_element(f.value, [this](std::string_view option) { add(option); });
  }

  [[nodiscard]] bool contain(std::string_view name) const noexcept {
    return std::any_of(names_.begin(), names_.begin() + count_, [&](const auto& other) {
      return ascii::equals_ignoring_case(name, {other.bytes, other.size});
    });
  }

private:
  /// Without the work that an array of views would be to begin with.
  struct option_name {
    const char* bytes;
    size_t size;
  };

  void add(std::string_view option) {
    auto same = [&](std::string_view other) { return ascii::equals_ignoring_case(option, other); };
    // What falls anyway, `keep-alive` and `upgrade` most of all, needs no place in the list.
    if (ascii::is<"close">(option) || treatment_of(option) == treatment::drop ||
        std::ranges::any_of(end_to_end, same))
      return;
    if (count_ < static_cast<ptrdiff_t>(names_.size()))
      names_[static_cast<size_t>(count_++)] = {option.data(), option.size()};
  }

  std::array<option_name, max_connection_options> names_; ///< The first `count_` of them.
  ptrdiff_t count_ = 0;
};

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

/// Appends a Connection field with the options that hold, if any does.
void append_connection(std::string& out, std::initializer_list<std::string_view> options) {
  std::string_view before = "Connection: ";
  for (auto option : options) {
    if (option.empty())
      continue;
    out.append(before).append(option);
    before = ", ";
  }
  if (before == ", ")
    out.append("\r\n");
}

/// Appends the value of Max-Forwards one lower; zero and what is no number stay (the caller answers
/// zero).
void append_max_forwards(std::string& out, const field& f) {
  auto hops = parse_content_length(f.value);
  append_field(out, f.name, hops && *hops > 0 ? std::to_string(*hops - 1) : std::string{f.value});
}

/// Whether every quoted string in a list ends. One that does not would swallow what stands in the
/// next line of the field, or be passed over by whoever reads less strictly.
bool has_even_quotes(std::string_view list) noexcept {
  bool quoted = false;
  for (size_t at = 0; at < list.size(); ++at) {
    if (quoted && list[at] == '\\')
      ++at;
    else if (list[at] == '"')
      quoted = !quoted;
  }
  return !quoted;
}

/// Takes the first member off a list whose members may hold quoted strings (RFC 9651 §4.2.1).
std::string_view take_member(std::string_view& list) noexcept {
  bool quoted = false;
  size_t at = 0;
  for (; at < list.size() && (quoted || list[at] != ','); ++at) {
    if (quoted && list[at] == '\\')
      ++at;
    else if (list[at] == '"')
      quoted = !quoted;
  }
  auto member = ascii::trim(list.substr(0, at));
  list.remove_prefix(std::min(list.size(), at + 1));
  return member;
}

/// Whether a member of Proxy-Status says who wrote it (a token or a string, RFC 9209 §2), and it is
/// not us.
bool is_of_others(std::string_view member) {
  if (member.starts_with('"')) {
    std::string name;
    size_t at = 1;
    for (; at < member.size() && member[at] != '"'; ++at) {
      if (member[at] == '\\')
        ++at;
      if (at < member.size())
        name += member[at];
    }
    auto behind = ascii::trim(member.substr(std::min(member.size(), at + 1)));
    return (behind.empty() || behind.starts_with(';')) &&
           !ascii::equals_ignoring_case(ascii::trim(name), proxy_name);
  }
  auto name = ascii::trim(member.substr(0, member.find(';')));
  auto is_token = [](char c) { return is_token_char(c) || c == ':' || c == '/'; };
  return !name.empty() && std::ranges::all_of(name, is_token) &&
         !ascii::equals_ignoring_case(name, proxy_name);
}

/// Appends a Proxy-Status field without members that claim to come from us, or from nobody: nobody
/// else says what we refused. Those of other proxies stay (RFC 9209 §2).
void append_proxy_status(std::string& out, const field& f) {
  if (!has_even_quotes(f.value))
    return;
  auto start = out.size();
  std::string_view before = ": ";
  out.append(f.name);
  for (auto list = f.value; !list.empty();) {
    auto member = take_member(list);
    if (!is_of_others(member))
      continue;
    out.append(before).append(member);
    before = ", ";
  }
  if (before == ": ")
    out.resize(start);
  else
    out.append("\r\n");
}

/// Room for a head: what it had, and what we add.
void reserve_for(const head& h, size_t extra, std::string& out) {
  auto size = out.size() + extra + 256;
  for (const auto& f : h.fields)
    size += f.name.size() + f.value.size() + 4;
  out.reserve(size);
}

/// Whether the options take a field off the head, or put another in its place. In every spelling
/// that a server may take for the same: else a client would bring its own beside the one we set.
bool is_edited(const rewrite_options& options, std::string_view name) noexcept {
  auto same = [&](std::string_view other) { return same_variable(name, other); };
  return std::ranges::any_of(options.strip, same) ||
         std::ranges::any_of(options.set, same, &field::name);
}

enum class direction : uint8_t { request, response };

/// Whether a field ends here, wherever it stands.
bool ends_here(treatment how, direction which) noexcept {
  return how == treatment::drop || how == treatment::te ||
         (how == treatment::ours && which == direction::response);
}

/// Appends the end-to-end fields in their order.
void append_fields(const head& h, const rewrite_options& options, direction which, bool keep_length,
                   bool count_hops, std::string& out) {
  nominated_names nominated{h};
  bool length_seen = !keep_length;
  for (const auto& f : h.fields) {
    auto how = treatment_of(f.name);
    if (ends_here(how, which) || nominated.contain(f.name) || is_edited(options, f.name))
      continue;
    if (how == treatment::content_length && std::exchange(length_seen, true))
      continue; // equal ones were let through by the decoder; one is enough
    if (how == treatment::max_forwards && count_hops)
      append_max_forwards(out, f);
    else if (how == treatment::content_length && f.value.find(',') != std::string_view::npos)
      append_field(out, f.name, std::to_string(h.content_length)); // said more than once in a line
    else if (how == treatment::proxy_status)
      append_proxy_status(out, f);
    else
      append_field(out, f.name, f.value);
  }
  for (const auto& f : options.set)
    append_field(out, f.name, f.value);
}

void append_via(const head& h, const rewrite_options& options, std::string& out) {
  if (options.via.empty())
    return;
  auto version = options.received.empty() ? (h.http_1_0 ? "1.0" : "1.1") : options.received;
  out.append("Via: ").append(version).append(" ").append(options.via).append("\r\n");
}

/// Whether the sender takes trailers (RFC 9110 §10.1.4); other transfer codings are between it and
/// us.
bool accepts_trailers(const head& h) noexcept {
  bool found = false;
  for (const auto& f : h.fields)
    if (treatment_of(f.name) == treatment::te)
      for_each_element(f.value,
                       [&](std::string_view coding) { found |= ascii::is<"trailers">(coding); });
  return found;
}

/// Appends host and port as they stand in a URL and in Host. A scope id means nothing beyond this
/// machine (RFC 6874 §3), a default port is left out.
void append_authority(const request_target& target, std::string& out) {
  bool brackets = target.host.ip() && !target.host.ip()->is_v4();
  out.append(brackets ? "[" : "").append(target.host.text()).append(brackets ? "]" : "");
  if (target.port != (target.https ? 443 : 80))
    out.append(":").append(std::to_string(target.port));
}

/// Appends what follows the request target.
void append_rest(const request& req, const request_target& target, const rewrite_options& options,
                 std::string_view proxy_authorization, std::string& out) {
  out.append(" HTTP/1.1\r\nHost: ");
  if (options.host.empty())
    append_authority(target, out);
  else
    out.append(options.host);
  out.append("\r\n");
  append_fields(req, options, direction::request, true,
                req.method == "OPTIONS" || req.method == "TRACE", out);
  if (req.body == framing::chunked)
    out.append("Transfer-Encoding: chunked\r\n");
  if (!proxy_authorization.empty())
    append_field(out, "Proxy-Authorization", proxy_authorization);
  append_via(req, options, out);
  bool trailers = accepts_trailers(req);
  bool upgrade = options.keep_upgrade && !req.upgrade.empty();
  if (trailers)
    out.append("TE: trailers\r\n");
  if (upgrade)
    append_field(out, "Upgrade", req.upgrade);
  append_connection(out,
                    {options.close ? "close" : "", trailers ? "TE" : "", upgrade ? "upgrade" : ""});
  out.append("\r\n");
}

} // namespace

bool has_passed(const head& h, std::string_view pseudonym) noexcept {
  // The last word of an entry or not: a comment that names us tells of us all the same.
  return std::ranges::any_of(h.fields, [&](const field& f) {
    return ascii::is<"via">(f.name) && f.value.find(pseudonym) != std::string_view::npos;
  });
}

void append_via_lines(const head& h, std::string& out) {
  for (const auto& f : h.fields)
    if (ascii::is<"via">(f.name))
      append_field(out, "Via", f.value);
}

void list_forwarded(const head& h, std::vector<field>& out) {
  nominated_names nominated{h};
  for (const auto& f : h.fields)
    if (!ends_here(treatment_of(f.name), direction::request) && !nominated.contain(f.name))
      out.push_back(f);
}

void rewrite_trailers(std::string_view lines, const trailer_rules& rules, std::string& out) {
  auto which = rules.of_response ? direction::response : direction::request;
  while (!lines.empty()) {
    auto line = lines.substr(0, lines.find("\r\n"));
    lines.remove_prefix(std::min(lines.size(), line.size() + 2));
    field f;
    if (split_field_line(line, f))
      continue;
    auto how = treatment_of(f.name);
    auto same = [&](std::string_view other) { return same_variable(f.name, other); };
    if (ends_here(how, which) || std::ranges::any_of(rules.strip, same))
      continue;
    if (how == treatment::proxy_status)
      append_proxy_status(out, f);
    else
      append_field(out, f.name, f.value);
  }
}

void rewrite_request(const request& req, const request_target& target,
                     const rewrite_options& options, std::string& out) {
  reserve_for(req, req.method.size() + target.path.size() + target.host.text().size(), out);
  out.append(req.method).append(target.path.starts_with('?') ? " /" : " ").append(target.path);
  append_rest(req, target, options, "", out);
}

void rewrite_request_for_proxy(const request& req, const request_target& target,
                               const rewrite_options& options, std::string_view proxy_authorization,
                               std::string& out) {
  reserve_for(req, req.target.size() + 2 * target.host.text().size() + proxy_authorization.size(),
              out);
  out.append(req.method).append(target.https ? " https://" : " http://");
  append_authority(target, out);
  // OPTIONS for the whole server: an empty path says `*` in absolute-form (RFC 9112 §3.2.4).
  if (target.path != "*")
    out.append(target.path);
  append_rest(req, target, options, proxy_authorization, out);
}

void rewrite_response(const response& res, const rewrite_options& options, std::string& out) {
  reserve_for(res, res.reason.size(), out);
  out.append("HTTP/1.1 ")
    .append(std::to_string(res.status))
    .append(" ")
    .append(res.reason)
    .append("\r\n");
  bool interim = res.status < 200;
  // RFC 9110 §8.6: neither has a body, so a length could only mislead.
  append_fields(res, options, direction::response, !interim && res.status != 204, false, out);
  if (res.body == framing::chunked)
    out.append("Transfer-Encoding: chunked\r\n");
  append_via(res, options, out);
  bool upgrade = options.keep_upgrade && !res.upgrade.empty();
  if (upgrade)
    append_field(out, "Upgrade", res.upgrade);
  // An interim response says nothing about what follows the final one.
  append_connection(out, {options.close && !interim ? "close" : "", upgrade ? "upgrade" : ""});
  out.append("\r\n");
}

} // namespace proxy::http1
