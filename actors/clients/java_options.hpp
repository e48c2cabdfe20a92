#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace proxy {

/// JAVA_TOOL_OPTIONS that make a Java program use the proxy, and trust what it shows it: Java reads
/// none of the other variables. What the user has in there stays in front; settings of the same
/// names, which ours would overrule, are taken out.
/// @param before       The user's own options.
/// @param trust_store  "" for Java's own.
[[nodiscard]] std::string java_options(std::string_view before, std::string_view proxy_url,
                                       std::string_view trust_store);

/// Options in a variable that Java reads after JAVA_TOOL_OPTIONS, where settings of the user would
/// overrule ours: without those. @returns nothing when there are none to take out.
/// @param trust  Whether settings of the trust store are ours too.
[[nodiscard]] std::optional<std::string> without_our_settings(std::string_view options, bool trust);

/// The trust store that options of the user name.
struct java_trust {
  std::string path;
  std::string password;
  friend bool operator==(const java_trust&, const java_trust&) = default;
};

/// @returns nothing when they name none.
[[nodiscard]] std::optional<java_trust> java_trust_in(std::string_view options);

} // namespace proxy
