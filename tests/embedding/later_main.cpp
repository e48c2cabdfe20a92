// A program around later.cpp: says who asks for what, and reads the answer from its input.

#include <codex/network_proxy.hpp>

#include <iostream>
#include <mutex>

void decide_later(const codex::policy_request& asked, codex::decision_reply reply);

bool says_yes(const codex::policy_request& asked) {
  static std::mutex terminal;
  std::scoped_lock one_at_a_time{terminal};
  std::cout << asked.method << ' ' << asked.host << ':' << asked.port << '?' << std::endl;
  std::string answer;
  return std::getline(std::cin, answer) && answer == "y";
}

int main() {
  codex::network_proxy::builder wanted;
  wanted.config_file("policy.toml").managed_by_codex().policy_decider(decide_later);
  auto proxy = wanted.build();
  auto running = proxy ? proxy->run() : proxy.error();
  if (!running)
    return std::cerr << running.error().message << '\n', 1;
  std::cout << "http://" << running->http_addr() << std::endl;
  return running->wait() ? 0 : 1;
}
