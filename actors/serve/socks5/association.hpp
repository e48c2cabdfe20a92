#pragma once

#include <caf/expected.hpp>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "actors/net/datagram_socket.hpp"
#include "actors/serve/client/client_session.hpp"
#include "actors/serve/socks5/udp_targets.hpp"
#include "protocols/socks5/request.hpp"

namespace proxy {

/// A client's UDP ASSOCIATE (RFC 1928 §7): relays its datagrams to the targets that the policy
/// allows, and theirs back. Lives in a connection, on its loop, as long as the connection does.
///
/// Only the client may use it: datagrams have to come from its address, and from one port, named in
/// the request or learned from the first datagram. Where users are set, a client is believed where
/// it sends from, address and port; what it leaves open the first datagram decides. Answers are
/// taken only from where datagrams were sent. Each target is judged by the name or address that the
/// client gives, by somebody's word where the rules leave it to that, resolved once, and its
/// addresses vetted, as for TCP. Datagrams never wait for a slow side: what finds no room is
/// dropped and counted.
class association {
public:
  /// Opens the socket that the client sends to, on the address it is connected to.
  /// @param wanted  Where the client says it will send from; zero when it does not know.
  /// @returns errc::overloaded when there are too many, errc::system when no socket is to be had,
  ///          errc::unsupported_address_type when the client names an address of the other family.
  [[nodiscard]] static caf::expected<std::unique_ptr<association>>
  open(client_session& c, const socks5::endpoint& wanted);

  association(const association&) = delete;
  association& operator=(const association&) = delete;
  ~association();

  /// Where the client has to send its datagrams.
  [[nodiscard]] ip_sockaddr bound() const noexcept { return client_.bound(); }

  enum class moved : uint8_t { nothing, some, more };
  /// Relays one batch in each direction. `more`: there may be more to do, after others had their
  /// turn.
  [[nodiscard]] moved run();

  /// Judges every target again under the policy that is in force now.
  void judge_again();

  [[nodiscard]] size_t targets() const noexcept { return targets_.size(); }

private:
  /// How long a target stays closed that cannot be reached.
  static constexpr std::chrono::seconds unreachable_for{1};

  explicit association(client_session& c);

  /// Settles whose datagrams are taken, as far as the client said.
  [[nodiscard]] caf::error expect_from(const socks5::endpoint& declared);
  void take_from_client(const datagram_buffer::item& got);
  void take_from_upstream(const datagram_buffer::item& got);
  /// Whether it is the client, or may be as long as that is not known.
  [[nodiscard]] bool may_be_client(const ip_sockaddr& peer) const;
  // -- which targets are sent to (association_targets.cpp) --

  /// Judges a target that is new, or was closed long enough.
  void begin(udp_target& t);
  void resolve(udp_target& t);
  /// What became of a look-up that was under way for these.
  void resolved(const std::string& name, caf::expected<dns_answer> answer);
  /// Judges a target by its name, by the policy of this moment, and opens or closes it.
  /// @param said  Somebody's word on it, or nullptr.
  /// @returns where a word is missing, what it comes to without: nothing was done then.
  [[nodiscard]] std::optional<policy::denial> judge(udp_target& t, const policy::answer* said);
  /// Has somebody asked about a target. @param unanswered  What it comes to without an answer.
  void ask(udp_target& t, const policy::denial& unanswered);
  /// What became of its question.
  void answered(udp_target& t, caf::expected<decider_word> word);
  /// Opens a target whose name passed, or has it looked up.
  void lead(udp_target& t);
  /// Judges an open one again, with all its addresses; it may be closed then.
  void renew(udp_target& t);
  /// Vets the addresses of a target whose name passed. @param fresh  Of `t.granted`.
  void settle(udp_target& t, const fresh_pass& fresh, dns_answer found);
  void admit(udp_target& t, const fresh_pass& fresh);
  /// Whether an open target is a socket that clients of ours send to: what is sent there would be
  /// unwrapped and sent on, again and again.
  [[nodiscard]] bool leads_back(const udp_target& t) const noexcept;
  void refuse(udp_target& t, const policy::denial& why);
  /// Whether a verdict on a target is not the one that was recorded last; it then is.
  [[nodiscard]] bool is_news(const udp_target& t, policy::reason why);

  // -- datagrams and their bytes (association.cpp) --

  void send_up(udp_target& t, std::string_view data);
  /// What datagrams that wait for a look-up or a word hold.
  [[nodiscard]] size_t waiting_bytes();
  /// Counts what this holds in all.
  void count_held();
  void flush_up();
  void flush_down();
  /// The chosen address of a target cannot be sent to: takes the next one.
  void unreachable(const ip_sockaddr& to);
  void drop(uint64_t shard_counters::*counter, uint64_t count = 1) noexcept;

  client_session& c_;
  datagram_socket client_;
  own_sockets::entry listed_;                 ///< Tells all associations of `client_`.
  datagram_socket upstream_v4_, upstream_v6_; ///< Opened when first needed.
  ip_address sender_;                         ///< The address that datagrams have to come from.
  ip_sockaddr client_at_;                     ///< Where the client sends from, once known.
  bool client_known_ = false;
  udp_targets targets_;
  /// Names resolved for this association: addresses stay what they were at first.
  std::unordered_map<std::string, dns_answer> names_;
  size_t looking_up_ = 0;
  bool has_asked_ = false; ///< For somebody's word.
  /// What was last recorded of a target, by host and port: a verdict is one decision, however many
  /// datagrams and looks it takes.
  struct verdict_of {
    policy::reason reason;
    steady_time at;
  };
  std::unordered_map<std::string, verdict_of> recorded_;
  /// Empty once this is gone: a late answer of the resolver falls on nothing.
  std::shared_ptr<association*> alive_ = std::make_shared<association*>(this);
  bool sent_what_waited_ = false; ///< For a name, since the last `run`: that is no silence.
};

} // namespace proxy
