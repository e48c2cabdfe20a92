#include <algorithm>
#include <utility>

#include "actors/admin/explain.hpp"
#include "actors/clients/child_env.hpp"
#include "actors/clients/client_url.hpp"
#include "actors/clients/client_variables.hpp"
#include "actors/dns/lookup.hpp"
#include "actors/embed/handle_impl.hpp"
#include "actors/embed/translate.hpp"

namespace proxy::embed {

void fate::fail(const std::string& why) {
  std::lock_guard guard{lock_};
  if (!ended_ && !failure_)
    failure_ = why;
  told_.notify_all();
}

void fate::end() {
  std::lock_guard guard{lock_};
  ended_ = true;
  told_.notify_all();
}

std::optional<std::string> fate::await() const {
  std::unique_lock guard{lock_};
  told_.wait(guard, [this] { return ended_ || failure_; });
  return failure_;
}

std::optional<std::string> fate::failure() const {
  std::lock_guard guard{lock_};
  return failure_;
}

} // namespace proxy::embed

namespace codex {

using handle = network_proxy::handle;

void handle::impl::end() noexcept {
  over_ = true;
  std::call_once(ended_, [this] {
    using clock = proxy::embed::callback_pool::clock;
    auto deadline = clock::now() + proxy::embed::callback_pool::end_patience;
    if (has.deciders)
      has.deciders->end(deadline);
    (void)proxy.end();
    has.told->end(std::max(deadline, clock::now() + std::chrono::seconds{1}));
    has.becomes->end();
  });
}

bool handle::impl::drain(std::chrono::milliseconds grace) {
  // Longer ones are more than clocks can add.
  grace = std::clamp(grace, std::chrono::milliseconds{0},
                     std::chrono::milliseconds{std::chrono::hours{24 * 365}});
  if (!drains_.exchange(true)) {
    auto drained = proxy.shutdown(grace);
    std::lock_guard guard{draining_};
    drained_ = drained;
    told_.notify_all();
    return drained;
  }
  {
    std::unique_lock guard{draining_};
    if (told_.wait_for(guard, grace, [this] { return drained_.has_value(); }))
      return *drained_;
  }
  proxy.end_now();
  return false;
}

std::optional<error> handle::impl::unusable() const {
  if (auto why = has.becomes->failure())
    return error{error_code::failed, std::move(*why), {}};
  if (over_)
    return error{error_code::not_running, "the proxy has ended", {}};
  return std::nullopt;
}

namespace {

error no_answer() {
  return {error_code::timed_out, "the proxy is too busy to answer, or it is ending", {}};
}

} // namespace

result<policy_change>
handle::impl::change(const std::function<proxy::reload_outcome(proxy::network_proxy&)>& how) {
  if (auto why = unusable())
    return std::move(*why);
  auto outcome = how(proxy);
  if (!outcome.report) { // perhaps because it ends
    if (auto why = unusable())
      return std::move(*why);
    if (drains_)
      return error{error_code::not_running, "the proxy is shutting down", {}};
  }
  if (!outcome.answered)
    return no_answer();
  return proxy::embed::translate(std::move(outcome));
}

handle::handle(std::shared_ptr<impl> made) : impl_(std::move(made)) {}
handle::handle(handle&&) noexcept = default;

handle& handle::operator=(handle&& other) noexcept {
  if (this != &other) {
    if (impl_)
      impl_->end();
    impl_ = std::move(other.impl_);
  }
  return *this;
}

handle::~handle() {
  if (impl_)
    impl_->end();
}

std::string handle::http_addr() const {
  auto kept = impl_;
  return kept->proxy.http_address().value_or("");
}

std::string handle::socks_addr() const {
  auto kept = impl_;
  return kept->proxy.socks_address().value_or("");
}

std::string handle::admin_addr() const {
  auto kept = impl_;
  return kept->proxy.admin_address().value_or("");
}

result<policy_change> handle::set_mode(network_mode mode) {
  auto kept = impl_;
  return kept->change(
    [&](auto& running) { return running.set_mode(proxy::embed::translate(mode)); });
}

result<policy_change> handle::reload() {
  auto kept = impl_;
  return kept->change([&](auto& running) { return running.reload(); });
}

result<policy_change> handle::reload(std::map<std::string, std::string> environment) {
  auto kept = impl_;
  std::lock_guard one_at_a_time{kept->environments};
  using values = proxy::embed::environment_values;
  auto before =
    kept->has.environment->replace(std::make_shared<const values::map>(std::move(environment)));
  auto outcome = kept->change([&](auto& running) { return running.reload(); });
  if (!outcome)
    kept->has.environment->replace(std::move(before));
  return outcome;
}

result<policy_change> handle::add_allowed_domain(std::string_view pattern) {
  auto kept = impl_;
  return kept->change(
    [&](auto& running) { return running.add_allowed_domain(std::string{pattern}); });
}

result<policy_change> handle::add_denied_domain(std::string_view pattern) {
  auto kept = impl_;
  return kept->change(
    [&](auto& running) { return running.add_denied_domain(std::string{pattern}); });
}

result<blocked_requests> handle::blocked() const {
  auto kept = impl_;
  if (auto why = kept->unusable())
    return std::move(*why);
  auto page = kept->proxy.blocked();
  blocked_requests out{{}, page.total};
  for (const auto& each : page.entries)
    out.newest.push_back(proxy::embed::translate(*each));
  return out;
}

result<std::string> handle::current_config() const {
  auto kept = impl_;
  if (auto why = kept->unusable())
    return std::move(*why);
  auto config = kept->proxy.config();
  if (!config)
    return no_answer();
  return proxy::config::to_json(*config);
}

result<explanation> handle::explain(std::string_view url, std::string_view method) const {
  auto kept = impl_;
  if (auto why = kept->unusable())
    return std::move(*why);
  auto in_force = kept->proxy.current();
  if (!in_force)
    return no_answer();
  proxy::question asked;
  asked.address = url;
  asked.method = method;
  auto what = proxy::parse_question(asked);
  if (!what)
    return error{error_code::invalid_argument, proxy::context_of(what.error()), {}};
  caf::expected<proxy::dns_answer> found{proxy::dns_answer{}};
  if (auto name = proxy::name_to_resolve(*in_force, *what); !name.empty())
    found = proxy::look_up(*in_force->config, name);
  return proxy::embed::translate(proxy::explain(*in_force, *what, found));
}

result<void> handle::apply_to_env(std::map<std::string, std::string>& environment) const {
  auto kept = impl_;
  if (auto why = kept->unusable())
    return std::move(*why);
  auto config = kept->proxy.config();
  auto address = kept->proxy.http_address();
  if (!config || (config->enabled && !address))
    return no_answer();
  if (!address)
    return error{error_code::not_running, "the configuration says enabled = false", {}};
  auto url = "http://" + *address;
  if (auto wrong = proxy::log_in(url, *config, ""); !wrong.empty())
    return error{error_code::invalid_config, std::move(wrong), {}};
  auto own = kept->has.environment->now();
  auto hidden = proxy::hidden_from_clients(*config, proxy::embed::reader_of(*own));
  (void)proxy::apply_to_environment(environment, url, *config, hidden, "");
  return {};
}

result<bool> handle::shutdown(std::chrono::milliseconds grace) {
  auto kept = impl_;
  if (auto why = kept->unusable())
    return std::move(*why);
  auto drained = kept->drain(grace);
  kept->end();
  if (auto why = kept->has.becomes->failure())
    return error{error_code::failed, std::move(*why), {}};
  return drained;
}

result<void> handle::wait() const {
  auto kept = impl_;
  if (auto why = kept->is_waited_for ? kept->has.becomes->await() : kept->has.becomes->failure())
    return error{error_code::failed, std::move(*why), {}};
  return {};
}

} // namespace codex
