#define CAF_SUITE actors.cli.child.trust_plan
#include "actors/cli/child/trust_plan.hpp" // unit under test

#include "tests/config/support.hpp"
#include "tests/support/test.hpp"

#include <algorithm>

using namespace proxy::cli;

namespace {

std::string lines(const std::vector<command_line>& plan) {
  std::string out;
  for (const auto& command : plan)
    out += shell_line(command) + '\n';
  return out;
}

} // namespace

CAF_TEST(each store has its commands and the way back) {
  struct row {
    trust_places places;
    std::string trust, untrust;
  };
  for (const auto& [places, trust, untrust] : std::initializer_list<row>{
         {{{trust_store::debian}, ""},
          "install -D -m 0644 /h/ca.pem /usr/local/share/ca-certificates/codex-network-proxy.crt\n"
          "update-ca-certificates --fresh\n",
          "rm -f /usr/local/share/ca-certificates/codex-network-proxy.crt\n"
          "update-ca-certificates --fresh\n"},
         {{{trust_store::debian}, "/etc/hook"},
          "install -D -m 0644 /h/ca.pem /usr/local/share/ca-certificates/codex-network-proxy.crt\n"
          "update-ca-certificates --fresh\n",
          "rm -f /usr/local/share/ca-certificates/codex-network-proxy.crt\n"
          "update-ca-certificates --fresh\n"
          "sh -c 'echo -/etc/ssl/certs/codex-network-proxy.pem | /etc/hook'\n"},
         {{{trust_store::fedora}, ""},
          "install -D -m 0644 /h/ca.pem /etc/pki/ca-trust/source/anchors/codex-network-proxy.pem\n"
          "update-ca-trust extract\n",
          "rm -f /etc/pki/ca-trust/source/anchors/codex-network-proxy.pem\n"
          "update-ca-trust extract\n"},
         {{{trust_store::macos}, ""},
          "security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain "
          "/h/ca.pem\n",
          "security remove-trusted-cert -d /h/ca.pem\n"},
         {{{}, "", {"/h/.pki/nssdb", "/h/fire fox/x.default"}},
          "certutil -d sql:/h/.pki/nssdb -A -t C,, -n codex-network-proxy -i /h/ca.pem\n"
          "certutil -d 'sql:/h/fire fox/x.default' -A -t C,, -n codex-network-proxy -i /h/ca.pem\n",
          "sh -c 'while certutil -d sql:/h/.pki/nssdb -L -n codex-network-proxy >/dev/null 2>&1; "
          "do "
          "certutil -d sql:/h/.pki/nssdb -D -n codex-network-proxy || exit; done'\n"
          "sh -c 'while certutil -d '\\''sql:/h/fire fox/x.default'\\'' -L -n codex-network-proxy "
          ">/dev/null 2>&1; do certutil -d '\\''sql:/h/fire fox/x.default'\\'' -D -n "
          "codex-network-proxy || exit; done'\n"},
         {{{}, "", {}, "/h/.pki/nssdb"},
          "install -d -m 0700 /h/.pki/nssdb\n"
          "certutil -d sql:/h/.pki/nssdb -N --empty-password\n"
          "certutil -d sql:/h/.pki/nssdb -A -t C,, -n codex-network-proxy -i /h/ca.pem\n",
          ""},
         {{}, "", ""},
       }) {
    CAF_CHECK_EQUAL(lines(plan_trust(places, "/h/ca.pem")), trust);
    CAF_CHECK_EQUAL(lines(plan_untrust(places, "/h/ca.pem")), untrust);
  }
}

CAF_TEST(words that a shell would take apart are quoted) {
  auto line = shell_line({"a b", "", "it's", "$x", "plain-1/2.pem"});
  CAF_CHECK_EQUAL(line, R"('a b' '' 'it'\''s' '$x' plain-1/2.pem)");
}

namespace {

/// A machine with these programs and, in the user's home, these files.
struct made_up_machine {
  explicit made_up_machine(std::vector<std::string> programs, std::vector<std::string> files = {}) {
    namespace fs = std::filesystem;
    fs::create_directories(place.at("bin"));
    for (const auto& name : programs)
      fs::permissions(place.write("bin/" + name, ""), fs::perms::owner_all);
    for (const auto& name : files) {
      fs::create_directories(fs::path{place.at(name)}.parent_path());
      place.write(name, "");
    }
    ::setenv("PATH", ("/nowhere::" + place.at("bin")).c_str(), 1);
  }
  ~made_up_machine() { ::setenv("PATH", before.c_str(), 1); }

  trust_places look() { return find_trust_places(place.at("")); }
  /// NSS databases that were found, below the home.
  std::vector<std::string> databases() {
    auto out = look().nss_databases;
    for (auto& path : out)
      path.erase(0, place.at("").size());
    return out;
  }

  proxy::config::test::folder place;
  std::string before = std::getenv("PATH");
};

bool has(const trust_places& places, trust_store store) {
  return std::ranges::find(places.stores, store) != places.stores.end();
}

} // namespace

CAF_TEST(a store is known by the program that keeps it) {
  made_up_machine both{{"update-ca-certificates", "update-ca-trust"}};
  auto found = both.look();
  CAF_CHECK(has(found, trust_store::debian));
  CAF_CHECK(has(found, trust_store::fedora));
  CAF_CHECK(found.nss_databases.empty());
  CAF_CHECK_EQUAL(found.new_nss_database, "");
  CAF_CHECK(!found.lacks_certutil);
}

CAF_TEST(the databases of browsers are found where they keep them) {
  made_up_machine here{{"certutil"},
                       {".pki/nssdb/cert9.db", "snap/chromium/current/.pki/nssdb/cert9.db",
                        ".mozilla/firefox/b.default/cert9.db", ".mozilla/firefox/a.old/cert9.db",
                        ".mozilla/firefox/c.empty/prefs.js", ".mozilla/firefox/profiles.ini",
                        "snap/firefox/common/.mozilla/firefox/d/cert9.db"}};
  CAF_CHECK_EQUAL(here.databases(),
                  (std::vector<std::string>{".pki/nssdb", "snap/chromium/current/.pki/nssdb",
                                            ".mozilla/firefox/a.old", ".mozilla/firefox/b.default",
                                            "snap/firefox/common/.mozilla/firefox/d"}));
  CAF_CHECK(!here.look().lacks_certutil);
  CAF_CHECK(find_trust_places("").nss_databases.empty());
}

CAF_TEST(a browser that has none yet gets one) {
  made_up_machine here{{"certutil", "google-chrome"}};
  CAF_CHECK_EQUAL(here.look().new_nss_database, here.place.at(".pki/nssdb"));
  made_up_machine with_one{{"certutil", "google-chrome"}, {".local/share/pki/nssdb/cert9.db"}};
  CAF_CHECK_EQUAL(with_one.look().new_nss_database, "");
  CAF_CHECK_EQUAL(with_one.databases(), std::vector<std::string>{".local/share/pki/nssdb"});
}

CAF_TEST(without certutil nothing can be done for browsers) {
  struct row {
    std::vector<std::string> programs, files;
  };
  for (auto& [programs, files] :
       std::initializer_list<row>{{{"chromium"}, {}}, {{}, {".mozilla/firefox/a/cert9.db"}}}) {
    made_up_machine here{programs, files};
    auto found = here.look();
    CAF_CHECK(found.lacks_certutil);
    CAF_CHECK(found.nss_databases.empty());
    CAF_CHECK_EQUAL(found.new_nss_database, "");
  }
}
