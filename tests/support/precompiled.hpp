#pragma once

// What the tests of every folder pull in, precompiled once.
#include "actors/precompiled.hpp"
#include "tests/support/test.hpp"

#undef CAF_SUITE // each suite has a name of its own
