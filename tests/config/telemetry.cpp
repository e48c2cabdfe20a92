#define CAF_SUITE config.telemetry
#include "config/telemetry_resolve.hpp" // unit under test

#include "tests/config/telemetry_support.hpp"

using namespace proxy::config;
using namespace proxy::config::test;
using namespace std::chrono_literals;

namespace {

/// What a load warns of, or refuses, and what the key is.
struct row {
  std::string lines;
  variables env;
  std::string key, words;
};

} // namespace

CAF_TEST(nothing is sent where nobody says where to) {
  auto got = otel_of("");
  for (const auto* to : {&got.logs, &got.metrics, &got.traces})
    CAF_CHECK_EQUAL(to->url, "");
}

CAF_TEST(the endpoint of the file gets a path for each signal) {
  for (auto slash : {"", "/", "//"}) {
    auto got = otel_of("endpoint = \"https://collector.test:4318/otel" + std::string{slash} + "\"");
    CAF_CHECK_EQUAL(got.logs.url, "https://collector.test:4318/otel/v1/logs");
    CAF_CHECK_EQUAL(got.metrics.url, "https://collector.test:4318/otel/v1/metrics");
    CAF_CHECK_EQUAL(got.traces.url, ""); // nobody asked for them
    CAF_CHECK(got.logs.encoding == otlp_encoding::protobuf);
    CAF_CHECK(got.logs.gzip);
    CAF_CHECK(got.logs.timeout == 10s);
  }
  auto traced = otel_of("endpoint = \"http://127.0.0.1\"\ntraces = true");
  CAF_CHECK_EQUAL(traced.traces.url, "http://127.0.0.1/v1/traces");
}

CAF_TEST(every key has its effect) {
  folder home;
  home.write("token", "secret\n");
  home.write("config.toml", newer("enabled = true\n") + R"([network_proxy.otel]
endpoint = "https://collector.test"
protocol = "http/json"
compression = "none"
timeout = "3s"
ca_file = "ca.pem"
client_cert = "/own/cert.pem"
client_key = "/own/key.pem"
queue_size = 10
batch_size = 5
delay = "20ms"
metrics_interval = "2s"
headers = {authorization = "env:TOKEN", x-tenant = "file:token"}
attributes = {"conversation.id" = "c-1", "app.version" = "1.2"}
)");
  auto got = config_of(load(home.from({{"TOKEN", "Bearer x"}}))).otel;
  CAF_CHECK(got.logs.encoding == otlp_encoding::json);
  CAF_CHECK(!got.logs.gzip);
  CAF_CHECK(got.logs.timeout == 3s);
  CAF_CHECK_EQUAL(got.logs.ca_file, home.at("ca.pem"));
  CAF_CHECK_EQUAL(got.logs.cert_file, "/own/cert.pem");
  CAF_CHECK_EQUAL(got.logs.key_file, "/own/key.pem");
  CAF_CHECK_EQUAL(joined(got.logs.headers), "authorization=Bearer x;x-tenant=secret;");
  CAF_CHECK_EQUAL(joined(got.attributes), "app.version=1.2;conversation.id=c-1;");
  CAF_CHECK(got.metrics.headers == got.logs.headers);
  CAF_CHECK_EQUAL(got.queue_size, 10u);
  CAF_CHECK_EQUAL(got.batch_size, 5u);
  CAF_CHECK(got.delay == 20ms);
  CAF_CHECK(got.metrics_interval == 2s);
}

CAF_TEST(headers for the collector are shown by where they come from) {
  folder home;
  home.write("config.toml", newer("enabled = true\n") +
                              "[network_proxy.otel]\n"
                              "endpoint = \"https://collector.test\"\n"
                              "headers = {authorization = \"env:TOKEN\"}\n");
  auto from = home.from({{"TOKEN", "Bearer hidden"}, {"OTEL_EXPORTER_OTLP_HEADERS", "a=hidden"}});
  auto shown = to_json(config_of(load(from)));
  CAF_CHECK(shown.find("env:TOKEN") != std::string::npos);
  CAF_CHECK(shown.find("hidden") == std::string::npos);
}

CAF_TEST(the environment says what the file does not ) {
  const variables env{{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318/"},
                      {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://127.0.0.1:9/own"},
                      {"OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"},
                      {"OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "http/protobuf"},
                      {"OTEL_EXPORTER_OTLP_COMPRESSION", "none"},
                      {"OTEL_EXPORTER_OTLP_TIMEOUT", "2500"},
                      {"OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20x, a=b"},
                      {"OTEL_EXPORTER_OTLP_METRICS_HEADERS", "m=1"},
                      {"OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem"},
                      {"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/cert.pem"},
                      {"OTEL_EXPORTER_OTLP_CLIENT_KEY", "/key.pem"},
                      {"OTEL_BLRP_MAX_QUEUE_SIZE", "7"},
                      {"OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "3"},
                      {"OTEL_BLRP_SCHEDULE_DELAY", "40"},
                      {"OTEL_METRIC_EXPORT_INTERVAL", "5000"}};
  auto got = otel_of("", env);
  CAF_CHECK_EQUAL(got.logs.url, "http://127.0.0.1:4318/v1/logs");
  CAF_CHECK_EQUAL(got.metrics.url, "http://127.0.0.1:9/own");
  CAF_CHECK(got.logs.encoding == otlp_encoding::protobuf);
  CAF_CHECK(got.metrics.encoding == otlp_encoding::json);
  CAF_CHECK(!got.logs.gzip);
  CAF_CHECK(got.logs.timeout == 2500ms);
  CAF_CHECK_EQUAL(joined(got.logs.headers), "authorization=Bearer x;a=b;");
  CAF_CHECK_EQUAL(joined(got.metrics.headers), "m=1;");
  CAF_CHECK_EQUAL(got.logs.ca_file, "/ca.pem");
  CAF_CHECK_EQUAL(got.logs.cert_file, "/cert.pem");
  CAF_CHECK_EQUAL(got.logs.key_file, "/key.pem");
  CAF_CHECK_EQUAL(got.queue_size, 7u);
  CAF_CHECK_EQUAL(got.batch_size, 3u);
  CAF_CHECK(got.delay == 40ms);
  CAF_CHECK(got.metrics_interval == 5s);
  auto filed = otel_of("endpoint = \"https://filed.test\"\nprotocol = \"http/protobuf\"\n"
                       "compression = \"gzip\"\ntimeout = \"1s\"\nqueue_size = 9\n",
                       env);
  CAF_CHECK_EQUAL(filed.metrics.url, "https://filed.test/v1/metrics");
  CAF_CHECK(filed.metrics.encoding == otlp_encoding::protobuf);
  CAF_CHECK(filed.logs.gzip);
  CAF_CHECK(filed.logs.timeout == 1s);
  CAF_CHECK_EQUAL(filed.queue_size, 9u);
  CAF_CHECK_EQUAL(otel_of("endpoint = \"\"", env).logs.url, "");
}

CAF_TEST(which signals are sent) {
  const std::string base = "endpoint = \"http://127.0.0.1\"\n";
  struct line {
    std::string lines;
    variables env;
    bool logs, metrics, traces;
  } lines[] = {
    {base, {}, true, true, false},
    {base, {{"OTEL_SDK_DISABLED", "TRUE"}}, false, false, false},
    {base, {{"OTEL_SDK_DISABLED", "no"}}, true, true, false},
    {base, {{"OTEL_LOGS_EXPORTER", "none"}}, false, true, false},
    {base, {{"OTEL_METRICS_EXPORTER", "otlp,none"}}, true, false, false},
    {base, {{"OTEL_TRACES_EXPORTER", "otlp"}}, true, true, true},
    {base + "traces = true", {{"OTEL_TRACES_EXPORTER", "none"}}, true, true, true},
    {base + "traces = false", {{"OTEL_TRACES_EXPORTER", "otlp"}}, true, true, false},
    {"", {{"OTEL_TRACES_EXPORTER", "otlp"}}, false, false, true}, // the default collector
    {"traces = true", {{"OTEL_TRACES_EXPORTER", "otlp"}}, false, false, true},
    // Nobody says where to.
    {"traces = true", {}, false, false, false},
    {"traces = true", {{"OTEL_TRACES_EXPORTER", "none"}}, false, false, false},
    {"traces = true", {{"OTEL_LOGS_EXPORTER", "otlp"}}, true, false, false},
    {"traces = true", {{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://h"}}, true, true, true},
    // Said wrong: the secret that may come with it goes to nobody.
    {"",
     {{"OTEL_LOGS_EXPORTER", "otlp"}, {"OTEL_EXPORTER_OTLP_ENDPOINT", "h:4318"}},
     false,
     false,
     false},
    {"",
     {{"OTEL_LOGS_EXPORTER", "otlp"},
      {"OTEL_METRICS_EXPORTER", "otlp"},
      {"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "h:4318"}},
     false,
     true,
     false},
  };
  for (const auto& [text, env, logs, metrics, traces] : lines) {
    CAF_MESSAGE(text << joined(text_pairs{env.begin(), env.end()}));
    auto got = otel_of(text, env);
    CAF_CHECK_EQUAL(!got.logs.url.empty(), logs);
    CAF_CHECK_EQUAL(!got.metrics.url.empty(), metrics);
    CAF_CHECK_EQUAL(!got.traces.url.empty(), traces);
  }
  CAF_CHECK_EQUAL(otel_of("", {{"OTEL_LOGS_EXPORTER", "otlp"}}).logs.url,
                  "http://localhost:4318/v1/logs");
}

CAF_TEST(the resource has a service name first) {
  struct line {
    variables env;
    std::string wanted;
  } lines[] = {
    {{}, "service.name=codex_network_proxy;"},
    {{{"OTEL_SERVICE_NAME", "mine"}}, "service.name=mine;"},
    {{{"OTEL_RESOURCE_ATTRIBUTES", "team=net,service.name=theirs,a%20b=c%2Cd"}},
     "service.name=theirs;team=net;a b=c,d;"},
    {{{"OTEL_RESOURCE_ATTRIBUTES", "team=a,service.name=x,team=b,service.name=y"}},
     "service.name=y;team=b;"},
    {{{"OTEL_RESOURCE_ATTRIBUTES", "service.name=theirs"}, {"OTEL_SERVICE_NAME", "mine"}},
     "service.name=mine;"},
  };
  for (const auto& [env, wanted] : lines)
    CAF_CHECK_EQUAL(joined(otel_of("endpoint = \"http://127.0.0.1\"", env).resource), wanted);
}

CAF_TEST(a variable that is of no use is told and counts as none) {
  const std::string base = "endpoint = \"http://127.0.0.1\"\n";
  const row rows[] = {
    {base,
     {{"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"}},
     "OTEL_EXPORTER_OTLP_PROTOCOL",
     "is not spoken"},
    {base, {{"OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"}}, "OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"},
    {base, {{"OTEL_EXPORTER_OTLP_TIMEOUT", "soon"}}, "OTEL_EXPORTER_OTLP_TIMEOUT", "a number"},
    {base, {{"OTEL_EXPORTER_OTLP_TIMEOUT", "0"}}, "OTEL_EXPORTER_OTLP_TIMEOUT", "a number"},
    {base, {{"OTEL_BLRP_MAX_QUEUE_SIZE", "-1"}}, "OTEL_BLRP_MAX_QUEUE_SIZE", "a number"},
    {base, {{"OTEL_SDK_DISABLED", "yes"}}, "OTEL_SDK_DISABLED", "true or false"},
    {base, {{"OTEL_LOGS_EXPORTER", "console"}}, "OTEL_LOGS_EXPORTER", "console"},
    {base, {{"OTEL_EXPORTER_OTLP_HEADERS", "a"}}, "OTEL_EXPORTER_OTLP_HEADERS", "name=value"},
    {base, {{"OTEL_EXPORTER_OTLP_HEADERS", "a=%0d%0ab"}}, "OTEL_EXPORTER_OTLP_HEADERS", "name="},
    {base, {{"OTEL_EXPORTER_OTLP_HEADERS", "host=x"}}, "OTEL_EXPORTER_OTLP_HEADERS", "name="},
    {base, {{"OTEL_RESOURCE_ATTRIBUTES", "team"}}, "OTEL_RESOURCE_ATTRIBUTES", "name=value"},
    {"",
     {{"OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317"}},
     "OTEL_EXPORTER_OTLP_ENDPOINT",
     "http://"},
    {"", {{"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://"}}, "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", ""},
    {"", {{"OTEL_EXPORTER_OTLP_ENDPOINT", "http://u:p@h/"}}, "OTEL_EXPORTER_OTLP_ENDPOINT", ""},
  };
  for (const auto& [lines, env, key, words] : rows) {
    CAF_MESSAGE(joined(text_pairs{env.begin(), env.end()}));
    auto got = load_otel(lines, env);
    CAF_CHECK(got.config.has_value());
    auto told = std::ranges::any_of(got.problems, [&wanted = key, &said = words](const problem& p) {
      return p.key == wanted && p.level == problem::severity::warning &&
             p.message.find(said) != std::string::npos;
    });
    CAF_CHECK(told);
  }
}

CAF_TEST(a mistake in the file is an error at its place) {
  const std::string base = "endpoint = \"https://collector.test\"\n";
  const row rows[] = {
    {"endpoint = \"collector:4318\"", {}, "endpoint", "http:// or https://"},
    {"endpoint = \"http://a b/\"", {}, "endpoint", ""},
    {"endpoint = \"http://h/?q\"", {}, "endpoint", "without ? and #"},
    {base + "protocol = \"grpc\"", {}, "protocol", "http/protobuf"},
    {base + "compression = \"br\"", {}, "compression", "gzip"},
    {base + "timeout = 0", {}, "timeout", "between"},
    {base + "client_cert = \"/x\"", {}, "client_cert", "client_key"},
    {base + "headers = {a = \"literal\"}", {}, "headers.a", "env:NAME"},
    {base + "headers = {\"a b\" = \"env:X\"}", {}, "headers.\"a b\"", "no name of a header"},
    {base + "headers = {Content-Type = \"env:X\"}", {}, "headers.Content-Type", "itself"},
    {base + "headers = {a = \"env:MISSING\"}", {}, "headers.a", "not set or empty"},
    {base + "headers = {a = \"env:BAD\"}", {{"BAD", "x\ny"}}, "headers.a", "no header may carry"},
    {base + "headers = \"a=b\"", {}, "headers", "expected a table"},
    {base + "attributes = {\"server.address\" = \"x\"}",
     {},
     "attributes.\"server.address\"",
     "field"},
    {base + "attributes = {a = 1}", {}, "attributes.a", "expected a string"},
    {base + "batch_size = 0", {}, "batch_size", "between"},
    {base + "unknown = 1", {}, "unknown", "unknown key"},
  };
  for (const auto& [lines, env, key, words] : rows) {
    CAF_MESSAGE(lines);
    auto got = load_otel(lines, env);
    CAF_CHECK(!got.config.has_value());
    auto told = std::ranges::any_of(got.problems, [&wanted = key, &said = words](const problem& p) {
      return p.key == "network_proxy.otel." + wanted && p.level == problem::severity::error &&
             p.line > 0 && p.message.find(said) != std::string::npos;
    });
    CAF_CHECK(told);
    for (const auto& p : got.problems)
      CAF_CHECK(p.str().find("literal") == std::string::npos); // it may be the secret
  }
}

CAF_TEST(secrets in clear text over a network are warned of) {
  struct line {
    std::string endpoint;
    bool warned;
  } lines[] = {
    {"http://collector.test", true},  {"https://collector.test", false},
    {"http://localhost:4318", false}, {"http://127.0.0.1", false},
    {"http://[::1]", false},          {"http://10.0.0.1", true},
  };
  for (const auto& [endpoint, warned] : lines) {
    CAF_MESSAGE(endpoint);
    auto got =
      load_otel("endpoint = \"" + endpoint + "\"\nheaders = {a = \"env:A\"}\n", {{"A", "x"}});
    CAF_CHECK_EQUAL(told(got).find("clear text") != std::string::npos, warned);
  }
}

CAF_TEST(metadata has no name of a field that events have) {
  for (auto name : {"event.name",
                    "event.timestamp",
                    "target",
                    "network.transport.protocol",
                    "server.address",
                    "server.port",
                    "http.request.method",
                    "client.address",
                    "user.name",
                    "network.policy.scope",
                    "network.policy.decision",
                    "network.policy.source",
                    "network.policy.reason",
                    "network.policy.override",
                    "network.policy.rule",
                    "network.policy.generation",
                    "request.id",
                    "http.response.status_code",
                    "network.fault.kind",
                    "network.fault.cause",
                    "trace_id",
                    "span_id"}) {
    CAF_MESSAGE(name);
    auto got = load_otel("attributes = {\"" + std::string{name} + "\" = \"x\"}\n");
    CAF_CHECK(contains(told(got), "events have a field of that name"));
  }
  for (auto name : {"conversation.id", "app.version", "user.account_id", "model", "user.email"}) {
    CAF_MESSAGE(name);
    auto got = otel_of("attributes = {\"" + std::string{name} + "\" = \"x\"}\n");
    CAF_CHECK_EQUAL(joined(got.attributes), std::string{name} + "=x;");
  }
}

CAF_TEST(metadata has an end) {
  auto table = [](size_t count) {
    std::string result = "attributes = {";
    for (size_t i = 0; i < count; ++i)
      result += (i == 0 ? "a" : ", a") + std::to_string(i) + " = \"x\"";
    return result + "}\n";
  };
  CAF_CHECK_EQUAL(otel_of(table(64)).attributes.size(), 64u);
  CAF_CHECK(contains(told(load_otel(table(65))), "64 at most"));
  auto long_one = [](size_t size) {
    return "attributes = {a = \"" + std::string(size, 'x') + "\"}";
  };
  CAF_CHECK_EQUAL(told(load_otel(long_one(1024))), std::string{});
  CAF_CHECK(contains(told(load_otel(long_one(1025))), "1024 bytes"));
  // Eight of 1 KiB with their names, and one byte more.
  auto large = [](const std::string& more) {
    std::string result = "attributes = {z = \"" + more + '"';
    for (auto i = 0; i < 8; ++i)
      result += ", a" + std::to_string(i) + " = \"" + std::string(1021, 'x') + '"';
    return result + "}\n";
  };
  CAF_CHECK_EQUAL(told(load_otel(large("1234567"))), std::string{});
  auto too_large = load_otel(large("12345678"));
  CAF_CHECK(!too_large.config.has_value());
  CAF_CHECK(contains(told(too_large), "8192 bytes at most in all"));
}

CAF_TEST(bounds of telemetry hold at both ends) {
  struct bound {
    std::string key, low, below, high, above;
  } bounds[] = {
    {"timeout", "\"1ms\"", "0", "\"10m\"", "601"},
    {"queue_size", "1", "0", "10000000", "10000001"},
    {"batch_size", "1", "0", "100000", "100001"},
    {"delay", "\"1ms\"", "0", "\"1d\"", "86401"},
    {"metrics_interval", "\"1s\"", "\"999ms\"", "\"1d\"", "86401"},
  };
  for (const auto& [key, low, below, high, above] : bounds) {
    CAF_MESSAGE(key);
    for (const auto& good : {low, high})
      CAF_CHECK_EQUAL(told(load_otel(key + " = " + good)), std::string{});
    for (const auto& bad : {below, above})
      CAF_CHECK(contains(told(load_otel(key + " = " + bad)), "must be between"));
  }
}
