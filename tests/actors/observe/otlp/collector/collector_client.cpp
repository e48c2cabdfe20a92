#define CAF_SUITE actors.observe.otlp.collector.collector_client
#include "actors/observe/otlp/collector/collector_client.hpp" // unit under test

#include <sys/stat.h>

#include <cstdarg>
#include <cstdlib>
#include <map>

#include "tests/actors/observe/otlp/made_up_collector.hpp"
#include "tests/config/support.hpp"
#include "tests/support/test.hpp"

using namespace proxy;
using namespace proxy::test;
using namespace std::literals;

namespace {

constexpr auto logs = telemetry_signal::logs;

config::otlp_signal to_url(std::string url, std::chrono::milliseconds timeout = 10s) {
  config::otlp_signal out;
  out.url = std::move(url);
  out.timeout = timeout;
  return out;
}

/// Texts that libcurl was given, "none" for a null, and numbers.
std::map<CURLoption, std::string> options;

#ifdef __clang__
#pragma clang diagnostic ignored "-Wvarargs" // an enumeration before "...", as in libcurl
#endif

/// Writes down what the collector's own options are, and passes it on.
CURLcode noted_setopt(CURL* handle, CURLoption option, ...) {
  static const auto library = *curl_library::load();
  va_list rest;
  va_start(rest, option);
  auto code = CURLE_OK;
  if (option < CURLOPTTYPE_OBJECTPOINT) {
    auto value = va_arg(rest, long);
    options[option] = std::to_string(value);
    code = library.easy_setopt(handle, option, value);
  } else if (option < CURLOPTTYPE_FUNCTIONPOINT || option >= CURLOPTTYPE_BLOB) {
    auto* value = va_arg(rest, char*);
    auto is_text = option == CURLOPT_CAINFO || option == CURLOPT_CAPATH ||
                   option == CURLOPT_SSLKEY || option == CURLOPT_KEYPASSWD;
    if (is_text)
      options[option] = value ? value : "none";
    code = library.easy_setopt(handle, option, value);
  } else if (option < CURLOPTTYPE_OFF_T) {
    code = library.easy_setopt(handle, option, va_arg(rest, curl_write_callback));
  } else {
    code = library.easy_setopt(handle, option, va_arg(rest, curl_off_t));
  }
  va_end(rest);
  return code;
}

struct fixture {
  fixture() {
    pipe_ends[0] = pipe_ends[1] = -1;
    CAF_REQUIRE_EQUAL(::pipe(pipe_ends.data()), 0);
  }
  ~fixture() {
    ::close(pipe_ends[0]);
    ::close(pipe_ends[1]);
  }

  /// What comes of a request.
  collector_answer ask(const config::otlp_signal& to, std::string body = "body") {
    if (auto why = client->begin(logs, to, {std::move(body), false}))
      return {{}, {}, context_of(why)};
    for (auto i = 0; i < 1'000; ++i) {
      client->wait(pipe_ends[0], 100ms);
      if (auto out = client->take(logs))
        return *out;
    }
    return {{}, {}, "no end"};
  }

  std::array<int, 2> pipe_ends{};
  std::unique_ptr<collector_client> client = std::move(*collector_client::make());
};

} // namespace

CAF_TEST_FIXTURE_SCOPE(collector_client_tests, fixture)

CAF_TEST(a request has what the protocol asks for and the headers that were configured) {
  made_up_collector collector;
  auto to = to_url(collector.url());
  to.headers = {{"authorization", "Bearer secret"}, {"x-empty", ""}};
  auto got = ask(to);
  CAF_CHECK_EQUAL(got.what.status, 200u);
  to.encoding = config::otlp_encoding::json;
  got = ask(to, std::string(2'000'000, 'x'));
  CAF_CHECK_EQUAL(got.what.status, 200u);
  auto requests = collector.requests();
  CAF_REQUIRE_EQUAL(requests.size(), 2u);
  const auto& head = requests[0].head;
  CAF_CHECK(head.starts_with("POST /v1/logs HTTP/1.1\r\n"));
  CAF_CHECK(has(head, "\r\nContent-Type: application/x-protobuf\r\n"));
  CAF_CHECK(has(head, "\r\nauthorization: Bearer secret\r\n"));
  CAF_CHECK(has(head, "\r\nx-empty:"));
  CAF_CHECK(has(head, "\r\nUser-Agent: codex-network-proxy/"));
  CAF_CHECK(!has(head, "Expect"));
  CAF_CHECK_EQUAL(requests[0].body, "body");
  CAF_CHECK(has(requests[1].head, "\r\nContent-Type: application/json\r\n"));
  CAF_CHECK(!has(requests[1].head, "Expect"));
  CAF_CHECK_EQUAL(requests[1].body.size(), 2'000'000u);
}

CAF_TEST(a collector is asked directly whatever proxies the environment names) {
  made_up_collector collector;
  for (const auto* name : {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"})
    ::setenv(name, "http://127.0.0.1:1", 1);
  auto got = ask(to_url(collector.url()));
  for (const auto* name : {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"})
    ::unsetenv(name);
  CAF_CHECK_EQUAL(got.what.status, 200u);
}

CAF_TEST(a redirect is an answer and is not followed) {
  made_up_collector other;
  made_up_collector collector{
    [&](auto&&...) { return answer(307, "location: " + other.url() + "\r\n"); }};
  auto got = ask(to_url(collector.url()));
  CAF_CHECK_EQUAL(got.what.status, 307u);
  CAF_CHECK(other.requests().empty());
}

CAF_TEST(an answer says when to come again in seconds or by a date) {
  made_up_collector collector{[](auto&&, size_t number) {
    return answer(429, number == 0 ? "retry-after: 17\r\n"s
                                   : "retry-after: Fri, 01 Jan 2100 00:00:00 GMT\r\n"s);
  }};
  auto got = ask(to_url(collector.url()));
  CAF_CHECK_EQUAL(got.what.status, 429u);
  CAF_REQUIRE(got.what.retry_after);
  CAF_CHECK_EQUAL(got.what.retry_after->count(), 17);
  got = ask(to_url(collector.url()));
  CAF_REQUIRE(got.what.retry_after);
  CAF_CHECK(*got.what.retry_after > 30s);
}

CAF_TEST(what is no answer is a failure with words) {
  made_up_collector garbage{[](auto&&...) { return "what do you want?\r\n\r\n"s; }};
  made_up_collector leaves{[](auto&&...) { return ""s; }};
  made_up_collector cut{
    [](auto&&, size_t) { return "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx"s; }};
  for (const auto& url :
       {garbage.url(), leaves.url(), cut.url(), "http://127.0.0.1:" + std::to_string(closed_port()),
        "http://nobody.invalid/"s, "ftp://127.0.0.1/"s, "file:///etc/passwd"s}) {
    CAF_MESSAGE(url);
    auto got = ask(to_url(url, 2s));
    CAF_CHECK_EQUAL(got.what.status, 0u);
    CAF_CHECK(!got.error.empty());
  }
}

CAF_TEST(a collector that says nothing costs no more than the timeout) {
  listening silent;
  auto got = ask(to_url("http://" + silent.address(), 100ms));
  CAF_CHECK_EQUAL(got.what.status, 0u);
  CAF_CHECK(has(got.error, "imed out"));
}

CAF_TEST(of a long answer the status counts) {
  made_up_collector collector{[](auto&&...) {
    return answer(200, {}, std::string(collector_client::longest_answer + 1, 'x'));
  }};
  auto got = ask(to_url(collector.url()));
  CAF_CHECK_EQUAL(got.what.status, 200u);
  CAF_CHECK(got.body.empty());
  made_up_collector just{
    [](auto&&...) { return answer(200, {}, std::string(collector_client::longest_answer, 'x')); }};
  CAF_CHECK_EQUAL(ask(to_url(just.url())).body.size(), collector_client::longest_answer);
}

CAF_TEST(a header cannot bring another one in) {
  made_up_collector collector;
  for (const auto& [name, value] :
       {std::pair{"x"s, "a\r\nevil: 1"s}, {"x\nevil"s, "1"s}, {"x"s, "a\0b"s}}) {
    auto to = to_url(collector.url());
    to.headers = {{name, value}};
    auto got = ask(to);
    CAF_CHECK(!got.error.empty());
  }
  CAF_CHECK(collector.requests().empty());
}

CAF_TEST(CAs of a file count instead of the system s and are read anew) {
  auto library = *curl_library::load();
  library.easy_setopt = &noted_setopt;
  client = std::move(*collector_client::make(library));
  listening silent;
  config::test::folder here;
  auto to = to_url("https://" + silent.address(), 100ms);
  options.clear();
  (void)ask(to);
  CAF_CHECK_EQUAL(options.count(CURLOPT_CAINFO), 0u);
  CAF_CHECK_EQUAL(options.count(CURLOPT_CAPATH), 0u);
  to.ca_file = here.write("ca.pem", "");
  options.clear();
  (void)ask(to);
  CAF_CHECK_EQUAL(options[CURLOPT_CAINFO], to.ca_file);
  CAF_CHECK_EQUAL(options[CURLOPT_CAPATH], "none");
  CAF_CHECK_EQUAL(options[CURLOPT_CA_CACHE_TIMEOUT], "0");
  // Nobody is asked for the passphrase of a key.
  CAF_CHECK_EQUAL(options[CURLOPT_KEYPASSWD], "");
  CAF_CHECK_EQUAL(options.count(CURLOPT_KEYPASSWD), 1u);
}

CAF_TEST(what is no file ends an attempt at once and the next goes on) {
  made_up_collector collector;
  listening silent;
  config::test::folder here;
  auto pipe = here.at("pipe");
  CAF_REQUIRE_EQUAL(::mkfifo(pipe.c_str(), 0600), 0);
  const auto https = to_url("https://" + silent.address(), 60s);
  for (const auto& path : {pipe, here.at("missing"), here.at("")})
    for (auto at : {&config::otlp_signal::ca_file, &config::otlp_signal::cert_file,
                    &config::otlp_signal::key_file}) {
      CAF_MESSAGE(path);
      auto to = https;
      to.*at = path;
      auto got = ask(to);
      CAF_CHECK_EQUAL(got.what.status, 0u);
      CAF_CHECK_EQUAL(got.error, path + " is not a file that can be read");
    }
  auto plain = to_url(collector.url());
  plain.ca_file = pipe; // nobody looks at it
  auto got = ask(plain);
  CAF_CHECK_EQUAL(got.what.status, 200u);
}

CAF_TEST(a wait ends when the descriptor becomes readable) {
  listening silent;
  CAF_REQUIRE(!client->begin(logs, to_url("http://" + silent.address(), 60s), {"x", false}));
  CAF_CHECK(client->is_busy());
  CAF_REQUIRE_EQUAL(::write(pipe_ends[1], "x", 1), 1);
  for (auto i = 0; i < 3; ++i)
    client->wait(pipe_ends[0], 60'000ms); // three minutes, else
  CAF_CHECK(!client->take(logs));
}

CAF_TEST_FIXTURE_SCOPE_END()
