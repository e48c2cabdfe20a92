#define CAF_SUITE actors.flows.measured
#include "actors/observe/metrics.hpp" // unit under test

#include "tests/actors/flows/connecting.hpp"
#include "tests/actors/flows/intercepting.hpp"
#include "tests/actors/flows/moved_series.hpp"

using namespace proxy;
using namespace proxy::test;

/// What happens moves the series that are about it, by as much as it is, and no others.

namespace {

using series = std::map<std::string, int>;

/// Those that count what clients did, and not how much there is of something.
series counts(stage& s) {
  series out;
  for (const auto& [name, value] : all_series(s))
    if ((has(name, "_total") || has(name, "_count")) && !has(name, "_bytes_total"))
      out[name] = static_cast<int>(value);
  return out;
}

/// Checks by how much each series grows meanwhile.
template <class What>
void check_growth(stage& s, const series& wanted, What happens) {
  auto before = counts(s);
  happens();
  auto after = counts(s);
  series grown;
  for (const auto& [name, value] : after)
    if (auto by = value - before[name]; by != 0)
      grown[name] = by;
  CAF_CHECK(grown == wanted);
  if (grown != wanted)
    for (const auto& [name, by] : grown)
      CAF_MESSAGE(name << " grew by " << by);
}

std::string decided(const std::string& decision, const std::string& reason,
                    const std::string& protocol, const std::string& mode = "full") {
  return "decisions_total{decision=\"" + decision + "\",reason=\"" + reason + "\",protocol=\"" +
         protocol + "\",mode=\"" + mode + "\"}";
}
const std::string requests = "requests_total";
std::string in_phase(const std::string& phase) {
  return "request_duration_seconds_count{phase=\"" + phase + "\"}";
}
std::string looked_up(const std::string& result) {
  return "dns_duration_seconds_count{result=\"" + result + "\"}";
}
std::string connected(const std::string& result) {
  return "connect_duration_seconds_count{result=\"" + result + "\"}";
}
std::string shaken(const std::string& side, const std::string& result = "ok") {
  return "tls_handshake_duration_seconds_count{side=\"" + side + "\",result=\"" + result + "\"}";
}

} // namespace

CAF_TEST(a request is measured by its phases and the next on the same connection by fewer) {
  world_of_names s;
  auto& origin = s.serve_at("93.184.216.34", 80);
  auto& client = s.client();
  party* reached = nullptr;
  check_growth(s,
               {{requests, 1},
                {decided("allow", "allow", "http"), 1},
                {looked_up("ok"), 1},
                {connected("ok"), 1},
                {"upstream_connects_total", 1},
                {in_phase("total"), 1},
                {in_phase("dns"), 1},
                {in_phase("connect"), 1},
                {in_phase("upstream_first_byte"), 1}},
               [&] {
                 client.say(get("http://example.com/"));
                 reached = &s.accept(origin);
                 CAF_CHECK(s.hears(*reached, "\r\n\r\n"));
                 reached->say(ok("first"));
                 CAF_CHECK(s.hears(client, "first"));
               });
  check_growth(s,
               {{requests, 1},
                {decided("allow", "allow", "http"), 1},
                {"upstream_reuses_total", 1},
                {in_phase("total"), 1},
                {in_phase("upstream_first_byte"), 1}},
               [&] {
                 reached->forget();
                 client.say(get("http://example.com/"));
                 CAF_CHECK(s.hears(*reached, "\r\n\r\n"));
                 reached->say(ok("second"));
                 CAF_CHECK(s.hears(client, "second"));
               });
}

CAF_TEST(what comes to no good is measured by what it came to) {
  world_of_names s;
  s.names.names["gone.example.com"] = {.addresses = {ip("93.184.216.40")}};
  (void)s.place("93.184.216.40"); // where nobody listens
  auto ask = [&](const std::string& host) {
    return [&s, host] {
      auto& client = s.client();
      client.say(get("http://" + host + "/"));
      CAF_CHECK(s.hears(client, "\r\n\r\n"));
    };
  };
  check_growth(s,
               {{requests, 1}, {decided("deny", "not_allowed", "http"), 1}, {in_phase("total"), 1}},
               ask("refused.test"));
  check_growth(s,
               {{requests, 1},
                {decided("allow", "allow", "http"), 1},
                {looked_up("error"), 1},
                {"faults_total{kind=\"dns_error\"}", 1},
                {in_phase("total"), 1},
                {in_phase("dns"), 1}},
               ask("nowhere.example.com"));
  check_growth(s,
               {{requests, 1},
                {decided("allow", "allow", "http"), 1},
                {looked_up("ok"), 1},
                {connected("refused"), 1},
                {"upstream_connects_total", 1},
                {"faults_total{kind=\"connection_refused\"}", 1},
                {in_phase("total"), 1},
                {in_phase("dns"), 1},
                {in_phase("connect"), 1}},
               ask("gone.example.com"));
}

CAF_TEST(a tunnel counts once it has ended) {
  world_of_names s;
  auto& origin = s.serve_at("93.184.216.34", 443);
  auto& client = s.client();
  party* reached = nullptr;
  check_growth(s,
               {{requests, 1},
                {decided("allow", "allow", "https_connect"), 1},
                {looked_up("ok"), 1},
                {connected("ok"), 1},
                {"upstream_connects_total", 1},
                {in_phase("total"), 1},
                {in_phase("dns"), 1},
                {in_phase("connect"), 1}},
               [&] {
                 client.say(connect("example.com:443"));
                 reached = &s.accept(origin);
                 CAF_CHECK(s.hears(client, "HTTP/1.1 200"));
               });
  CAF_CHECK_EQUAL(counted(s, "tunnels_active"), 1);
  check_growth(s, {{"tunnel_duration_seconds_count", 1}, {"tunnel_size_bytes_count", 1}}, [&] {
    client.say("hello");
    CAF_CHECK(s.hears(*reached, "hello"));
    client.finish();
    reached->finish();
    CAF_CHECK(s.is_over(client));
  });
  CAF_CHECK_EQUAL(counted(s, "tunnels_active"), 0);
  CAF_CHECK_EQUAL(counted(s, "tunnel_bytes_total{direction=\"up\"}"), 5);
}

CAF_TEST(a tunnel that is read has handshakes and certificates) {
  intercepting s{{.network = inspecting}};
  party *client = nullptr, *origin = nullptr;
  check_growth(s,
               {{requests, 1},
                {decided("allow", "allow", "https_connect"), 1},
                {looked_up("ok"), 1},
                {connected("ok"), 1},
                {"upstream_connects_total", 1},
                {shaken("client"), 1},
                {"leaf_certificates_total{result=\"minted\"}", 1},
                {in_phase("total"), 1},
                {in_phase("dns"), 1},
                {in_phase("connect"), 1}},
               [&] { client = &s.inside(); });
  check_growth(s,
               {{requests, 1},
                {decided("allow", "allow", "https"), 1},
                {shaken("upstream"), 1},
                {in_phase("total"), 1},
                {in_phase("tls"), 1},
                {in_phase("upstream_first_byte"), 1}},
               [&] {
                 client->say(ask_for("GET", "/"));
                 origin = &s.answer_at(s.example);
                 CAF_CHECK(s.hears(*origin, "\r\n\r\n"));
                 origin->say(ok("inside"));
                 CAF_CHECK(s.hears(*client, "inside"));
               });
}

CAF_TEST(a change of the policy counts by what it came to) {
  stage s;
  check_growth(s, {{"reloads_total{result=\"success\"}", 1}}, [&] { s.install(""); });
  check_growth(s, {{"reloads_total{result=\"failure\"}", 1}},
               [&] { CAF_CHECK(!s.reload("nonsense = 1").report); });
  CAF_CHECK_EQUAL(counted(s, "config_last_reload_successful"), 0);
}
