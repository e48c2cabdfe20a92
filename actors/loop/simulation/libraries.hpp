#pragma once

#include "actors/loop/simulation/made_up_time.hpp"

namespace proxy::simulation {

/// The time and the chance of libraries that ask the system for them (c-ares, OpenSSL): on this
/// thread, as long as this lives, they get those given, and those of before afterwards. The others
/// go on to get the system's.
class library_world {
public:
  library_world(const made_up_time& time, made_up_chance& chance);
  ~library_world();
  library_world(const library_world&) = delete;
  library_world& operator=(const library_world&) = delete;

private:
  const made_up_time* time_before_;
  made_up_chance* chance_before_;
};

} // namespace proxy::simulation
