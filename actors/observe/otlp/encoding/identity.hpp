#pragma once

#include <string>
#include <utility>
#include <vector>

#include "config/telemetry.hpp"

namespace proxy::otlp {

using attributes = std::vector<std::pair<std::string, std::string>>;

/// What every request says of who sends it, made once for all of them.
struct identity {
  /// @param resource  What the proxy is a part of: service.name and the like.
  /// @param metadata  What each record of an event says besides: `usable_metadata`.
  identity(const attributes& resource, attributes metadata, config::otlp_encoding in);

  config::otlp_encoding encoding;
  std::string resource; ///< The fields of a Resource, in that encoding.
  std::string scope;    ///< The same of an InstrumentationScope: the target of events, our version.
  attributes metadata;
};

} // namespace proxy::otlp
