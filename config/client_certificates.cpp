#include "config/client_certificates.hpp"

#include <algorithm>

#include "config/text.hpp"
#include "config/value.hpp"
#include "policy/domain_pattern.hpp"

namespace proxy::config {

namespace {

constexpr std::string_view known_keys[] = {"hosts", "cert", "key"};

/// Reads one table of the list.
class certificate_reader {
public:
  certificate_reader(const layer& from, std::string name, report& out)
    : from_(from), name_(std::move(name)), out_(out) {}

  /// Sets `ok` to false when anything is wrong.
  client_certificate read(const toml::node& node, bool& ok) {
    auto here = from_.at(node.source());
    made_.where = {name_, here.file, here.line, here.column};
    if (const auto* table = node.as_table()) {
      check_keys(*table);
      read_hosts(*table, here);
      made_.cert = read_path(*table, here, "cert");
      made_.key = read_path(*table, here, "key");
    } else {
      fail(here, "", "expected a table {hosts, cert, key}, got " + kind_of(node));
    }
    ok = ok_;
    return std::move(made_);
  }

private:
  void fail(const place& where, const std::string& part, std::string message,
            std::string hint = {}) {
    ok_ = false;
    out_.error(where, name_ + part, std::move(message), std::move(hint));
  }

  void check_keys(const toml::table& table) {
    for (auto&& [key, node] : table) {
      if (std::ranges::find(known_keys, key.str()) != std::end(known_keys))
        continue;
      auto near = nearest(key.str(), {std::begin(known_keys), std::end(known_keys)});
      fail(from_.at(key.source()), "." + toml_key(key.str()), "unknown key",
           near.empty() ? std::string{} : "did you mean " + near + "?");
    }
  }

  void read_hosts(const toml::table& table, const place& here) {
    const auto* node = table.get("hosts");
    const auto* list = node ? node->as_array() : nullptr;
    if (!list || list->empty())
      return fail(node ? from_.at(node->source()) : here, ".hosts",
                  "expected a list of host patterns" + (node ? ", got " + kind_of(*node) : ""));
    for (const auto& element : *list) {
      auto where = from_.at(element.source());
      const auto* text = element.as_string();
      if (!text) {
        fail(where, ".hosts", "expected a string, got " + kind_of(element));
        continue;
      }
      std::string pattern{trim(text->get())};
      if (auto parsed = policy::domain_pattern::parse(pattern); !parsed)
        fail(where, ".hosts", in_quotes(pattern) + ": " + context_of(parsed.error()));
      made_.hosts.push_back({std::move(pattern), where.file, where.line, where.column});
    }
  }

  std::string read_path(const toml::table& table, const place& here, const std::string& key) {
    const auto* node = table.get(key);
    const auto* text = node ? node->as_string() : nullptr;
    if (!text || text->get().empty() || text->get().find('\0') != std::string::npos) {
      fail(node ? from_.at(node->source()) : here, "." + key,
           "expected the path of a PEM file" + (node ? ", got " + kind_of(*node) : ""));
      return {};
    }
    const auto& path = text->get();
    return path.starts_with('/') || from_.directory.empty() ? path : from_.directory + "/" + path;
  }

  const layer& from_;
  std::string name_;
  report& out_;
  client_certificate made_;
  bool ok_ = true;
};

} // namespace

std::vector<client_certificate> read_client_certificates(const layer& from, const toml::node& node,
                                                         const std::string& name, report& out) {
  std::vector<client_certificate> result;
  const auto* list = node.as_array();
  if (!list) {
    out.error(from.at(node.source()), name, "expected a list of tables, got " + kind_of(node));
    return result;
  }
  for (size_t i = 0; i < list->size(); ++i) {
    auto ok = true;
    auto one =
      certificate_reader{from, name + "[" + std::to_string(i) + "]", out}.read(*list->get(i), ok);
    if (ok)
      result.push_back(std::move(one));
  }
  return result;
}

} // namespace proxy::config
