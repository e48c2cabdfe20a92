#define CAF_SUITE config.added
#include "config/load.hpp" // unit under test

#include "tests/config/support.hpp"

using namespace proxy;
using namespace proxy::config;
using namespace proxy::config::test;

/// Patterns that are added at run time, over files and a managed layer.

namespace {

struct layered : folder {
  loaded load_with(const std::string& managed, const std::string& user, added_patterns before,
                   added_patterns adds) const {
    if (!managed.empty())
      write("managed.toml", newer(managed + '\n'));
    write("config.toml", newer(user + '\n'));
    auto sources = from();
    sources.added = std::move(before);
    sources.adds = std::move(adds);
    return load(sources);
  }
};

/// "allowed | denied", each with spaces between.
std::string lists_of(const added_patterns& all) {
  std::string out;
  for (const auto& each : all.allowed)
    out += each + ' ';
  out += '|';
  for (const auto& each : all.denied)
    out += ' ' + each;
  return out;
}

} // namespace

CAF_TEST(what is added is normal once and taken off the other list) {
  struct row {
    const char* name;
    added_patterns before, adds;
    const char* then;
  };
  for (const auto& [name, before, adds, then] : std::initializer_list<row>{
         {"the first", {}, {{"a.test"}, {}}, "a.test |"},
         {"the first denial", {}, {{}, {"a.test"}}, "| a.test"},
         {"in their order", {{"b.test"}, {}}, {{"a.test"}, {}}, "b.test a.test |"},
         {"in normal form", {}, {{"  *.A.Test:443 "}, {}}, "*.a.test:443 |"},
         {"twice", {{"a.test"}, {}}, {{"A.TEST"}, {}}, "a.test |"},
         {"denied later", {{"a.test", "b.test"}, {}}, {{}, {"A.test"}}, "b.test | a.test"},
         {"allowed later", {{}, {"a.test", "b.test"}}, {{"a.test"}, {}}, "a.test | b.test"},
         {"another port", {{"a.test:80"}, {}}, {{}, {"a.test"}}, "a.test:80 | a.test"},
         {"a network",
          {},
          {{"192.0.2.0/24"}, {"[2001:db8::1]:80"}},
          "192.0.2.0/24 | [2001:db8::1]:80"},
       }) {
    CAF_MESSAGE(name);
    layered at;
    auto config = config_of(at.load_with("", "enabled = true", before, adds));
    CAF_CHECK_EQUAL(lists_of(config.added), then);
    CAF_CHECK(texts(config.allowed_domains) == config.added.allowed);
    CAF_CHECK(texts(config.denied_domains) == config.added.denied);
  }
}

CAF_TEST(what is added stands beside what the files say and says where it is from) {
  layered at;
  auto config = config_of(
    at.load_with("", "allowed_domains = [\"a.test\", \"b.test\"]\ndenied_domains = [\"c.test\"]",
                 {}, {{"b.test", "d.test"}, {"a.test"}}));
  CAF_CHECK_EQUAL(texts(config.allowed_domains), (strings{"a.test", "b.test", "d.test"}));
  CAF_CHECK_EQUAL(texts(config.denied_domains), (strings{"c.test", "a.test"}));
  CAF_CHECK(config.allowed_domains[1].file.ends_with("/config.toml"));
  CAF_CHECK_EQUAL(config.allowed_domains[2].file, policy::added_at_run_time);
  CAF_CHECK_EQUAL(config.denied_domains[1].line, 0u);
  CAF_CHECK_EQUAL(lists_of(config.added), "b.test d.test | a.test");
}

CAF_TEST(what may not be added is a problem and no configuration) {
  struct row {
    const char* managed;
    added_patterns adds;
    const char* says; ///< "" where nothing is wrong.
  };
  const char* list = "allowed_domains = [\"**.m.test\"]";
  for (const auto& [managed, adds, says] : std::initializer_list<row>{
         {"", {{"*"}, {}}, "permissions.dev.network.allowed_domains: "},
         {"", {{""}, {}}, "permissions.dev.network.allowed_domains: "},
         {"", {{}, {"http://a.test/"}}, "permissions.dev.network.denied_domains: "},
         {list, {{"a.m.test"}, {}}, ""},
         {list,
          {{"a.test"}, {}},
          "permissions.dev.network.allowed_domains: \"a.test\" cannot be added: managed config "
          "does "
          "not allow it"},
         {"domains = {\"m.test\" = \"allow\"}", {{"a.m.test"}, {}}, "cannot be added"},
         {"domains = {\"m.test\" = \"deny\"}", {{"a.m.test"}, {}}, ""},
         {"allowed_domains = []", {{"a.test"}, {}}, "cannot be added"},
         {list, {{}, {"a.test"}}, ""},
         {"denied_domains = [\"a.test\"]", {{"a.test"}, {}}, ""}, // it stays denied
       }) {
    CAF_MESSAGE(lists_of(adds) << " under " << managed);
    layered at;
    auto result = at.load_with(managed, "enabled = true", {}, adds);
    CAF_CHECK_EQUAL(result.config.has_value(), !*says);
    CAF_CHECK(contains(told(result), says));
    for (const auto& each : result.problems)
      CAF_CHECK_EQUAL(each.file, "");
  }
}

CAF_TEST(what the managed layer allows no more is dropped with a warning) {
  layered at;
  auto result = at.load_with("allowed_domains = [\"**.m.test\"]", "enabled = true",
                             {{"a.test", "a.m.test"}, {"b.test"}}, {{"b.m.test"}, {}});
  CAF_CHECK(contains(told(result), "managed.toml:3:19: warning: "
                                   "permissions.dev.network.allowed_domains: \"a.test\" was added "
                                   "at run time and is dropped: managed config does not allow it"));
  CAF_REQUIRE_EQUAL(result.problems.size(), 1u);
  CAF_CHECK_EQUAL(lists_of(config_of(std::move(result)).added), "a.m.test b.m.test | b.test");
}

CAF_TEST(the lists of files have to be within the managed ones by themselves) {
  layered at;
  auto result =
    at.load_with("denied_domains = [\"a.test\"]", "denied_domains = []", {}, {{}, {"a.test"}});
  CAF_CHECK(contains(told(result), "missing managed denied_domains entries"));
}

CAF_TEST(so many patterns can be added and no more) {
  added_patterns most;
  for (size_t i = 0; i < max_added_patterns; ++i)
    (i % 2 == 0 ? most.allowed : most.denied).push_back("h" + std::to_string(i) + ".test");
  layered at;
  auto load_one_more = [&](added_patterns adds) {
    return at.load_with("", "enabled = true", most, std::move(adds));
  };
  CAF_CHECK(contains(told(load_one_more({{"a.test"}, {}})),
                     "\"a.test\" is one too many: 1000 can be added at run time"));
  CAF_CHECK(!load_one_more({{}, {"a.test"}}).config);
  CAF_CHECK(load_one_more({{"h0.test"}, {}}).config);
  CAF_CHECK(load_one_more({{}, {"h0.test"}}).config); // from one list to the other
}
