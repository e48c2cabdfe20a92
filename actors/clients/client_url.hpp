#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/proxy_config.hpp"

/// The URL by which clients on this machine reach the proxy, with what they have to show.

namespace proxy {

/// Percent signs and their digits taken for what they mean; others stay.
[[nodiscard]] std::string url_decoded(std::string_view text);

/// Where clients on this machine reach a listener: a wildcard becomes loopback. nullopt when its
/// port is chosen at start, or it is a unix socket.
[[nodiscard]] std::optional<std::string> url_for_clients(const config::listen_address& listener);

/// The same URL with what a client has to show.
[[nodiscard]] std::string with_login(std::string url, const config::socks_user& user);

/// Whom a client shows to be: the user of this name, or without one the first whose password is
/// known here. nullptr: there is none.
[[nodiscard]] const config::socks_user* choose_user(const config::proxy_config& config,
                                                    std::string_view name);

/// Puts what a client has to show into its URL, where users are set.
/// @param name  As for `choose_user`.
/// @returns what is wrong, "" when nothing is.
[[nodiscard]] std::string log_in(std::string& url, const config::proxy_config& config,
                                 std::string_view name);

} // namespace proxy
