// A request head: decoded, taken apart, and written anew for an origin and for a proxy.

#include <string>

#include "protocols/first_bytes.hpp"
#include "protocols/http1/rewrite.hpp"
#include "tests/fuzz/http1_head.hpp"

using namespace proxy;
using namespace proxy::fuzz;
using namespace proxy::http1;

namespace {

/// Fields that are between a client and us.
constexpr std::string_view dropped[] = {"keep-alive", "proxy-connection", "proxy-authorization",
                                        "proxy-authenticate", "x-unix-socket"};

/// Checks the head that goes on. @returns it decoded and taken apart again.
request_target check_rewritten(const std::string& text, const request& before) {
  request after;
  require(find_head_end(text) == text.size(), "a rewritten head is one head");
  require(!decode_request(text, wider, after), "a rewritten head decodes");
  require(after.method == before.method && framed_alike(after, before), "the message is the same");
  for (auto name : dropped)
    require(!after.find(name), "what is for us alone does not go on");
  request_target target;
  require(!parse_target(after, target), "a rewritten target parses");
  return target;
}

void check_forwarding(const request& req, const request_target& target, bool choice) {
  rewrite_options options{.via = "p", .keep_upgrade = choice, .close = !choice};
  auto path = (target.path.starts_with('?') ? "/" : "") + std::string{target.path};
  std::string direct;
  rewrite_request(req, target, options, direct);
  auto to_origin = check_rewritten(direct, req);
  require(to_origin.host == target.host && to_origin.path == path, "the target is the same");
  require(target.https || to_origin.port == target.port, "the port is the same");

  std::string by_proxy;
  rewrite_request_for_proxy(req, target, options, "", by_proxy);
  auto to_proxy = check_rewritten(by_proxy, req);
  require(to_proxy.host == target.host && to_proxy.port == target.port, "a proxy is told the same");
  require(to_proxy.https == target.https, "by the same scheme");
}

} // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto in = cut_head(view(data, size));
  request req;
  if (in.empty() || decode_request(in, limits, req))
    return 0;
  require(in.size() <= limits.max_bytes, "a head has a limit");
  for (size_t end = 0; end <= in.size(); ++end)
    require(may_be_request(in.substr(0, end)), "a request may be one from its first byte on");
  auto told = tell_first_bytes(in);
  require(told == first_bytes::http || req.method == "PROXY", "a request is known for one");
  check_fields(req, in);
  request_target target;
  if (parse_target(req, target))
    return 0;
  require(!target.host.text().empty() && target.port != 0, "a target leads somewhere");
  if (target.kind != request_target::form::authority)
    check_forwarding(req, target, size % 2 == 0);
  return 0;
}
