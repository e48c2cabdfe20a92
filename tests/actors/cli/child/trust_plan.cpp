#define CAF_SUITE actors.cli.child.trust_plan
#include "actors/cli/child/trust_plan.hpp" // unit under test

#include "tests/support/test.hpp"

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
