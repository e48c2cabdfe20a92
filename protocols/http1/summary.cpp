#include "protocols/http1/summary.hpp"
#include "protocols/known_word.hpp"

#include "protocols/http1/grammar.hpp"

namespace proxy::http1 {

const char* summary::add(const field& f) {
  // The length tells most fields apart before a single byte is compared.
  auto name = f.name;
  switch (name.size()) {
    case 4: hosts += ascii::is<"host">(name); break;
    case 6:
      expect_continue |= ascii::is<"expect">(name) && ascii::is<"100-continue">(f.value);
      break;
    case 7:
      if (ascii::is<"upgrade">(name) && upgrade_value.empty())
        upgrade_value = f.value;
      break;
    case 10:
      if (ascii::is<"connection">(name))
        return add_connection(f.value);
      break;
    case 11:
      if (ascii::is<"traceparent">(name)) {
        ++traceparents;
        traceparent = f.value;
      }
      break;
    case 13: authorization |= ascii::is<"authorization">(name); break;
    case 14:
      if (ascii::is<"content-length">(name))
        return add_length(f.value);
      break;
    case 17:
      if (ascii::is<"transfer-encoding">(name) && ++coding_fields)
        lenient ? for_each_element(f.value, [this](std::string_view one) { add_coding(one); })
                : add_coding(f.value);
      break;
    default: break;
  }
  return nullptr;
}

void summary::add_coding(std::string_view value) {
  chunked = codings++ == 0 && ascii::is<"chunked">(value);
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
    close |= ascii::is<"close">(option);
    keep_alive |= ascii::is<"keep-alive">(option);
    upgrade |= ascii::is<"upgrade">(option);
  });
  static_assert(max_connection_options == 32);
  return options > max_connection_options ? "more than 32 Connection options" : nullptr;
}

} // namespace proxy::http1
