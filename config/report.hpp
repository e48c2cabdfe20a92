#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/load.hpp"

namespace proxy::config {

/// Where a value stands. Flags have no line, defaults no file.
struct place {
  std::string file;
  uint32_t line = 0;
  uint32_t column = 0;
};

/// Collects problems while loading, at most `most` of them: a hostile file has a mistake per line.
class report {
public:
  static constexpr size_t most = 1000;

  void error(const place& where, std::string key, std::string message, std::string hint = {});
  void warning(const place& where, std::string key, std::string message, std::string hint = {});

  /// Whether there was any error, kept or not.
  [[nodiscard]] bool failed() const noexcept { return failed_; }

  /// Whether further problems are only counted: what they would say need not be worked out.
  [[nodiscard]] bool full() const noexcept { return problems_.size() >= most; }

  /// The problems in the order of `files`, within a file from top to bottom; those without a file
  /// last.
  [[nodiscard]] std::vector<problem> take(const std::vector<std::string>& files);

private:
  void add(problem::severity level, const place& where, std::string key, std::string message,
           std::string hint);

  std::vector<problem> problems_;
  size_t dropped_ = 0;
  bool failed_ = false;
};

} // namespace proxy::config
