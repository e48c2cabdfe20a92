#define CAF_SUITE actors.flows.http2_policy
#include "tests/actors/flows/h2_stage.hpp"

using namespace proxy;
using namespace proxy::test;

/// A new policy finds streams of HTTP/2 wherever they wait. Each time one POST is under way.

namespace {

/// Where a request waits, in order.
enum class point { handshake, settings, second_link, head, upload, download };

const std::pair<point, const char*> points[] = {
  {point::handshake, "for the handshake of TLS"},
  {point::settings, "for the settings of the connection"},
  {point::second_link, "for a connection with a free stream"},
  {point::head, "for the response"},
  {point::upload, "in the middle of the upload"},
  {point::download, "in the middle of the response"},
};

const std::string without_it = "allowed_domains = [\"other.test\"]\n"
                               "mitm = {enabled = true, inspect = true}\n";
const std::string limited = h2_stage::reading + "mode = \"limited\"\n";

bool is_dialled(point at) { return at > point::second_link; }

struct waiting : h2_stage {
  explicit waiting(point where) : at(where) {
    if (at == point::second_link) {
      full = client.ask("GET", "/full");
      far = &serve_h2(example, {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1}});
      (void)take(*far, "/full");
    }
    id = client.ask("POST", "/", {}, at != point::upload);
    switch (at) {
      case point::handshake: silent = &this->accept(example); break;
      case point::settings: far = &serve_h2(example, {}, false); break;
      case point::second_link: silent = &this->accept(example); break;
      default: begin();
    }
    h2_stage::pass(1s); // all that was decided so far is told
    told = events.size();
  }
  void begin() {
    far = &serve_h2(example);
    seen = take(*far, "/");
    if (at == point::upload)
      client.data(id, "some");
    if (at == point::download) {
      far->head(seen, {{":status", "200"}}, false);
      far->data(seen, "half");
    }
    CAF_REQUIRE(until([&] {
      return at == point::upload     ? far->streams[seen].body == "some"
             : at == point::download ? client.streams[id].body == "half"
                                     : true;
    }));
  }
  /// What has been refused, or else let through, since it waits.
  std::vector<std::string> news(std::string_view word) {
    h2_stage::pass(1s);
    auto all = decisions();
    all.erase(all.begin(), all.begin() + static_cast<ptrdiff_t>(told));
    std::erase_if(all, [&](const auto& each) { return !each.starts_with(word); });
    return all;
  }
  /// What it waits for comes.
  void come() {
    if (silent)
      silent->answer_tls(*origin_tls, origin_leaf("example.com"), {.accept = tls::alpn::h2});
    if (at == point::settings)
      far->greet();
  }
  /// Whether a request for "/" has come on what it waited for.
  bool has_begun() { return far && far->find("/") != 0; }

  const point at;
  h2_end& client = inside();
  party* silent = nullptr;
  h2_end* far = nullptr;
  int32_t id = 0, seen = 0, full = 0;
  size_t told = 0;
};

} // namespace

CAF_TEST(a reload that refuses the host ends what waits and nothing begins) {
  for (const auto& [at, what] : points) {
    CAF_MESSAGE(what);
    waiting s{at};
    s.install(without_it);
    CAF_CHECK(s.is_over(s.client.on, 1s));
    CAF_CHECK(!s.client.streams[s.id].ended);
    s.come();
    if (s.far)
      CAF_CHECK(s.is_over(s.far->on, 1s));
    if (s.silent)
      CAF_CHECK(s.is_over(*s.silent, 1s));
    CAF_CHECK_EQUAL(s.has_begun(), is_dialled(at));
    CAF_CHECK(!s.is_called(s.example, 1s));
    std::vector<std::string> refused{"deny https_connect example.com:443 not_allowed"};
    if (at >= point::second_link) // where the other request is under way
      refused.push_back("deny https example.com:443 not_allowed");
    CAF_CHECK(s.news("deny") == refused);
  }
}

CAF_TEST(a mode that refuses the method refuses what waits on its stream alone) {
  const std::vector<std::string> refused{"deny https example.com:443 method_not_allowed"};
  for (const auto& [at, what] : points)
    for (auto by_reload : {true, false}) {
      CAF_MESSAGE(what << ' ' << by_reload);
      waiting s{at};
      if (by_reload)
        s.install(limited);
      else
        CAF_CHECK(s.set_mode(policy::mode::limited).report);
      s.come();
      CAF_CHECK(s.ends(s.client, s.id, 1s));
      auto outcome = s.client.outcome(s.id);
      CAF_CHECK_EQUAL(outcome, at == point::download ? "200 reset 2"
                               : is_dialled(at)      ? "reset 2"
                                                     : "403");
      CAF_CHECK_EQUAL(s.has_begun(), is_dialled(at));
      CAF_CHECK(s.news("deny") == refused);
      CAF_CHECK(s.news("allow").empty());
      if (s.full) { // a GET, which goes on
        s.far->answer(s.far->find("/full"), "200", "full");
        CAF_CHECK(s.ends(s.client, s.full));
        CAF_CHECK_EQUAL(s.client.streams[s.full].body, "full");
      }
      if (s.far)
        CAF_CHECK(s.is_over(s.far->on, 1s));
      if (s.silent)
        CAF_CHECK(s.is_over(*s.silent, 1s));
      auto next = s.client.ask("GET", "/next");
      auto& again = s.serve_h2(s.example);
      again.answer(s.take(again, "/next"), "200", "fine");
      CAF_CHECK(s.ends(s.client, next));
    }
}

CAF_TEST(what waits for nothing that comes is refused at its deadline) {
  for (auto at : {point::handshake, point::settings}) {
    waiting s{at}; // for a second so far
    s.pass(1s);
    s.install(limited);
    CAF_CHECK(s.ends(s.client, s.id, 9s));
    CAF_CHECK_EQUAL(s.client.outcome(s.id), "403");
    CAF_CHECK(!s.has_begun());
  }
}

CAF_TEST(a reload that changes nothing for it lets what waits go on) {
  for (const auto& [at, what] : points) {
    CAF_MESSAGE(what);
    waiting s{at};
    s.install(h2_stage::reading);
    s.come();
    if (is_dialled(at)) {
      CAF_CHECK(!s.ends(s.client, s.id, 1s));
      if (at == point::upload)
        s.client.data(s.id, "more", true);
      if (at == point::download)
        s.far->data(s.seen, "whole", true);
      else
        s.far->answer(s.seen, "200", "whole");
    } else { // what was dialled under the policy of before serves nobody
      auto& again = s.serve_h2(s.example);
      again.answer(s.take(again, "/"), "200", "whole");
      CAF_CHECK(!s.has_begun());
    }
    CAF_CHECK(s.ends(s.client, s.id));
    CAF_CHECK(s.client.streams[s.id].body.ends_with("whole"));
    CAF_CHECK_EQUAL(s.client.outcome(s.id), "200");
    CAF_CHECK(s.news("deny").empty());
    CAF_CHECK_EQUAL(s.news("allow").size(), is_dialled(at) ? 0u : 1u);
    if (s.full)
      continue;
    if (s.far)
      CAF_CHECK(s.is_over(s.far->on, 1s));
    if (s.silent)
      CAF_CHECK(s.is_over(*s.silent, 1s));
  }
}

CAF_TEST(streams that wait for the dial of another are judged by the new policy too) {
  for (auto refuses : {true, false}) {
    waiting s{point::handshake};
    auto second = s.client.ask("POST", "/second");
    auto third = s.client.ask("GET", "/third");
    s.pass(1s);
    s.install(refuses ? limited : h2_stage::reading);
    s.come();
    auto& again = s.serve_h2(s.example);
    again.answer(s.take(again, "/third"), "200", "third");
    if (!refuses) {
      again.answer(s.take(again, "/"), "200", "first");
      again.answer(s.take(again, "/second"), "200", "second");
    }
    for (auto id : {s.id, second, third}) {
      CAF_CHECK(s.ends(s.client, id));
      CAF_CHECK_EQUAL(s.client.status(id), refuses && id != third ? 403 : 200);
    }
    CAF_CHECK_EQUAL(again.streams.size(), refuses ? 1u : 3u);
    CAF_CHECK(!s.is_called(s.example, 1s));
    CAF_CHECK_EQUAL(s.news("deny").size(), refuses ? 2u : 0u);
    CAF_CHECK_EQUAL(s.news("allow").size(), refuses ? 1u : 3u);
  }
}

CAF_TEST(nothing that a reload refuses begins on a shared connection once it is acknowledged) {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    h2_stage s{"", h2_stage::reading, seed};
    auto& client = s.inside();
    (void)client.ask("GET", "/long");
    auto& far = s.serve_h2(s.example);
    (void)s.take(far, "/long");
    auto answer = s.begin_reload(limited);
    std::vector<int32_t> early;
    CAF_REQUIRE(s.until([&] {
      if (!answer->has_value() && early.size() < 20)
        early.push_back(client.ask("POST", "/early"));
      return answer->has_value();
    }));
    CAF_REQUIRE((*answer)->report);
    // What is under way to the origin by now arrives; nobody else does anything.
    while (s.w.net().next() && *s.w.net().next() <= s.w.time().now())
      (void)s.w.net().deliver();
    far.step();
    auto begun = far.streams.size();
    auto late = client.ask("GET", "/late");
    auto& again = s.serve_h2(s.example);
    again.answer(s.take(again, "/late"), "200", "late");
    CAF_CHECK(s.ends(client, late));
    CAF_CHECK_EQUAL(far.streams.size(), begun);
    CAF_CHECK_EQUAL(again.streams.size(), 1u);
    for (auto id : early) {
      CAF_CHECK(s.ends(client, id));
      auto outcome = client.outcome(id);
      CAF_CHECK(outcome == "403" || outcome == "reset 2");
    }
  }
}

CAF_TEST(idle connections to origins close with the policy that they were made under) {
  for (const auto& after : {without_it, limited, h2_stage::reading}) {
    h2_stage s;
    auto& client = s.inside();
    auto id = client.ask("GET", "/");
    auto& far = s.serve_h2(s.example);
    far.answer(s.take(far, "/"), "204");
    CAF_CHECK(s.ends(client, id));
    CAF_CHECK(!s.is_over(far.on, 20s));
    s.install(after);
    CAF_CHECK(s.is_over(far.on, 1s));
    CAF_CHECK_EQUAL(s.is_over(client.on, 1s), after == without_it);
  }
}

CAF_TEST(what a reload has refused while it was dialled is not told as let through by it) {
  for (auto early : {true, false}) {
    h2_stage s;
    auto& client = s.inside();
    (void)client.ask("POST", "/");
    auto& silent = s.accept(s.example);
    if (!early)
      (void)client.ask("GET", "/waits for the dial of the first");
    s.pass(1s);
    s.install("allowed_domains = [\"other.test\"]\nmitm = {enabled = true, "
              "inspect = true}\n");
    s.pass(20s);
    CAF_CHECK(s.is_over(client.on));
    CAF_CHECK(s.is_over(silent));
    for (const auto& e : s.events) {
      CAF_CHECK(e->generation < 2 || e->is_refusal());
    }
  }
}
