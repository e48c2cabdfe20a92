#include "actors/serve/answer/answer_form.hpp"

#include <algorithm>
#include <optional>

#include "protocols/ascii.hpp"
#include "protocols/http1/decode.hpp"
#include "protocols/known_word.hpp"

namespace proxy {

namespace {

/// The type before its parameters, e.g. "application/grpc".
std::string_view type_of(std::string_view value) noexcept {
  return ascii::trim(value.substr(0, value.find(';')));
}

bool starts_with_ignoring_case(std::string_view text, std::string_view with) noexcept {
  return text.size() >= with.size() &&
         ascii::equals_ignoring_case(text.substr(0, with.size()), with);
}

/// `application/grpc` and `application/grpc+proto`. Not grpc-web, whose clients are browsers.
bool is_grpc(std::string_view value) noexcept {
  static constexpr std::string_view grpc = "application/grpc";
  if (!starts_with_ignoring_case(value, grpc))
    return false;
  auto type = type_of(value);
  return type.size() == grpc.size() || type[grpc.size()] == '+';
}

constexpr std::string_view html_type = "text/html";

/// A weight in thousandths; 0 where it cannot be read.
int weight_of(std::string_view parameters) noexcept {
  while (!parameters.empty()) {
    auto end = std::min(parameters.find(';'), parameters.size());
    auto one = ascii::trim(parameters.substr(0, end));
    parameters.remove_prefix(std::min(end + 1, parameters.size()));
    if (!starts_with_ignoring_case(one, "q="))
      continue;
    one.remove_prefix(2);
    if (one.empty() || (one[0] != '0' && one[0] != '1') || (one.size() > 1 && one[1] != '.'))
      return 0;
    auto weight = (one[0] - '0') * 1000;
    auto worth = 100;
    for (auto c : one.substr(std::min<size_t>(2, one.size()))) {
      if (!ascii::is_digit(c))
        return 0;
      weight += (c - '0') * worth;
      worth /= 10;
    }
    return std::min(weight, 1000);
  }
  return 1000;
}

/// Raises the weights of the two types that an answer may have by what an Accept field says.
void read_accept(std::string_view value, std::optional<int>& html, std::optional<int>& json) {
  while (!value.empty()) {
    auto end = std::min(value.find(','), value.size());
    auto one = value.substr(0, end);
    value.remove_prefix(std::min(end + 1, value.size()));
    auto type = type_of(one);
    auto parameters = one.substr(std::min(one.find(';'), one.size()));
    if (!parameters.empty())
      parameters.remove_prefix(1);
    if (ascii::equals_ignoring_case(type, html_type))
      html = std::max(html.value_or(0), weight_of(parameters));
    else if (ascii::is<"application/json">(type))
      json = std::max(json.value_or(0), weight_of(parameters));
  }
}

} // namespace

answer_form form_for(const http1::request& req) noexcept {
  std::optional<int> html, json;
  auto is_git = false;
  // The value first, where that is quicker: most fields are none of these, and most Accepts `*/*`.
  for (const auto& f : req.fields) {
    if (f.value.size() >= html_type.size() && ascii::is<"accept">(f.name))
      read_accept(f.value, html, json);
    else if (is_grpc(f.value) && ascii::is<"content-type">(f.name))
      return answer_form::grpc;
    else if (f.value.starts_with("git/") && ascii::is<"user-agent">(f.name))
      is_git = true;
  }
  if (is_git)
    return answer_form::text;
  return html.value_or(0) > json.value_or(0) ? answer_form::html : answer_form::usual;
}

answer_form form_for(std::string_view head) {
  http1::request req;
  // It was taken once, under limits that may be others now.
  http1::head_limits limits{head.size() + 1, head.size() + 1};
  if (head.empty() || http1::decode_request(head, limits, req))
    return answer_form::usual;
  return form_for(req);
}

} // namespace proxy
