#include <codex/network_proxy.hpp>

#include <cstdlib>

using codex::network_decision;

// What no rule allows: mail is sent by nobody, curl may go there, and others need somebody's word.
network_decision decide(const codex::policy_request& asked) {
  if (asked.port == 25)
    return network_decision::deny("no_mail");
  if (asked.command.starts_with("curl "))
    return network_decision::allow();
  return network_decision::ask("approval_needed");
}

int main(int count, char** words) {
  std::string command = count > 1 ? words[1] : "curl http://example.com/";
  codex::network_proxy::builder wanted;
  wanted.config_file("policy.toml").managed_by_codex();
  wanted.attributes({.command = command}).policy_decider(decide);
  auto proxy = wanted.build();
  auto running = proxy ? proxy->run() : proxy.error();
  std::map<std::string, std::string> environment;
  if (!running || !running->apply_to_env(environment))
    return 1;
  for (const auto& [name, value] : environment)
    setenv(name.c_str(), value.c_str(), 1);
  return std::system(command.c_str()) == 0 ? 0 : 1;
}
