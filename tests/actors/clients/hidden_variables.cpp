#define CAF_SUITE actors.clients.hidden_variables
#include "actors/clients/hidden_variables.hpp" // unit under test

#include <optional>

#include "tests/support/test.hpp"

using namespace proxy;

CAF_TEST(what a client must not have is told by name by value and by its look) {
  config::proxy_config config;
  config.secret_variables = {"TOK", "UNSET"};
  config.admin_token = "long-enough";
  config.socks_users = {{"alice", "env:A", "short"}, {"bob", "file:x", "password-of-bob"}};
  policy::mitm_hook hook;
  policy::hook_injection injection;
  injection.prefix = "Bearer ";
  injection.value = policy::secret{"Bearer hook-secret"};
  hook.inject_request_headers.push_back(injection);
  config.mitm_hooks.push_back(hook);
  auto hidden = hidden_from_clients(config, [](const std::string& name) {
    return name == "TOK" ? std::optional<std::string>{"value-of-tok"} : std::nullopt;
  });
  struct row {
    std::string_view line;
    bool is_hidden;
  };
  for (auto& [line, is_hidden] : std::initializer_list<row>{
         {"TOK=", true},
         {"TOK", true},
         {"TOKEN=x", false},
         {"tok=x", false},
         {"CODEX_PROXY_ADMIN=http://127.0.0.1:1", true},
         {"CODEX_NETWORK_PROXY_ATTRIBUTION=whose", true},
         {"UNSET=", true},
         {"ALIAS=value-of-tok", true},
         {"ALIAS=long-enough", true},
         {"ALIAS=hook-secret", true},
         {"ALIAS=password-of-bob", true},
         {"ALIAS=short", false},
         {"ALIAS=x long-enough", false},
         {"ALIAS", false},
         {"ALIAS=", false},
         {"HTTP_PROXY=http://u:p@corp:8080", true},
         {"Rsync_Proxy=u:p@corp:8080", true},
         {"socks_proxy=socks5://corp:1080", false},
         {"MAIL=u@corp", false},
       }) {
    CAF_MESSAGE(line);
    CAF_CHECK_EQUAL(hidden.contain(line), is_hidden);
  }
}

CAF_TEST(what a collector is shown no client inherits) {
  auto none = [](const std::string&) { return std::optional<std::string>{}; };
  const std::string general = "OTEL_EXPORTER_OTLP_HEADERS=authorization=x";
  const std::string logs = "OTEL_EXPORTER_OTLP_LOGS_HEADERS=authorization=x";
  config::proxy_config config;
  // Nothing of it is ours: clients may have a collector of their own.
  CAF_CHECK(!hidden_from_clients(config, none).contain(general));
  // Also of a signal that is not sent, of what is no header, and where a file says the headers.
  config.otel.metrics.url = "http://127.0.0.1:4318/v1/metrics";
  for (const auto& line : {general, logs, std::string{"OTEL_EXPORTER_OTLP_TRACES_HEADERS=x"}}) {
    CAF_MESSAGE(line);
    CAF_CHECK(hidden_from_clients(config, none).contain(line));
  }
  CAF_CHECK(!hidden_from_clients(config, none).contain("OTEL_SERVICE_NAME=x"));
  config.otel.headers = {{"authorization", "file:x", "Bearer collector"}};
  config.otel.logs.headers = {{"authorization", "Bearer of-logs"}};
  config.otel.metrics.headers = {{"authorization", "Bearer of-metrics"}};
  config.otel.traces.headers = {{"authorization", "Bearer of-traces"}, {"tenant", "short"}};
  auto hidden = hidden_from_clients(config, none);
  CAF_CHECK(hidden.contain(general));
  for (const auto* value :
       {"Bearer collector", "Bearer of-logs", "Bearer of-metrics", "Bearer of-traces"}) {
    CAF_MESSAGE(value);
    CAF_CHECK(hidden.contain(std::string{"ALIAS="} + value));
  }
  CAF_CHECK(!hidden.contain("ALIAS=short"));
}
