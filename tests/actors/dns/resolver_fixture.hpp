#pragma once

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "actors/dns/resolver.hpp"
#include "actors/loop/task/request.hpp"
#include "tests/actors/dns/scripted_name_server.hpp"
#include "tests/support/loop_fixture.hpp"
#include "tests/support/test.hpp"

namespace proxy::test {

using packets = scripted_name_server::answers;

/// Where an answer will be.
using awaited_answer = std::shared_ptr<std::optional<caf::expected<dns_answer>>>;

/// Asks one question and keeps the answer.
using asker_actor = caf::typed_actor<caf::reacts_to<std::string>>;
inline asker_actor::behavior_type asker(pinned_actor<asker_actor>* self, resolver_actor whom,
                                        awaited_answer into) {
  return {[=](const std::string& name) {
    auto keep = [into](caf::expected<dns_answer> answer) { into->emplace(std::move(answer)); };
    request_until<dns_answer>(self, self->loop().now() + 60s, whom, keep, atom::resolve_v, name);
  }};
}

/// An answer in one line: addresses, `(cached)`, or code and context of an error.
inline std::string describe(const awaited_answer& got) {
  if (!got->has_value())
    return "no answer";
  auto& answer = **got;
  if (!answer)
    return to_string(code_of(answer.error())) + ": " + context_of(answer.error());
  std::string text;
  for (const auto& each : answer->addresses)
    text += (text.empty() ? "" : " ") + each.str();
  if (!answer->found_as.text().empty())
    text += " as " + answer->found_as.text();
  return text + (answer->cached ? " (cached)" : "");
}

/// A resolver whose one name server the test scripts.
struct resolver_fixture : loop_fixture {
  explicit resolver_fixture(std::unique_ptr<poller> how = make_poller())
    : loop_fixture(std::move(how)),
      server(loop, [this](const dns_question& q) { return script(q); }) {
    settings.dns.servers = {server.address()};
    settings.dns.hosts_file = "";
    settings.dns.search = false; // not what this machine says
    start();
  }
  ~resolver_fixture() {
    actor = nullptr;
    settle();
  }

  /// Starts anew with `settings`.
  void start() {
    actor = spawn_pinned(loop, resolver, std::make_shared<const config::proxy_config>(settings),
                         log_ptr{});
    settle();
  }
  void configure() {
    caf::anon_send(actor, atom::configure_v,
                   std::make_shared<const config::proxy_config>(settings));
    settle();
  }

  awaited_answer ask(const std::string& name) {
    auto into = std::make_shared<std::optional<caf::expected<dns_answer>>>();
    askers.push_back(spawn_pinned(loop, asker, actor, into));
    caf::anon_send(askers.back(), name);
    return into;
  }
  std::string resolve(const std::string& name) {
    auto got = ask(name);
    (void)run_until([&] { return got->has_value(); });
    askers.clear();
    return describe(got);
  }
  /// The answer itself, nothing for an error.
  std::optional<dns_answer> answer_of(const std::string& name) {
    auto got = ask(name);
    if (!run_until([&] { return got->has_value(); }) || !**got)
      return std::nullopt;
    return ***got;
  }

  /// One v4 address for every name; none in v6.
  static packets good_script(const dns_question& q) {
    if (q.type != type_a)
      return {dns::reply(q, 0)};
    return {dns::reply(q, 0, {dns::address("192.0.2.1", 60)})};
  }

  std::function<packets(const dns_question&)> script = good_script;
  scripted_name_server server;
  config::proxy_config settings;
  resolver_actor actor;
  std::vector<asker_actor> askers;
};

} // namespace proxy::test
