#include "actors/version.hpp"

namespace proxy {

constinit const std::string_view version = PROXY_VERSION;

} // namespace proxy
