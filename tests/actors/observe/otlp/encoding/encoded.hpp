#pragma once

#include <nlohmann/json.hpp>
#include <protozero/pbf_reader.hpp>

#include <string>

#include "actors/observe/otlp/encoding/encode.hpp"
#include "tests/support/test.hpp"

namespace proxy::test {

inline otlp::identity sender(config::otlp_encoding in) {
  return {{{"service.name", "proxy"}, {"host", "\xff"}}, {{"conversation.id", "c-1"}}, in};
}

/// The items of a request, which are in a list in a list in a list.
inline nlohmann::json items_of(const std::string& body, const char* by_resource,
                               const char* by_scope, const char* items) {
  auto all = nlohmann::json::parse(body);
  CAF_REQUIRE_EQUAL(all[by_resource].size(), 1u);
  const auto& resource = all[by_resource][0];
  CAF_CHECK_EQUAL(resource["resource"]["attributes"][0]["key"], "service.name");
  CAF_CHECK_EQUAL(resource["resource"]["attributes"][0]["value"]["stringValue"], "proxy");
  CAF_REQUIRE_EQUAL(resource[by_scope].size(), 1u);
  CAF_CHECK_EQUAL(resource[by_scope][0]["scope"]["name"], "codex_otel.network_proxy");
  return resource[by_scope][0][items];
}

/// The messages of the same in protobuf, where all three lists have the numbers 1, 2 and 2.
inline std::vector<std::string> messages_of(const std::string& body) {
  std::vector<std::string> out;
  protozero::pbf_reader request{body};
  CAF_REQUIRE(request.next(1));
  auto resource = request.get_message();
  CAF_CHECK(!request.next());
  CAF_REQUIRE(resource.next(2));
  auto scope = resource.get_message();
  while (scope.next(2))
    out.push_back(scope.get_bytes());
  return out;
}

/// A field of a message that is an attribute's list: name → the one value, as text.
inline nlohmann::json by_name(const nlohmann::json& attributes) {
  nlohmann::json out;
  for (const auto& each : attributes)
    out[each["key"].get<std::string>()] = each["value"];
  return out;
}

} // namespace proxy::test
