#pragma once

#include <string>

#include "tests/actors/flows/stage.hpp"

/// Requests that wait for something while something else happens. Each leads a client there.

namespace proxy::test {

/// @returns the origin that has its request.
inline party* ask_and_reach(stage& s, stage::origin& at, party& client, const std::string& bytes) {
  client.say(bytes);
  auto& origin = s.accept(at);
  CAF_REQUIRE(s.hears(origin, "\r\n\r\n"));
  return &origin;
}

/// The origin is dialled for two seconds.
inline party* ask_and_dial(stage& s, stage::origin& at, party& client, const std::string& bytes) {
  simulation::conditions slow;
  slow.delay = 2s;
  s.set_way(at.on, slow);
  client.say(bytes);
  s.pass(1s);
  return nullptr;
}

inline constexpr size_t half_of_the_whole = 42;

/// Half of the answer "the whole" has come.
inline party* ask_and_hear_half(stage& s, stage::origin& at, party& client,
                                const std::string& bytes) {
  auto* origin = ask_and_reach(s, at, client, bytes);
  origin->say(ok("the whole").substr(0, half_of_the_whole));
  CAF_REQUIRE(s.hears(client, "HTTP/1.1 200"));
  return origin;
}

inline void say_other_half(party& origin) { origin.say(ok("the whole").substr(half_of_the_whole)); }

} // namespace proxy::test
