# The library for other programs, shared and static: one file each, of all objects that are ours. They are compiled
# once, for this, the other and the program.
foreach(library codex_network_proxy codex_network_proxy_static)
  if(library MATCHES static)
    add_library(${library} STATIC)
  else()
    add_library(${library} SHARED)
  endif()
  foreach(folder protocols policy tls config actors embed)
    target_sources(${library} PRIVATE $<TARGET_OBJECTS:proxy_${folder}>)
  endforeach()
  target_link_libraries(${library} PRIVATE ${PROXY_LINKED})
  target_include_directories(${library} INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                                  $<INSTALL_INTERFACE:include>)
  target_compile_features(${library} INTERFACE cxx_std_20)
  set_target_properties(${library} PROPERTIES LINKER_LANGUAGE CXX OUTPUT_NAME codex_network_proxy)
  string(REPLACE codex_ "" name ${library})
  set_property(TARGET ${library} PROPERTY EXPORT_NAME ${name})
  add_library(codex::${name} ALIAS ${library})
endforeach()

# Before 1.0 each minor version may change what is there.
set_target_properties(codex_network_proxy PROPERTIES VERSION ${PROJECT_VERSION}
                      SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
if(NOT APPLE)
  set(exports ${PROJECT_SOURCE_DIR}/cmake/exports.map)
  target_link_options(codex_network_proxy PRIVATE -Wl,--version-script=${exports} -Wl,--no-undefined -Wl,--gc-sections)
  set_property(TARGET codex_network_proxy APPEND PROPERTY LINK_DEPENDS ${exports})
endif()
