#pragma once

#include <string_view>

namespace proxy::http1 {

/// Whether a body of this media type says something only when there is something to say, so that a
/// long silence in it is no fault: server-sent events, gRPC, lines of JSON, watches of Kubernetes,
/// attached Docker streams, pushed images.
/// @param content_type  Value of a Content-Type field.
[[nodiscard]] bool is_event_stream(std::string_view content_type) noexcept;

} // namespace proxy::http1
