#define CAF_SUITE actors.serve.answer.answers

#include "actors/serve/answer/answers.hpp" // unit under test

#include <nlohmann/json.hpp>

#include "tests/support/test.hpp"

using namespace proxy;
using proxy::test::has;

namespace {

policy::target target_of(policy::protocol protocol) {
  policy::target what;
  what.protocol = protocol;
  what.host = *host::parse("evil.example");
  what.port = 8080;
  what.method = "GET";
  return what;
}

std::string refusal(policy::denial why, policy::protocol protocol,
                    answer_options options = {.request_id = "id"}) {
  std::string out;
  append_refusal(out, why, target_of(protocol), options);
  return out;
}

std::string body_of(const std::string& response) {
  return response.substr(response.find("\r\n\r\n") + 4);
}

} // namespace

CAF_TEST(a refused request is told why in json) {
  policy::placed_text rule{"*.example", "c.toml", 3, 1};
  policy::denial why;
  why.reason = policy::reason::denied;
  why.rule = &rule;
  auto response = refusal(why, policy::protocol::http);
  CAF_CHECK(response.starts_with("HTTP/1.1 403 Blocked by policy: denied evil.example\r\n"));
  CAF_CHECK(has(response, "x-proxy-error: blocked-by-denylist\r\n"));
  CAF_CHECK(has(response, "cache-control: no-store\r\n"));
  CAF_CHECK(has(response, "x-request-id: id\r\n"));
  CAF_CHECK(has(response, "details=\"denied; *.example\"\r\n"));
  auto body = nlohmann::json::parse(body_of(response));
  CAF_CHECK_EQUAL(body["status"].get<std::string>(), "blocked");
  CAF_CHECK_EQUAL(body["host"].get<std::string>(), "evil.example");
  CAF_CHECK_EQUAL(body["port"].get<int>(), 8080);
  CAF_CHECK_EQUAL(body["reason"].get<std::string>(), "denied");
  CAF_CHECK_EQUAL(body["rule"].get<std::string>(), "*.example");
  CAF_CHECK_EQUAL(body["message"].get<std::string>(), "Domain denied by the sandbox policy.");
  CAF_CHECK(has(response, "content-length: " + std::to_string(body_of(response).size()) + "\r\n"));
}

CAF_TEST(a refused tunnel is told why in text) {
  policy::denial why;
  why.reason = policy::reason::not_allowed;
  auto response = refusal(why, policy::protocol::https_connect);
  CAF_CHECK(has(response, "content-type: text/plain\r\n"));
  CAF_CHECK_EQUAL(
    body_of(response),
    "Domain not in allowlist.\nhost=evil.example reason=not_allowed rule=- request_id=id\n");
}

CAF_TEST(every reason has its status) {
  struct row {
    policy::reason reason;
    std::string_view status, mark;
  };
  for (const auto& [reason, status, mark] : std::initializer_list<row>{
         {policy::reason::not_allowed, "403", "blocked-by-allowlist"},
         {policy::reason::not_allowed_local, "403", "blocked-by-allowlist"},
         {policy::reason::method_not_allowed, "403", "blocked-by-method-policy"},
         {policy::reason::mitm_required, "403", "blocked-by-mitm-required"},
         {policy::reason::policy_denied, "403", "blocked-by-policy"},
         {policy::reason::decider_timeout, "403", "blocked-by-policy"},
         {policy::reason::decider_failed, "403", "blocked-by-policy"},
         {policy::reason::proxy_disabled, "503", ""},
         {policy::reason::unix_socket_unsupported, "501", ""},
         {policy::reason::client_required, "407", ""},
       }) {
    policy::denial why;
    why.reason = reason;
    auto response = refusal(why, policy::protocol::http);
    CAF_MESSAGE(response);
    CAF_CHECK(has(response, "HTTP/1.1 " + std::string{status} + ' '));
    CAF_CHECK_EQUAL(has(response, "x-proxy-error: "), !mark.empty());
    CAF_CHECK(mark.empty() || has(response, "x-proxy-error: " + std::string{mark} + "\r\n"));
  }
}

CAF_TEST(who asks is asked who it is) {
  policy::denial why;
  why.reason = policy::reason::client_required;
  for (auto protocol : {policy::protocol::http, policy::protocol::https_connect}) {
    auto response = refusal(why, protocol);
    CAF_CHECK(response.rfind("HTTP/1.1 407 Proxy Authentication Required\r\n", 0) == 0);
    CAF_CHECK(has(response, "\r\nproxy-authenticate: Basic realm=\"codex-network-proxy\", "));
  }
  why.reason = policy::reason::denied;
  CAF_CHECK(!has(refusal(why, policy::protocol::http), "proxy-authenticate"));
}

CAF_TEST(a remedy stands in every body) {
  policy::denial why;
  answer_options options{.request_id = "id", .remedy = "add \"evil.example\" to a list"};
  CAF_CHECK(has(refusal(why, policy::protocol::https_connect, options),
                " request_id=id\nremedy: add \"evil.example\" to a list\n"));
  auto body = nlohmann::json::parse(body_of(refusal(why, policy::protocol::http, options)));
  CAF_CHECK_EQUAL(body["remedy"].get<std::string>(), "add \"evil.example\" to a list");
  options.form = answer_form::html;
  CAF_CHECK(has(refusal(why, policy::protocol::http, options),
                "<dd>add &quot;evil.example&quot; to a list</dd>"));
  options.form = answer_form::grpc;
  CAF_CHECK(has(refusal(why, policy::protocol::http, options),
                "\r\ngrpc-message: Blocked by policy: not_allowed evil.example; add "
                "\"evil.example\" to a list (request id)\r\n"));
}

CAF_TEST(a refused tunnel is answered by what its requests can read) {
  policy::denial why;
  answer_options options{.request_id = "id", .in_tunnel = true};
  auto body =
    nlohmann::json::parse(body_of(refusal(why, policy::protocol::https_connect, options)));
  CAF_CHECK_EQUAL(body["protocol"].get<std::string>(), "https_connect");
  options.form = answer_form::html;
  CAF_CHECK(has(refusal(why, policy::protocol::https_connect, options),
                "content-type: text/html; charset=utf-8\r\n"));
  options.in_tunnel = false; // CONNECT itself has no page to show
  CAF_CHECK(
    has(refusal(why, policy::protocol::https_connect, options), "content-type: text/plain\r\n"));
  options.form = answer_form::text;
  CAF_CHECK(has(refusal(why, policy::protocol::http, options), "content-type: text/plain\r\n"));
}

CAF_TEST(grpc is answered in fields alone) {
  policy::denial why;
  why.reason = policy::reason::policy_denied;
  why.words = "100% no\r\n\xc3\xa9";
  auto response =
    refusal(why, policy::protocol::https, {.request_id = "id", .form = answer_form::grpc});
  CAF_CHECK(response.starts_with("HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\n"
                                 "content-length: 0\r\n"));
  for (auto field : {"grpc-status: 7\r\n", "x-proxy-error: blocked-by-policy\r\n",
                     "grpc-message: Blocked by policy: 100%25 no???? evil.example (request id)\r\n",
                     "proxy-status: codex-network-proxy; error=http_request_denied; "}) {
    CAF_MESSAGE(response);
    CAF_CHECK(has(response, field));
  }
  CAF_CHECK_EQUAL(body_of(response), "");
  std::string fault;
  append_fault(fault, errc::dns_error, "a.example: 100% gone",
               {.request_id = {}, .form = answer_form::grpc});
  CAF_CHECK(fault.starts_with("HTTP/1.1 200 OK\r\n"));
  CAF_CHECK(has(fault, "grpc-status: 14\r\ngrpc-message: dns_error: a.example: 100%25 gone\r\n"));
  CAF_CHECK(!has(fault, "x-proxy-error"));
  // Who it is has to be said in HTTP.
  why.reason = policy::reason::client_required;
  CAF_CHECK(refusal(why, policy::protocol::http, {.request_id = {}, .form = answer_form::grpc})
              .starts_with("HTTP/1.1 407 "));
}

CAF_TEST(a page shows texts and runs nothing) {
  policy::placed_text rule{"<script>alert('1')</script>&\"", "c.toml", 1, 1};
  policy::denial why;
  why.reason = policy::reason::policy_denied;
  why.rule = &rule;
  why.words = "<img src=x>\xff\x01";
  auto response =
    refusal(why, policy::protocol::http, {.request_id = "id", .form = answer_form::html});
  CAF_CHECK(has(response, "content-security-policy: default-src 'none'\r\n"));
  auto body = body_of(response);
  CAF_CHECK(!has(body, "<script"));
  CAF_CHECK(!has(body, "<img"));
  CAF_CHECK(has(body, "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;&quot;"));
  CAF_CHECK(has(body, "<dd>&lt;img src=x&gt;\xef\xbf\xbd\xef\xbf\xbd</dd>"));
  CAF_CHECK(has(response, "content-length: " + std::to_string(body_of(response).size()) + "\r\n"));
  std::string fault;
  append_fault(fault, errc::bad_response, "<b>", {.request_id = "id", .form = answer_form::html});
  CAF_CHECK(fault.starts_with("HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html"));
  CAF_CHECK(has(fault, "<dd>&lt;b&gt;</dd>"));
}

CAF_TEST(the reason phrase names the refusal) {
  struct row {
    policy::reason reason;
    std::string words, host, phrase;
  };
  std::string long_label(60, 'a');
  auto long_host = long_label + '.' + long_label + '.' + long_label + ".example";
  for (const auto& [reason, words, host, phrase] : std::initializer_list<row>{
         {policy::reason::not_allowed, "", "evil.example",
          "403 Blocked by policy: not_allowed evil.example"},
         {policy::reason::not_allowed_local, "", "::1",
          "403 Blocked by policy: not_allowed_local ::1"},
         {policy::reason::policy_denied, "ask\r\nthe \xc3\xa9 team\x7f", "evil.example",
          "403 Blocked by policy: ask??the ?? team? evil.example"},
         {policy::reason::policy_denied, std::string(500, 'w'), "evil.example",
          "403 Blocked by policy: " + std::string(57, 'w') + "... evil.example"},
         {policy::reason::denied, "", long_host,
          "403 Blocked by policy: denied " + long_host.substr(0, 91) + "..."},
         {policy::reason::proxy_disabled, "", "evil.example",
          "503 Service Unavailable: proxy_disabled evil.example"},
         {policy::reason::unix_socket_unsupported, "", "unix-socket",
          "501 Not Implemented: unix_socket_unsupported unix-socket"},
         {policy::reason::client_required, "", "evil.example", "407 Proxy Authentication Required"},
       }) {
    policy::denial why;
    why.reason = reason;
    why.words = words;
    for (auto protocol : {policy::protocol::http, policy::protocol::https_connect}) {
      auto what = target_of(protocol);
      what.host = *proxy::host::parse(host);
      std::string out;
      append_refusal(out, why, what, {.request_id = "id"});
      auto line = out.substr(0, out.find("\r\n"));
      CAF_CHECK_EQUAL(line, "HTTP/1.1 " + phrase);
      CAF_CHECK(line.size() <= std::string_view{"HTTP/1.1 403 "}.size() + max_phrase_size);
    }
  }
}

CAF_TEST(only what a policy refuses has a header that says so) {
  // Who finds the header knows that trying again, or elsewhere, is of no use.
  for (const auto& row : outcomes) {
    if (row.http_status == 0)
      continue;
    std::string out;
    append_fault(out, row.code, "cause", {.request_id = "id"});
    CAF_MESSAGE(out);
    CAF_CHECK(!has(out, "x-proxy-error"));
    CAF_CHECK(has(out, "proxy-status: codex-network-proxy; error=" + std::string{row.proxy_status} +
                         "; details=\"cause\"\r\n"));
  }
}

CAF_TEST(a deciders words cannot break out of the head or the body) {
  policy::denial why;
  why.reason = policy::reason::policy_denied;
  why.source = policy::source::decider;
  why.words = "no\r\nset-cookie: a=b\r\n\r\n\"\\\x80";
  auto response = refusal(why, policy::protocol::http);
  CAF_CHECK(!has(response, "\r\nset-cookie"));
  auto body = nlohmann::json::parse(body_of(response));
  CAF_CHECK_EQUAL(body["reason"].get<std::string>(),
                  "no\r\nset-cookie: a=b\r\n\r\n\"\\\xef\xbf\xbd");
}

CAF_TEST(an answer to head has no body but its length) {
  policy::denial why;
  auto response =
    refusal(why, policy::protocol::http, {.request_id = "id", .head_only = true, .close = false});
  CAF_CHECK_EQUAL(body_of(response), "");
  CAF_CHECK(!has(response, "content-length: 0\r\n"));
  CAF_CHECK(!has(response, "connection:"));
}

CAF_TEST(a fault names its cause) {
  std::string out;
  append_fault(out, errc::connection_timeout, "192.0.2.1:80", {.request_id = "id"});
  CAF_CHECK(out.rfind("HTTP/1.1 504 ", 0) == 0);
  CAF_CHECK(has(
    out,
    "proxy-status: codex-network-proxy; error=connection_timeout; details=\"192.0.2.1:80\"\r\n"));
  CAF_CHECK(has(out, "connection: close\r\n"));
  CAF_CHECK_EQUAL(body_of(out), "connection_timeout: 192.0.2.1:80\n");
}

CAF_TEST(an overloaded proxy says when to come back) {
  std::string out;
  append_fault(out, errc::overloaded, "", {});
  CAF_CHECK(out.rfind("HTTP/1.1 503 ", 0) == 0);
  CAF_CHECK(has(out, "retry-after: 1\r\n"));
}
