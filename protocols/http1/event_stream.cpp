#include "protocols/http1/event_stream.hpp"

#include <algorithm>
#include <array>

#include "protocols/ascii.hpp"
#include "protocols/known_word.hpp"

namespace proxy::http1 {

namespace {

using namespace std::string_view_literals;

constexpr std::array whole{
  "text/event-stream"sv,         "application/x-ndjson"sv,      "application/ndjson"sv,
  "application/jsonl"sv,         "application/x-jsonlines"sv,   "application/stream+json"sv,
  "application/json-seq"sv,      "multipart/x-mixed-replace"sv, "application/grpc"sv,
  "application/connect+proto"sv, "application/connect+json"sv};

/// With whatever follows.
constexpr std::array beginnings{"application/grpc+"sv, "application/grpc-web"sv,
                                "application/vnd.docker."sv,
                                "application/vnd.amazon.eventstream"sv};

bool begins_with(std::string_view text, std::string_view beginning) noexcept {
  return text.size() >= beginning.size() &&
         ascii::equals_ignoring_case(text.substr(0, beginning.size()), beginning);
}

/// Kubernetes: "application/json;stream=watch", "…;type=watch".
bool is_watch(std::string_view parameters) noexcept {
  while (!parameters.empty()) {
    auto one = ascii::trim(parameters.substr(0, parameters.find(';')));
    parameters.remove_prefix(std::min(parameters.find(';'), parameters.size() - 1) + 1);
    if (ascii::is<"stream=watch">(one) || ascii::is<"type=watch">(one))
      return true;
  }
  return false;
}

} // namespace

bool is_event_stream(std::string_view content_type) noexcept {
  auto end = std::min(content_type.find(';'), content_type.size());
  auto type = ascii::trim(content_type.substr(0, end));
  return std::ranges::any_of(whole,
                             [&](auto one) { return ascii::equals_ignoring_case(type, one); }) ||
         std::ranges::any_of(beginnings, [&](auto one) { return begins_with(type, one); }) ||
         is_watch(content_type.substr(std::min(end + 1, content_type.size())));
}

} // namespace proxy::http1
