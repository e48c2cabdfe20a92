#include "config/layer.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <system_error>
#include <unistd.h>

#include "config/text.hpp"

namespace proxy::config {

namespace {

constexpr const char* profile_key = "default_permissions";
/// What a text that is no file is called in messages.
constexpr const char* document_name = "config";
constexpr std::string_view root_keys[] = {profile_key, "network_proxy", "permissions"};

std::string errno_text(int number) { return std::generic_category().message(number); }

std::string directory_of(const std::string& path) {
  auto slash = path.rfind('/');
  if (slash == std::string::npos)
    return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// Waits until there is something to read, or nobody writes any more. Files always are.
bool is_readable_by(std::chrono::steady_clock::time_point deadline, int fd) {
  for (;;) {
    auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd wanted{fd, POLLIN, 0};
    auto found = ::poll(&wanted, 1, static_cast<int>(std::max<int64_t>(left.count(), 0)));
    if (found >= 0 || errno != EINTR)
      return found > 0;
  }
}

/// Reads one file into a layer; nothing when it is missing and may be.
void add_file(std::vector<layer>& to, layer::kind from, const std::string& path,
              bool may_be_missing, report& out) {
  if (path.empty())
    return;
  auto content = read_file(path, max_file_bytes);
  if (content.missing && may_be_missing)
    return;
  if (!content.failure.empty())
    return out.error({path}, {}, "cannot read: " + content.failure);
  auto parsed = parse_toml(content.text);
  if (!parsed.table)
    return out.error({path, parsed.line, parsed.column}, {}, parsed.failure);
  to.push_back({from, path, directory_of(path), std::move(*parsed.table)});
}

/// A text that stands for a file.
void add_document(std::vector<layer>& to, const std::string& text, report& out) {
  auto parsed = parse_toml(text);
  if (!parsed.table)
    return out.error({document_name, parsed.line, parsed.column}, {}, parsed.failure);
  to.push_back({layer::kind::file, document_name, {}, std::move(*parsed.table)});
}

void add_set(std::vector<layer>& to, const std::string& text, report& out) {
  auto equals = text.find('=');
  std::string name{trim(std::string_view{text}.substr(0, std::min(equals, text.size())))};
  if (equals == std::string::npos || name.empty())
    return out.error({"--set"}, name, "expected KEY=VALUE, got " + excerpt(text));
  auto parsed = parse_toml(text);
  if (!parsed.table) {
    auto value = std::string{trim(std::string_view{text}.substr(equals + 1))};
    auto hint = value.empty() || value.front() == '"' || value.front() == '\''
                  ? std::string{}
                  : "strings need quotes: --set '" + name + "=\"…\"'";
    return out.error({"--set"}, name, "the value is not TOML: " + parsed.failure, std::move(hint));
  }
  if (parsed.table->size() != 1)
    return out.error({"--set"}, name, "expected one KEY=VALUE, got " + excerpt(text));
  to.push_back({layer::kind::flag, "--set", {}, std::move(*parsed.table)});
}

/// Whether a key or a group of keys of this table starts with `name`.
bool knows(table_kind table, std::string_view name) {
  const auto& names = names_in(table);
  auto at = names.lower_bound(name);
  if (at != names.end() && at->first == name)
    return true;
  auto group = std::string{name} + ".";
  at = names.lower_bound(group);
  return at != names.end() && at->first.starts_with(group);
}

/// The path below which a relative `--set` key belongs.
std::vector<std::string> home_of(std::string_view name, const std::string& profile) {
  if (!profile.empty() &&
      (knows(table_kind::profile, name) || !knows(table_kind::network_proxy, name)))
    return {"permissions", profile, "network"};
  // Keys of the newer layout that stand in `policy` in the older one are found there.
  if (profile.empty() && !knows(table_kind::network_proxy, name) &&
      knows(table_kind::profile, name))
    return {"network_proxy", "policy"};
  return {"network_proxy"};
}

} // namespace

place layer::at(const toml::source_region& region) const {
  if (from == kind::flag)
    return {file};
  return {file, region.begin.line, region.begin.column};
}

file_text read_file(const std::string& path, size_t most, std::chrono::milliseconds patience) {
  auto deadline = std::chrono::steady_clock::now() + patience;
  // Not blocking: a FIFO that nobody writes would hold us for good.
  auto fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0)
    return {{}, errno_text(errno), errno == ENOENT};
  file_text result;
  char block[16 * 1024];
  for (;;) {
    if (!is_readable_by(deadline, fd)) {
      result.failure = "nobody writes it to its end";
      break;
    }
    auto got = ::read(fd, block, sizeof block);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
      continue;
    if (got < 0)
      result.failure = errno_text(errno);
    if (got <= 0)
      break;
    result.text.append(block, static_cast<size_t>(got));
    if (result.text.size() > most) {
      result.failure = "larger than " + size_text(most);
      break;
    }
  }
  ::close(fd);
  return result;
}

std::vector<layer> read_layers(const sources& from, const std::string& codex_home, report& out) {
  std::vector<layer> result;
  add_file(result, layer::kind::managed, from.managed_file, true, out);
  if (from.files.empty() && from.documents.empty() && !codex_home.empty())
    add_file(result, layer::kind::file, codex_home + "/config.toml", true, out);
  for (const auto& file : from.files) {
    if (file.empty())
      out.error({"--config"}, {}, "expected a path");
    add_file(result, layer::kind::file, file, false, out);
  }
  for (const auto& text : from.documents)
    add_document(result, text, out);
  for (const auto& text : from.sets)
    add_set(result, text, out);
  return result;
}

std::string select_profile(const std::vector<layer>& layers, report& out) {
  std::string profile;
  for (const auto& l : layers) {
    const auto* node = l.root.get(profile_key);
    if (!node)
      continue;
    if (const auto* text = node->as_string(); text && !text->get().empty())
      profile = text->get();
    else
      out.error(l.at(node->source()), profile_key, "expected the name of a profile");
  }
  return profile;
}

void check_profile(const std::vector<layer>& layers, const std::string& profile, report& out) {
  place where;
  std::vector<std::string> known;
  bool has_permissions = false;
  for (const auto& l : layers) {
    if (const auto* node = l.root.get(profile_key))
      where = l.at(node->source());
    if (const auto* permissions = l.root["permissions"].as_table()) {
      has_permissions = true;
      for (auto&& [key, value] : *permissions)
        known.emplace_back(key.str());
    }
  }
  if (profile.empty() || std::ranges::find(known, profile) != known.end())
    return;
  // Names with a colon are built into the larger product and carry no network settings.
  if (profile.starts_with(':'))
    return out.warning(where, profile_key,
                       excerpt(profile) + " is a built-in profile: the proxy is disabled");
  if (!has_permissions)
    return out.error(where, profile_key,
                     "default_permissions requires a `[permissions]` table for network settings");
  auto near = nearest(profile, known);
  out.error(where, profile_key, "there is no [permissions." + toml_key(profile) + "]",
            near.empty() ? std::string{} : "did you mean " + in_quotes(near) + "?");
}

void place_sets(std::vector<layer>& layers, const std::string& profile) {
  for (auto& l : layers) {
    if (l.from != layer::kind::flag)
      continue;
    std::string first{l.root.begin()->first.str()};
    if (std::ranges::find(root_keys, first) != std::end(root_keys))
      continue;
    auto path = home_of(first, profile);
    for (auto part = path.rbegin(); part != path.rend(); ++part) {
      toml::table outer;
      outer.insert_or_assign(*part, std::move(l.root));
      l.root = std::move(outer);
    }
  }
}

const toml::node* find_node(const layer& in, std::initializer_list<std::string_view> path) {
  const toml::node* node = &in.root;
  for (auto name : path) {
    const auto* table = node->as_table();
    node = table ? table->get(name) : nullptr;
    if (!node)
      return nullptr;
  }
  return node;
}

} // namespace proxy::config
