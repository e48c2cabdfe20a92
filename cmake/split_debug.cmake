# proxy_split_debug(TARGET): the debug information of a release goes to TARGET.debug beside it, where debuggers and
# profilers find it; what is installed and loaded is a tenth as large. Other builds stay in one piece.
function(proxy_split_debug target)
  if(NOT CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo" OR NOT CMAKE_OBJCOPY OR NOT CMAKE_SYSTEM_NAME STREQUAL "Linux")
    return()
  endif()
  set(file $<TARGET_FILE:${target}>)
  add_custom_command(TARGET ${target} POST_BUILD VERBATIM
    COMMAND ${CMAKE_OBJCOPY} --only-keep-debug ${file} ${file}.debug
    COMMAND ${CMAKE_OBJCOPY} --strip-unneeded --add-gnu-debuglink=${file}.debug ${file}
    BYPRODUCTS ${PROJECT_BINARY_DIR}/${target}.debug)
endfunction()
