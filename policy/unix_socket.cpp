#include "policy/unix_socket.hpp"

#include <algorithm>

#include "policy/decide.hpp"
#include "policy/judge.hpp"
#include "protocols/ascii.hpp"
#include "protocols/error.hpp"
#include "protocols/known_word.hpp"

namespace proxy::policy {

namespace {

denial deny(reason why) {
  denial out;
  out.reason = why;
  out.source = source::proxy_state;
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
    if (ascii::is<"x-unix-socket">(f.name)) {
      into.unix_socket = std::make_shared<const std::string>(f.value);
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

std::variant<socket_permit, denial> decide(const rules& in_force, const socket_query& q,
                                           trace* why) {
  judging::notes note{why};
  if (!judging::is_offered(in_force, q.request.protocol, note))
    return judging::not_offered();
  if (auto no = judging::judge_method(in_force, q.request.method, q.request.upgrade, note))
    return std::move(*no);
  auto refused = [&](denial no, std::string_view words) {
    note.add("unix_socket", [&] { return std::string{words}; });
    return no;
  };
  if (!q.served)
    return refused(deny(reason::unix_socket_unsupported), "none is served here");
  auto& lists = in_force.sockets;
  auto path = normal_socket_path(*q.request.unix_socket);
  if (!path)
    return refused(socket_not_allowed(), "not an absolute path");
  auto is_file = [&](const std::vector<std::string>& list) {
    return !q.file.empty() && lists_socket(list, q.file);
  };
  if (lists_socket(lists.denied, *path) || is_file(lists.denied))
    return refused(socket_not_allowed(), "denied");
  if (!lists.all && lists.allowed.empty())
    return refused(socket_not_allowed(), "none is listed");
  auto by_name = lists.all || lists_socket(lists.allowed, *path);
  if (!q.file.empty() && !by_name && !is_file(lists.allowed))
    return refused(socket_not_allowed(), "not listed any more");
  note.add("unix_socket", [&] {
    return std::string{by_name ? "listed" : "not listed; passes as a link to one that is"};
  });
  return socket_permit{std::move(*path), by_name};
}

denial socket_not_allowed() { return deny(reason::not_allowed); }

denial socket_is_own() { return deny(reason::not_allowed_local); }

} // namespace proxy::policy
