#include "actors/admin/explain.hpp"

#include <algorithm>
#include <iostream>
#include <utility>

#include "actors/cli/arguments.hpp"
#include "actors/cli/cli.hpp"
#include "actors/control/policy/generation.hpp"
#include "actors/dns/lookup.hpp"

namespace proxy::cli {

namespace {

/// What the user asked for.
struct explain_options {
  std::string first;  ///< METHOD or ADDRESS, or both with a blank between them.
  std::string second; ///< ADDRESS, where the first is the method.
  std::string protocol;
  std::string mode;
  std::vector<std::string> headers;
  std::vector<std::string> resolve;
  bool json = false;
  bool no_secrets = false;
};

int usage(const std::string& what) {
  std::cerr << "codex-network-proxy: explain: " << what << '\n';
  return exit_usage;
}

/// `METHOD ADDRESS`, `ADDRESS`, or both in one word.
question question_of(const explain_options& options) {
  auto method = options.first;
  auto address = options.second;
  if (address.empty()) {
    auto space = method.find(' ');
    address = space == std::string::npos ? std::exchange(method, "") : method.substr(space + 1);
    method.resize(std::min(space, method.size()));
  }
  question q;
  q.address = std::move(address);
  if (!method.empty()) {
    q.method = std::move(method);
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
  if (auto name = name_to_resolve(policy, *what); !name.empty())
    found = canned.empty() ? look_up(*policy.config, name) : canned.find(name, *policy.config);
  return explain(policy, *what, found);
}

int run_explain(config::sources sources, const explain_options& options) {
  auto q = question_of(options);
  auto canned = canned_answers::parse(options.resolve);
  if (!canned)
    return usage("--resolve " + context_of(canned.error()));
  if (!options.mode.empty())
    sources.mode = options.mode == "limited" ? policy::mode::limited : policy::mode::full;
  if (options.no_secrets)
    sources.secrets = config::secrets_wanted::none;
  std::vector<config::problem> problems;
  auto policy = compile_unbound(sources, false, problems);
  print_problems(problems, false);
  if (!policy)
    return exit_bad_config;
  auto e = answer(*policy, q, *canned);
  std::cout << (options.json ? to_json(e) + '\n' : to_text(e, wants_colour()));
  return e.goes_through() ? exit_ok : exit_failed;
}

} // namespace

void add_explain(CLI::App& app, context& all) {
  auto command = app.add_subcommand("explain", "Tell what would happen to a request, and why.");
  auto options = std::make_shared<explain_options>();
  // Two single words and not a list of one or two, which the library would look into.
  command->add_option("request", options->first, "[METHOD] URL, or host[:port] for a tunnel")
    ->required();
  command->add_option("address", options->second, "the URL, where a method stands before it");
  command
    ->add_option("--protocol", options->protocol,
                 "how it is asked for; http:// URLs: http, all else: https_connect")
    ->check(CLI::IsMember({"http", "https_connect", "socks5_tcp", "socks5_udp"}));
  add_words(*command, "--header", options->headers, "a field of the request; repeatable")
    ->type_name("'K: V'");
  add_words(*command, "--resolve", options->resolve,
            "what a name resolves to; no real look-up is made then; repeatable")
    ->type_name("NAME=IP[,IP...]");
  command->add_option("--mode", options->mode, "as if this mode were set")
    ->check(CLI::IsMember({"full", "limited"}));
  command->add_flag("--json", options->json, "print one JSON object");
  command->add_flag("--no-secrets", options->no_secrets,
                    "fetch no secret: also where there are none");
  command->footer("Exit code 0: it goes through; 1: it does not.");
  command->callback([&all, options] {
    all.chosen = [&all, options] { return run_explain(all.sources, *options); };
  });
}

} // namespace proxy::cli
