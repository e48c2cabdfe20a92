#define CAF_SUITE actors.clients.java_options
#include "actors/clients/java_options.hpp" // unit under test

#include "tests/support/test.hpp"

using namespace proxy;

CAF_TEST(java keeps what the user told it) {
  constexpr std::string_view ours =
    "-Dhttp.proxyHost=127.0.0.1 -Dhttp.proxyPort=1 -Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=1";
  struct row {
    std::string_view before, store, after;
  };
  for (auto& [before, store, after] : std::initializer_list<row>{
         {"", "", ""},
         {" \t", "", ""},
         {"-Dmine=1", "", "-Dmine=1 "},
         {"-Dmine='a  b'  -Xmx1g ", "", "-Dmine='a  b' -Xmx1g "},
         // What ours would overrule anyway, which is how ours of a proxy around us look.
         {"-Dhttps.proxyHost=corp -Da=1 -Dhttp.proxyPort=8 -Dhttp.nonProxyHosts=x", "", "-Da=1 "},
         // Ways past ours, and what another proxy wants to be told.
         {"-Dhttp.proxyPassword=p -DsocksProxyHost=s -Db -Djava.net.useSystemProxies=true", "",
          "-Db "},
         {"-Djavax.net.ssl.trustStore=/mine", "", "-Djavax.net.ssl.trustStore=/mine "},
         {"-Djavax.net.ssl.trustStore='/m y' -Dx", "/s", "-Dx "},
       }) {
    CAF_MESSAGE(before);
    auto expected = std::string{after} + std::string{ours};
    if (!store.empty())
      expected += " -Djavax.net.ssl.trustStore=/s -Djavax.net.ssl.trustStoreType=PKCS12 "
                  "-Djavax.net.ssl.trustStorePassword=changeit";
    CAF_CHECK_EQUAL(java_options(before, "http://u:p@127.0.0.1:1", store), expected);
    CAF_CHECK_EQUAL(java_options(expected, "http://127.0.0.1:1", store), expected);
  }
  auto odd_path = java_options("", "http://[::1]:1", "/a b/it's \"q\".p12");
  CAF_CHECK(odd_path.find("-Dhttp.proxyHost=[::1] ") != std::string::npos);
  CAF_CHECK(odd_path.find("trustStore=\"/a b/it's \"'\"'\"q\"'\"'\".p12\" ") != std::string::npos);
}

CAF_TEST(what java reads after ours does not overrule it) {
  CAF_CHECK(!without_our_settings("", true));
  CAF_CHECK(!without_our_settings("-Xmx1g -Djavax.net.ssl.trustStore=/a", false));
  CAF_CHECK(without_our_settings("-Xmx1g  -Djavax.net.ssl.trustStore='/a b' -Dx", true) ==
            "-Xmx1g -Dx");
  CAF_CHECK(without_our_settings("-Dhttps.proxyHost=corp", false) == "");
  CAF_CHECK(without_our_settings("\"-Dhttps.proxyHost=corp\" -Dx", false) == "-Dx");
}

CAF_TEST(the trust store of a user of java is found) {
  CAF_CHECK(!java_trust_in("-Dx=1 -Djavax.net.ssl.trustStorePassword=p"));
  CAF_CHECK(java_trust_in("-Djavax.net.ssl.trustStore=/a") == java_trust{"/a", "changeit"});
  CAF_CHECK(java_trust_in("'-Djavax.net.ssl.trustStore=/a b' "
                          "-Djavax.net.ssl.trustStorePassword=\"p w\" -Dy") ==
            (java_trust{"/a b", "p w"}));
}
