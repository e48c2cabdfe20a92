#pragma once

#include <cassert>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "policy/decide.hpp"

namespace proxy::policy {

/// Where something that stands leads, beyond its name: what a new policy judges besides.
struct standing {
  std::optional<ip_address> connected{};  ///< Unknown behind an upstream proxy, or not yet.
  std::shared_ptr<const host> found_as{}; ///< The name of that, where a search domain was added.
  policy::reading reading = policy::reading::possible; ///< Of a tunnel.
};

/// What other rules make of something that was granted. What a decider granted needs no rule of its
/// own (it has been asked already), only that nothing else refuses it now.
[[nodiscard]] std::variant<permit, denial>
judge_again(const rules& now, const permit& was, const asker& who, const standing& where = {});

/// The word that something was granted by, which holds under other rules; nullptr when it has a
/// rule.
[[nodiscard]] const answer* answer_of(const permit& was) noexcept;
/// The same for what comes through a tunnel.
[[nodiscard]] const answer* answer_inside(const permit& tunnel) noexcept;

template <class Snapshot, class Grant = permit>
class pass;

/// Proof that something is granted by the policy of this moment: what begins, goes on or is taken
/// under it takes one of these. A look, not a thing to keep: the moment ends where a flow waits, so
/// it cannot be copied, moved, stored or handed to a coroutine (`actors/serve/decide/pass.hpp`).
template <class Snapshot, class Grant = permit>
class fresh_pass {
public:
  fresh_pass(const fresh_pass&) = delete;
  fresh_pass& operator=(const fresh_pass&) = delete;
  static void* operator new(size_t) = delete;
  static void* operator new[](size_t) = delete;

  [[nodiscard]] const Grant& grant() const noexcept { return pass_.grant(); }
  [[nodiscard]] const target& to() const noexcept { return grant().to(); }
  /// The policy that it was granted under, which is the one in force.
  [[nodiscard]] const Snapshot& snapshot() const noexcept {
    assert(is_fresh());
    return *in_force_;
  }
  /// False when it was kept for too long: another policy has come. For those who end what they were
  /// asked for rather than trust their caller.
  [[nodiscard]] bool is_fresh() const noexcept { return pass_.snapshot() == in_force_; }

  // For std::optional and std::variant, which make it in place.
  class key {
    friend class pass<Snapshot, Grant>;
    key() = default;
  };
  fresh_pass(key, const pass<Snapshot, Grant>& of,
             const std::shared_ptr<const Snapshot>& in_force) noexcept
    : pass_(of), in_force_(in_force) {}

private:
  const pass<Snapshot, Grant>& pass_;
  const std::shared_ptr<const Snapshot>& in_force_; ///< Where whoever owns it keeps it.
};

/// What was granted, under which policy, for which request. Owns all three, and is what a flow
/// holds across waits: it goes stale with the next policy, and then nothing begins, goes on or is
/// taken by it before `renew` has judged it again.
/// @tparam Snapshot  The policy in one immutable piece, with its `rules`.
/// @tparam Grant     What `decide` makes of such requests: a `permit`, or a `socket_permit`.
template <class Snapshot, class Grant>
class pass {
public:
  using snapshot_ptr = std::shared_ptr<const Snapshot>;
  using fresh = fresh_pass<Snapshot, Grant>;
  using renewed = std::variant<fresh, denial>;

  /// @param head  Of the request, as received: all that there is to judge it by. "" for none.
  pass(Grant granted, snapshot_ptr under, std::string head = {}) noexcept
    : grant_(std::move(granted)), snapshot_(std::move(under)), head_(std::move(head)) {}

  [[nodiscard]] const Grant& grant() const noexcept { return grant_; }
  [[nodiscard]] const target& to() const noexcept { return grant_.to(); }
  [[nodiscard]] const policy::placed_text* rule() const noexcept { return grant_.rule(); }
  [[nodiscard]] bool by_decider() const noexcept { return grant_.source() == source::decider; }
  [[nodiscard]] const snapshot_ptr& snapshot() const noexcept { return snapshot_; }
  [[nodiscard]] const std::string& head() const noexcept { return head_; }
  /// Takes the text of the head, whose memory serves others: there is the target alone to judge it
  /// by.
  [[nodiscard]] std::string take_head() noexcept { return std::move(head_); }

  /// A fresh pass as long as nothing has changed. @returns nothing when it is stale.
  /// @param in_force  Where the policy in force is kept: as long as the fresh pass lives.
  [[nodiscard]] std::optional<fresh> look(const snapshot_ptr& in_force) const {
    return snapshot_ == in_force
             ? std::optional<fresh>{std::in_place, typename fresh::key{}, *this, in_force}
             : std::optional<fresh>{};
  }
  std::optional<fresh> look(snapshot_ptr&&) const = delete;

  /// Judges it again if it is stale, by its target and where it leads: all that there is of what
  /// has no head.
  /// @returns a fresh pass, or why it may not go on; it then stays stale.
  [[nodiscard]] renewed renew(const snapshot_ptr& in_force, const asker& who,
                              const standing& where = {}) {
    return renew_by(in_force, [&](const snapshot_ptr& now) {
      return judge_again(*now->rules, grant_, who, where);
    });
  }
  renewed renew(snapshot_ptr&&, const asker&, const standing& = {}) = delete;

  /// The same for whoever knows more of it than its target.
  /// @param judge  Judges by its argument, a policy, what this was granted for: what is
  ///               granted now, or a denial. Called when it is stale.
  template <class Judge>
  [[nodiscard]] renewed renew_by(const snapshot_ptr& in_force, Judge&& judge) {
    if (snapshot_ != in_force) {
      std::variant<Grant, denial> judged = judge(in_force);
      if (auto* no = std::get_if<denial>(&judged)) {
        no->passed = nullptr; // what its host was when it was granted is no event any more
        return std::move(*no);
      }
      grant_ = std::get<Grant>(std::move(judged));
      snapshot_ = in_force;
    }
    return renewed{std::in_place_type<fresh>, typename fresh::key{}, *this, in_force};
  }

private:
  Grant grant_; ///< Its rule lives in `snapshot_`.
  snapshot_ptr snapshot_;
  std::string head_;
};

/// Proof that addresses may be dialled for what a fresh pass is for. Only `vet` makes one, and
/// dialling takes nothing else.
class vetted {
public:
  [[nodiscard]] std::span<const ip_address> addresses() const noexcept {
    return addresses_;
  } ///< Never empty.
  /// The name that has these addresses, where it is not the one asked for; else empty.
  [[nodiscard]] const host& found_as() const noexcept { return found_as_; }

private:
  vetted(std::vector<ip_address> addresses, host found_as)
    : addresses_(std::move(addresses)), found_as_(std::move(found_as)) {}
  [[nodiscard]] static std::variant<vetted, denial> by(const rules& in_force, const target& granted,
                                                       const asker& who,
                                                       std::vector<ip_address> addresses,
                                                       host found_as);
  template <class Snapshot>
  friend std::variant<vetted, denial> vet(const fresh_pass<Snapshot>&, const asker&,
                                          std::vector<ip_address>, host);
  std::vector<ip_address> addresses_;
  host found_as_;
};

/// Judges the addresses of a name that was granted.
/// @param found_as  The name that has them, where a search domain was added; else empty.
template <class Snapshot>
[[nodiscard]] std::variant<vetted, denial> vet(const fresh_pass<Snapshot>& fresh, const asker& who,
                                               std::vector<ip_address> addresses, host found_as) {
  return vetted::by(*fresh.snapshot().rules, fresh.to(), who, std::move(addresses),
                    std::move(found_as));
}
template <class Snapshot>
[[nodiscard]] std::variant<vetted, denial> vet(const fresh_pass<Snapshot>& fresh, const asker& who,
                                               std::vector<ip_address> addresses) {
  return vet(fresh, who, std::move(addresses), host{});
}

} // namespace proxy::policy
