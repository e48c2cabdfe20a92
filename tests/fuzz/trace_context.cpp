// The traceparent field: what is read is written as it would be read again.

#include "protocols/trace_context.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace proxy;
using namespace proxy::fuzz;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const exact_copy in{view(data, size)};
  auto got = parse_traceparent(in.view());
  if (!got)
    return 0;
  require(got->trace != trace_id{} && got->span != span_id{}, "no id is zero");
  auto text = traceparent(*got);
  require(text.size() == 55, "a field has its length");
  require(parse_traceparent(text) == got, "what was read reads the same once more");
  if (in.view().starts_with("00"))
    require(in.view() == text, "of this version there is one way to write it");
  else
    require(in.view().substr(2, 50) == std::string_view{text}.substr(2, 50),
            "ids are as they came");
  return 0;
}
