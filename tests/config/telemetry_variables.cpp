#define CAF_SUITE config.telemetry_variables
#include "config/telemetry_variables.hpp" // unit under test

#include "tests/config/telemetry_support.hpp"

using namespace proxy::config;
using namespace proxy::config::test;
using namespace std::string_literals;

namespace {

/// What one signal has of a variable, as text.
using shown = std::string (*)(const otlp_signal&);

/// A variable that all signals have, and each of them: two values that it takes, one that is of no
/// use, how the first two show, and what counts where nobody says anything. Who says where to, and
/// says it wrong, has nothing sent: not to the default collector either.
struct row {
  std::string what, general, own, useless;
  shown show;
  std::string as_general, as_own, as_none;
  std::string as_useless = as_none; ///< Where nobody says anything of use.
};

const std::vector<row> rows{
  {"ENDPOINT", "http://127.0.0.1:1", "http://127.0.0.1:2/x", "127.0.0.1:1",
   [](const otlp_signal& to) { return to.url.substr(0, to.url.find("/v1/")); },
   "http://127.0.0.1:1", "http://127.0.0.1:2/x", "http://localhost:4318", ""},
  {"HEADERS", "a=1", "b=%32", "a", [](const otlp_signal& to) { return joined(to.headers); }, "a=1;",
   "b=2;", ""},
  {"PROTOCOL", "http/json", "http/protobuf", "grpc",
   [](const otlp_signal& to) -> std::string {
     return to.encoding == otlp_encoding::json ? "json" : "protobuf";
   },
   "json", "protobuf", "protobuf"},
  {"TIMEOUT", "2000", "30", "2s",
   [](const otlp_signal& to) { return std::to_string(to.timeout.count()); }, "2000", "30", "10000"},
  {"COMPRESSION", "none", "gzip", "zstd",
   [](const otlp_signal& to) -> std::string { return to.gzip ? "gzip" : "none"; }, "none", "gzip",
   "gzip"},
  {"CERTIFICATE", "/all.pem", "/own.pem", "", [](const otlp_signal& to) { return to.ca_file; },
   "/all.pem", "/own.pem", ""},
};

struct signal {
  std::string name;
  otlp_signal otel::*at;
};
const signal signals[] = {
  {"LOGS", &otel::logs}, {"METRICS", &otel::metrics}, {"TRACES", &otel::traces}};

/// All signals are sent, to the default collector unless something else is said.
variables sent(variables more) {
  for (const auto& one : signals)
    more.emplace("OTEL_" + one.name + "_EXPORTER", "otlp");
  return more;
}

const std::string prefix = "OTEL_EXPORTER_OTLP_";

} // namespace

CAF_TEST(a variable of all signals counts for each and that of one for it alone) {
  for (const auto& [what, general, own, useless, show, as_general, as_own, as_none, as_useless] :
       rows)
    for (const auto& mine : signals) {
      CAF_MESSAGE(mine.name << " " << what);
      auto env = sent({{prefix + what, general}, {prefix + mine.name + "_" + what, own}});
      auto got = otel_of("", env);
      for (const auto& one : signals)
        CAF_CHECK_EQUAL(show(got.*one.at), one.name == mine.name ? as_own : as_general);
    }
}

CAF_TEST(a variable that is empty counts as none) {
  for (const auto& [what, general, own, useless, show, as_general, as_own, as_none, as_useless] :
       rows) {
    CAF_MESSAGE(what);
    auto got = load_otel("", sent({{prefix + what, " "}, {prefix + "LOGS_" + what, ""}}));
    CAF_CHECK_EQUAL(told(got), std::string{});
    auto otel = config_of(std::move(got)).otel;
    CAF_CHECK_EQUAL(show(otel.logs), as_none);
  }
}

CAF_TEST(a value that is of no use is told once and counts as none) {
  for (const auto& [what, general, own, useless, show, as_general, as_own, as_none, as_useless] :
       rows) {
    if (useless.empty())
      continue;
    CAF_MESSAGE(what);
    auto got = load_otel("", sent({{prefix + what, useless}}));
    CAF_CHECK_EQUAL(warnings_of(got, prefix + what), 1u);
    CAF_CHECK_EQUAL(got.problems.size(), 1u);
    auto otel = config_of(std::move(got)).otel;
    for (const auto& one : signals)
      CAF_CHECK_EQUAL(show(otel.*one.at), as_useless);
  }
}

CAF_TEST(where the value of one signal is of no use that of all signals counts) {
  for (const auto& [what, general, own, useless, show, as_general, as_own, as_none, as_useless] :
       rows) {
    if (useless.empty())
      continue;
    auto name = prefix + "LOGS_" + what;
    CAF_MESSAGE(name);
    auto got = load_otel("", sent({{prefix + what, general}, {name, useless}}));
    CAF_CHECK_EQUAL(warnings_of(got, name), 1u);
    auto otel = config_of(std::move(got)).otel;
    CAF_CHECK_EQUAL(show(otel.logs), as_general);
    CAF_CHECK_EQUAL(show(otel.metrics), as_general);
  }
}

CAF_TEST(headers for the collector of the variables are not shown to that of the file) {
  auto of_file = "endpoint = \"https://a.test\"\n"s;
  std::pair<std::string, std::string> header{prefix + "HEADERS", "authorization=secret"};
  auto elsewhere = load_otel(of_file, {{prefix + "ENDPOINT", "https://b.test"}, header});
  CAF_CHECK_EQUAL(warnings_of(elsewhere, "network_proxy.otel.endpoint"), 1u);
  auto not_meant = config_of(std::move(elsewhere)).otel;
  CAF_CHECK_EQUAL(not_meant.logs.url, "https://a.test/v1/logs");
  CAF_CHECK(not_meant.logs.headers.empty() && not_meant.metrics.headers.empty());
  for (const auto& same : {""s, "https://a.test"s, "https://a.test/"s}) {
    auto meant = otel_of(of_file, {{prefix + "ENDPOINT", same}, header});
    CAF_CHECK_EQUAL(meant.logs.headers.size(), 1u);
  }
}

CAF_TEST(an endpoint that nothing reaches as it is written is warned of) {
  auto with_path = load_otel("endpoint = \"https://a.test/v1/logs\"\n", {});
  CAF_CHECK_EQUAL(warnings_of(with_path, "network_proxy.otel.endpoint"), 1u);
  auto off = load_otel("endpoint = \"https://a.test\"\n", {{"OTEL_SDK_DISABLED", "true"}});
  CAF_CHECK_EQUAL(warnings_of(off, "network_proxy.otel.endpoint"), 1u);
}

CAF_TEST(a client certificate needs its key and a key its certificate) {
  auto cert = prefix + "CLIENT_CERTIFICATE", key = prefix + "CLIENT_KEY";
  auto both = otel_of("", sent({{cert, "/c"}, {prefix + "LOGS_CLIENT_KEY", "/l"}, {key, "/k"}}));
  CAF_CHECK_EQUAL(both.logs.cert_file + both.logs.key_file, "/c/l");
  CAF_CHECK_EQUAL(both.traces.cert_file + both.traces.key_file, "/c/k");
  for (const auto& name : {cert, key}) {
    CAF_MESSAGE(name);
    auto got = load_otel("", sent({{name, "/x"}}));
    CAF_CHECK_EQUAL(warnings_of(got, name), 1u);
    auto otel = config_of(std::move(got)).otel;
    CAF_CHECK_EQUAL(otel.logs.cert_file + otel.logs.key_file, "");
  }
}

CAF_TEST(numbers of the queue are positive and have an end) {
  struct number {
    std::string name, least, below, most, beyond;
    uint64_t (*of)(const otel&);
  };
  const number numbers[] = {
    {"OTEL_BLRP_MAX_QUEUE_SIZE", "1", "0", "10000000", "10000001",
     [](const otel& o) { return o.queue_size; }},
    {"OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "1", "0", "65536", "100001",
     [](const otel& o) { return o.batch_size; }},
    {"OTEL_BLRP_SCHEDULE_DELAY", "1", "0", "86400000", "86400001",
     [](const otel& o) { return static_cast<uint64_t>(o.delay.count()); }},
    {"OTEL_METRIC_EXPORT_INTERVAL", "1000", "999", "86400000", "86400001",
     [](const otel& o) { return static_cast<uint64_t>(o.metrics_interval.count()); }},
  };
  for (const auto& [name, least, below, most, beyond, of] : numbers) {
    CAF_MESSAGE(name);
    CAF_CHECK_EQUAL(std::to_string(of(otel_of("", sent({{name, least}})))), least);
    auto largest = load_otel("", sent({{name, most}}));
    CAF_CHECK_EQUAL(told(largest), std::string{});
    CAF_CHECK_EQUAL(std::to_string(of(config_of(std::move(largest)).otel)), most);
    for (const auto& useless : {below, std::string{"0"}, std::string{"-1"}, std::string{"1.5"},
                                std::string{"1s"}, std::string{"99999999999999999999"}, beyond}) {
      auto got = load_otel("", sent({{name, useless}}));
      CAF_CHECK_EQUAL(warnings_of(got, name), 1u);
      CAF_CHECK_EQUAL(of(config_of(std::move(got)).otel), of(otel{}));
    }
  }
}

CAF_TEST(a batch is not larger than the queue) {
  CAF_CHECK_EQUAL(otel_of("", sent({{"OTEL_BLRP_MAX_QUEUE_SIZE", "7"}})).batch_size, 7u);
  CAF_CHECK_EQUAL(otel_of("endpoint = \"http://[::1]\"\nqueue_size = 3\n").batch_size, 3u);
}

CAF_TEST(of what a secret may be in nothing is told) {
  const variables useless[] = {
    {{prefix + "HEADERS", "authorization: hidden"}},
    {{prefix + "HEADERS", "authorization=hidden%0a"}},
    {{prefix + "HEADERS", "authorization=hidden%"}},
    {{prefix + "HEADERS", "=hidden"}},
    {{prefix + "ENDPOINT", "https://user:hidden@collector.test"}},
    {{prefix + "ENDPOINT", "https://hidden@collector.test"}},
    {{prefix + "ENDPOINT", "https://collector.test/?token=hidden"}},
  };
  for (const auto& env : useless) {
    auto got = load_otel("", sent(env));
    CAF_CHECK_EQUAL(warnings_of(got, env.begin()->first), 1u);
    CAF_CHECK(!contains(told(got), "hidden"));
  }
}
