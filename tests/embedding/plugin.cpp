// A part of a program that is loaded while it runs, and let go of again (dlopen(3), dlclose(3)).

#include <codex/network_proxy.hpp>

extern "C" int serve_once(); // 0 when a proxy has begun, answered and ended

int serve_once() {
  codex::network_proxy::builder wanted;
  wanted.config({.allowed_domains = {"example.com"}}).managed_by_codex().environment({});
  auto proxy = wanted.build();
  auto running = proxy ? proxy->run() : proxy.error();
  if (!running)
    return 1;
  auto answer = running->explain("http://example.org/");
  if (!answer || answer->reason != "not_allowed")
    return 2;
  return running->shutdown(std::chrono::seconds(1)) ? 0 : 3;
}
