#include <codex/network_proxy.hpp>

#include <thread>

bool says_yes(const codex::policy_request& asked); // a person, who takes their time

void decide_later(const codex::policy_request& asked, codex::decision_reply reply) {
  std::thread([asked, reply = std::move(reply)] {
    reply(says_yes(asked) ? codex::network_decision::allow()
                          : codex::network_decision::deny("somebody_said_no"));
  }).detach();
}
