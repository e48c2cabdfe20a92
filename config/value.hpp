#pragma once

#include <string>

#include "config/keys.hpp"
#include "config/layer.hpp"
#include "config/toml.hpp"

namespace proxy::config {

/// Reads a single value (not a list, map or table) into the member it belongs to.
/// @param directory  Where relative paths start; "" leaves them as they are.
/// @returns What is wrong, "" when nothing is; the member is then untouched.
[[nodiscard]] std::string read_value(const key& k, const toml::node& node,
                                     const std::string& directory, proxy_config& into);

/// Reads where a secret is: "env:NAME" or "file:PATH".
/// @param directory  As above.
/// @returns What is wrong; it does not name the value, which may be the secret itself.
[[nodiscard]] std::string read_source(const toml::node& node, const std::string& directory,
                                      std::string& into);

/// "a string", "an integer", … for messages.
[[nodiscard]] std::string kind_of(const toml::node& node);
/// The same where a text may be a secret that somebody put in the wrong place: nothing of it.
[[nodiscard]] std::string kind_of_secret(const toml::node& node);

/// The value as TOML: what `read_value` reads back; lists too, "{}" or "[]" for keys merged into
/// others.
[[nodiscard]] std::string value_text(const key& k, proxy_config& from);

/// "true or false", "duration", "size", … for `--help`.
[[nodiscard]] std::string type_text(const key& k);

} // namespace proxy::config
