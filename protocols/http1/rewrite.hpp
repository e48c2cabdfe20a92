#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocols/host.hpp"
#include "protocols/http1/message.hpp"

namespace proxy::http1 {

/// The target of a proxy request, taken apart (RFC 9112 §3.2).
struct request_target {
  enum class form : uint8_t { absolute, origin, authority, asterisk };
  form kind = form::origin;
  bool https = false; ///< Scheme of an absolute-form target.
  proxy::host host;
  uint16_t port = 0; ///< With the scheme's default filled in.
  bool explicit_port = false;
  /// Path and query as received: "/" when both are empty ("*" for OPTIONS); begins with "?" when an
  /// absolute-form target has a query and no path, which goes out as "/?…".
  std::string_view path;
};

/// Takes the target of `req` apart and compares it with Host: a Host that names another host or
/// port is errc::malformed "Host header does not match request target" (an explicit default port
/// equals an absent one). CONNECT takes only authority-form with a port; other methods
/// absolute-form with scheme http or https (any other is refused by its name), or origin-form (then
/// Host decides), `*` with OPTIONS only. A target without a scheme counts port 80 as its default;
/// see `explicit_port`. Host without a port agrees with any port of a CONNECT target, which has no
/// default. Userinfo, fragments, spaces, control and non-ASCII bytes are errc::malformed.
[[nodiscard]] caf::error parse_target(const request& req, request_target& out);

/// Path and query of a target of any form but that of CONNECT, where what is asked for is not where
/// the target or Host says: neither is read. "/" for none, `*` as it is.
/// @returns errc::malformed as `parse_target` does for the rest.
[[nodiscard]] caf::expected<std::string> path_of_target(const request& req);

/// Appends the fields that `rewrite_request` passes on as they are: not what belongs to the
/// client's connection alone.
void list_forwarded(const head& h, std::vector<field>& out);

/// Whether a message has passed a proxy of this pseudonym (RFC 9110 §7.6.3), which must be unlike
/// anybody else's.
[[nodiscard]] bool has_passed(const head& h, std::string_view pseudonym) noexcept;

/// Appends the Via lines of a head as they are: for a CONNECT of our own that goes before it.
void append_via_lines(const head& h, std::string& out);

/// What a forwarded head is given and loses.
struct rewrite_options {
  std::string_view via;      ///< Pseudonym for Via, "" for none.
  bool keep_upgrade = false; ///< Forward Connection: upgrade and Upgrade (WebSocket, full mode).
  bool close = false;        ///< Add Connection: close.
  /// Names of fields that are taken off, in every spelling (`same_variable`).
  std::span<const std::string> strip{};
  std::span<const field> set{}; ///< Take the place of all fields of their names, alike.
  std::string_view received{};  ///< The version in Via where it is not the head's: "2.0".
  std::string_view host{};      ///< Requests: the value of Host where it is not the target's.
};

/// Appends the head to send upstream: origin-form target, Host from the target (first), then the
/// end-to-end fields in their order. Removed: Connection and everything any Connection line names,
/// Keep-Alive, Proxy-Connection, Proxy-Authorization, Proxy-Authenticate, TE (but `trailers` is
/// kept), Upgrade, HTTP2-Settings, `x-unix-socket`; Host and Transfer-Encoding are written anew
/// (Content-Length kept). Via is appended to. Max-Forwards is decremented on OPTIONS and TRACE.
/// Names that a Connection line may not remove (Content-Length, Transfer-Encoding, Host, Cookie,
/// Authorization …: framing and routing) stay.
void rewrite_request(const request& req, const request_target& target,
                     const rewrite_options& options, std::string& out);

/// Appends the head to send to the client: the same hygiene; what only we may say of a response is
/// removed: `x-proxy-error`, `x-request-id`, Proxy-Status members in our name; `Connection: close`
/// is added to final responses. The caller sets `close` for an HTTP/1.0 client and for a body that
/// ends with the connection, and takes the chunks off before an HTTP/1.0 client (set `body`
/// accordingly).
void rewrite_response(const response& res, const rewrite_options& options, std::string& out);

/// What a trailer section loses on its way.
struct trailer_rules {
  bool of_response = false;
  std::vector<std::string> strip{}; ///< As in `rewrite_options`.
};

/// Appends the trailer fields that go on: without those of a connection, those that `rules` name,
/// and in responses what only we may say.
/// @param lines  As `chunked_decoder::trailers` gives them.
void rewrite_trailers(std::string_view lines, const trailer_rules& rules, std::string& out);

/// Appends the absolute-form target instead of origin-form, for an upstream HTTP proxy.
/// @param proxy_authorization Value of Proxy-Authorization to add, "" for none.
void rewrite_request_for_proxy(const request& req, const request_target& target,
                               const rewrite_options& options, std::string_view proxy_authorization,
                               std::string& out);

} // namespace proxy::http1
