# proxy_gather_hot_functions(EXECUTABLE LIBRARY...): puts the functions that serve every request next to each other,
# instead of among those that run once a day. A request then touches less than half of the pages of code, which every
# change between proxy, client and origin would have to load again. hot_functions.ld names them; `./dev hot` finds them
# anew. A name that no longer exists does no harm, and a new function is slower by a little until it is named.
set(PROXY_HOT_FUNCTIONS ${PROJECT_SOURCE_DIR}/cmake/hot_functions.ld CACHE FILEPATH
    "The linker script that names the functions which serve every request; empty: they stay where they are")
include(CheckLinkerFlag)
function(proxy_gather_hot_functions executable)
  if(NOT CMAKE_BUILD_TYPE MATCHES "^Rel" OR NOT CMAKE_SYSTEM_NAME STREQUAL "Linux" OR PROXY_PROFILE)
    return()
  endif()
  foreach(target ${executable} ${ARGN})
    # A section for each function, which the linker can place; calls into libraries without the detour of a table.
    target_compile_options(${target} PRIVATE -ffunction-sections -fno-plt)
  endforeach()
  if(PROXY_HOT_FUNCTIONS)
    # A script that adds to the linker's own: GNU ld and lld take it, others may not.
    check_linker_flag(CXX -Wl,-T,${PROXY_HOT_FUNCTIONS} PROXY_LINKER_TAKES_SCRIPTS)
  endif()
  if(PROXY_HOT_FUNCTIONS AND PROXY_LINKER_TAKES_SCRIPTS)
    target_link_options(${executable} PRIVATE -Wl,-T,${PROXY_HOT_FUNCTIONS})
    set_property(TARGET ${executable} APPEND PROPERTY LINK_DEPENDS ${PROXY_HOT_FUNCTIONS})
  endif()
endfunction()
