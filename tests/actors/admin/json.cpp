#define CAF_SUITE actors.admin.json
#include "actors/admin/json.hpp" // unit under test

#include <nlohmann/json.hpp>

#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::admin;
using json = nlohmann::json;

namespace {

decision_event refusal(uint64_t id) {
  decision_event b;
  b.decision = policy::decision::deny;
  b.id = id;
  b.at = std::chrono::system_clock::time_point{std::chrono::milliseconds{1'700'000'000'999}};
  b.host = "host" + std::to_string(id) + ".example";
  b.port = 443;
  b.reason = policy::reason::not_allowed;
  b.protocol = policy::protocol::https_connect;
  b.method = "CONNECT";
  b.client = client_address{ip_address::v4(0x7f000001), 5};
  b.request_id = event_id{"0123456789abcdef"};
  return b;
}

decision_event_ptr shared(decision_event event) {
  return std::make_shared<const decision_event>(std::move(event));
}

blocked_page page_of(std::initializer_list<uint64_t> ids) {
  blocked_page out;
  out.total = ids.size();
  for (auto id : ids)
    out.entries.push_back(shared(refusal(id)));
  return out;
}

/// The ids listed, then `next`.
std::vector<uint64_t> ids_in(const std::string& text) {
  auto parsed = json::parse(text);
  std::vector<uint64_t> out;
  for (auto& b : parsed["blocked"])
    out.push_back(b["id"]);
  out.push_back(parsed["next"]);
  return out;
}

} // namespace

CAF_TEST(blocked requests are listed oldest first from a cursor on) {
  struct row {
    std::initializer_list<uint64_t> known;
    blocked_range range;
    std::vector<uint64_t> listed; ///< The last one is `next`.
  };
  for (auto& [known, range, listed] : std::initializer_list<row>{
         {{}, {0, 200, 1}, {0}},
         {{}, {7, 200, 8}, {7}},
         {{3, 1, 2}, {0, 200, 4}, {1, 2, 3, 3}},
         {{3, 1, 2}, {0, 2, 4}, {1, 2, 2}},
         {{3, 1, 2}, {2, 2, 4}, {3, 3}},
         {{3, 1, 2}, {3, 2, 4}, {3}},
         {{3, 1, 2}, {0, 0, 4}, {0}},
         {{1, 4, 2},
          {0, 200, 4},
          {1, 2, 2}}, // 4 came while the shards were asked: 3 may be missing
       })
    CAF_CHECK_EQUAL(ids_in(blocked_json(page_of(known), range)), listed);
}

CAF_TEST(without a cursor the newest are listed) {
  auto known = page_of({3, 1, 2, 4});
  struct row {
    blocked_range range;
    std::vector<uint64_t> listed; ///< The last one is `next`.
  };
  for (auto& [range, listed] : std::initializer_list<row>{
         {{std::nullopt, 2, 5}, {3, 4, 4}},
         {{std::nullopt, 200, 5}, {1, 2, 3, 4, 4}},
         {{std::nullopt, 2, 4}, {2, 3, 3}}, // 4 came while the shards were asked
         {{std::nullopt, 0, 5}, {0}},
         {{0, 2, 5}, {1, 2, 2}}, // from the oldest on
       })
    CAF_CHECK_EQUAL(ids_in(blocked_json(known, range)), listed);
}

CAF_TEST(the newest two hundred blocked requests of all shards are listed) {
  blocked_page all;
  all.total = 450;
  for (uint64_t id = 300; id > 0; --id)
    all.entries.push_back(shared(refusal(id)));
  auto text = blocked_json(all, {0, 1000, 301});
  auto ids = ids_in(text);
  CAF_CHECK_EQUAL(ids.size(), 201u);
  CAF_CHECK_EQUAL(ids.front(), 101u);
  CAF_CHECK_EQUAL(ids.back(), 300u);
  auto parsed = json::parse(text);
  CAF_CHECK_EQUAL(parsed["total"], 450);
}

CAF_TEST(a blocked request has all its fields) {
  auto five = refusal(5);
  five.method.clear();
  blocked_page all{{shared(five)}, 1};
  auto parsed = json::parse(blocked_json(all, {0, 1, 6}))["blocked"][0];
  auto expected =
    json::parse(R"({"id":5,"timestamp":"2023-11-14T22:13:20.999Z","host":"host5.example","port":443,
    "reason":"not_allowed","decision":"deny","source":"baseline_policy","protocol":"https_connect","method":null,
    "mode":"full","client":"127.0.0.1:5","rule":null,"request_id":"0123456789abcdef"})");
  CAF_CHECK_EQUAL(parsed.dump(), expected.dump());
}

CAF_TEST(connections are listed oldest first with what admitted them) {
  connection_info idle;
  idle.id = 9;
  idle.client = "unix";
  idle.state = "idle";
  connection_info tunnel;
  tunnel.id = 2;
  tunnel.client = "127.0.0.1:5";
  tunnel.state = "tunnel";
  tunnel.protocol = policy::protocol::https_connect;
  tunnel.host = "a.example";
  tunnel.port = 443;
  tunnel.rule = "*.example";
  tunnel.rule_file = "config.toml";
  tunnel.rule_line = 12;
  tunnel.bytes_up = 3;
  auto parsed = json::parse(connections_json({idle, tunnel}, 10));
  auto expected = json::parse(R"({"connections":[
    {"id":2,"client":"127.0.0.1:5","state":"tunnel","protocol":"https_connect","host":"a.example","port":443,
     "rule":{"text":"*.example","file":"config.toml","line":12},"bytes_up":3,"bytes_down":0,"age_ms":0},
    {"id":9,"client":"unix","state":"idle","protocol":null,"host":null,"port":null,"rule":null,"bytes_up":0,
     "bytes_down":0,"age_ms":0}],"total":2})");
  CAF_CHECK_EQUAL(parsed.dump(), expected.dump());
  auto cut = json::parse(connections_json({idle, tunnel}, 1));
  CAF_CHECK_EQUAL(cut["connections"].size(), 1u);
  CAF_CHECK_EQUAL(cut["connections"][0]["id"], 2);
  CAF_CHECK_EQUAL(cut["total"], 2);
}

CAF_TEST(who it was is told where somebody was asked) {
  auto hers = refusal(2);
  hers.user = "alice";
  blocked_page page{{shared(refusal(1)), shared(hers)}, 2};
  auto blocked = json::parse(blocked_json(page, {0, 200, 3}))["blocked"];
  CAF_CHECK(!blocked[0].contains("user"));
  CAF_CHECK_EQUAL(blocked[1]["user"].get<std::string>(), "alice");
  connection_info c;
  c.user = "bob";
  auto open = json::parse(connections_json({c}, 10))["connections"];
  CAF_CHECK_EQUAL(open[0]["user"].get<std::string>(), "bob");
}

CAF_TEST(outcomes of changes and errors are objects) {
  config::problem bad;
  bad.file = "config.toml";
  bad.line = 3;
  bad.column = 1;
  bad.message = "wrong";
  auto doubtful = bad;
  doubtful.level = config::problem::severity::warning;
  auto refused = json::parse(refused_json({doubtful, bad}));
  CAF_CHECK_EQUAL(refused["status"], "refused");
  CAF_CHECK_EQUAL(refused["errors"].size(), 1u);
  CAF_CHECK_EQUAL(refused["errors"][0], bad.str());
  CAF_CHECK_EQUAL(
    reloaded_json({4, {"mode"}, 2, {"network_proxy.workers"}}),
    "{\"status\":\"reloaded\",\"generation\":4,\"changed\":[\"mode\"],\"closed_tunnels\":2,"
    "\"needs_restart\":[\"network_proxy.workers\"]}\n");
  CAF_CHECK_EQUAL(reloaded_json({4, {}, 0}),
                  "{\"status\":\"reloaded\",\"generation\":4,\"changed\":[],\"closed_tunnels\":0,"
                  "\"needs_restart\":[]}\n");
  CAF_CHECK_EQUAL(mode_json(policy::mode::limited), "{\"status\":\"ok\",\"mode\":\"limited\"}\n");
  CAF_CHECK_EQUAL(lifted_json(policy::mode::full),
                  "{\"status\":\"ok\",\"mode\":\"full\",\"mode_override\":null}\n");
  CAF_CHECK_EQUAL(error_json("not found"), "{\"error\":\"not found\"}\n");
  CAF_CHECK_EQUAL(error_json("\xff"), "{\"error\":\"\xef\xbf\xbd\"}\n");
}

CAF_TEST(patterns are shown as configured) {
  config::proxy_config config;
  config.allowed_domains = {{"A.example", "", 0, 0}, {"*.b.example", "", 0, 0}};
  CAF_CHECK_EQUAL(patterns_json(config),
                  "{\"allowed\":[\"A.example\",\"*.b.example\"],\"denied\":[]}\n");
}

CAF_TEST(a mode is an object with one of three words) {
  CAF_CHECK(unbox(parse_mode(R"({"mode":"full"})")) == policy::mode::full);
  CAF_CHECK(unbox(parse_mode(R"( {"more":[1],"mode":"limited"} )")) == policy::mode::limited);
  CAF_CHECK(!unbox(parse_mode(R"({"mode":"config"})")));
  for (auto body : {"", "{", "full", R"({"mode":"full"}x)"}) {
    CAF_MESSAGE(body);
    CAF_CHECK_EQUAL(context_of(parse_mode(body).error()), "invalid json");
  }
  for (auto body :
       {"\"full\"", "[]", "{}", R"({"mode":1})", R"({"mode":"off"})", R"({"mode":"FULL"})",
        R"({"mode":null})", R"({"mode":""})", R"({"Mode":"full"})", R"({"mode":["full"]})"}) {
    CAF_MESSAGE(body);
    CAF_CHECK_EQUAL(
      context_of(parse_mode(body).error()),
      "invalid json: expected {\"mode\":WORD}, where WORD is full, limited or config");
  }
  CAF_CHECK(!parse_mode(std::string(8000, '[')));
}
