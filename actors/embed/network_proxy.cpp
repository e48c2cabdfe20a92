#include <utility>

#include "actors/embed/handle_impl.hpp"
#include "actors/embed/translate.hpp"

namespace codex {

network_proxy::network_proxy(std::unique_ptr<impl> made) : impl_(std::move(made)) {}
network_proxy::network_proxy(network_proxy&&) noexcept = default;
network_proxy& network_proxy::operator=(network_proxy&&) noexcept = default;
network_proxy::~network_proxy() = default;

std::string network_proxy::http_addr() const { return impl_->http; }
std::string network_proxy::socks_addr() const { return impl_->socks; }
std::string network_proxy::admin_addr() const { return impl_->admin; }

result<network_proxy::handle> network_proxy::run() {
  auto bound = std::exchange(impl_->bound, std::nullopt);
  if (!bound)
    return error{error_code::not_running, "it was run before", {}};
  auto enabled = bound->config().enabled;
  auto running = proxy::network_proxy::run(std::move(*bound));
  if (auto* why = std::get_if<proxy::start_failure>(&running))
    return proxy::embed::translate(*why);
  auto made =
    std::make_shared<handle::impl>(impl_->has, std::get<proxy::network_proxy>(std::move(running)));
  made->is_waited_for = enabled;
  return handle{std::move(made)};
}

} // namespace codex
