#define CAF_SUITE actors.dns.hosts_file
#include "actors/dns/hosts_file.hpp" // unit under test

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "tests/support/test.hpp"

using namespace proxy;
using namespace std::chrono_literals;

namespace {

std::string addresses_of(const std::vector<ip_address>* found) {
  std::string text;
  if (found)
    for (const auto& each : *found)
      text += (text.empty() ? "" : " ") + each.str();
  return text;
}

std::string look(const hosts_table& table, const std::string& name) {
  auto at = table.find(name);
  return at != table.end() ? addresses_of(&at->second) : "";
}

/// A file of the test's own that goes away with it.
struct fixture {
  fixture() { write("192.0.2.1 one\n"); }
  ~fixture() {
    ::unlink(path.c_str());
    ::rmdir(path.c_str());
  }
  /// Writes the file anew, so that it never looks unchanged.
  void write(const std::string& text) const {
    auto fresh = path + ".new";
    std::ofstream{fresh} << text;
    ::rename(fresh.c_str(), path.c_str());
  }
  std::string find(const std::string& name, std::chrono::milliseconds at) {
    return addresses_of(file.find(name, start + at));
  }

  std::string path = "hosts_file_test." + std::to_string(::getpid());
  hosts_file file{path};
  steady_time start{1h};
};

} // namespace

CAF_TEST(lines give names their addresses) {
  struct row {
    std::string_view text;
    std::string name, addresses;
  };
  for (auto& [text, name, addresses] : std::initializer_list<row>{
         {"192.0.2.1 one", "one", "192.0.2.1"},
         {"192.0.2.1\tone\n", "one", "192.0.2.1"},
         {"  192.0.2.1   one  two.example  \r\n", "two.example",
          "192.0.2.1"}, // indented, aliases, CRLF
         {"2001:DB8::1 six", "six", "2001:db8::1"},
         {"192.0.2.1 ONE.Example.", "one.example", "192.0.2.1"}, // normalised as hosts are
         {"192.0.2.1 one # two", "one", "192.0.2.1"},
         {"192.0.2.1 one # two", "two", ""},
         {"192.0.2.1 one#two", "one", "192.0.2.1"},
         {"#192.0.2.1 one", "one", ""},
         {"192.0.2.1 one\n192.0.2.2 one\n2001:db8::1 one", "one",
          "192.0.2.1 192.0.2.2 2001:db8::1"},
         {"192.0.2.1 one\n192.0.2.1 one", "one", "192.0.2.1"}, // not twice
         {"\n\n192.0.2.1 one\n\n", "one", "192.0.2.1"},
         {"192.0.2.1", "192.0.2.1", ""},           // an address and no name
         {"192.0.2.1 192.0.2.9", "192.0.2.9", ""}, // an address is no name
         {"192.0.2.300 one\n192.0.2.1 two", "two", "192.0.2.1"},
         {"192.0.2.300 one\n192.0.2.1 two", "one", ""},
         {"127.1 one", "one", ""}, // strict notation only
         {"fe80::1%eth0 one", "one", ""},
         {"one 192.0.2.1", "one", ""},
         {"192.0.2.1 bad..name good", "good", "192.0.2.1"},
         {"192.0.2.1 one", "on", ""},
         {"", "one", ""},
       }) {
    CAF_MESSAGE(text);
    CAF_CHECK_EQUAL(look(parse_hosts(text), name), addresses);
  }
}

CAF_TEST(bytes that are no text do no harm) {
  std::string text = "192.0.2.1 one\n";
  for (int c = 0; c < 256; ++c)
    text += static_cast<char>(c);
  text += std::string(1000, '\0') + "\n192.0.2.2 two\n";
  auto table = parse_hosts(text);
  CAF_CHECK_EQUAL(look(table, "one"), "192.0.2.1");
  CAF_CHECK_EQUAL(look(table, "two"), "192.0.2.2");
}

CAF_TEST(one name has a bounded number of addresses) {
  std::string text;
  for (int i = 0; i < 1000; ++i)
    text += "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250) + " many\n";
  CAF_CHECK_EQUAL(parse_hosts(text).at("many").size(), max_hosts_addresses);
}

CAF_TEST_FIXTURE_SCOPE(hosts_file_tests, fixture)

CAF_TEST(a file is read when first asked) {
  CAF_CHECK_EQUAL(find("one", 0ms), "192.0.2.1");
  CAF_CHECK_EQUAL(find("two", 0ms), "");
}

CAF_TEST(a change shows within a second and is not looked for sooner) {
  CAF_CHECK_EQUAL(find("one", 0ms), "192.0.2.1");
  write("192.0.2.22 two\n");
  CAF_CHECK_EQUAL(find("two", 999ms), "");
  CAF_CHECK_EQUAL(find("two", 1000ms), "192.0.2.22");
  CAF_CHECK_EQUAL(find("one", 1000ms), "");
}

CAF_TEST(a file that goes away takes its names with it and one that comes back brings them) {
  CAF_CHECK_EQUAL(find("one", 0ms), "192.0.2.1");
  ::unlink(path.c_str());
  CAF_CHECK_EQUAL(find("one", 1s), "");
  write("192.0.2.3 one\n");
  CAF_CHECK_EQUAL(find("one", 2s), "192.0.2.3");
}

CAF_TEST(a file beyond the limit is not used and one at the limit is) {
  auto padding = [](size_t size) { return "192.0.2.1 one\n#" + std::string(size - 15, 'x'); };
  write(padding(hosts_file::max_bytes));
  CAF_CHECK_EQUAL(find("one", 0ms), "192.0.2.1");
  write(padding(hosts_file::max_bytes + 1));
  CAF_CHECK_EQUAL(find("one", 1s), "");
}

CAF_TEST(what is no regular file is not used and does not hang) {
  ::unlink(path.c_str());
  CAF_REQUIRE_EQUAL(::mkfifo(path.c_str(), 0600), 0);
  CAF_CHECK_EQUAL(find("one", 0ms), "");
  ::unlink(path.c_str());
  CAF_REQUIRE_EQUAL(::mkdir(path.c_str(), 0700), 0);
  CAF_CHECK_EQUAL(find("one", 1s), "");
}

CAF_TEST_FIXTURE_SCOPE_END()

CAF_TEST(the log is told of a file that cannot be used) {
  auto said = std::make_shared<std::string>(); // read after a flush
  auto log = std::make_shared<logger>(config::log{}, [said](std::string_view lines) -> size_t {
    *said += lines;
    return 0;
  });
  hosts_file folder{".", log};
  CAF_CHECK(folder.find("one", steady_time{} + 1h) == nullptr);
  CAF_CHECK(log->flush(1min));
  CAF_CHECK(said->find("level=warn msg=\"the hosts file is not used\" file=\".\" cause=\"") !=
            std::string::npos);
}

CAF_TEST(without a file there are no names) {
  hosts_file none{""};
  CAF_CHECK(none.find("localhost", steady_time{1h}) == nullptr);
  hosts_file missing{"/nonexistent/hosts"};
  CAF_CHECK(missing.find("localhost", steady_time{1h}) == nullptr);
}
