#include "protocols/http1/summary.hpp"

#include "protocols/http1/grammar.hpp"

namespace proxy::http1 {

const char* summary::add(const field& f) {
  // The length tells most fields apart before a single byte is compared.
  auto is = [&](std::string_view name) { return ascii::equals_ignoring_case(f.name, name); };
  switch (f.name.size()) {
    case 4: hosts += is("host"); break;
    case 6:
      expect_continue |= is("expect") && ascii::equals_ignoring_case(f.value, "100-continue");
      break;
    case 7:
      if (is("upgrade") && upgrade_value.empty())
        upgrade_value = f.value;
      break;
    case 10:
      if (is("connection"))
        return add_connection(f.value);
      break;
    case 13: authorization |= is("authorization"); break;
    case 14:
      if (is("content-length"))
        return add_length(f.value);
      break;
    case 17:
      if (is("transfer-encoding"))
        chunked = codings++ == 0 && ascii::equals_ignoring_case(f.value, "chunked");
      break;
    default: break;
  }
  return nullptr;
}

const char* summary::add_length(std::string_view value) {
  auto number = parse_content_length(value);
  if (!number)
    return "bad Content-Length";
  if (lengths++ > 0 && *number != length)
    return "differing Content-Lengths";
  length = *number;
  return nullptr;
}

const char* summary::add_connection(std::string_view value) {
  for_each_element(value, [this](std::string_view option) {
    ++options;
    close |= ascii::equals_ignoring_case(option, "close");
    keep_alive |= ascii::equals_ignoring_case(option, "keep-alive");
    upgrade |= ascii::equals_ignoring_case(option, "upgrade");
  });
  return options > max_connection_options ? "too many Connection options" : nullptr;
}

} // namespace proxy::http1
