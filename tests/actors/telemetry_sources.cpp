#define CAF_SUITE actors.telemetry_sources
#include "actors/telemetry_sources.hpp" // unit under test

#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "actors/loop/system/machine.hpp"
#include "tests/support/test.hpp"

using namespace proxy;

namespace {

using attributes = std::map<std::string, std::string>;

attributes texts(const nlohmann::json& all) {
  attributes out;
  for (const auto& each : all)
    if (each["value"].contains("stringValue"))
      out[each["key"].get<std::string>()] = each["value"]["stringValue"].get<std::string>();
  return out;
}

struct made {
  attributes resource, fields;
};

/// What one event becomes by these settings.
made encode(config::otel settings, const audit_metadata& metadata = {}) {
  settings.logs.encoding = config::otlp_encoding::json;
  auto encoders = encoders_of({"instance-1", metadata, {}}, settings, this_machine().clock);
  std::vector<decision_event_ptr> events{std::make_shared<decision_event>()};
  auto body = nlohmann::json::parse(encoders.logs(events));
  const auto& of = body["resourceLogs"][0];
  return {texts(of["resource"]["attributes"]),
          texts(of["scopeLogs"][0]["logRecords"][0]["attributes"])};
}

} // namespace

CAF_TEST(a name of a proxy is a random UUID) {
  auto& chance = this_machine().entropy;
  const std::regex form{"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"};
  std::set<std::string> all;
  for (int i = 0; i < 100; ++i) {
    auto one = random_uuid(chance);
    CAF_CHECK(std::regex_match(one, form));
    all.insert(one);
  }
  CAF_CHECK_EQUAL(all.size(), 100u);
}

CAF_TEST(the resource names the service its version and this proxy unless the settings do) {
  auto plain = encode({}).resource;
  CAF_CHECK_EQUAL(plain["service.name"], "codex_network_proxy");
  CAF_CHECK_EQUAL(plain["service.instance.id"], "instance-1");
  CAF_CHECK(!plain["service.version"].empty());
  config::otel settings;
  settings.resource = {{"service.name", "mine"}, {"service.instance.id", "own"}, {"team", "net"}};
  auto own = encode(settings).resource;
  CAF_CHECK_EQUAL(own["service.name"], "mine");
  CAF_CHECK_EQUAL(own["service.instance.id"], "own");
  CAF_CHECK_EQUAL(own["team"], "net");
}

CAF_TEST(metadata of the program comes before that of the settings) {
  config::otel settings;
  settings.attributes = {{"app.version", "2"}, {"team", "net"}};
  auto fields =
    encode(settings, {{"app.version", "1"}, {"conversation.id", "c"}, {"server.address", "x"}})
      .fields;
  CAF_CHECK_EQUAL(fields["app.version"], "1");
  CAF_CHECK_EQUAL(fields["conversation.id"], "c");
  CAF_CHECK_EQUAL(fields["team"], "net");
  CAF_CHECK_EQUAL(fields["server.address"], "unknown"); // of the event
  CAF_CHECK(encode({}).fields.count("app.version") == 0);
}
