#pragma once

#include "tests/actors/flows/stage.hpp"

#undef CAF_SUITE // each suite has a name of its own
