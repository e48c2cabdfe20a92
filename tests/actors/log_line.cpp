#define CAF_SUITE actors.log_line
#include "actors/log_line.hpp" // unit under test

#include <nlohmann/json.hpp>

#include "actors/log_text.hpp"
#include "tests/support/test.hpp"

using namespace proxy;

namespace {

log_record record_of(std::string_view text, spdlog::level::level_enum level = spdlog::level::info) {
  return {std::chrono::system_clock::time_point{std::chrono::milliseconds{1'700'000'000'007}},
          level, text};
}

std::string text_line(std::string_view text) {
  std::string out;
  append_text_line(out, record_of(text));
  return out;
}

/// Without what every line has.
std::string json_members(std::string_view text) {
  std::string out;
  append_json_line(out, record_of(text));
  constexpr std::string_view start = R"({"time":"2023-11-14T22:13:20.007Z","level":"info",)";
  CAF_CHECK(out.starts_with(start));
  CAF_CHECK(out.ends_with("}\n"));
  return out.substr(start.size(), out.size() - start.size() - 2);
}

} // namespace

CAF_TEST(a text line has time and level before the message) {
  CAF_CHECK_EQUAL(text_line("msg=ready workers=2"),
                  "time=2023-11-14T22:13:20.007Z level=info msg=ready workers=2\n");
}

CAF_TEST(control characters cannot forge a line) {
  CAF_CHECK_EQUAL(text_line("msg=a\nlevel=error\x7f\t"),
                  "time=2023-11-14T22:13:20.007Z level=info msg=a\\x0alevel=error\\x7f\\x09\n");
}

CAF_TEST(a json line has a member for each key) {
  struct row {
    std::string_view text, members;
  };
  for (
    auto& [text, members] : std::initializer_list<row>{
      {"msg=ready", R"("msg":"ready")"},
      {"msg=ready workers=2 mode=full", R"("msg":"ready","workers":2,"mode":"full")"},
      {R"(msg=a rule="*.x y" port=443)", R"("msg":"a","rule":"*.x y","port":443)"},
      {R"(msg="it's \"this\"" n="5")", R"("msg":"it's \"this\"","n":"5")"},
      {"msg=cannot open the file path=/tmp/a=b",
       R"("msg":"cannot open the file","path":"/tmp/a=b")"},
      {"no key at all", R"("msg":"no key at all")"},
      {"", R"("msg":"")"},
      {"msg= next=1", R"("msg":"","next":1)"},
      {"msg=a id=0012345678901234 zero=0 lead=007 neg=-1 real=1.5",
       R"("msg":"a","id":"0012345678901234","zero":0,"lead":"007","neg":-1,"real":1.5)"},
      {"msg=a on=true off=false word=truer said=\"true\" big=True none=null",
       R"("msg":"a","on":true,"off":false,"word":"truer","said":"true","big":"True","none":"null")"},
      {"msg=a x=-0.25 y=- z=1. w=.5 v=1.2.3 u=-007 t=1e5 s=0x10 r=00.5 q=--1",
       R"("msg":"a","x":-0.25,"y":"-","z":"1.","w":".5","v":"1.2.3","u":"-007","t":"1e5","s":"0x10","r":"00.5","q":"--1")"},
      {"msg=a is=true indeed", R"("msg":"a","is":"true indeed")"},
      {"msg=a id=1234567890123456", R"("msg":"a","id":"1234567890123456")"},
      {"msg=\"open", R"("msg":"open")"},
      {"msg=a\nb", R"("msg":"a\u000ab")"},
    }) {
    CAF_MESSAGE(text);
    CAF_CHECK_EQUAL(json_members(text), members);
  }
}

CAF_TEST(a text as a value cannot end its quotes or be taken for something else) {
  struct row {
    std::string_view text, bare, in_quotes;
  };
  for (auto& [text, bare, in_quotes] : std::initializer_list<row>{
         {"a.example", "a.example", R"("a.example")"},
         {"", R"("")", R"("")"},
         {"two words", R"("two words")", R"("two words")"},
         {R"(say "no")", R"("say \"no\"")", R"("say \"no\"")"},
         {R"(x" level=error y=")", R"("x\" level=error y=\"")", R"("x\" level=error y=\"")"},
         {R"(C:\x)", R"("C:\\x")", R"("C:\\x")"},
         {"k=v", R"("k=v")", R"("k=v")"},
         {"true", R"("true")", R"("true")"},
         {"443", R"("443")", R"("443")"},
         {"-1.5", R"("-1.5")", R"("-1.5")"},
         {"1.2.3.4", "1.2.3.4", R"("1.2.3.4")"},
         {"*.пример", "*.пример", R"("*.пример")"},
       }) {
    CAF_MESSAGE(text);
    CAF_CHECK_EQUAL(fmt::format("{}", log_text{text}), bare);
    CAF_CHECK_EQUAL(fmt::format("{}", quoted_text(text)), in_quotes);
    // And as JSON it is what it was.
    auto parsed = nlohmann::json::parse(
      "{" +
      json_members(fmt::format("msg=a one={} two={} end=1", log_text{text}, quoted_text(text))) +
      "}");
    CAF_CHECK_EQUAL(parsed["one"].get<std::string>(), text);
    CAF_CHECK_EQUAL(parsed["two"].get<std::string>(), text);
    CAF_CHECK_EQUAL(parsed["end"], 1);
    CAF_CHECK_EQUAL(parsed.size(), 4u);
  }
}

CAF_TEST(levels have the names they are configured by) {
  for (auto name : {"trace", "debug", "info", "warn", "error", "off"})
    CAF_CHECK_EQUAL(level_name(level_named(name)), name);
  CAF_CHECK_EQUAL(level_name(spdlog::level::critical), "error");
  CAF_CHECK(level_named("nonsense") == spdlog::level::info);
}
