#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "actors/messages.hpp"
#include "protocols/http1/message.hpp"

/// Who may use the proxy (`socks_users`), and how clients show that they are one of them.

namespace proxy {

class client_session;

/// What a client said about who it is.
enum class login : uint8_t { none, wrong, right };

/// Whether this is the password of this user. Takes the same time whatever of it is wrong.
[[nodiscard]] bool is_user(const config::proxy_config& config, std::string_view name,
                           std::string_view password);

/// Reads the Proxy-Authorization fields of a request (RFC 9110 §11.7.2). Where there are several,
/// all have to name the same user.
/// @param user  Set when the outcome is `right`.
[[nodiscard]] login read_login(const http1::request& req, const config::proxy_config& config,
                               std::string& user);

/// The refusal of a client that is nobody.
[[nodiscard]] policy::denial client_required();

/// Judges again who a connection belongs to: where users are set, it has to be one of them, with
/// the password that it showed. What began while nobody was asked is refused then.
[[nodiscard]] std::optional<policy::denial> judge_user(const snapshot& in_force,
                                                       const client_session& c);

} // namespace proxy
