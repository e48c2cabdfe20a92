#include <utility>

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

std::optional<codex::error> fate::over() const {
  std::lock_guard guard{lock_};
  if (failure_)
    return codex::error{codex::error_code::failed, *failure_, {}};
  return std::nullopt;
}

} // namespace proxy::embed

namespace codex {

using handle = network_proxy::handle;

void handle::impl::end() noexcept {
  has.becomes->end();
  if (has.deciders)
    has.deciders->end();
  (void)proxy.end();
  has.told->end();
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

namespace {

error no_answer() {
  return {error_code::timed_out, "the proxy is too busy to answer, or it is ending", {}};
}

} // namespace

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
  return kept->change([&] { return kept->proxy.set_mode(proxy::embed::translate(mode)); });
}

result<policy_change> handle::reload() {
  auto kept = impl_;
  return kept->change([&] { return kept->proxy.reload(); });
}

result<policy_change> handle::reload(std::map<std::string, std::string> environment) {
  auto kept = impl_;
  using values = proxy::embed::environment_values;
  auto before =
    kept->has.environment->replace(std::make_shared<const values::map>(std::move(environment)));
  auto outcome = kept->change([&] { return kept->proxy.reload(); });
  if (!outcome)
    kept->has.environment->replace(std::move(before));
  return outcome;
}

result<policy_change> handle::add_allowed_domain(std::string_view pattern) {
  auto kept = impl_;
  return kept->change([&] { return kept->proxy.add_allowed_domain(std::string{pattern}); });
}

result<policy_change> handle::add_denied_domain(std::string_view pattern) {
  auto kept = impl_;
  return kept->change([&] { return kept->proxy.add_denied_domain(std::string{pattern}); });
}

result<blocked_requests> handle::blocked() const {
  auto kept = impl_;
  if (auto why = kept->has.becomes->over())
    return std::move(*why);
  auto page = kept->proxy.blocked();
  blocked_requests out{{}, page.total};
  for (const auto& each : page.entries)
    out.newest.push_back(proxy::embed::translate(*each));
  return out;
}

result<std::string> handle::current_config() const {
  auto kept = impl_;
  if (auto why = kept->has.becomes->over())
    return std::move(*why);
  auto config = kept->proxy.config();
  if (!config)
    return no_answer();
  return proxy::config::to_json(*config);
}

result<bool> handle::shutdown(std::chrono::milliseconds grace) {
  auto kept = impl_;
  if (auto why = kept->has.becomes->over())
    return std::move(*why);
  auto drained = kept->proxy.shutdown(grace);
  kept->end();
  if (auto why = kept->has.becomes->over())
    return std::move(*why);
  return drained;
}

result<void> handle::wait() const {
  auto kept = impl_;
  if (auto why = kept->has.becomes->await())
    return error{error_code::failed, std::move(*why), {}};
  return {};
}

} // namespace codex
