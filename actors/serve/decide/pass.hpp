#pragma once

#include <coroutine>
#include <type_traits>

#include "actors/loop/task/task.hpp"
#include "actors/messages.hpp"
#include "policy/pass.hpp"
#include "policy/unix_socket.hpp"

/// What flows hold of the policy's word (`policy::pass`): with the whole snapshot, so that what
/// follows from it (the upstream proxy, the roots of trust, the certificates) lives as long.
///
/// A flow that has waited holds a `pass`. What opens a connection, takes one that is kept or
/// shared, sends a head, opens or keeps a tunnel takes a `fresh_pass`, which is got by `renew`
/// (judges again what is stale) or `look` (nothing, when it is stale: what was begun is given up).

namespace proxy {

using pass = policy::pass<snapshot>;
using fresh_pass = policy::fresh_pass<snapshot>;

/// The same for a request to a unix socket.
using socket_pass = policy::pass<snapshot, policy::socket_permit>;
using fresh_socket_pass = policy::fresh_pass<snapshot, policy::socket_permit>;

/// Why something may not go on; nothing when it may.
template <class Granted>
[[nodiscard]] std::optional<policy::denial>
denial_in(std::variant<Granted, policy::denial>&& judged) {
  auto* no = std::get_if<policy::denial>(&judged);
  return no ? std::optional{std::move(*no)} : std::nullopt;
}

namespace detail {

/// Types whose values are true for the moment only.
template <class T>
struct is_momentary : std::false_type {};
template <class Grant>
struct is_momentary<policy::fresh_pass<snapshot, Grant>> : std::true_type {};
template <class T>
struct is_momentary<std::optional<T>> : is_momentary<T> {};
template <class... Ts>
struct is_momentary<std::variant<Ts...>> : std::disjunction<is_momentary<Ts>...> {};

/// A coroutine that is given what is true for the moment would still hold it after a wait.
struct no_coroutine_takes_a_fresh_pass {};

} // namespace detail
} // namespace proxy

template <class T, class... Args>
requires(proxy::detail::is_momentary<std::remove_cvref_t<Args>>::value ||
         ...) struct std::coroutine_traits<proxy::task<T>, Args...>
  : proxy::detail::no_coroutine_takes_a_fresh_pass {
};
