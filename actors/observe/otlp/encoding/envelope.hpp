#pragma once

#include <string>

#include "actors/observe/otlp/encoding/attributes.hpp"
#include "actors/observe/otlp/encoding/identity.hpp"

namespace proxy::otlp {

/// How the request of a signal is nested: all three are alike, and differ in what they are called.
struct signal_fields {
  field by_resource; ///< `resourceLogs` and the like.
  field by_scope;    ///< In that.
  field items;       ///< In that.
};

/// Makes a request of one resource and one scope.
/// @param write  Called with the list of items and its field, to write them.
template <class Message, class Write>
[[nodiscard]] std::string envelope(const identity& of, const signal_fields& called, Write&& write) {
  std::string out;
  {
    Message request{out};
    auto&& resources = request.in_list(called.by_resource);
    Message resource{resources, called.by_resource};
    resource.made({1, "resource"}, of.resource);
    auto&& scopes = resource.in_list(called.by_scope);
    Message scope{scopes, called.by_scope};
    scope.made({1, "scope"}, of.scope);
    auto&& items = scope.in_list(called.items);
    write(items, called.items);
  }
  return out;
}

/// The same in whichever encoding: `write` is generic over the message.
template <class Write>
[[nodiscard]] std::string envelope_for(const identity& of, const signal_fields& called,
                                       Write&& write) {
  if (of.encoding == config::otlp_encoding::json)
    return envelope<json_message>(
      of, called, [&](auto& list, field in) { write.template operator()<json_message>(list, in); });
  return envelope<protobuf_message>(of, called, [&](auto& list, field in) {
    write.template operator()<protobuf_message>(list, in);
  });
}

} // namespace proxy::otlp
