#pragma once

#include <caf/typed_actor.hpp>
#include <string>

#include "actors/messages.hpp"

namespace proxy {

/// What the rules leave to somebody's word (`policy::question`).
struct open_question {
  uint64_t number = 0; ///< No other one of this process has it.
  policy::target to;
  std::string client; ///< `ip:port`, or "unix".
  std::string user;   ///< Who the client showed to be; "" when nobody asked.
};

/// Their word.
struct decider_word {
  policy::decision decision = policy::decision::deny;
  std::string words; ///< The reason of a refusal (`policy::answer::words`).
};

/// Answers what the rules leave to somebody: a person, or a program that embeds the proxy. May take
/// its time, up to `decider.timeout`; lives where it likes, but on no loop when it
/// blocks. It is told the number of a question that nobody waits for any more: the client has left,
/// or the time is over.
using decider_actor =
  caf::typed_actor<caf::replies_to<atom::decide, open_question>::with<decider_word>,
                   caf::reacts_to<atom::withdraw, uint64_t>>;

} // namespace proxy

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(proxy::open_question)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(proxy::decider_word)
