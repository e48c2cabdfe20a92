#include <codex/network_proxy.hpp>

#include <iostream>

int main() {
  codex::network_proxy::builder wanted;
  wanted.config({.allowed_domains = {"example.com"}}).managed_by_codex();
  auto proxy = wanted.build(); // binds: the addresses are known from here on
  auto running = proxy ? proxy->run() : proxy.error();
  std::map<std::string, std::string> environment; // of a child process
  auto applied = running ? running->apply_to_env(environment) : running.error();
  if (!applied)
    return std::cerr << applied.error().message << '\n', 1;
  std::cout << environment["HTTP_PROXY"] << std::endl;
  return running->wait() ? 0 : 1;
}
