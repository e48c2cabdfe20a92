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
      if (is("transfer-encoding") && ++coding_fields)
        lenient ? for_each_element(f.value, [this](std::string_view one) { add_coding(one); })
                : add_coding(f.value);
      break;
    default: break;
  }
  return nullptr;
}

void summary::add_coding(std::string_view value) {
  chunked = codings++ == 0 && ascii::equals_ignoring_case(value, "chunked");
}

const char* summary::add_length(std::string_view value) {
  if (!lenient || value.find(',') == std::string_view::npos)
    return add_one_length(value);
  const char* wrong = nullptr;
  auto before = lengths;
  for_each_element(value, [&](std::string_view one) {
    if (!wrong)
      wrong = add_one_length(one);
  });
  return wrong || lengths > before ? wrong : "bad Content-Length";
}

const char* summary::add_one_length(std::string_view value) {
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
  static_assert(max_connection_options == 32);
  return options > max_connection_options ? "more than 32 Connection options" : nullptr;
}

} // namespace proxy::http1
