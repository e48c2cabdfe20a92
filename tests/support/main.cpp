#include "tests/support/test.hpp"

#include <caf/test/unit_test_impl.hpp>

#include <csignal>

namespace {

/// OpenSSL raises it, and so do systems without MSG_NOSIGNAL: a program has to ignore it, as ours
/// does.
[[maybe_unused]] const auto quiet_pipes = std::signal(SIGPIPE, SIG_IGN);

} // namespace
