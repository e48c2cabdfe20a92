#define CAF_SUITE protocols.http1_credentials
#include "protocols/http1/credentials.hpp" // unit under test

#include "tests/support/test.hpp"

using namespace proxy::http1;

CAF_TEST(basic credentials are read in one spelling) {
  struct row {
    std::string_view value;
    std::optional<std::string> text;
  };
  using namespace std::string_literals;
  for (auto& [value, text] : std::initializer_list<row>{
         {"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin:open sesame"},
         {"basic YTpi", "a:b"},
         {"BASIC   YTpi", "a:b"},
         {"Basic Og==", ":"},
         {"Basic YTpiOmM=", "a:b:c"},
         {"Basic AP86AA==", "\0\xff:\0"s},
         // No colon, no base64, bits that stand for nothing, padding in the middle.
         {"Basic YQ==", std::nullopt},
         {"Basic", std::nullopt},
         {"Basic ", std::nullopt},
         {"Basic YTpi=", std::nullopt},
         {"Basic YTp", std::nullopt},
         {"Basic YTpiOm", std::nullopt},
         {"Basic YTpiOmN=", std::nullopt},
         {"Basic YT==pi==", std::nullopt},
         {"Basic ====", std::nullopt},
         {"Basic YTpi YTpi", std::nullopt},
         {"Basic YTpi,Basic YTpi", std::nullopt},
         {"Basic YTp-", std::nullopt},
         // Other schemes.
         {"Bearer YTpi", std::nullopt},
         {"Basicx YTpi", std::nullopt},
         {"BasicYTpi", std::nullopt},
         {"Basic\tYTpi", std::nullopt},
         {"YTpi", std::nullopt},
         {"", std::nullopt},
       }) {
    CAF_MESSAGE(value);
    CAF_CHECK(decode_basic(value) == text);
  }
}
