#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "policy/placed_text.hpp"

namespace proxy::policy {

/// Where a setting stands, or would have to.
struct setting_place {
  std::string name;     ///< As it is written in its table: "allowed_domains".
  std::string table;    ///< "permissions.work.network"
  std::string file;     ///< Where it is set, or belongs; "" when no file has it.
  uint32_t line = 0;    ///< 1-based; 0 when it is not set, or not in a file.
  bool set = false;     ///< It is not at its default.
  bool managed = false; ///< The managed layer has the last word on it.
};

/// What a configuration knows of its own text.
struct text_places {
  std::map<std::string, setting_place, std::less<>> settings; ///< By newer-layout name.
  std::string managed_file; ///< "" when there is no managed layer.
  /// The managed allow list that no user's may leave; nullopt: there is none.
  std::optional<std::vector<placed_text>> ceiling;
  std::vector<placed_text> demanded; ///< What the managed layer denies, whoever's list says it too.
};

} // namespace proxy::policy
