#define CAF_SUITE actors.log_line
#include "actors/log_line.hpp" // unit under test

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
  for (auto& [text, members] : std::initializer_list<row>{
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
          R"("msg":"a","id":"0012345678901234","zero":0,"lead":"007","neg":"-1","real":"1.5")"},
         {"msg=a id=1234567890123456", R"("msg":"a","id":"1234567890123456")"},
         {"msg=\"open", R"("msg":"open")"},
         {"msg=a\nb", R"("msg":"a\u000ab")"},
       }) {
    CAF_MESSAGE(text);
    CAF_CHECK_EQUAL(json_members(text), members);
  }
}

CAF_TEST(levels have the names they are configured by) {
  for (auto name : {"trace", "debug", "info", "warn", "error", "off"})
    CAF_CHECK_EQUAL(level_name(level_named(name)), name);
  CAF_CHECK_EQUAL(level_name(spdlog::level::critical), "error");
  CAF_CHECK(level_named("nonsense") == spdlog::level::info);
}
