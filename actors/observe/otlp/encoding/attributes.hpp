#pragma once

#include <concepts>
#include <cstdint>
#include <string_view>

#include "actors/observe/otlp/encoding/message.hpp"

namespace proxy::otlp {

/// Writes attributes (KeyValue of opentelemetry.proto.common.v1) as `operator()(name, value)`: a
/// field visitor of events and spans.
template <class Message>
class attribute_writer {
public:
  /// @param in  The message that has them.
  /// @param as  In which field.
  attribute_writer(Message& in, field as) : list_(in.in_list(as)), as_(as) {}

  void operator()(std::string_view name, std::string_view value) {
    write(name, [&](Message& any) { any.text({1, "stringValue"}, value); });
  }
  void operator()(std::string_view name, std::same_as<bool> auto value) {
    write(name, [&](Message& any) { any.flag({2, "boolValue"}, value); });
  }
  void operator()(std::string_view name, uint64_t value) {
    write(name, [&](Message& any) { any.number({3, "intValue"}, value); });
  }

private:
  template <class Write>
  void write(std::string_view name, Write write_value) {
    Message one{list_, as_};
    one.text({1, "key"}, name);
    Message any{one, {2, "value"}};
    write_value(any);
  }

  typename Message::list list_;
  field as_;
};

} // namespace proxy::otlp
