#define CAF_SUITE config.telemetry_managed
#include "config/telemetry_resolve.hpp" // unit under test

#include "tests/config/telemetry_support.hpp"

using namespace proxy::config;
using namespace proxy::config::test;

namespace {

const std::string collector = "endpoint = \"https://managed.test\"\n";

/// Loads these lines of `[network_proxy.otel]`, managed and a user's.
loaded load_both(const std::string& managed, const std::string& user, const variables& env = {}) {
  folder home;
  home.write("managed.toml", "[network_proxy.otel]\n" + managed);
  home.write("config.toml", newer("enabled = true\n") + "[network_proxy.otel]\n" + user);
  return load(home.from(env));
}

} // namespace

CAF_TEST(what the managed layer sends no user keeps back) {
  struct row {
    std::string managed, user, key;
  };
  const row rows[] = {
    {collector, "endpoint = \"https://mine.test\"", "endpoint"},
    {collector, "endpoint = \"\"", "endpoint"},
    {"endpoint = \"\"", "endpoint = \"https://mine.test\"", "endpoint"},
    {collector, "protocol = \"http/json\"", "protocol"},
    {collector, "headers = {a = \"env:A\"}", "headers"},
    {collector + "headers = {a = \"env:A\"}", "headers = {}", "headers"},
    {collector + "headers = {a = \"env:A\"}", "headers = {a = \"env:B\"}", "headers"},
    {collector, "compression = \"none\"", "compression"},
    {collector, "timeout = \"1ms\"", "timeout"},
    {collector, "ca_file = \"/mine.pem\"", "ca_file"},
    {collector, "client_cert = \"/c\"\nclient_key = \"/k\"", "client_cert"},
    {collector, "queue_size = 1", "queue_size"},
    {collector, "batch_size = 1", "batch_size"},
    {collector, "delay = \"1d\"", "delay"},
    {collector, "metrics_interval = \"1d\"", "metrics_interval"},
    {collector + "traces = true", "traces = false", "traces"},
    {"attributes = {a = \"1\"}", "attributes = {a = \"2\"}", "attributes"},
    {"attributes = {a = \"1\"}", "attributes = {}", "attributes"},
  };
  for (const auto& [managed, user, key] : rows) {
    CAF_MESSAGE(managed << " under " << user);
    auto got = load_both(managed, user, {{"A", "x"}, {"B", "x"}});
    CAF_CHECK(!got.config);
    // The user's line: the first below three of the profile and the table's own.
    CAF_CHECK(contains(told(got), "config.toml:5:"));
    CAF_CHECK(contains(told(got), "error: invalid value for network_proxy.otel." + key + ": "));
  }
}

CAF_TEST(users say again what is managed and add to what events say) {
  struct row {
    std::string managed, user;
  };
  const row rows[] = {
    {collector, collector + "protocol = \"http/protobuf\""},
    {collector + "timeout = \"3s\"", "timeout = 3"},
    {collector, "traces = true"},
    {collector, "attributes = {b = \"2\"}"},
    {"attributes = {a = \"1\"}", "attributes = {a = \"1\", b = \"2\"}"},
    {"protocol = \"http/json\"",
     collector + "protocol = \"http/protobuf\""}, // no collector, no lock
  };
  for (const auto& [managed, user] : rows) {
    CAF_MESSAGE(managed << " under " << user);
    auto got = load_both(managed, user);
    CAF_CHECK_EQUAL(told(got), std::string{});
    CAF_CHECK(got.config.has_value());
  }
}

CAF_TEST(what the managed layer sends no variable keeps back) {
  auto plain = config_of(load_both(collector, "traces = true")).otel;
  CAF_CHECK_EQUAL(plain.logs.url, "https://managed.test/v1/logs");
  CAF_CHECK_EQUAL(plain.traces.url, "https://managed.test/v1/traces");
  const std::string prefix = "OTEL_EXPORTER_OTLP_";
  const std::pair<std::string, std::string> all[] = {
    {"OTEL_SDK_DISABLED", "true"},
    {"OTEL_LOGS_EXPORTER", "none"},
    {"OTEL_METRICS_EXPORTER", "none"},
    {"OTEL_TRACES_EXPORTER", "none"},
    {prefix + "ENDPOINT", "http://127.0.0.1"},
    {prefix + "LOGS_ENDPOINT", "http://127.0.0.1"},
    {prefix + "HEADERS", "a=b"},
    {prefix + "PROTOCOL", "http/json"},
    {prefix + "TIMEOUT", "1"},
    {prefix + "COMPRESSION", "none"},
    {prefix + "CERTIFICATE", "/mine.pem"},
    {prefix + "CLIENT_CERTIFICATE", "/c"},
    {prefix + "CLIENT_KEY", "/k"},
    {"OTEL_BLRP_SCHEDULE_DELAY", "86400000"},
    {"OTEL_BLRP_MAX_QUEUE_SIZE", "1"},
    {"OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "1"},
    {"OTEL_METRIC_EXPORT_INTERVAL", "86400000"},
  };
  for (const auto& one : all) {
    CAF_MESSAGE(one.first);
    auto got = config_of(load_both(collector, "traces = true", {one})).otel;
    CAF_CHECK(got == plain);
  }
  auto named = config_of(load_both(collector, "", {{"OTEL_SERVICE_NAME", "mine"}})).otel;
  CAF_CHECK_EQUAL(joined(named.resource), "service.name=mine;");
}
