#include "actors/observe/metrics/process_families.hpp"

#include "actors/observe/metrics.hpp"

namespace proxy {

namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

MetricFamily reloads(const metrics& what) {
  auto out = counter_family(
    "reloads_total", "Changes of the policy that somebody asked for, by what became of them.");
  add_sample(out, what.reloads_made, {label("result", "success")});
  add_sample(out, what.reloads_refused, {label("result", "failure")});
  return out;
}

/// The ring behind GET /blocked loses nothing: it keeps the newest.
MetricFamily dropped_events(const metrics& what) {
  auto out =
    counter_family("events_dropped_total",
                   "Events and log lines that were lost, for lack of room or by where they go.");
  add_sample(out, what.audit.dropped, {label("subscriber", "audit")});
  add_sample(out, what.log_dropped, {label("subscriber", "log")});
  add_sample(out, what.otlp.dropped, {label("subscriber", "otlp")});
  return out;
}

MetricFamily waiting_events(const metrics& what) {
  auto out = gauge_family("events_waiting", "Events that are on their way to who listens.");
  add_sample(out, what.audit.waiting, {label("subscriber", "audit")});
  add_sample(out, what.otlp.waiting, {label("subscriber", "otlp")});
  return out;
}

/// Workers have numbers: there are as many as cores, at most.
template <class T>
MetricFamily by_worker(MetricFamily out, T worker_metrics::*value, const metrics& what) {
  for (size_t i = 0; i < what.workers.size(); ++i)
    add_sample(out, what.workers[i].*value, {label("worker", std::to_string(i))});
  return out;
}

} // namespace

void append_policy(metric_families_list& out, const metrics& what) {
  out.push_back(gauge("policy_generation", "Generation of the policy in force.",
                      static_cast<double>(what.generation)));
  out.push_back(gauge("enabled", "1 while clients are served; 0 while the proxy is disabled.",
                      what.enabled ? 1 : 0));
  out.push_back(reloads(what));
  out.push_back(gauge("config_last_reload_successful",
                      "0 after a reload that came to nothing, until what the configuration says is "
                      "in force; else 1.",
                      what.configured ? 1 : 0));
  out.push_back(
    gauge("config_last_reload_success_timestamp_seconds",
          "When a policy that was asked for last came into force, since the Unix epoch.",
          what.in_force_since_seconds));
  if (what.ca_not_after_seconds) // without interception there is none
    out.push_back(gauge("ca_not_after_timestamp_seconds",
                        "When the CA for intercepted hosts expires, since the Unix epoch.",
                        *what.ca_not_after_seconds));
}

void append_load(metric_families_list& out, const metrics& what) {
  out.push_back(
    gauge("workers", "Threads that serve connections.", static_cast<double>(what.workers.size())));
  out.push_back(by_worker(
    gauge_family("worker_queue_length",
                 "Actors that had mail in the turn in which a worker was asked, itself included."),
    &worker_metrics::queue_length, what));
  out.push_back(by_worker(gauge_family("worker_answer_seconds",
                                       "How long a worker took to answer for these metrics: about "
                                       "as long as one turn of its loop."),
                          &worker_metrics::answer_seconds, what));
  out.push_back(dropped_events(what));
  out.push_back(waiting_events(what));
  out.push_back(gauge("log_waiting_bytes", "Log lines that are not yet written.",
                      static_cast<double>(what.log_waiting_bytes)));
  out.push_back(counter("audit_dropped_total", "Audit events that were lost.",
                        static_cast<double>(what.audit.dropped)));
  out.push_back(counter("otlp_delivered_total", "Events and spans that the collector has taken.",
                        static_cast<double>(what.otlp_delivered)));
  out.push_back(gauge("connections_limit", "Client connections that are taken at once.",
                      static_cast<double>(what.connections_limit)));
  out.push_back(gauge("memory_held_bytes", "What the buffers of connections hold.",
                      static_cast<double>(what.memory_held)));
  out.push_back(gauge("memory_limit_bytes", "What they may hold before nothing new is taken.",
                      static_cast<double>(what.memory_limit)));
}

void append_process(metric_families_list& out, const metrics& what) {
  const auto& usage = what.process;
  auto append = [&](MetricType type, std::string name, std::string_view help, double value) {
    MetricFamily one{std::move(name), std::string{help}, type, {}};
    add_sample(one, value);
    out.push_back(std::move(one));
  };
  append(MetricType::Counter, "process_cpu_seconds_total", "User and system CPU time.",
         usage.cpu_seconds);
  append(MetricType::Gauge, "process_start_time_seconds",
         "Start of the process since the Unix epoch.", usage.start_time_seconds);
  append(MetricType::Gauge, "process_resident_memory_bytes", "Resident memory.",
         static_cast<double>(usage.resident_bytes));
  append(MetricType::Gauge, "process_virtual_memory_bytes", "Virtual memory.",
         static_cast<double>(usage.virtual_bytes));
  append(MetricType::Gauge, "process_open_fds", "Open file descriptors.",
         static_cast<double>(usage.open_descriptors));
  append(MetricType::Gauge, "process_max_fds", "Limit on file descriptors.",
         static_cast<double>(usage.max_descriptors));
}

} // namespace proxy
