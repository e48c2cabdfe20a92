#include "tests/support/checks.hpp"

#include <cerrno>
#include <memory>

namespace proxy::test {

namespace {

/// What the test that runs said last: with a row's name a failure is told of that row.
std::string last_report;

class function_test final : public caf::test::test {
public:
  function_test(const char* name, bool is_disabled, void (*run)())
    : caf::test::test(name, is_disabled), run_(run) {}
  void run_test_impl() override {
    last_report.clear();
    run_();
  }

private:
  void (*run_)();
};

void tell(const place& at, const std::string& more) {
  caf::test::logger::instance().error()
    << caf::term::red << "!! " << caf::term::blue << at.file << caf::term::yellow << ":"
    << caf::term::blue << at.line << caf::term::reset << "  " << at.text << more
    << (last_report.empty() ? "" : ", after: " + last_report) << caf::term::reset_endl;
}

struct kept_errno {
  int was = errno;
  ~kept_errno() { errno = was; }
};

/// Counts it where CAF does, which tells of it with `-v 4` as well.
bool count(const place& at, bool holds) {
  using caf::test::engine;
  (void)caf::test::detail::check(engine::current_test(), at.file, at.line, at.text, false, holds);
  if (holds) {
    engine::last_check_file(at.file);
    engine::last_check_line(at.line);
  }
  return holds;
}

} // namespace

bool check(const place& at, bool holds) {
  const kept_errno keep;
  if (!holds)
    tell(at, "");
  return count(at, holds);
}

bool check_fails(const place& at, const std::string& left, const std::string& right) {
  const kept_errno keep;
  tell(at, " (" + left + " !! " + right + ")");
  return count(at, false);
}

void demand(bool holds, const char* text) {
  if (!holds)
    caf::test::detail::requirement_failed(text);
}

report::~report() {
  const kept_errno keep;
  last_report = text_;
  caf::test::logger::instance().verbose()
    << caf::term::yellow << "  -> " << caf::term::reset << text_ << " [line " << line_ << "]\n";
}

registered::registered(const char* suite, const char* name, bool is_disabled, void (*run)()) {
  caf::test::engine::add(suite, std::make_unique<function_test>(name, is_disabled, run));
}

} // namespace proxy::test
