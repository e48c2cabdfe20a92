# PROXY_PROFILE: what a build has to do with a profile of how the proxy runs (`./dev pgo` sets it). GCC puts what often
# runs together next to each other, and the rest out of its way.
set(PROXY_PROFILE "" CACHE STRING "empty, `generate` a profile of what runs, or `use` it")
set_property(CACHE PROXY_PROFILE PROPERTY STRINGS "" generate use)
set(folder ${PROJECT_BINARY_DIR}/profile)
if(PROXY_PROFILE STREQUAL "generate")
  # Counted by several threads.
  add_compile_options(-fprofile-generate -fprofile-dir=${folder} -fprofile-update=prefer-atomic)
  add_link_options(-fprofile-generate)
elseif(PROXY_PROFILE STREQUAL "use")
  # What no workload has run is compiled as without a profile, instead of for its size.
  add_compile_options(-fprofile-use=${folder} -fprofile-correction -fprofile-partial-training -Wno-missing-profile
                      -Wno-coverage-mismatch) # of a source that has changed since
elseif(NOT PROXY_PROFILE STREQUAL "")
  message(FATAL_ERROR "PROXY_PROFILE is `generate`, `use` or empty, and not `${PROXY_PROFILE}`")
endif()
if(PROXY_PROFILE) # which a compiler cache does not look at
  set(CMAKE_C_COMPILER_LAUNCHER "")
  set(CMAKE_CXX_COMPILER_LAUNCHER "")
endif()
