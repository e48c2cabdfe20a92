#include "policy/decide.hpp"

#include "policy/judge.hpp"
#include "protocols/error.hpp"

namespace proxy::policy {

using namespace judging;

namespace {

/// What the steps find on their way to a permit.
struct finding {
  rule_match by{};
  source from = source::baseline_policy;
  const mitm_hook* hook = nullptr;
  size_t hook_index = 0;
  bool path_judged = false;
  bool word_on_tunnel = false;     ///< The word that lets it through was.
  std::optional<denial> missing{}; ///< What somebody's word would lift.
};

/// One query on its way through the steps.
class judgement {
public:
  judgement(const rules& in_force, const query& q, trace* why)
    : in_force_(in_force), q_(q), note_(why) {
    facts_.protocol = q.to.protocol;
    facts_.client = q.by.client.name;
    facts_.now = q.by.now;
    facts_.visits = q.visits;
    facts_.judged_elsewhere = is_tunnel() || q.granted || q.reading == reading::done;
    // Rules that ask for no more than a host need not know.
    facts_.read = !in_force.table->is_plain() && q.reading != reading::none &&
                  q.reading != reading::hidden && is_read();
  }

  std::optional<denial> judge() {
    if (q_.request && in_force_.table->looks_at_requests())
      look_at(*q_.request);
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
  /// Only where a rule or hook of the host looks at requests is the path brought into the form that
  /// is judged and sent.
  void look_at(const request_facts& request) {
    hooks_ = is_read() ? by().hooks : nullptr;
    if (!hooks_ && !by().rule)
      return;
    no_path_ = http1::canonicalise(request.path, *request.canonical);
    found.path_judged = !no_path_;
    request_ = {q_.to.method, no_path_ ? nullptr : request.canonical, request.fields};
    facts_.request = &request_;
  }

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
    auto refused = judge_host(in_force_, q_.to, facts_, note_, found.by);
    if (refused && refused->reason != reason::not_allowed)
      return refused;
    if (refused) {
      if (auto no = ask(std::move(*refused)))
        return no;
    }
    auto no = judge_asked();
    if (!no)
      return std::nullopt;
    // Nobody is asked in vain. What would have been asked refuses nothing by itself.
    if (found.missing && found.missing->reason == reason::not_allowed)
      return std::move(found.missing);
    found.missing.reset();
    if (is_first_judged() && no->reason != reason::mitm_hook_denied)
      no->passed = found.by.place;
    return no;
  }

  /// Nothing allows it: somebody's word may.
  /// @returns the denial when nobody's does, or when they refuse.
  std::optional<denial> ask(denial not_allowed) {
    auto& table = *in_force_.table;
    auto by = rule_match{};
    if (table.has(action::ask)) {
      by = table.find(action::ask, q_.to.host, q_.to.port, facts_);
      note_.add("ask", [&] { return by ? matches(*by.place) : "no match"; });
    }
    auto counts = q_.answer && !(q_.answer->of_tunnel && by && by.by->request);
    if (!counts && !by && !in_force_.asks_unlisted)
      return not_allowed;
    if (!counts) {
      found.missing =
        by
          ? denial{.reason = reason::approval_required, .decision = decision::ask, .rule = by.place}
          : std::move(not_allowed);
      return std::nullopt;
    }
    if (q_.answer->decision != decision::allow)
      return refusal_by(*q_.answer);
    note_.add("decider", [] { return std::string{"allowed"}; });
    found.from = source::decider;
    found.word_on_tunnel = q_.answer->of_tunnel;
    return std::nullopt;
  }

  /// Hooks, then the mode, then whether what must be read is.
  std::optional<denial> judge_asked() {
    if (q_.request && hooks_) {
      hook_match how;
      if (auto no = judge_hooks(in_force_, q_.to, *hooks_, request_, no_path_, note_, how))
        return no;
      found.hook = how.hook;
      found.hook_index = how.index;
      if (auto no = judge_method(in_force_, q_.to.method, q_.to.upgrade, note_))
        return no;
    } else if (auto no = judge_mode(in_force_, q_.to, by(), note_)) {
      return no;
    }
    return stays_unread() ? std::optional{refuse_by_mode(reason::mitm_required)} : std::nullopt;
  }

  /// Whether it goes through a tunnel unread that has to be read.
  [[nodiscard]] bool stays_unread() noexcept {
    if (!is_tunnel() || q_.reading == reading::done)
      return false;
    if (q_.reading == reading::possible)
      return found.by.for_reading && !is_read();
    return found.by.for_reading || must_be_read(in_force_, by()) ||
           (q_.reading == reading::hidden && is_read());
  }

  [[nodiscard]] bool is_tunnel() const noexcept { return policy::is_tunnel(q_.to.protocol); }

  [[nodiscard]] bool is_read() noexcept { return judging::is_read(in_force_, q_.to, by()); }

  /// Looked for once, by the first who wants to know.
  [[nodiscard]] const onlookers& by() noexcept {
    if (!by_)
      by_ = onlookers_of(in_force_, q_.to);
    return *by_;
  }

  std::optional<denial> judge_destination() const {
    auto& where = *q_.leads_to;
    if (where.found_as)
      if (auto no = judge_found_name(in_force_, q_.to, *where.found_as, facts_, note_))
        return no;
    if (!where.addresses)
      return std::nullopt;
    // An answer without any address is refused like a bad one: nothing could be dialled.
    if (where.addresses->empty())
      return refuse(reason::not_allowed_local);
    for (auto& address : *where.addresses)
      if (auto no = judge_address(in_force_, q_.to, address, facts_, note_))
        return no;
    return std::nullopt;
  }

  /// Whether what its host is has not been told before.
  [[nodiscard]] bool is_first_judged() const noexcept {
    return !q_.to.in_tunnel && q_.reading == reading::possible && is_judged_apart(in_force_, q_.to);
  }

  static denial refusal_by(const answer& a) {
    denial out{
      reason::policy_denied, source::decider, a.decision, nullptr, std::string{a.words}, true};
    if (auto named = reason_named(out.words)) {
      out.reason = *named;
      out.words.clear();
    }
    return out;
  }

  const rules& in_force_;
  const query& q_;
  notes note_;
  rule_facts facts_;
  judged_request request_{};
  std::optional<onlookers> by_;
  const hook_set::numbers* hooks_ = nullptr; ///< Of a request that is read: they are asked.
  const char* no_path_ = nullptr;            ///< Why the path has no canonical form.
};

} // namespace

verdict decide(const rules& in_force, const query& q, trace* why) {
  judgement j{in_force, q, why};
  if (auto no = j.judge())
    return std::move(*no);
  if (j.found.missing)
    return question{q.to, std::move(*j.found.missing)};
  auto out = grants::make(q.to, j.found.by.place, j.found.from);
  if (j.found.path_judged)
    grants::set_hook(out, j.found.hook, j.found.hook_index);
  if (j.found.word_on_tunnel)
    grants::set_word_on_tunnel(out);
  return out;
}

std::optional<denial> why_not(const rules& in_force, const query& q, trace* why) {
  judgement j{in_force, q, why};
  if (auto no = j.judge())
    return no;
  return std::move(j.found.missing);
}

std::optional<denial> why_no_association(const rules& in_force, trace* why) {
  notes note{why};
  if (!is_offered(in_force, protocol::socks5_udp, note))
    return not_offered();
  return judge_way_in(in_force, protocol::socks5_udp, note);
}

bool reads_fields(const rules& in_force, const target& what) noexcept {
  return in_force.table->looks_at_fields() &&
         (in_force.table->has_reading() || policy::is_read(in_force, what));
}

caf::error fault_in(const denial& d) {
  return d.reason == reason::misdirected ? caf::make_error(errc::misdirected, d.words)
                                         : caf::error{};
}

} // namespace proxy::policy
