#define CAF_SUITE config.home
#include "config/home.hpp" // unit under test

#include "tests/config/support.hpp"

using namespace proxy;
using namespace proxy::config;
using namespace proxy::config::test;

namespace {

environment with(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const std::string& name) -> std::optional<std::string> {
    auto at = variables.find(name);
    return at == variables.end() ? std::nullopt : std::optional{at->second};
  };
}

} // namespace

CAF_TEST(an empty variable is one that is not set) {
  // Whoever runs this may have a home in the user database, or none.
  auto listed = user_home(with({}));
  auto below = listed.empty() ? "" : (std::filesystem::path{listed} / ".codex").string();
  auto here = std::filesystem::current_path().string();
  struct row {
    std::map<std::string, std::string> variables;
    std::string user, codex;
  };
  for (const auto& [variables, user, codex] : std::vector<row>{
         {{{"HOME", "/h"}}, "/h", "/h/.codex"},
         {{{"HOME", "/"}}, "/", "/.codex"},
         {{{"HOME", "/h"}, {"CODEX_HOME", ""}}, "/h", "/h/.codex"},
         {{{"HOME", "/h"}, {"CODEX_HOME", "/c"}}, "/h", "/c"},
         {{{"HOME", ""}}, listed, below},
         {{}, listed, below},
         // Others look from other folders.
         {{{"HOME", "/h"}, {"CODEX_HOME", "c/d"}}, "/h", here + "/c/d"},
         {{{"HOME", "h"}}, here + "/h", here + "/h/.codex"},
       }) {
    CAF_CHECK_EQUAL(user_home(with(variables)), user);
    CAF_CHECK_EQUAL(codex_home(with(variables)), codex);
  }
}

CAF_TEST(sources that name no environment have none) {
  CAF_REQUIRE(process_environment("PATH"));
  CAF_CHECK(!environment_of(sources{})("PATH"));
}

CAF_TEST(a configuration is there when anything says something) {
  folder home;
  auto from = home.from();
  CAF_CHECK(!has_configuration(from));
  from.sets = {"enabled=true"};
  CAF_CHECK(has_configuration(from));
  from.sets.clear();
  from.files = {home.at("missing.toml")};
  CAF_CHECK(has_configuration(from));
  from.files.clear();
  home.write("config.toml", "");
  CAF_CHECK(has_configuration(from));
  std::filesystem::remove(home.at("config.toml"));
  home.write("managed.toml", "");
  CAF_CHECK(has_configuration(from));
}
