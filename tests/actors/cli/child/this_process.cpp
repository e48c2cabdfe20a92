#define CAF_SUITE actors.cli.child.this_process
#include "actors/cli/child/this_process.hpp" // unit under test

#include <unistd.h>

#include "actors/clients/program.hpp"
#include "tests/support/test.hpp"

extern "C" char** environ;

using namespace proxy;
using namespace proxy::cli;

namespace {

/// This process's environment, for the time of a test.
struct environment_of {
  explicit environment_of(std::vector<std::string> its_lines)
    : lines{std::move(its_lines)}, pointers{exec_words(lines)} {
    environ = pointers.data();
  }
  ~environment_of() { environ = before; }
  environment_of(const environment_of&) = delete;
  environment_of& operator=(const environment_of&) = delete;

  std::vector<std::string> lines;
  std::vector<char*> pointers;
  char** before = environ;
};

} // namespace

CAF_TEST(of variables with one name the first counts and what has no name is none) {
  std::map<std::string, std::string> found;
  {
    environment_of here{{"PATH=/bin", "A=1", "A=2", "odd", "=x", "B=", "C=a=b"}};
    found = own_variables();
  }
  CAF_CHECK_EQUAL(lines_of(found), (std::vector<std::string>{"A=1", "B=", "C=a=b", "PATH=/bin"}));
}

CAF_TEST(values of hidden variables are overwritten where they stand) {
  std::vector<std::string> left;
  {
    environment_of here{{"PATH=/bin", "TOK=secret", "TOK=another", "ALIAS=hunter2-hunter2"}};
    wipe_environment({{"TOK"}, {"hunter2-hunter2"}});
    left = here.lines;
  }
  CAF_CHECK_EQUAL(left[0], "PATH=/bin");
  CAF_CHECK_EQUAL(left[1], "TOK=" + std::string(6, '\0'));
  CAF_CHECK_EQUAL(left[2], "TOK=" + std::string(7, '\0'));
  CAF_CHECK_EQUAL(left[3], "ALIAS=" + std::string(15, '\0'));
}
