#define CAF_SUITE actors.serve.answer.answer_form
#include "actors/serve/answer/answer_form.hpp" // unit under test

#include "tests/support/test.hpp"

using namespace proxy;

CAF_TEST(an answer takes the form that a request can show) {
  struct row {
    std::string_view fields;
    answer_form form;
  };
  for (const auto& [fields, form] : std::initializer_list<row>{
         {"", answer_form::usual},
         {"Accept: */*\r\n", answer_form::usual},
         {"Accept: application/json\r\n", answer_form::usual},
         {"Accept: text/html\r\n", answer_form::html},
         {"ACCEPT: Text/HTML\r\n", answer_form::html},
         {"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n",
          answer_form::html},
         {"Accept: application/json\r\nAccept: text/html\r\n", answer_form::usual},
         {"Accept: application/json;q=0.5, text/html\r\n", answer_form::html},
         {"Accept: text/html;level=1;q=0.2, application/json;q=0.3\r\n", answer_form::usual},
         {"Accept: text/html;q=0\r\n", answer_form::usual},
         {"Accept: text/html;q=0.000\r\n", answer_form::usual},
         {"Accept: text/html;q=x\r\n", answer_form::usual},
         {"Accept: text/html;q=0.001\r\n", answer_form::html},
         {"Accept: text/htmlx\r\n", answer_form::usual},
         {"Accept: ,;,;q=,text/html\r\n", answer_form::html},
         {"Content-Type: application/grpc\r\n", answer_form::grpc},
         {"content-type: application/grpc+proto; x=y\r\n", answer_form::grpc},
         {"Content-Type: Application/gRPC;a\r\n", answer_form::grpc},
         {"Content-Type: application/grpc-web+proto\r\n", answer_form::usual},
         {"Content-Type: application/grpcx\r\n", answer_form::usual},
         {"User-Agent: git/2.39.5\r\nAccept: */*\r\n", answer_form::text},
         {"User-Agent: gitk\r\n", answer_form::usual},
       }) {
    CAF_MESSAGE(fields);
    auto head =
      "GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n" + std::string{fields} + "\r\n";
    auto got = form_for(std::string_view{head});
    CAF_CHECK_EQUAL(static_cast<int>(got), static_cast<int>(form));
  }
  auto unread = form_for(std::string_view{"GET"});
  CAF_CHECK(unread == answer_form::usual);
  auto nothing = form_for(std::string_view{});
  CAF_CHECK(nothing == answer_form::usual);
}
