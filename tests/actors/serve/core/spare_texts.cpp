#define CAF_SUITE actors.serve.core.spare_texts
#include "actors/serve/core/spare_texts.hpp" // unit under test

#include "tests/support/test.hpp"

using namespace proxy;

CAF_TEST(a text that is given back is taken again empty and with its memory) {
  spare_texts texts;
  CAF_CHECK(texts.take().empty());
  std::string head(300, 'x');
  const auto* memory = head.data();
  texts.give_back(std::move(head));
  auto again = texts.take();
  CAF_CHECK(again.empty());
  CAF_CHECK_EQUAL(again.data(), memory);
  CAF_CHECK(texts.take().capacity() < 300);
}

CAF_TEST(neither long texts nor those without memory of their own are kept) {
  spare_texts texts;
  texts.give_back(std::string(spare_texts::longest + 1, 'x'));
  texts.give_back(std::string{});
  CAF_CHECK(texts.take().capacity() <= std::string{}.capacity());
}

CAF_TEST(no more than so many are kept) {
  spare_texts texts;
  for (size_t n = 0; n < spare_texts::most + 5; ++n)
    texts.give_back(std::string(300, 'x'));
  size_t kept = 0;
  while (texts.take().capacity() >= 300)
    ++kept;
  CAF_CHECK_EQUAL(kept, spare_texts::most);
}
