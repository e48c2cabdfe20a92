#include "actors/dns/search_domains.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "actors/dns/local_file.hpp"

namespace proxy {

namespace {

constexpr std::string_view line_blanks = " \t\r";

/// Takes the next word off the front, "" at the end.
std::string_view take_word(std::string_view& text) {
  text.remove_prefix(std::min(text.find_first_not_of(line_blanks), text.size()));
  auto word = text.substr(0, text.find_first_of(line_blanks));
  text.remove_prefix(word.size());
  return word;
}

std::string_view next_line(std::string_view& text) {
  auto line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

std::vector<std::string> read_domains(std::string_view words, size_t max) {
  std::vector<std::string> out;
  for (auto word = take_word(words); !word.empty() && out.size() < max; word = take_word(words)) {
    if (word == ".")
      out.emplace_back();
    else if (auto domain = host::parse(word); domain && !domain->ip())
      out.push_back(domain->text());
  }
  return out;
}

void read_options(std::string_view words, search_domains& out) {
  constexpr std::string_view ndots = "ndots:";
  for (auto word = take_word(words); !word.empty(); word = take_word(words)) {
    if (word == "no-tld-query") {
      out.as_written_last = false;
    } else if (word.starts_with(ndots)) {
      word.remove_prefix(ndots.size());
      unsigned value = 0; // what is no number, too: atoi(3)
      std::from_chars(word.data(), word.data() + word.size(), value);
      out.as_written_first = value == 0;
    }
  }
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

} // namespace

search_domains parse_search_domains(std::string_view resolv_conf,
                                    const std::optional<std::string>& local_domain,
                                    std::string_view res_options, std::string_view host_name) {
  search_domains out;
  std::optional<std::vector<std::string>> listed;
  if (local_domain) {
    std::string_view first{*local_domain};
    listed = read_domains(next_line(first), max_search_domains);
  }
  while (!resolv_conf.empty()) {
    auto line = next_line(resolv_conf);
    if (line.empty() || line[0] == '#' || line[0] == ';' ||
        line_blanks.find(line[0]) != std::string_view::npos)
      continue;
    auto keyword = take_word(line);
    if (keyword == "options")
      read_options(line, out);
    else if (!local_domain && keyword == "search") // the last line counts
      listed = read_domains(line, max_search_domains);
    else if (!local_domain && keyword == "domain")
      listed = read_domains(line, 1);
  }
  read_options(res_options, out);
  if (!listed) {
    auto dot = host_name.find('.');
    listed = read_domains(dot == std::string_view::npos ? "" : host_name.substr(dot + 1), 1);
  }
  out.domains = std::move(*listed);
  return out;
}

search_domains system_search_domains(const config::dns& settings) {
  if (!settings.search)
    return {};
  std::string text;
  (void)read_local_file(settings.resolv_conf, text); // without it nothing is searched
  return parse_search_domains(text, settings.local_domain, settings.res_options, host_name());
}

std::vector<std::string> names_to_try(const search_domains& search, const std::string& name) {
  if (name.find('.') != std::string::npos || search.domains.empty())
    return {name};
  std::vector<std::string> out;
  auto add = [&out](const std::string& candidate) {
    auto parsed = host::parse(candidate);
    // Names below localhost are this host and asked of nobody (RFC 6761 §6.3).
    if (parsed && !parsed->is_localhost() && std::ranges::find(out, candidate) == out.end())
      out.push_back(candidate);
  };
  if (search.as_written_first)
    add(name);
  for (const auto& domain : search.domains)
    add(domain.empty() ? name : name + '.' + domain);
  if (search.as_written_last)
    add(name);
  if (out.empty())
    out.push_back(name);
  return out;
}

std::string question_for(const host& name) {
  auto whole = name.is_rooted() && name.text().find('.') == std::string::npos;
  return whole ? name.text() + '.' : name.text();
}

} // namespace proxy
