#pragma once

// What the tests of every folder pull in, precompiled once. Not caf/test/dsl.hpp itself: its macros
// have names that ours have, too, so it stands behind our headers.
#include <caf/all.hpp>
#include <caf/config.hpp>
#include <caf/scheduler/test_coordinator.hpp>

#include "actors/precompiled.hpp"
#include "tests/support/checks.hpp"

#undef CAF_SUITE // each suite has a name of its own
