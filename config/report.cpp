#include "config/report.hpp"

#include <algorithm>
#include <tuple>

namespace proxy::config {

namespace {

/// Whether a message names the key already: whole, or by its end ("invalid
/// network.mitm_hooks[0].host: …"), as messages do that are the same in every layout.
bool names(std::string_view message, std::string_view key) {
  for (std::string_view opening : {"invalid value for ", "invalid "}) {
    if (message.starts_with(opening)) {
      message.remove_prefix(opening.size());
      break;
    }
  }
  if (message.starts_with(key))
    return true;
  auto name = message.substr(0, message.find_first_of(": "));
  return name.find('.') != std::string_view::npos && key.ends_with(name);
}

} // namespace

std::string problem::str() const {
  std::string result;
  if (!file.empty()) {
    result = file;
    if (line > 0)
      result += ":" + std::to_string(line) + ":" + std::to_string(column);
    result += ": ";
  }
  result += level == severity::error ? "error: " : "warning: ";
  if (!key.empty() && !names(message, key))
    result += key + ": ";
  result += message;
  if (!hint.empty())
    result += " (" + hint + ")";
  return result;
}

void report::error(const place& where, std::string key, std::string message, std::string hint) {
  failed_ = true;
  add(problem::severity::error, where, std::move(key), std::move(message), std::move(hint));
}

void report::warning(const place& where, std::string key, std::string message, std::string hint) {
  add(problem::severity::warning, where, std::move(key), std::move(message), std::move(hint));
}

void report::add(problem::severity level, const place& where, std::string key, std::string message,
                 std::string hint) {
  if (full()) {
    ++dropped_;
    return;
  }
  problems_.push_back({level, where.file, where.line, where.column, std::move(key),
                       std::move(message), std::move(hint)});
}

std::vector<problem> report::take(const std::vector<std::string>& files) {
  auto order = [&files](const problem& p) {
    auto rank = p.file.empty()
                  ? files.size() + 1
                  : static_cast<size_t>(std::ranges::find(files, p.file) - files.begin());
    return std::tuple{rank, p.line, p.column};
  };
  std::ranges::stable_sort(problems_, {}, order);
  // The managed layer may be read for two profiles.
  auto is_repeated = [](const problem& a, const problem& b) { return a.str() == b.str(); };
  problems_.erase(std::unique(problems_.begin(), problems_.end(), is_repeated), problems_.end());
  if (dropped_ > 0) {
    problem rest;
    rest.level = failed_ ? problem::severity::error : problem::severity::warning;
    rest.message = "and " + std::to_string(dropped_) + " more problems";
    problems_.push_back(std::move(rest));
  }
  return std::move(problems_);
}

} // namespace proxy::config
