#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "actors/admin/request.hpp"
#include "actors/loop/task/task.hpp"
#include "actors/serve/client/admin_session.hpp"

namespace proxy::admin {

/// What a client of the admin API is told.
struct reply {
  uint16_t status = 200;
  std::string_view content_type = "application/json";
  std::string body;
  std::string fields; ///< Further field lines, each with its line end.
  std::string cause;  ///< Of one that says no, for the log; "": the first line of its body.
};

/// One endpoint.
struct route {
  std::string_view path;
  bool post = false; ///< POST; else GET and HEAD.
  /// Answers. References outlive it.
  task<reply> (*serve)(admin_session& c, const request& req, const std::string& body) = nullptr;
  bool has_parts = false; ///< Serves `path/PART` too.

  [[nodiscard]] bool is_at(std::string_view asked) const noexcept {
    return asked.starts_with(path) &&
           (asked.size() == path.size() || (has_parts && asked[path.size()] == '/'));
  }

  [[nodiscard]] bool takes(std::string_view method) const noexcept {
    return post ? method == "POST" : method == "GET" || method == "HEAD";
  }
};

[[nodiscard]] std::span<const route> routes() noexcept;

/// `{"error":"…"}` with a status.
[[nodiscard]] reply error_reply(uint16_t status, std::string_view what);

} // namespace proxy::admin
