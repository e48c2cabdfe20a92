#include "config/telemetry_resolve.hpp"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

#include "config/keys.hpp"
#include "config/telemetry_variables.hpp"
#include "config/text.hpp"
#include "policy/ip_class.hpp"
#include "protocols/host.hpp"

namespace proxy::config {

namespace {

constexpr const char* default_collector = "http://localhost:4318";
/// As the key says: all workers count for each of them.
constexpr uint64_t least_interval_ms = 1'000;
constexpr uint64_t day_ms = 24 * 3600 * 1000;

/// A signal: its name in variables, the path it is sent to, and its place.
struct signal_row {
  signal_name name;
  std::string_view path;
  otlp_signal otel::*at;
};
constexpr std::array signals{
  signal_row{"LOGS", "/v1/logs", &otel::logs},
  signal_row{"METRICS", "/v1/metrics", &otel::metrics},
  signal_row{"TRACES", "/v1/traces", &otel::traces},
};

/// Whether somebody on another machine can read what goes there.
bool is_in_the_open(std::string_view url) {
  constexpr std::string_view scheme = "http://";
  if (!url.starts_with(scheme))
    return false;
  auto rest = url.substr(scheme.size());
  auto where = authority::parse(rest.substr(0, rest.find('/')));
  if (!where)
    return true;
  auto ip = where->host.ip();
  return ip ? policy::classify(*ip) != policy::ip_class::loopback
            : where->host.text() != "localhost";
}

class resolving {
public:
  resolving(const settings& managed, settings& effective, const environment& env,
            const std::string& profile, report& out)
    : effective_(effective), profile_(profile), out_(out), variables_(env, out),
      of_(effective.config.otel), bound_(!managed.config.otel.endpoint.empty()) {}

  void run() {
    if (auto wrong = of_.endpoint.empty() ? "" : wrong_with_url(of_.endpoint); !wrong.empty())
      return error("otel.endpoint", wrong);
    if (of_.client_cert.empty() != of_.client_key.empty())
      return error(of_.client_cert.empty() ? "otel.client_key" : "otel.client_cert",
                   "a client certificate needs otel.client_cert and otel.client_key");
    if (variables_.disabled() && !bound_) {
      if (!of_.endpoint.empty())
        warn_of_endpoint("nothing is sent there: OTEL_SDK_DISABLED is true");
      return;
    }
    for (const auto& row : signals)
      if (of_.endpoint.ends_with(row.path))
        warn_of_endpoint("each signal adds its path to it: name what comes before " +
                         std::string{row.path});
    for (const auto& row : signals)
      resolve(row);
    of_.resource = variables_.resource();
    resolve_queue();
    check_open();
  }

private:
  void resolve(const signal_row& row) {
    auto is_traces = row.at == &otel::traces;
    auto exported = bound_ ? std::nullopt : variables_.exports(row.name);
    auto is_sent = exported.value_or(!is_traces);
    if (is_traces && set("otel.traces"))
      is_sent = of_.send_traces;
    if (!is_sent)
      return;
    auto& to = of_.*row.at;
    to.url = url_of(row, exported.value_or(false));
    if (to.url.empty())
      return;
    to.encoding = of_.protocol == "http/json" ? otlp_encoding::json : otlp_encoding::protobuf;
    if (auto said = set("otel.protocol") ? std::nullopt : variables_.encoding(row.name))
      to.encoding = *said;
    to.gzip = of_.compression == "gzip";
    if (auto said = set("otel.compression") ? std::nullopt : variables_.gzip(row.name))
      to.gzip = *said;
    to.timeout = of_.timeout;
    if (auto said = set("otel.timeout") ? std::nullopt : variables_.timeout(row.name))
      to.timeout = *said;
    resolve_trust(row, to);
    resolve_headers(row, to);
  }

  /// @param asked  A variable says that it is sent, if not where. That of the file is no reason to
  /// send it to somebody whom nobody named.
  std::string url_of(const signal_row& row, bool asked) {
    if (!of_.endpoint.empty()) {
      auto base = of_.endpoint;
      while (base.ends_with('/'))
        base.pop_back();
      return base + std::string{row.path};
    }
    if (set("otel.endpoint")) // "" for none
      return {};
    // Who says where to, and says it wrong, does not mean the default: headers, which may be
    // secret, would go to whoever listens there.
    if (asked && !variables_.has_url(row.name))
      return default_collector + std::string{row.path};
    return variables_.url(row.name, row.path);
  }

  void resolve_trust(const signal_row& row, otlp_signal& to) {
    to.ca_file = set("otel.ca_file") ? of_.ca_file : variables_.ca_file(row.name);
    std::tie(to.cert_file, to.key_file) = set("otel.client_cert")
                                            ? std::pair{of_.client_cert, of_.client_key}
                                            : variables_.client_files(row.name);
  }

  void resolve_headers(const signal_row& row, otlp_signal& to) {
    if (!set("otel.headers"))
      to.headers = headers_of_variables(row, to.url);
    for (const auto& header : of_.headers)
      to.headers.emplace_back(header.name, header.value);
  }

  /// Those for another collector, which variables name beside that of the file, are not shown to
  /// this one: they may be secret.
  text_pairs headers_of_variables(const signal_row& row, const std::string& url) {
    auto all = variables_.headers(row.name);
    auto is_meant = of_.endpoint.empty() || !variables_.has_url(row.name) ||
                    variables_.url(row.name, row.path) == url;
    if (all.empty() || is_meant)
      return all;
    if (!std::exchange(warned_of_headers_, true))
      warn_of_endpoint("the headers that variables say are for the collector that variables name, "
                       "and are not sent there");
    return {};
  }

  void resolve_queue() {
    auto take = [&](const char* key, const char* variable, uint64_t least, uint64_t most,
                    auto& into) {
      if (auto said = set(key) ? std::nullopt : variables_.number(variable, least, most))
        into = std::decay_t<decltype(into)>{*said};
    };
    take("otel.queue_size", "OTEL_BLRP_MAX_QUEUE_SIZE", 1, 10'000'000, of_.queue_size);
    take("otel.batch_size", "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", 1, 100'000, of_.batch_size);
    // A batch that can never be full would wait for its time, and the queue drop meanwhile.
    of_.batch_size = std::min(of_.batch_size, of_.queue_size);
    take("otel.delay", "OTEL_BLRP_SCHEDULE_DELAY", 1, day_ms, of_.delay);
    take("otel.metrics_interval", "OTEL_METRIC_EXPORT_INTERVAL", least_interval_ms, day_ms,
         of_.metrics_interval);
  }

  void check_open() {
    for (const auto& row : signals) {
      const auto& to = of_.*row.at;
      if (to.headers.empty() || !is_in_the_open(to.url))
        continue;
      auto at = set("otel.endpoint") ? effective_.where("otel.endpoint") : place{};
      return out_.warning(at, shown("otel.endpoint"),
                          "headers for the collector, which may be secret, go in clear text: "
                          "https:// hides them");
    }
  }

  /// Whether files say it, so that no variable counts. A collector of the managed layer is reached
  /// as files say: variables could keep events from it.
  [[nodiscard]] bool set(std::string_view name) const { return bound_ || effective_.has(name); }
  [[nodiscard]] std::string shown(std::string_view name) const {
    return full_name(key_named(name), profile_);
  }
  void warn_of_endpoint(std::string why) {
    out_.warning(effective_.where("otel.endpoint"), shown("otel.endpoint"), std::move(why));
  }
  void error(std::string_view name, std::string why) {
    out_.error(effective_.where(name), shown(name), std::move(why));
  }

  settings& effective_;
  const std::string& profile_;
  report& out_;
  telemetry_variables variables_;
  otel& of_;
  bool warned_of_headers_ = false;
  const bool bound_; ///< The managed layer names the collector.
};

} // namespace

void resolve_telemetry(const settings& managed, settings& effective, const environment& env,
                       const std::string& profile, report& out) {
  resolving{managed, effective, env, profile, out}.run();
}

} // namespace proxy::config
