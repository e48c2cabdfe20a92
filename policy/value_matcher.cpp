#include "policy/value_matcher.hpp"

#include "policy/query.hpp"
#include "protocols/ascii.hpp"
#include "protocols/http1/path.hpp"
#include "protocols/utf8.hpp"

namespace proxy::policy {

namespace {

constexpr std::string_view literal_prefix = "literal:";
constexpr std::string_view pattern_prefix = "pattern:";

caf::error bad_matcher(std::string_view why) {
  return caf::make_error(errc::invalid_config, std::string{why});
}

} // namespace

std::optional<std::string_view> value_matcher::pattern_in(std::string_view text) noexcept {
  if (!text.starts_with(pattern_prefix))
    return std::nullopt;
  return text.substr(pattern_prefix.size());
}

caf::expected<value_matcher> value_matcher::parse(std::string_view text, use as) {
  value_matcher out{text, as};
  if (auto pattern = pattern_in(text)) {
    if (pattern->empty())
      return bad_matcher("glob pattern must not be empty");
    auto compiled =
      glob::compile(*pattern, as == use::path ? glob::separator::slash : glob::separator::none);
    if (!compiled)
      return std::move(compiled.error());
    out.glob_ = std::move(*compiled);
    return out;
  }
  if (text.starts_with(literal_prefix))
    text.remove_prefix(literal_prefix.size());
  if (as == use::path && ascii::trim(text).empty())
    return bad_matcher("path_prefixes must not contain empty entries");
  // Paths come with their escapes in canonical form.
  out.literal_ = as == use::path ? http1::canonical_escapes(text) : std::string{text};
  return out;
}

bool value_matcher::matches(std::string_view text) const noexcept {
  if (glob_)
    return glob_->matches(text);
  return use_ == use::path ? text.starts_with(literal_) : text == literal_;
}

bool value_matcher::matches_encoded(std::string_view encoded) const noexcept {
  if (!glob_)
    return decodes_to(encoded, literal_);
  glob::progress at{*glob_};
  form_reader bytes{encoded};
  utf8_decoder text;
  while (auto c = bytes.next()) {
    auto byte = static_cast<unsigned char>(*c);
    if (bytes.broken() || !text.take(byte) || byte < 0x20 || byte == 0x7F || !at.take(*c))
      return false;
  }
  return text.whole() && at.done();
}

bool value_matcher::names_commas() const noexcept {
  // Between braces a comma stands for something else.
  return !glob_ || (text_.find(',') != std::string::npos && text_.find('{') == std::string::npos);
}

} // namespace proxy::policy
