#define CAF_SUITE config.layers
#include "config/load.hpp" // unit under test

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "config/layer.hpp"
#include "tests/config/support.hpp"

using namespace proxy;
using namespace proxy::config;
using namespace proxy::config::test;

namespace {

const std::string dev = "default_permissions = \"dev\"\n";

loaded
load_sets(const strings& sets,
          const std::string& text = newer("enabled = true\nallowed_domains = [\"a.example\"]\n")) {
  return load_text(text, sets);
}

} // namespace

CAF_TEST(a pipe is read to its end but not waited for for ever) {
  folder home;
  auto path = home.at("fifo");
  CAF_REQUIRE_EQUAL(::mkfifo(path.c_str(), 0600), 0);
  CAF_CHECK(!read_file(path, 100, std::chrono::milliseconds{1}).failure.empty());
  {
    std::ofstream holds{path, std::ios::in | std::ios::out}; // and writes nothing
    CAF_CHECK(!read_file(path, 100, std::chrono::milliseconds{1}).failure.empty());
  }
  std::thread writer{[&] {
    std::ofstream out{path};
    out << "one " << std::flush << "two";
  }};
  auto read = read_file(path, 100);
  writer.join();
  CAF_CHECK_EQUAL(read.failure, "");
  CAF_CHECK_EQUAL(read.text, "one two");
}

CAF_TEST(the user lies over the managed layer and files replace the user) {
  folder home;
  auto managed = home.write("managed.toml",
                            "[network_proxy]\nworkers = 1\nvia = false\nshutdown_grace = \"1s\"\n");
  auto user =
    home.write("config.toml", "[network_proxy]\nworkers = 2\n[network_proxy.log]\naccess = true\n");
  auto from = home.from();
  auto config = config_of(load(from));
  CAF_CHECK_EQUAL(config.workers, 2u);
  CAF_CHECK(!config.via);
  CAF_CHECK(config.log.access);
  CAF_CHECK_EQUAL(config.files, (strings{managed, user}));

  auto one = home.write("one.toml", "[network_proxy]\nshutdown_grace = \"7s\"\nworkers = 3\n");
  auto two = home.write("two.toml", "[network_proxy]\nworkers = 4\n");
  from.files = {one, two};
  from.sets = {"shutdown_grace=\"9s\""};
  config = config_of(load(from));
  CAF_CHECK_EQUAL(config.workers, 4u);
  CAF_CHECK_EQUAL(config.shutdown_grace.count(), 9'000);
  CAF_CHECK(!config.via);
  CAF_CHECK(!config.log.access); // the user's file is not read
  CAF_CHECK_EQUAL(config.files, (strings{managed, one, two}));
}

CAF_TEST(lists replace and tables merge across layers) {
  folder home;
  auto one =
    home.write("one.toml", dev + "[permissions.dev.network]\nallowed_domains = [\"a.example\"]\n"
                                 "domains = {\"b.example\" = \"allow\", \"c.example\" = \"deny\"}\n"
                                 "mitm = {inspect = true}\n");
  auto two =
    home.write("two.toml", "[permissions.dev.network]\nallowed_domains = [\"d.example\"]\n"
                           "domains = {\"C.example.\" = \"allow\", \"b.example\" = \"none\"}\n"
                           "mitm = false\n");
  auto from = home.from();
  from.files = {one, two};
  auto config = config_of(load(from));
  CAF_CHECK_EQUAL(texts(config.allowed_domains), (strings{"d.example", "C.example."}));
  CAF_CHECK_EQUAL(texts(config.denied_domains), strings{});
  CAF_CHECK_EQUAL(config.allowed_domains[1].file, two);
  CAF_CHECK(config.mitm.inspect);
}

CAF_TEST(the codex home comes from the environment and then from the user) {
  folder home;
  std::filesystem::create_directory(home.at(".codex"));
  home.write("config.toml", "[network_proxy]\nworkers = 1\n");
  home.write(".codex/config.toml", "[network_proxy]\nworkers = 2\n");
  auto from = home.from({{"CODEX_HOME", home.at("")}, {"HOME", home.at("")}});
  from.codex_home.clear();
  CAF_CHECK_EQUAL(config_of(load(from)).workers, 1u);
  from = home.from({{"HOME", home.at("")}});
  from.codex_home.clear();
  auto config = config_of(load(from));
  CAF_CHECK_EQUAL(config.workers, 2u);
  CAF_CHECK(config.codex_home.ends_with("/.codex"));
}

CAF_TEST(no configuration anywhere names init) {
  folder home;
  auto result = load(home.from());
  CAF_CHECK(!result.config);
  CAF_CHECK(contains(told(result), "no configuration"));
  CAF_CHECK(contains(told(result), "codex-network-proxy init"));
  CAF_CHECK(contains(told(result), home.at("managed.toml")));
}

CAF_TEST(a named file that is missing is an error with its path and the cause) {
  folder home;
  home.write("config.toml", newer(""));
  auto from = home.from();
  from.files = {home.at("gone.toml")};
  auto result = load(from);
  CAF_CHECK(!result.config);
  CAF_CHECK_EQUAL(told(result),
                  home.at("gone.toml") + ": error: cannot read: No such file or directory\n");
}

CAF_TEST(a managed or user file that exists but cannot be read is an error) {
  for (auto* name : {"managed.toml", "config.toml"}) {
    folder home;
    home.write(name == std::string{"config.toml"} ? "managed.toml" : "config.toml", newer(""));
    std::filesystem::create_directory(home.at(name)); // readable by no one, root included
    auto result = load(home.from());
    CAF_CHECK(!result.config);
    CAF_CHECK_EQUAL(told(result), home.at(name) + ": error: cannot read: Is a directory\n");
  }
  folder home;
  auto path = home.write("managed.toml", newer(""));
  home.write("config.toml", newer(""));
  ::chmod(path.c_str(), 0);
  if (::geteuid() != 0)
    CAF_CHECK_EQUAL(told(load(home.from())), path + ": error: cannot read: Permission denied\n");
}

CAF_TEST(a file beyond the size limit is refused) {
  folder home;
  auto path = home.write("config.toml", "#" + std::string(16 * 1024 * 1024, 'x'));
  CAF_CHECK_EQUAL(told(load(home.from())), path + ": error: cannot read: larger than 16MiB\n");
  home.write("config.toml", newer("enabled = true\n#") + std::string(15 * 1024 * 1024, 'x'));
  CAF_CHECK(config_of(load(home.from())).enabled);
}

CAF_TEST(every file that does not parse is named) {
  folder home;
  auto managed = home.write("managed.toml", "a = \n");
  auto user = home.write("config.toml", "\n\n[x\n");
  auto result = load(home.from());
  CAF_CHECK(!result.config);
  CAF_CHECK_EQUAL(result.problems.size(), 2u);
  CAF_CHECK_EQUAL(result.problems[0].file, managed);
  CAF_CHECK_EQUAL(result.problems[0].line, 1u);
  CAF_CHECK_EQUAL(result.problems[1].file, user);
  CAF_CHECK_EQUAL(result.problems[1].line, 3u);
}

CAF_TEST(flags set keys below the network table or from the root) {
  auto config = config_of(load_sets({
    "mode=\"limited\"",
    "allowed_domains=[\"b.example\"]",
    "domains.\"c.example\" = \"deny\"",
    "mitm.inspect=true",
    "limits.max_head_bytes=\"8KiB\"",
    "network_proxy.limits.max_header_fields=9",
    "permissions.dev.network.allow_local_binding=true",
    "workers=1",
    "workers=2",
  }));
  CAF_CHECK_EQUAL(config.mode, policy::mode::limited);
  CAF_CHECK_EQUAL(texts(config.allowed_domains), strings{"b.example"});
  CAF_CHECK_EQUAL(config.allowed_domains[0].file, std::string{"--set"});
  CAF_CHECK_EQUAL(config.allowed_domains[0].line, 0u);
  CAF_CHECK_EQUAL(texts(config.denied_domains), strings{"c.example"});
  CAF_CHECK(config.mitm.inspect);
  CAF_CHECK_EQUAL(config.limits.max_head_bytes, 8192u);
  CAF_CHECK_EQUAL(config.limits.max_header_fields, 9u);
  CAF_CHECK(config.allow_local_binding);
  CAF_CHECK_EQUAL(config.workers, 2u);
}

CAF_TEST(flags work in the older layout too) {
  auto config =
    config_of(load_sets({"mode=\"limited\"", "allowed_domains=[\"b.example\"]",
                         "policy.allow_local_binding=true", "limits.max_header_fields=9"},
                        "[network_proxy]\nenabled = true\n"));
  CAF_CHECK_EQUAL(config.mode, policy::mode::limited);
  CAF_CHECK_EQUAL(texts(config.allowed_domains), strings{"b.example"});
  CAF_CHECK(config.allow_local_binding);
  CAF_CHECK_EQUAL(config.limits.max_header_fields, 9u);
}

CAF_TEST(a flag can select the profile) {
  auto config = config_of(load_sets({"default_permissions=\"b\"", "mode=\"limited\""},
                                    "[permissions.b.network]\nenabled = true\n"));
  CAF_CHECK(config.enabled);
  CAF_CHECK_EQUAL(config.mode, policy::mode::limited);
  CAF_CHECK_EQUAL(config.profile, std::string{"b"});
}

CAF_TEST(flags that do not hold are errors that help) {
  struct row {
    std::string set, message;
  };
  for (auto& [set, message] : std::initializer_list<row>{
         {"mode=limited", "--set: error: mode: the value is not TOML"},
         {"mode=limited", "(strings need quotes: --set 'mode=\"…\"')"},
         {"mode", "--set: error: mode: expected KEY=VALUE"},
         {"=1", "--set: error: expected KEY=VALUE"},
         {"nonsense=1", "--set: error: permissions.dev.network.nonsense: unknown key"},
         {"moed=\"full\"", "did you mean mode?"},
         {"mode=\"full\"\nenabled=false", "expected one KEY=VALUE"},
         {"mode=\"ful\"",
          "--set: error: permissions.dev.network.mode: expected one of full, limited"},
         {"network_proxy=1", "--set: error: network_proxy: expected a table"},
         {"limits.max_head_bytes=1",
          "--set: error: network_proxy.limits.max_head_bytes: must be between 1KiB and 1MiB"},
       }) {
    CAF_MESSAGE(set);
    auto result = load_sets({set});
    CAF_CHECK(!result.config);
    CAF_CHECK(contains(told(result), message));
  }
}

CAF_TEST(the log flags lie over everything) {
  folder home;
  home.write("config.toml", "[network_proxy.log]\nlevel = \"warn\"\n");
  auto from = home.from();
  from.sets = {"log.level=\"error\""};
  from.log_level = "debug";
  from.log_format = "json";
  auto config = config_of(load(from));
  CAF_CHECK_EQUAL(config.log.level, std::string{"debug"});
  CAF_CHECK_EQUAL(config.log.format, std::string{"json"});
  from.log_level = "loud";
  CAF_CHECK(contains(told(load(from)),
                     "--log-level: error: network_proxy.log.level: expected one of trace, debug"));
}

CAF_TEST(every variable that any layer takes a secret from is known) {
  auto hook = [](const std::string& variable) {
    return "mitm_hooks = [{host = \"h.test\", match = {methods = [\"GET\"], path_prefixes = "
           "[\"/\"]}, actions = "
           "{inject_request_headers = [{name = \"x\", secret_env_var = \"" +
           variable + "\"}]}}]\n";
  };
  folder home;
  auto low =
    home.write("low.toml", newer("mitm = true\n" + hook("LOW")) + "[permissions.other.network]\n" +
                             hook("OTHER") + "[network_proxy]\nadmin_token_env = \"ADMIN\"\n");
  auto high = home.write("high.toml", newer(hook("HIGH")));
  auto from = home.from({{"HIGH", "h"}, {"ADMIN", "a"}, {"USER_A", "u"}});
  from.files = {low, high};
  from.sets = {"network_proxy.socks_users={a=\"env:USER_A\", b=\"file:" + home.write("b", "x") +
               "\"}"};
  auto guarded = 0;
  from.before_secrets = [&] { ++guarded; };
  CAF_CHECK_EQUAL(config_of(load(from)).secret_variables,
                  (strings{"ADMIN", "HIGH", "LOW", "OTHER", "USER_A"}));
  CAF_CHECK_EQUAL(guarded, 3);

  // A client of the daemon logs in and needs nothing else.
  from = home.from({{"USER_A", "u"}});
  from.files = {low, high};
  from.sets = {
    "network_proxy.socks_users={a=\"env:USER_A\", b=\"env:USER_B\", c=\"file:/no/such\"}"};
  CAF_CHECK(!load(from).config);
  from.secrets = secrets_wanted::logins;
  auto config = config_of(load(from));
  CAF_CHECK_EQUAL(config.socks_users[0].password, "u");
  CAF_CHECK_EQUAL(config.socks_users[1].password, "");
  CAF_CHECK_EQUAL(config.admin_token, "");

  // A proxy that has a user of its own needs no password of the others.
  from.secrets = secrets_wanted::all;
  from.instead_of_users = socks_user{"run", "generated", "p"};
  from.getenv = home.from({{"HIGH", "h"}, {"ADMIN", "a"}}).getenv;
  CAF_CHECK(config_of(load(from)).socks_users == std::vector{*from.instead_of_users});
  from.sets.clear();
  CAF_CHECK(config_of(load(from)).socks_users.empty());
}
