#include "actors/admin/json.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "actors/observe/log/timestamp.hpp"
#include "protocols/error.hpp"

namespace proxy::admin {

namespace {

using json = nlohmann::ordered_json;

/// Entries of GET /blocked: as many as one shard remembers.
constexpr size_t max_blocked = blocked_ring::max_size;

std::string text_of(const json& value) {
  // Reasons of a decider may be in any encoding.
  return value.dump(-1, ' ', false, json::error_handler_t::replace) + '\n';
}

json or_null(const std::string& text) { return text.empty() ? json{} : json(text); }

json patterns_of(const std::vector<policy::placed_text>& rules) {
  auto out = json::array();
  for (auto& rule : rules)
    out.push_back(rule.text);
  return out;
}

/// Nobody is named where nobody is asked.
void add_user(json& entry, const std::string& user) {
  if (!user.empty())
    entry["user"] = user;
}

json entry_of(const decision_event& b) {
  json out = {{"id", b.id},
              {"timestamp", timestamp(b.at)},
              {"host", b.listed_host()},
              {"port", b.port},
              {"reason", b.reason_text()},
              {"decision", policy::to_string(b.decision)},
              {"source", policy::to_string(b.source)},
              {"protocol", policy::to_string(b.protocol)},
              {"method", or_null(b.method)},
              {"mode", policy::to_string(b.mode)},
              {"client", or_null(b.client_text())},
              {"rule", or_null(b.rule)},
              {"request_id", b.request_id.text()}};
  add_user(out, b.user);
  return out;
}

json rule_of(const connection_info& c) {
  if (c.rule.empty())
    return {};
  return {{"text", c.rule},
          {"file", or_null(c.rule_file)},
          {"line", c.rule_line == 0 ? json{} : json(c.rule_line)}};
}

json entry_of(const connection_info& c) {
  auto known = !c.host.empty();
  json out = {{"id", c.id},
              {"client", c.client},
              {"state", c.state},
              {"protocol", known ? json(policy::to_string(c.protocol)) : json{}},
              {"host", or_null(c.host)},
              {"port", known ? json(c.port) : json{}},
              {"rule", rule_of(c)},
              {"bytes_up", c.bytes_up},
              {"bytes_down", c.bytes_down},
              {"age_ms", c.age_ms}};
  add_user(out, c.user);
  return out;
}

uint64_t id_of(const connection_info& c) { return c.id; }
uint64_t id_of(const decision_event_ptr& b) { return b->id; }

template <class Entry>
void sort_by_id(std::vector<Entry>& entries) {
  std::sort(entries.begin(), entries.end(), [](auto& a, auto& b) { return id_of(a) < id_of(b); });
}

} // namespace

std::string error_json(std::string_view what) { return text_of({{"error", what}}); }

std::string patterns_json(const config::proxy_config& config) {
  return text_of({{"allowed", patterns_of(config.allowed_domains)},
                  {"denied", patterns_of(config.denied_domains)}});
}

std::string blocked_json(blocked_page all, const blocked_range& range) {
  auto& entries = all.entries;
  // An id that one shard has given out while another had answered already would make the cursor
  // skip entries of that other shard: it waits for the next question.
  std::erase_if(entries, [&](auto& b) { return b->id >= range.below; });
  sort_by_id(entries);
  if (entries.size() > max_blocked)
    entries.erase(entries.begin(), entries.end() - max_blocked);
  auto next = range.since.value_or(0);
  std::erase_if(entries, [&](auto& b) { return b->id <= next; });
  auto count = static_cast<ptrdiff_t>(std::min<uint64_t>(range.limit, entries.size()));
  auto begin = range.since ? entries.begin() : entries.end() - count;
  auto list = json::array();
  for (auto at = begin; at != begin + count; ++at) {
    list.push_back(entry_of(**at));
    next = (*at)->id;
  }
  return text_of({{"blocked", std::move(list)}, {"total", all.total}, {"next", next}});
}

std::string connections_json(std::vector<connection_info> all, uint64_t limit) {
  sort_by_id(all);
  auto list = json::array();
  for (size_t i = 0; i < all.size() && i < limit; ++i)
    list.push_back(entry_of(all[i]));
  return text_of({{"connections", std::move(list)}, {"total", all.size()}});
}

std::string reloaded_json(const reload_report& report) {
  return text_of({{"status", "reloaded"},
                  {"generation", report.generation},
                  {"changed", report.changed},
                  {"closed_tunnels", report.closed_tunnels},
                  {"needs_restart", report.needs_restart}});
}

std::string refused_json(const std::vector<config::problem>& problems) {
  auto errors = json::array();
  for (auto& p : problems)
    if (p.level == config::problem::severity::error)
      errors.push_back(p.str());
  return text_of({{"status", "refused"}, {"errors", std::move(errors)}});
}

std::string mode_json(policy::mode mode) {
  return text_of({{"status", "ok"}, {"mode", policy::to_string(mode)}});
}

std::string lifted_json(policy::mode mode) {
  return text_of({{"status", "ok"}, {"mode", policy::to_string(mode)}, {"mode_override", nullptr}});
}

caf::expected<std::optional<policy::mode>> parse_mode(std::string_view body) {
  auto malformed = [](std::string what) {
    return caf::make_error(errc::malformed, "invalid json" + std::move(what));
  };
  auto parsed = json::parse(body, nullptr, false);
  if (parsed.is_discarded())
    return malformed("");
  auto at = parsed.is_object() ? parsed.find("mode") : parsed.end();
  if (at != parsed.end() && at->is_string()) {
    const auto& word = at->get_ref<const std::string&>();
    for (auto mode : {policy::mode::full, policy::mode::limited})
      if (word == policy::to_string(mode))
        return std::optional{mode};
    if (word == "config")
      return std::optional<policy::mode>{};
  }
  return malformed(": expected {\"mode\":WORD}, where WORD is full, limited or config");
}

} // namespace proxy::admin
