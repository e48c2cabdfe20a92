#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "actors/loop/pinned_actor.hpp"
#include "actors/loop/task/task.hpp"
#include "actors/messages.hpp"
#include "actors/observe/counters/labels.hpp"
#include "actors/serve/client/client_end.hpp"
#include "actors/serve/client/client_io.hpp"
#include "actors/serve/client/client_states.hpp"
#include "actors/serve/client/request_spans.hpp"
#include "actors/serve/upstream/upstream.hpp"
#include "protocols/trace_context.hpp"

namespace proxy {

/// Who serves a client: a `connection`, or a `stream_session` for each stream where it speaks
/// HTTP/2. Lives on the loop that accepted the client (or was handed it) and owns itself while its
/// flow runs; the shard only lists it.
using session_actor = caf::typed_actor<
  // Judge an open tunnel under a new policy; replies true when it was closed.
  caf::replies_to<atom::judge, snapshot_ptr>::with<bool>,
  // Finish what is under way, take nothing new.
  caf::reacts_to<atom::drain>,
  // End now.
  caf::reacts_to<atom::abort>>;

using pinned_session = pinned_actor<session_actor>;

/// Who a client showed to be.
struct identity {
  std::string user;
  config_ptr vouched_by; ///< Where the password stood that it showed.
};

/// How a connection's flow ended; the `end` of its canonical log line.
enum class ending : uint8_t {
  done,
  client_gone,
  upstream_gone,
  idle,
  refused,
  fault,
  policy_changed,
  aborted
};
[[nodiscard]] std::string_view to_string(ending e) noexcept;

/// Serving one client, request by request, and whatever a request becomes: what a connection of its
/// own and a stream of an HTTP/2 connection have in common. Both have one, and flows work with it;
/// how the client came, and how it goes, is theirs.
class client_session : public client_end {
public:
  /// On a connection of its own.
  client_session(pinned_session& self, shard_core& owner, endpoint serves, client_address from);
  /// On a stream of a client that is served already: what the client showed and was granted goes
  /// for the stream too.
  /// @param dialled  For the tunnel that the streams are in, not yet used; or nullptr.
  /// @pre `of` is in `state::h2_link`
  client_session(pinned_session& self, const client_session& of, std::unique_ptr<upstream> dialled);
  ~client_session();

  // -- what it does at present --

  [[nodiscard]] const client_state& state() const noexcept { return state_; }
  /// What it does, if it is that; else nullptr.
  template <class State>
  [[nodiscard]] State* in_state() noexcept {
    return std::get_if<State>(&state_);
  }
  template <class State>
  [[nodiscard]] const State* in_state() const noexcept {
    return std::get_if<State>(&state_);
  }
  /// Does something else from now on. @returns it, valid until the next one.
  template <class State>
  State& enter(State next) {
    auto& entered = state_.emplace<State>(std::move(next));
    count_tunnel();
    return entered;
  }
  /// A request is sent to `server`: by itself, or inside the tunnel that is read. @returns what it
  /// is sent to.
  [[nodiscard]] upstream& begin_exchange(exchange& ex, std::unique_ptr<upstream> server);
  /// It is over. @returns what it was sent to.
  [[nodiscard]] std::unique_ptr<upstream> end_exchange();

  /// The tunnel that its requests come in, or a protocol that one of them switched to; nullptr when
  /// they are not read inside one.
  [[nodiscard]] interception* enclosing_tunnel() noexcept;
  [[nodiscard]] const interception* enclosing_tunnel() const noexcept {
    return const_cast<client_session*>(this)->enclosing_tunnel();
  }
  /// The tunnel that its requests come in, if that was refused.
  [[nodiscard]] const refused_tunnel* refused() const noexcept;
  /// What admitted an open tunnel, or, with `log.access`, its last request; nullptr for nothing.
  [[nodiscard]] const admission* admitted() const noexcept;
  /// Counts as an open tunnel.
  [[nodiscard]] bool is_tunnel() const noexcept;
  /// What an open tunnel has moved since it was opened, without its streams of HTTP/2; of a stream,
  /// all that it has: it is inside of one. Up, and down.
  [[nodiscard]] std::pair<uint64_t, uint64_t> moved_in_tunnel() const noexcept;
  /// Counts what it moved in a tunnel, which is over now: the client does something else, or
  /// leaves.
  void end_tunnel() noexcept;
  [[nodiscard]] spoken speaks() const noexcept;
  /// What was dialled when the tunnel that is read was asked for, unless it has been used.
  [[nodiscard]] std::unique_ptr<upstream> take_dialled() noexcept;
  [[nodiscard]] bool has_dialled() const noexcept;

  /// As GET /connections lists it.
  [[nodiscard]] connection_info describe() const;
  /// Holds something that a new policy may refuse.
  [[nodiscard]] bool is_open_to_judgement() const noexcept;
  /// Judges that by the policy of this moment. @returns the denial, recorded, when it may not go
  /// on.
  [[nodiscard]] std::optional<policy::denial> judge();
  /// Renews the pass of the tunnel that requests come in. @pre `enclosing_tunnel()`
  [[nodiscard]] pass::renewed renew_enclosing();
  /// Closes all that it has open.
  void close(closing how);

  // -- the client --

  /// Who the client showed to be; "" when nobody asked.
  [[nodiscard]] std::string_view user() const noexcept {
    return known_as ? std::string_view{known_as->user} : std::string_view{};
  }

  pinned_session& self; ///< In whose name other actors are asked.
  const uint64_t id;
  const endpoint serves; ///< The front end that it came to.
  const steady_time began;
  bool is_connecting = false;               ///< Who is to serve it is looked up or dialled.
  std::shared_ptr<const identity> known_as; ///< Null when nobody asked. HTTP: by this request.
  /// Of its present request; null: that says none.
  std::unique_ptr<const trace_context> trace;
  /// Of its present request; null: none are wanted, or it is not recorded.
  std::unique_ptr<request_spans> spans;
  std::unique_ptr<request_spans> tunnel_spans; ///< Of the tunnel that its requests come in.
  /// Upstreams that the client has logged in to: its streams share them, nobody else does.
  std::shared_ptr<login_connections> logins;

  /// What the client is sent first when its tunnel stands; "" for nothing.
  void say_first(std::string bytes) {
    first_down_ = bytes.empty() ? nullptr : std::make_unique<std::string>(std::move(bytes));
  }
  [[nodiscard]] bool has_first_words() const noexcept { return first_down_ != nullptr; }
  [[nodiscard]] std::string take_first_words() noexcept {
    return first_down_ ? std::move(*std::exchange(first_down_, nullptr)) : std::string{};
  }

  // -- for the line at its end --

  /// Of the last request, with `log.access`: what admitted it, or what it asked for and did not
  /// get.
  std::unique_ptr<admission> last_admitted;
  std::unique_ptr<policy::target> turned_down;
  uint64_t bytes_up = 0;
  uint64_t bytes_down = 0;
  uint32_t requests = 0;
  uint32_t dns_ms = 0;     ///< Of the last look-up.
  uint32_t connect_ms = 0; ///< Of the last dial.
  ending end = ending::done;

private:
  /// When a tunnel was opened (the beginning of time: none was), and what the client had moved by
  /// then.
  struct opened_tunnel {
    steady_time at{};
    uint64_t bytes_up = 0;
    uint64_t bytes_down = 0;
  };

  void count_tunnel() noexcept;

  client_state state_;
  opened_tunnel opened_;
  std::unique_ptr<std::string> first_down_; ///< Few clients wait for any.
};

} // namespace proxy
