#define CAF_SUITE actors.embed.translate
#include "actors/embed/translate.hpp" // unit under test

#include "tests/support/test.hpp"

#undef allow // a macro of caf/test/dsl.hpp, and a word of deciders

using namespace proxy;
using namespace proxy::embed;

namespace {

using severity = config::problem::severity;

const config::problem wrong{
  severity::error,         "config.toml", 3, 5, "mode", "no mode is called \"on\"",
  "did you mean \"full\"?"};
const config::problem doubtful{severity::warning, "", 0, 0, "", "that is odd", ""};

} // namespace

CAF_TEST(protocols and modes have their names) {
  using proxy::policy::protocol;
  struct row {
    protocol ours;
    codex::network_protocol theirs;
    std::string_view name;
  };
  for (auto [ours, theirs, name] : std::initializer_list<row>{
         {protocol::http, codex::network_protocol::http, "http"},
         {protocol::https, codex::network_protocol::https, "https"},
         {protocol::https_connect, codex::network_protocol::https_connect, "https_connect"},
         {protocol::socks5_tcp, codex::network_protocol::socks5_tcp, "socks5_tcp"},
         {protocol::socks5_udp, codex::network_protocol::socks5_udp, "socks5_udp"},
       }) {
    CAF_MESSAGE(name);
    CAF_CHECK(translate(ours) == theirs);
    CAF_CHECK_EQUAL(to_string(theirs), name);
  }
  for (auto [ours, theirs] : {std::pair{policy::mode::full, codex::network_mode::full},
                              std::pair{policy::mode::limited, codex::network_mode::limited}}) {
    CAF_CHECK(translate(ours) == theirs);
    CAF_CHECK(translate(theirs) == ours);
  }
}

CAF_TEST(error codes have their names) {
  using enum codex::error_code;
  for (auto [code, name] : std::initializer_list<std::pair<codex::error_code, std::string_view>>{
         {invalid_argument, "invalid_argument"},
         {invalid_config, "invalid_config"},
         {cannot_bind, "cannot_bind"},
         {no_resources, "no_resources"},
         {not_running, "not_running"},
         {timed_out, "timed_out"},
         {failed, "failed"},
       })
    CAF_CHECK_EQUAL(to_string(code), name);
}

CAF_TEST(a word is the decision with its reason) {
  using codex::network_decision;
  struct row {
    network_decision theirs;
    policy::decision decision;
    std::string words;
  };
  for (auto& [theirs, decision, words] : std::initializer_list<row>{
         {network_decision::allow(), policy::decision::allow, ""},
         {network_decision::deny(), policy::decision::deny, ""},
         {network_decision::deny("no"), policy::decision::deny, "no"},
         {network_decision::ask(), policy::decision::ask, ""},
         {network_decision::ask("the owner"), policy::decision::ask, "the owner"},
       }) {
    auto word = translate(theirs);
    CAF_CHECK(word.decision == decision);
    CAF_CHECK_EQUAL(word.words, words);
  }
}

CAF_TEST(a problem is one line) {
  CAF_CHECK_EQUAL(translate(wrong).str(), wrong.str());
  CAF_CHECK_EQUAL(
    translate(wrong).str(),
    "config.toml:3:5: error: mode: no mode is called \"on\" (did you mean \"full\"?)");
  CAF_CHECK_EQUAL(translate(doubtful).str(), doubtful.str());
  CAF_CHECK_EQUAL(codex::problem{}.str(), config::problem{}.str());
  auto theirs = translate(wrong);
  CAF_CHECK(theirs.is_error && theirs.line == 3 && theirs.column == 5);
  CAF_CHECK(theirs.file == wrong.file && theirs.key == wrong.key);
  CAF_CHECK(theirs.message == wrong.message && theirs.hint == wrong.hint);
  CAF_CHECK(!translate(doubtful).is_error);
}

CAF_TEST(an error says what the first problem that is one says) {
  auto told = error_of(codex::error_code::invalid_config, {doubtful, wrong});
  CAF_CHECK(told.code == codex::error_code::invalid_config);
  CAF_CHECK_EQUAL(told.message, wrong.str());
  CAF_CHECK_EQUAL(told.problems.size(), 2u);
  CAF_CHECK_EQUAL(error_of(codex::error_code::failed, {doubtful}).message, "failed");
}

CAF_TEST(a start fails for one of three reasons) {
  using kind = start_failure::kind;
  for (auto [what, code] : {std::pair{kind::config, codex::error_code::invalid_config},
                            std::pair{kind::bind, codex::error_code::cannot_bind},
                            std::pair{kind::system, codex::error_code::no_resources}}) {
    auto told = translate(start_failure{what, {wrong}});
    CAF_CHECK(told.code == code);
    CAF_CHECK_EQUAL(told.message, wrong.str());
  }
}

CAF_TEST(a reload is a change or the problems that keep the old policy) {
  auto done = translate(reload_outcome{reload_report{7, {"mode"}, 3, {"workers"}}, {doubtful}});
  CAF_REQUIRE(done);
  CAF_CHECK_EQUAL(done->generation, 7u);
  CAF_CHECK(done->changed == std::vector<std::string>{"mode"});
  CAF_CHECK(done->postponed == std::vector<std::string>{"workers"});
  CAF_CHECK_EQUAL(done->closed_tunnels, 3u);
  CAF_CHECK_EQUAL(done->warnings.size(), 1u);
  auto kept = translate(reload_outcome{std::nullopt, {wrong}});
  CAF_REQUIRE(!kept);
  CAF_CHECK(kept.error().code == codex::error_code::invalid_config);
  CAF_CHECK_EQUAL(kept.error().problems.size(), 1u);
  auto ended = translate(reload_outcome{std::nullopt, {wrong}, true, true});
  CAF_REQUIRE(!ended);
  CAF_CHECK(ended.error().code == codex::error_code::failed);
}

CAF_TEST(a refusal is told with all that is known of it) {
  decision_event e;
  e.id = 9;
  e.at = std::chrono::system_clock::time_point{std::chrono::seconds{5}};
  e.host = "example.com";
  e.port = 443;
  e.protocol = policy::protocol::https_connect;
  e.method = "CONNECT";
  e.mode = policy::mode::limited;
  e.decision = policy::decision::ask;
  e.reason = policy::reason::policy_denied;
  e.source = policy::source::decider;
  e.words = "ask the owner";
  e.rule = "**.example.com";
  e.user = "alice";
  e.client = client_address{*ip_address::parse("127.0.0.1"), 5000};
  auto r = translate(e);
  CAF_CHECK(r.id == 9 && r.at == e.at && r.port == 443);
  CAF_CHECK_EQUAL(r.host, "example.com");
  CAF_CHECK(r.protocol == codex::network_protocol::https_connect);
  CAF_CHECK(r.mode == codex::network_mode::limited);
  CAF_CHECK_EQUAL(r.method, "CONNECT");
  CAF_CHECK_EQUAL(r.reason, "ask the owner");
  CAF_CHECK_EQUAL(r.decision, "ask");
  CAF_CHECK_EQUAL(r.source, "decider");
  CAF_CHECK_EQUAL(r.rule, "**.example.com");
  CAF_CHECK_EQUAL(r.client, "alice");
  CAF_CHECK_EQUAL(r.client_address, "127.0.0.1:5000");
  e.words = {};
  e.client = std::nullopt;
  e.socket_path = "/run/docker.sock";
  auto bare = translate(e);
  CAF_CHECK_EQUAL(bare.reason, "policy_denied");
  CAF_CHECK_EQUAL(bare.client_address, "");
  CAF_CHECK_EQUAL(bare.host, "/run/docker.sock");
  for (auto [source, name] : std::initializer_list<std::pair<policy::source, std::string>>{
         {policy::source::baseline_policy, "baseline_policy"},
         {policy::source::mode_guard, "mode_guard"},
         {policy::source::proxy_state, "proxy_state"},
       }) {
    e.source = source;
    CAF_CHECK_EQUAL(translate(e).source, name);
  }
}

CAF_TEST(an explanation has the place of the rule that decided) {
  explanation e;
  e.decision = policy::decision::deny;
  e.reason = "denied";
  e.status = 403;
  e.host = "example.com";
  e.rule = policy::placed_text{"**.example.com", "config.toml", 4, 2};
  e.remedy = "Take it off the list.";
  auto told = translate(e);
  CAF_CHECK(!told.goes_through && told.status == 403 && told.line == 4);
  CAF_CHECK_EQUAL(told.decision, "deny");
  CAF_CHECK_EQUAL(told.reason, "denied");
  CAF_CHECK_EQUAL(told.rule, "**.example.com");
  CAF_CHECK_EQUAL(told.file, "config.toml");
  CAF_CHECK_EQUAL(told.remedy, "Take it off the list.");
  CAF_CHECK_EQUAL(told.text, to_text(e, false));
  e.status = 200;
  e.decision = policy::decision::allow;
  e.rule = std::nullopt;
  auto through = translate(e);
  CAF_CHECK(through.goes_through && through.rule.empty() && through.line == 0);
}
