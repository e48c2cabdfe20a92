#include "policy/unix_socket.hpp"

#include <algorithm>

#include "protocols/ascii.hpp"
#include "protocols/error.hpp"

namespace proxy::policy {

namespace {

denial refuse(reason why, source by = source::proxy_state) {
  denial out;
  out.reason = why;
  out.source = by;
  out.domain_scope = false;
  return out;
}

} // namespace

caf::error read_socket_name(const http1::head& of, target& into) {
  if (auto named = host::parse("unix-socket"))
    into.host = std::move(*named);
  into.port = 0;
  size_t count = 0;
  for (const auto& f : of.fields)
    if (ascii::equals_ignoring_case(f.name, "x-unix-socket")) {
      into.unix_socket = f.value;
      ++count;
    }
  auto is_text = [](char c) { return c >= 0x20 && c < 0x7f; };
  if (count == 1 && std::ranges::all_of(*into.unix_socket, is_text))
    return {};
  return caf::make_error(errc::malformed, std::string{"invalid x-unix-socket header"});
}

std::optional<std::string> normal_socket_path(std::string_view path) {
  if (!path.starts_with('/') || path.find('\0') != std::string_view::npos)
    return std::nullopt;
  std::string out;
  while (!path.empty()) {
    path.remove_prefix(1);
    auto part = path.substr(0, path.find('/'));
    path.remove_prefix(part.size());
    if (part == "..")
      out.resize(std::min(out.rfind('/'), out.size())); // above the root is the root
    else if (!part.empty() && part != ".")
      out.append("/").append(part);
  }
  return out.empty() ? std::nullopt : std::optional{std::move(out)};
}

bool lists_socket(std::span<const std::string> paths, std::string_view normal) {
  return std::ranges::any_of(paths,
                             [&](const auto& path) { return normal_socket_path(path) == normal; });
}

std::variant<socket_permit, denial> judge_socket(const rules& in_force, const socket_lists& lists,
                                                 bool served, const target& what) {
  if (!in_force.enabled)
    return refuse(reason::proxy_disabled);
  if (!allows_method(in_force.mode, what.method) ||
      (what.upgrade && in_force.mode == mode::limited))
    return refuse(reason::method_not_allowed, source::mode_guard);
  if (!served)
    return refuse(reason::unix_socket_unsupported);
  auto path = normal_socket_path(*what.unix_socket);
  if (!path || lists_socket(lists.denied, *path) || (!lists.all && lists.allowed.empty()))
    return socket_not_allowed();
  auto by_name = lists.all || lists_socket(lists.allowed, *path);
  return socket_permit{std::move(*path), by_name};
}

std::optional<denial> judge_socket_again(const rules& in_force, const socket_lists& lists,
                                         const target& what, std::string_view real) {
  auto judged = judge_socket(in_force, lists, true, what);
  if (auto* no = std::get_if<denial>(&judged))
    return std::move(*no);
  auto listed = std::get<socket_permit>(judged).by_name() || lists_socket(lists.allowed, real);
  if (!listed || lists_socket(lists.denied, real))
    return socket_not_allowed();
  return std::nullopt;
}

denial socket_not_allowed() { return refuse(reason::not_allowed); }

denial socket_is_own() { return refuse(reason::not_allowed_local); }

} // namespace proxy::policy
