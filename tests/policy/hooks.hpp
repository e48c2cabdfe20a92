#pragma once

#include <string>
#include <utility>
#include <vector>

#include "policy/hook_set.hpp"
#include "tests/support/test.hpp"

namespace proxy::policy::test {

using words = std::vector<std::string>;
using constraints = std::vector<std::pair<std::string, words>>;

/// A hook as configurations write it.
struct hook_text {
  std::string host = "api.test";
  words methods = {"GET"};
  words paths = {"/"};
  constraints query = {}, headers = {};
  words strip = {};
  std::vector<std::pair<std::string, std::string>> inject = {}; ///< Name and value.
};

inline std::vector<value_matcher> matchers(const words& texts, value_matcher::use as) {
  std::vector<value_matcher> out;
  for (auto& text : texts)
    out.push_back(unbox(value_matcher::parse(text, as)));
  return out;
}

inline std::vector<constraint> constraints_of(const constraints& all) {
  std::vector<constraint> out;
  for (auto& [name, values] : all)
    out.push_back({name, matchers(values, value_matcher::use::value)});
  return out;
}

inline mitm_hook hook_of(const hook_text& text) {
  mitm_hook out;
  out.where = {text.host, "config.toml", 7, 1};
  out.host = unbox(parse_hook_host(text.host));
  out.methods = text.methods;
  out.path_prefixes = matchers(text.paths, value_matcher::use::path);
  out.query = constraints_of(text.query);
  out.headers = constraints_of(text.headers);
  out.strip_request_headers = text.strip;
  for (auto& [name, value] : text.inject)
    out.inject_request_headers.push_back({{}, name, "", "TOKEN", "", secret{value}});
  return out;
}

inline hook_set_ptr hooks_of(const std::vector<hook_text>& texts) {
  std::vector<mitm_hook> out;
  for (auto& text : texts)
    out.push_back(hook_of(text));
  return hook_set::make(std::move(out));
}

} // namespace proxy::policy::test
