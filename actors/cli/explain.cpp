#include "actors/explain.hpp"

#include <algorithm>
#include <iostream>

#include "actors/cli/cli.hpp"
#include "actors/cli/lookup.hpp"
#include "actors/compile.hpp"

namespace proxy::cli {

namespace {

/// What the user asked for.
struct explain_options {
  std::vector<std::string> words; ///< `[METHOD] ADDRESS`
  std::string protocol;
  std::string mode;
  std::vector<std::string> headers;
  std::vector<std::string> resolve;
  bool json = false;
};

int usage(const std::string& what) {
  std::cerr << "codex-network-proxy: explain: " << what << '\n';
  return exit_usage;
}

/// `METHOD ADDRESS`, `ADDRESS`, or both in one word.
std::optional<question> question_of(const explain_options& options) {
  auto words = options.words;
  if (words.size() == 1)
    if (auto space = words[0].find(' '); space != std::string::npos)
      words = {words[0].substr(0, space), words[0].substr(space + 1)};
  if (words.empty() || words.size() > 2)
    return std::nullopt;
  question q;
  q.address = words.back();
  if (words.size() == 2) {
    q.method = words[0];
    std::transform(q.method.begin(), q.method.end(), q.method.begin(), [](char c) {
      return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
  }
  q.protocol = protocol_named(options.protocol);
  q.headers = options.headers;
  return q;
}

explanation answer(const snapshot& policy, const question& q, const canned_answers& canned) {
  auto what = parse_question(q);
  if (!what)
    return explain_fault(*policy.rules, q, what.error());
  caf::expected<dns_answer> found{dns_answer{}};
  if (auto name = name_to_resolve(*policy.rules, what->target); !name.empty())
    found = canned.empty() ? look_up(*policy.config, name) : canned.find(name, *policy.config);
  return explain(policy, *what, found);
}

int run_explain(config::sources sources, const explain_options& options) {
  auto q = question_of(options);
  if (!q)
    return usage("expected [METHOD] URL or host[:port]");
  auto canned = canned_answers::parse(options.resolve);
  if (!canned)
    return usage("--resolve " + context_of(canned.error()));
  if (!options.mode.empty())
    sources.mode = options.mode == "limited" ? policy::mode::limited : policy::mode::full;
  std::vector<config::problem> problems;
  auto policy = compile_unbound(sources, false, problems);
  print_problems(problems, false);
  if (!policy)
    return exit_bad_config;
  auto e = answer(*policy, *q, *canned);
  std::cout << (options.json ? to_json(e) + '\n' : to_text(e, wants_colour()));
  return e.goes_through() ? exit_ok : exit_failed;
}

} // namespace

void add_explain(CLI::App& app, context& all) {
  auto command = app.add_subcommand("explain", "Tell what would happen to a request, and why.");
  auto options = std::make_shared<explain_options>();
  command->add_option("request", options->words, "[METHOD] URL, or host[:port] for a tunnel")
    ->required()
    ->expected(1, 2);
  command
    ->add_option("--protocol", options->protocol,
                 "how it is asked for; http:// URLs: http, all else: https_connect")
    ->check(CLI::IsMember({"http", "https_connect", "socks5_tcp", "socks5_udp"}));
  command->add_option("--header", options->headers, "a field of the request; repeatable")
    ->type_name("'K: V'")
    ->take_all()
    ->allow_extra_args(false);
  command
    ->add_option("--resolve", options->resolve,
                 "what a name resolves to; no real look-up is made then; repeatable")
    ->type_name("NAME=IP[,IP...]")
    ->take_all()
    ->allow_extra_args(false);
  command->add_option("--mode", options->mode, "as if this mode were set")
    ->check(CLI::IsMember({"full", "limited"}));
  command->add_flag("--json", options->json, "print one JSON object");
  command->footer("Exit code 0: it goes through; 1: it does not.");
  command->callback([&all, options] {
    all.chosen = [&all, options] { return run_explain(all.sources, *options); };
  });
}

} // namespace proxy::cli
