#include "policy/decide.hpp"

#include "policy/inner.hpp"
#include "policy/judge.hpp"
#include "protocols/error.hpp"

namespace proxy::policy {

using namespace judging;

namespace {

/// What the steps find on their way to a permit.
struct finding {
  const rule* by = nullptr;
  source from = source::baseline_policy;
  const mitm_hook* hook = nullptr;
  size_t hook_index = 0;
  std::optional<denial> missing{}; ///< What somebody's word would lift.
};

class judgement {
public:
  judgement(const rules& in_force, const query& q, trace* why)
    : in_force_(in_force), q_(q), note_(why) {}

  std::optional<denial> judge() {
    if (!q_.granted) {
      if (auto no = judge_names())
        return no;
      if (auto no = judge_target())
        return no;
    }
    return q_.leads_to && !found.missing ? judge_destination() : std::nullopt;
  }

  finding found;

private:
  /// A request inside a tunnel goes where the tunnel leads, and says so (RFC 9110 §7.4).
  std::optional<denial> judge_names() const {
    if (!q_.through || q_.to.host == q_.through->host)
      return std::nullopt;
    denial out{reason::misdirected, source::proxy_state, decision::deny, nullptr, {}, false};
    out.words =
      "Host names " + q_.to.host.in_url() + ", the tunnel leads to " + q_.through->host.in_url();
    note_.add("request", [&] { return out.words; });
    return out;
  }

  /// The host, what somebody says of it, and then what is asked of it.
  std::optional<denial> judge_target() {
    if (auto no = judge_host(in_force_, q_.to, note_, found.by)) {
      if (no->reason != reason::not_allowed || (!q_.answer && !in_force_.asks_unlisted))
        return no;
      found.missing = std::move(no);
      if (q_.answer)
        if (auto refused = take_answer())
          return refused;
    }
    auto no = judge_asked();
    if (!no)
      return std::nullopt;
    if (found.missing) // nobody is asked in vain
      return std::move(found.missing);
    if (is_first_judged() && no->reason != reason::mitm_hook_denied)
      no->passed = found.by;
    return no;
  }

  std::optional<denial> take_answer() {
    if (q_.answer->decision != decision::allow)
      return uphold(*found.missing, q_.answer->decision, std::string{q_.answer->words});
    note_.add("decider", [] { return std::string{"allowed"}; });
    found.from = source::decider;
    found.missing.reset();
    return std::nullopt;
  }

  /// Hooks, then the mode, then whether what must be read is.
  std::optional<denial> judge_asked() {
    if (q_.request && is_read(in_force_, q_.to)) {
      forward how;
      inner_request asked{q_.to.method, q_.request->path, q_.request->fields, q_.to.upgrade};
      if (auto no = judge_hooks(in_force_, q_.to, asked, *q_.request->canonical, note_, how))
        return no;
      found.hook = how.hook;
      found.hook_index = how.index;
      if (auto no = judge_method(in_force_, q_.to.method, q_.to.upgrade, note_))
        return no;
    } else if (auto no = judge_mode(in_force_, q_.to, note_)) {
      return no;
    }
    return stays_unread() ? std::optional{refuse_by_mode(reason::mitm_required)} : std::nullopt;
  }

  /// Whether it goes through a tunnel unread that has to be read.
  [[nodiscard]] bool stays_unread() const noexcept {
    if (q_.reading == reading::possible || q_.reading == reading::done || !is_tunnel())
      return false;
    return must_be_read(in_force_, q_.to) ||
           (q_.reading == reading::hidden && is_read(in_force_, q_.to));
  }

  [[nodiscard]] bool is_tunnel() const noexcept {
    return q_.to.protocol == protocol::https_connect || q_.to.protocol == protocol::socks5_tcp;
  }

  std::optional<denial> judge_destination() const {
    auto& where = *q_.leads_to;
    if (where.found_as)
      if (auto no = judge_found_name(in_force_, q_.to, *where.found_as, note_))
        return no;
    if (!where.addresses)
      return std::nullopt;
    // An answer without any address is refused like a bad one: nothing could be dialled.
    if (where.addresses->empty())
      return refuse(reason::not_allowed_local);
    for (auto& address : *where.addresses)
      if (auto no = judge_address(in_force_, q_.to, address, note_))
        return no;
    return std::nullopt;
  }

  /// Whether what its host is has not been told before.
  [[nodiscard]] bool is_first_judged() const noexcept {
    return !q_.to.inside && q_.reading == reading::possible && is_judged_apart(in_force_, q_.to);
  }

  const rules& in_force_;
  const query& q_;
  notes note_;
};

} // namespace

verdict decide(const rules& in_force, const query& q, trace* why) {
  judgement j{in_force, q, why};
  if (auto no = j.judge())
    return std::move(*no);
  if (j.found.missing)
    return question{q.to, std::move(*j.found.missing)};
  auto out = grants::make(q.to, j.found.by, j.found.from);
  if (j.found.hook)
    grants::set_hook(out, j.found.hook, j.found.hook_index);
  return out;
}

std::optional<denial> why_not(const rules& in_force, const query& q, trace* why) {
  judgement j{in_force, q, why};
  if (auto no = j.judge())
    return no;
  return std::move(j.found.missing);
}

bool reads_fields(const rules& in_force, const target& what) noexcept {
  return in_force.hooks && is_read(in_force, what);
}

caf::error fault_in(const denial& d) {
  return d.reason == reason::misdirected ? caf::make_error(errc::misdirected, d.words)
                                         : caf::error{};
}

} // namespace proxy::policy
