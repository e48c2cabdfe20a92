#pragma once

#include <string>
#include <string_view>

#include "tests/actors/flows/stage.hpp"

namespace proxy::test {

/// A stage with a host that is allowed, goes.test, and its origin.
struct exchange_stage : stage {
  static constexpr const char* allowed = R"(allowed_domains = ["goes.test"])";

  explicit exchange_stage(stage_settings with = {}) : stage(complete(std::move(with))) {
    names.names["goes.test"] = {.addresses = {ip("93.184.216.34")}};
  }
  origin& at_origin = serve_at("93.184.216.34", 80);

  /// Has a client ask, and its request reach the origin on a connection of its own.
  party& reach(party& who, const std::string& request) {
    who.say(request);
    auto& there = accept(at_origin);
    CAF_REQUIRE(hears(there, "\r\n\r\n"));
    return there;
  }
  /// The same for who has not connected yet.
  std::pair<party&, party&> begin(const std::string& request) {
    auto& who = client();
    return {who, reach(who, request)};
  }
  /// Whether a client of some port is served: by an answer of our own.
  bool serves(party& who) {
    who.forget();
    who.say(get("http://other.test/"));
    return hears(who, "\r\n\r\n{") && who.text.starts_with("HTTP/1.1 403");
  }
  /// The last decision. The audit trail hears of it a little later.
  std::string decided() {
    pass(1ms);
    return events.empty() ? "" : decisions().back();
  }
  /// How both ways are from now on.
  void set_ways(const simulation::conditions& how) {
    set_way(user, how);
    set_way(at_origin.on, how);
  }

private:
  static stage_settings complete(stage_settings with) {
    if (with.network.empty())
      with.network = allowed;
    return with;
  }
};

/// A way whose calls move no more than so many bytes each.
inline simulation::conditions in_pieces(size_t most, uint32_t spurious = 0) {
  simulation::conditions how;
  how.longest_read = how.longest_write = most;
  how.spurious = spurious;
  return how;
}

/// Of a request in the form that proxies get, up to its fields.
inline std::string start_of(const std::string& method, const std::string& version = "1.1") {
  return method + " http://goes.test/ HTTP/" + version + "\r\nHost: goes.test\r\n";
}

inline std::string get_it(const std::string& more = "") { return get("http://goes.test/", more); }

inline std::string post_it(const std::string& body, const std::string& more = "") {
  return start_of("POST") + "Content-Length: " + std::to_string(body.size()) + "\r\n" + more +
         "\r\n" + body;
}

/// What follows the first head. Lives as long as the text.
inline std::string_view behind_head(std::string_view text) {
  auto end = text.find("\r\n\r\n");
  return end == std::string_view::npos ? "" : text.substr(end + 4);
}

inline size_t count_of(std::string_view text, std::string_view part) {
  size_t count = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1))
    ++count;
  return count;
}

} // namespace proxy::test
