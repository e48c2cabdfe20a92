#include <utility>

#include "actors/embed/handle_impl.hpp"
#include "actors/embed/translate.hpp"

namespace codex {

network_proxy::network_proxy(std::unique_ptr<impl> made) : impl_(std::move(made)) {}
network_proxy::network_proxy(network_proxy&&) noexcept = default;
network_proxy& network_proxy::operator=(network_proxy&&) noexcept = default;
network_proxy::~network_proxy() = default;

namespace {

std::string address_of(const std::optional<proxy::bound_proxy>& bound, proxy::endpoint which) {
  return bound ? bound->address(which).value_or("") : std::string{};
}

} // namespace

std::string network_proxy::http_addr() const {
  return address_of(impl_->bound, proxy::endpoint::http);
}

std::string network_proxy::socks_addr() const {
  return address_of(impl_->bound, proxy::endpoint::socks);
}

std::string network_proxy::admin_addr() const {
  return address_of(impl_->bound, proxy::endpoint::admin);
}

result<network_proxy::handle> network_proxy::run() {
  auto bound = std::exchange(impl_->bound, std::nullopt);
  if (!bound)
    return error{error_code::not_running, "it was run before", {}};
  auto enabled = bound->config().enabled;
  auto running = proxy::network_proxy::run(std::move(*bound));
  if (auto* why = std::get_if<proxy::start_failure>(&running))
    return proxy::embed::translate(*why);
  auto has = impl_->has;
  if (!enabled)
    has.becomes->end(); // nobody is served: there is nothing to wait for
  return handle{std::make_shared<handle::impl>(std::move(has),
                                               std::get<proxy::network_proxy>(std::move(running)))};
}

} // namespace codex
