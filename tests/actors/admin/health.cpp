#define CAF_SUITE actors.admin.health
#include "actors/admin/health.hpp" // unit under test

#include <functional>
#include <nlohmann/json.hpp>

#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::admin;
using namespace proxy::test;
using namespace std::chrono_literals;

namespace {

const wall_time today{std::chrono::hours{24 * 365 * 56}};

const tls::authority_ptr& some_ca() {
  static const auto ca = unbox(tls::authority::make(today));
  return ca;
}

/// A proxy of two workers that is well.
findings well() {
  findings out;
  worker_beat beat;
  beat.generation = 3;
  beat.listeners = beat.wanted = 2;
  out.workers = {beat, beat};
  out.all_watched_live = true;
  out.ca = some_ca();
  out.now = today;
  return out;
}

caf::error silence() { return caf::make_error(errc::cancelled, "no answer in time"); }

/// The checks of a probe that fail, each with a space behind.
std::string failing(probe_kind of, const findings& found) {
  std::string out;
  for (const auto& each : judge_all(of, found))
    if (!each.ok)
      out += std::string{to_string(each.name)} + ' ';
  return out;
}

struct fault {
  std::string words;
  std::function<void(findings&)> happens;
  std::string live, ready, line;
};

const std::vector<fault> faults{
  {"nothing", [](findings&) {}, "", "", "[+]loops ok: 2 of 2 answer\n"},
  {"a loop that hangs", [](findings& f) { f.workers[1] = silence(); }, "loops ", "loops ",
   "[-]loops failed: 1 of 2 answer\n"},
  {"no workers", [](findings& f) { f.workers.clear(); }, "loops ", "loops listeners policy ",
   "[-]loops failed: 0 of 0 answer\n"},
  {"a store that hangs", [](findings& f) { f.in_force = silence(); }, "policy_store ", "",
   "[-]policy_store failed: no answer\n"},
  {"a supervisor that hangs", [](findings& f) { f.all_watched_live = silence(); }, "supervisor ",
   "", "[-]supervisor failed: no answer\n"},
  {"a part that is lost", [](findings& f) { f.all_watched_live = false; }, "supervisor ", "",
   "[-]supervisor failed: a part is lost\n"},
  {"a listener that is closed", [](findings& f) { f.workers[0]->listeners = 1; }, "", "listeners ",
   "[-]listeners failed: 3 of 4 open\n"},
  {"a policy without listeners",
   [](findings& f) {
     for (auto& each : f.workers)
       each->listeners = each->wanted = 0;
   },
   "", "listeners ", "[-]listeners failed: the policy has none\n"},
  {"a worker without a policy", [](findings& f) { f.workers[0]->generation = 0; }, "", "policy ",
   "[-]policy failed: 1 of 2 workers have one\n"},
  {"no interception", [](findings& f) { f.ca = nullptr; }, "", "",
   "[+]ca ok: interception is off\n"},
  {"a CA whose time is over", [](findings& f) { f.now = some_ca()->valid_until() + 1s; }, "", "ca ",
   "[-]ca failed: its time is over\n"},
  {"a CA whose time has not come", [](findings& f) { f.now = some_ca()->valid_from() - 1s; }, "",
   "ca ", "[-]ca failed: its time has not come\n"},
  {"a CA that hangs", [](findings& f) { f.leaf = silence(); }, "", "ca ",
   "[-]ca failed: no answer\n"},
  {"a CA that cannot sign",
   [](findings& f) { f.leaf = caf::make_error(errc::system, "words of OpenSSL"); }, "", "ca ",
   "[-]ca failed: cannot sign\n"},
  {"an end that has begun", [](findings& f) { f.workers[1]->draining = true; }, "", "shutdown ",
   "[-]shutdown failed: the proxy is ending\n"},
};

} // namespace

CAF_TEST(each fault fails its own checks and is told in words) {
  for (const auto& [words, happens, live, ready, line] : faults) {
    CAF_MESSAGE(words);
    auto found = well();
    happens(found);
    CAF_CHECK_EQUAL(failing(probe_kind::live, found), live);
    CAF_CHECK_EQUAL(failing(probe_kind::ready, found), ready);
    auto all = judge_all(probe_kind::all, found);
    CAF_CHECK_EQUAL(all.size(), 7u);
    CAF_CHECK_EQUAL(all_ok(all), live.empty() && ready.empty());
    CAF_CHECK(has(verbose_text(all), line));
  }
}

CAF_TEST(without details only the names of what fails are told) {
  auto found = well();
  CAF_CHECK_EQUAL(brief_text(judge_all(probe_kind::all, found)), "ok");
  found.workers[0] = silence();
  CAF_CHECK_EQUAL(brief_text(judge_all(probe_kind::live, found)), "failed: loops");
  found.workers[1]->draining = true;
  CAF_CHECK_EQUAL(brief_text(judge_all(probe_kind::all, found)), "failed: loops, shutdown");
}

CAF_TEST(the JSON has the same) {
  auto found = well();
  found.ca = nullptr;
  found.workers[1]->draining = true;
  auto all = judge_all(probe_kind::ready, found);
  auto told = nlohmann::json::parse(health_json(all));
  CAF_CHECK(told["status"] == "failed");
  CAF_REQUIRE_EQUAL(told["checks"].size(), all.size());
  for (size_t i = 0; i < all.size(); ++i) {
    CAF_CHECK(told["checks"][i]["name"] == to_string(all[i].name));
    CAF_CHECK(told["checks"][i]["ok"] == all[i].ok);
    CAF_CHECK(told["checks"][i]["detail"] == all[i].detail);
  }
  found.workers[1]->draining = false;
  told = nlohmann::json::parse(health_json(judge_all(probe_kind::ready, found)));
  CAF_CHECK(told["status"] == "ok");
}

CAF_TEST(a path names its probe and a check is found in its own probe alone) {
  struct row {
    std::string_view path;
    std::optional<probe_kind> kind;
  };
  for (const auto& [path, kind] : std::initializer_list<row>{
         {"/livez", probe_kind::live},
         {"/readyz", probe_kind::ready},
         {"/healthz", probe_kind::all},
         {"/readyz/loops", probe_kind::ready},
         {"/readyz/", probe_kind::ready},
         {"/health", std::nullopt},
         {"/Readyz", std::nullopt},
         {"/readyzz", std::nullopt},
         {"readyz", std::nullopt},
         {"//readyz", std::nullopt},
         {"/", std::nullopt},
         {"", std::nullopt},
       }) {
    CAF_MESSAGE(path);
    CAF_CHECK(probe_of(path) == kind);
  }
  CAF_CHECK(check_named("loops", probe_kind::live) == check_name::loops);
  CAF_CHECK(check_named("loops", probe_kind::ready) == check_name::loops);
  CAF_CHECK(check_named("supervisor", probe_kind::all) == check_name::supervisor);
  CAF_CHECK(!check_named("supervisor", probe_kind::ready));
  CAF_CHECK(!check_named("ca", probe_kind::live));
  CAF_CHECK(!check_named("", probe_kind::all));
}
