#include "actors/embed/own_program.hpp"

#include <utility>

#include "actors/embed/builder_impl.hpp"
#include "actors/embed/handle_impl.hpp"

namespace proxy::embed {

codex::network_proxy::builder builder_for(own_program what) {
  codex::network_proxy::builder out;
  access::of(out).program.emplace(std::move(what));
  return out;
}

network_proxy& inside(const codex::network_proxy::handle& one) { return access::of(one).proxy; }

} // namespace proxy::embed
