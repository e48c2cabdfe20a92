#define CAF_SUITE actors.flows.names_search
#include "tests/actors/flows/stage.hpp"

using namespace proxy;
using namespace proxy::test;

/// Names without a dot: search domains as glibc has them, and what is judged of a name that stands
/// for another.

namespace {

using names_asked = std::vector<std::string>;

stage_settings searching(const std::string& domains, const std::string& options = "",
                         const std::string& network = "allowed_domains = [\"svc\"]\n") {
  return {.network = network,
          .daemon = "dns.cache_size = 0",
          .environment = {{"LOCALDOMAIN", domains}, {"RES_OPTIONS", options}}};
}

std::string answer_for(stage& s, const std::string& host) {
  auto& client = s.client();
  client.say(get("http://" + host + "/", "Connection: close\r\n"));
  CAF_CHECK(s.is_over(client));
  return client.text;
}

names_asked v4_questions(const stage& s) {
  names_asked out;
  for (const auto& each : s.names.asked)
    if (each.starts_with("A "))
      out.push_back(each.substr(2));
  return out;
}

const name_record good{.addresses = {ip("93.184.216.34")}};
constexpr auto found = "93.184.216.34:80: No route to host"; // nobody is there

} // namespace

CAF_TEST(a name without a dot is looked for where the system would look for it) {
  struct row {
    const char* domains;
    const char* options;
    const char* host;
    std::map<std::string, name_record> names;
    names_asked asked;
    const char* words;
  } rows[] = {
    {"a.test b.test", "", "svc", {{"svc.b.test", good}}, {"svc.a.test", "svc.b.test"}, found},
    {"a.test", "", "svc", {{"svc", good}}, {"svc.a.test", "svc"}, found},
    {"a.test", "", "svc.", {{"svc.a.test", good}}, {"svc"}, "svc: no such name (NXDOMAIN)"},
    {"a.test", "ndots:0", "svc", {{"svc.a.test", good}}, {"svc", "svc.a.test"}, found},
    {"a.test", "ndots:0", "svc", {{"svc", good}}, {"svc"}, found},
    {"a.test", "no-tld-query", "svc", {{"svc", good}}, {"svc.a.test"}, "NXDOMAIN"},
    {"", "", "svc", {{"svc", good}}, {"svc"}, found},
    {". a.test", "", "svc", {{"svc.a.test", good}}, {"svc", "svc.a.test"}, found},
    {"localhost a.test", "", "svc", {{"svc.a.test", good}}, {"svc.a.test"}, found},
    // What leads on to the next domain: no address, and a server that fails.
    {"a.test b.test",
     "",
     "svc",
     {{"svc.a.test", {}}, {"svc.b.test", good}},
     {"svc.a.test", "svc.b.test"},
     found},
    {"a.test b.test",
     "",
     "svc",
     {{"svc.a.test", {.code = 2}}, {"svc.b.test", good}},
     {"svc.a.test", "svc.b.test"},
     found},
    // Any other trouble leaves the name as it is written.
    {"a.test b.test",
     "",
     "svc",
     {{"svc.a.test", {.code = 5}}, {"svc.b.test", good}},
     {"svc.a.test", "svc"},
     "NXDOMAIN"},
    {"a.test b.test",
     "no-tld-query",
     "svc",
     {{"svc.a.test", {.code = 5}}, {"svc.b.test", good}},
     {"svc.a.test"},
     "refused to answer (REFUSED)"},
    // What is told in the end: that it exists, or that a server failed, before that it does not.
    {"a.test b.test",
     "",
     "svc",
     {{"svc.a.test", {}}},
     {"svc.a.test", "svc.b.test", "svc"},
     "svc: the name has no address (NODATA); looked for svc.a.test, svc.b.test, svc"},
    {"a.test",
     "",
     "svc",
     {{"svc.a.test", {.code = 2}}},
     {"svc.a.test", "svc"},
     "svc: the name server failed (SERVFAIL); looked for svc.a.test, svc"},
    {"a.test",
     "ndots:0",
     "svc",
     {{"svc", {.code = 2}}},
     {"svc", "svc.a.test"},
     "svc: the name server failed (SERVFAIL); looked for svc, svc.a.test"},
  };
  for (const auto& [domains, options, host, names, asked, words] : rows) {
    CAF_MESSAGE(host << " in \"" << domains << "\" by \"" << options << "\": " << words);
    stage s{searching(domains, options)};
    s.names.names = names;
    auto text = answer_for(s, host);
    CAF_CHECK(has(text, words));
    auto all = v4_questions(s);
    all.erase(std::unique(all.begin(), all.end()), all.end()); // a server that fails is asked again
    CAF_CHECK_EQUAL(all, asked);
  }
}

CAF_TEST(a name with a dot and search that is off ask for what is written) {
  stage s{{.network = "allowed_domains = [\"svc\", \"svc.dev\"]\n",
           .daemon = "dns.search = false",
           .environment = {{"LOCALDOMAIN", "a.test"}}}};
  (void)answer_for(s, "svc");
  CAF_CHECK_EQUAL(v4_questions(s), (names_asked{"svc"}));
  stage with{searching("a.test", "", "allowed_domains = [\"svc.dev\"]\n")};
  (void)answer_for(with, "svc.dev");
  CAF_CHECK_EQUAL(v4_questions(with), (names_asked{"svc.dev"}));
}

CAF_TEST(what a name stands for is judged by the deny list and the address alone) {
  struct row {
    const char* network;
    const char* address;
    const char* answer;
    const char* words;
  } rows[] = {
    {"allowed_domains = [\"svc\"]\n", "93.184.216.34", "HTTP/1.1 502", found},
    {"allowed_domains = [\"**.a.test\"]\n", "93.184.216.34", "HTTP/1.1 403", "not_allowed"},
    {"allowed_domains = [\"svc\"]\ndenied_domains = [\"**.a.test\"]\n", "93.184.216.34",
     "HTTP/1.1 403", "denied"},
    {"allowed_domains = [\"svc\"]\n", "10.0.0.1", "HTTP/1.1 403", "not_allowed_local"},
  };
  for (const auto& [network, address, answer, words] : rows) {
    CAF_MESSAGE(network << address);
    stage s{searching("a.test", "", network)};
    s.names.names["svc.a.test"] = {.addresses = {ip(address)}};
    auto text = answer_for(s, "svc");
    CAF_CHECK(text.starts_with(answer));
    CAF_CHECK(has(text, words));
  }
}

CAF_TEST(a tunnel to what a search domain found ends when that is denied) {
  for (const auto* denied : {"svc.a.test", "svc.b.test"}) {
    stage s{searching("a.test")};
    s.names.names["svc.a.test"] = good;
    auto& at = s.serve_at("93.184.216.34", 443);
    auto& client = s.tunnel("svc:443");
    auto& origin = s.accept(at);
    s.install("allowed_domains = [\"svc\"]\ndenied_domains = [\"" + std::string{denied} + "\"]\n",
              "dns.cache_size = 0");
    auto ends = std::string{denied} == "svc.a.test";
    CAF_CHECK_EQUAL(s.is_over(client, 1s), ends);
    CAF_CHECK_EQUAL(s.is_over(origin, 1s), ends);
  }
}

CAF_TEST(a reload between two search domains starts where the look - up was) {
  stage s{searching("a.test b.test")};
  s.names.names["svc.a.test"] = {.code = 3, .late = 500ms};
  s.names.names["svc.b.test"] = good;
  s.names.names["svc.b.test"].late = 500ms;
  auto& client = s.client();
  client.say(get("http://svc/"));
  CAF_REQUIRE(s.until([&] { return std::ranges::count(s.names.asked, "A svc.b.test") > 0; }));
  s.install("allowed_domains = [\"svc\"]\n", "dns.cache_size = 7");
  CAF_CHECK(s.hears(client, found, 2s));
  CAF_CHECK_EQUAL(v4_questions(s), (names_asked{"svc.a.test", "svc.b.test", "svc.b.test"}));
}

CAF_TEST(what a search domain found is remembered for the name as written and not for the whole one) {
  stage s{{.network = "allowed_domains = [\"svc\"]\n", .environment = {{"LOCALDOMAIN", "a.test"}}}};
  s.names.names["svc.a.test"] = good;
  CAF_CHECK(has(answer_for(s, "svc"), found));
  CAF_CHECK(has(answer_for(s, "svc."), "NXDOMAIN"));
  CAF_CHECK(has(answer_for(s, "svc"), found));
  CAF_CHECK(has(answer_for(s, "svc."), "NXDOMAIN"));
  CAF_CHECK_EQUAL(v4_questions(s), (names_asked{"svc.a.test", "svc"}));
}

CAF_TEST(the time for a look - up is for all its domains together) {
  stage s{searching("a.test b.test c.test")};
  for (const auto* each : {"svc.a.test", "svc.b.test", "svc.c.test"})
    s.names.names[each] = {.code = 3, .late = 900ms};
  s.names.names["svc"] = {.silent = true};
  auto began = s.w.time().now();
  auto text = answer_for(s, "svc");
  auto took = s.w.time().now() - began;
  CAF_CHECK(text.starts_with("HTTP/1.1 504"));
  CAF_CHECK(took >= 5s && took < 5200ms);
}
