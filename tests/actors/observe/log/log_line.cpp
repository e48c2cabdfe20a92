#define CAF_SUITE actors.observe.log.log_line
#include "actors/observe/log/log_line.hpp" // unit under test

#include <nlohmann/json.hpp>

#include "tests/support/test.hpp"

using namespace proxy;
using namespace std::literals;

namespace {

const std::chrono::system_clock::time_point moment{std::chrono::milliseconds{1'700'000'000'007}};

template <class... Ts>
std::string line_of(log_layout layout, log_format<std::type_identity_t<Ts>...> format,
                    const Ts&... values) {
  const log_value captured[] = {log_value{values}..., log_value{}};
  std::string out;
  append_log_line(out, layout,
                  {moment, log_level::info, format.text(), {std::data(captured), sizeof...(Ts)}});
  return out;
}

/// Without what every line has.
std::string members_of(log_layout layout, const std::string& line) {
  auto start = layout == log_layout::text
                 ? "time=2023-11-14T22:13:20.007Z level=info "s
                 : R"({"time":"2023-11-14T22:13:20.007Z","level":"info",)"s;
  auto end = layout == log_layout::text ? "\n"s : "}\n"s;
  CAF_CHECK(line.starts_with(start));
  CAF_CHECK(line.ends_with(end));
  return line.substr(start.size(), line.size() - start.size() - end.size());
}

/// The same values in both layouts.
template <class... Ts>
void check(std::string_view text, std::string_view json,
           log_format<std::type_identity_t<Ts>...> format, const Ts&... values) {
  CAF_MESSAGE(text);
  CAF_CHECK_EQUAL(members_of(log_layout::text, line_of(log_layout::text, format, values...)), text);
  CAF_CHECK_EQUAL(members_of(log_layout::json, line_of(log_layout::json, format, values...)), json);
}

} // namespace

CAF_TEST(a line has time and level before its members) {
  CAF_CHECK_EQUAL(line_of(log_layout::text, "msg=ready workers={}", 2),
                  "time=2023-11-14T22:13:20.007Z level=info msg=ready workers=2\n");
  CAF_CHECK_EQUAL(
    line_of(log_layout::json, "msg=ready workers={}", 2),
    "{\"time\":\"2023-11-14T22:13:20.007Z\",\"level\":\"info\",\"msg\":\"ready\",\"workers\":2}\n");
}

CAF_TEST(text and json say the same) {
  check("msg=ready", R"("msg":"ready")", "msg=ready");
  check("msg=ready workers=2 mode=full", R"("msg":"ready","workers":2,"mode":"full")",
        "msg=ready workers={} mode={}", size_t{2}, "full"sv);
  check(R"(msg=a rule="*.x y" port=443)", R"("msg":"a","rule":"*.x y","port":443)",
        "msg=a rule={} port={}", quoted_text("*.x y"), uint16_t{443});
  check(R"(msg="it is this" n="5")", R"("msg":"it is this","n":"5")", "msg=\"it is this\" n={}",
        log_text{"5"});
  check(R"(msg=a cause="it was x too slowly [k]")",
        R"("msg":"a","cause":"it was x too slowly [k]")", "msg=a cause=\"it was {} too slowly{}\"",
        "x", " [k]"s);
  check("msg=a target=b.test:443 on=1", R"("msg":"a","target":"b.test:443","on":1)",
        "msg=a target={}:{} on={}", "b.test", 443, 1);
  check("msg=a target=-:0", R"("msg":"a","target":"-:0")", "msg=a target={}:{}", "-", 0);
  check("msg=reloaded on=true off=false", R"("msg":"reloaded","on":true,"off":false)",
        "msg={} on={} off={}", "reloaded", true, false);
  check("msg=a neg=-1 least=-9223372036854775808",
        R"("msg":"a","neg":-1,"least":"-9223372036854775808")", "msg=a neg={} least={}", -1,
        std::numeric_limits<int64_t>::min());
  check("msg=a id=1234567890123456 most=18446744073709551615",
        R"("msg":"a","id":"1234567890123456","most":"18446744073709551615")", "msg=a id={} most={}",
        "1234567890123456", std::numeric_limits<uint64_t>::max());
  check("msg=a empty= next=1", R"("msg":"a","empty":"","next":1)", "msg=a empty={} next={}", "", 1);
}

CAF_TEST(words that look like numbers are numbers and texts are not ) {
  for (auto word : {"0", "15", "-1", "1.5", "-0.25", "true", "false"}) {
    check("msg=a x="s + word, R"("msg":"a","x":)"s + word, "msg=a x={}", word);
    check("msg=a x=\""s + word + '"', R"("msg":"a","x":")"s + word + '"', "msg=a x={}",
          log_text{word});
  }
  for (auto word : {"007", "1.", ".5", "1.2.3", "1e5", "0x10", "--1", "-", "True", "null",
                    "0012345678901234", "127.0.0.1:80", "[::1]:80"})
    for (auto& text : {log_text{word}})
      check("msg=a x="s + word + " y="s + word,
            R"("msg":"a","x":")"s + word + R"(","y":")"s + word + '"', "msg=a x={} y={}", word,
            text);
}

CAF_TEST(the address of a client is one word) {
  client_address v4{ip_address::v4(0x7f000001), 1234};
  client_address v6{*ip_address::parse("2001:db8::1"), 80};
  client_address local{{}, 0, true};
  check(R"(msg=a client=127.0.0.1:1234 user="alice" on=[2001:db8::1]:80 at=unix)",
        R"("msg":"a","client":"127.0.0.1:1234","user":"alice","on":"[2001:db8::1]:80","at":"unix")",
        "msg=a client={}{} on={} at={}", v4, user_field("alice"), v6, local);
}

CAF_TEST(an optional field is there when it says something) {
  check(R"(msg=a client=unix user="alice" id=1)",
        R"("msg":"a","client":"unix","user":"alice","id":1)", "msg=a client={}{} id={}", "unix",
        user_field("alice"), 1);
  check("msg=a client=unix id=1", R"("msg":"a","client":"unix","id":1)", "msg=a client={}{} id={}",
        "unix", user_field(""), 1);
  check("msg=a client=unix", R"("msg":"a","client":"unix")", "msg=a client={}{}", "unix",
        user_field(""));
  check(R"(msg=a client=unix user="a\" b=\"c")", R"("msg":"a","client":"unix","user":"a\" b=\"c")",
        "msg=a client={}{}", "unix", user_field("a\" b=\"c"));
}

CAF_TEST(no value can end its quotes or begin another member or line) {
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
         {"a\nlevel=error\x7f\t", R"("a\x0alevel=error\x7f\x09")", R"("a\x0alevel=error\x7f\x09")"},
         {"{} {}", R"("{} {}")", R"("{} {}")"},
       }) {
    CAF_MESSAGE(text);
    auto line = line_of(log_layout::text, "msg=a one={} two={}", log_text{text}, quoted_text(text));
    CAF_CHECK_EQUAL(members_of(log_layout::text, line),
                    "msg=a one=" + std::string{bare} + " two=" + std::string{in_quotes});
    // As JSON it is what it was, whichever way it is given.
    auto parsed =
      nlohmann::json::parse(line_of(log_layout::json, "msg=a one={} two={} three=\"{}\" end={}",
                                    log_text{text}, quoted_text(text), text, 1));
    CAF_CHECK_EQUAL(parsed["one"].get<std::string>(), text);
    CAF_CHECK_EQUAL(parsed["two"].get<std::string>(), text);
    CAF_CHECK_EQUAL(parsed["three"].get<std::string>(), text);
    CAF_CHECK_EQUAL(parsed["end"], 1);
    CAF_CHECK_EQUAL(parsed.size(), 7u);
  }
  // A word of ours that is none after all, such as the path of a socket.
  check(R"(msg=a at="unix:/x level=error \"y\"" z=1)",
        R"("msg":"a","at":"unix:/x level=error \"y\"","z":1)", "msg=a at={} z={}",
        "unix:/x level=error \"y\"", 1);
}

CAF_TEST(levels have the names they are configured by) {
  for (auto name : {"trace", "debug", "info", "warn", "error", "off"})
    CAF_CHECK_EQUAL(level_name(level_named(name)), name);
  CAF_CHECK(level_named("nonsense") == log_level::info);
}
