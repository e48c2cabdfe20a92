#pragma once

#include <ostream>
#include <string>
#include <utility>

namespace proxy::policy {

/// A text that is sent and never shown: printing it in any way gives "<redacted>".
class secret {
public:
  secret() = default;
  explicit secret(std::string text) : text_(std::move(text)) {}

  /// The text itself, for the request it goes into and nothing else.
  [[nodiscard]] const std::string& reveal() const noexcept { return text_; }
  [[nodiscard]] bool empty() const noexcept { return text_.empty(); }

  friend bool operator==(const secret&, const secret&) = default;
  friend std::string to_string(const secret&) { return "<redacted>"; }
  friend std::ostream& operator<<(std::ostream& out, const secret& s) {
    return out << to_string(s);
  }

private:
  std::string text_;
};

} // namespace proxy::policy
