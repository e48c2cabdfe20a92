# What `cmake --install` puts where: the binary, the documented configuration, the papers; with PROXY_LIBRARY the
# library, its headers, and how CMake and pkg-config find them.
include(GNUInstallDirs)
if(TARGET codex-network-proxy)
  install(TARGETS codex-network-proxy RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(FILES config/proxy.toml config/quickstart.toml
        DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(DIRECTORY config/observe DESTINATION ${CMAKE_INSTALL_DATADIR}/codex-network-proxy)
install(FILES LICENSE README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
if(NOT PROXY_LIBRARY)
  return()
endif()

install(DIRECTORY include/codex DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
include(CMakePackageConfigHelpers)
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/codex-network-proxy)
set(made ${PROJECT_BINARY_DIR}/package)
# A set of its own for each: programs that use the shared library need not have what the static one is linked with.
foreach(kind shared static)
  set(library codex_network_proxy)
  if(kind STREQUAL "static")
    string(APPEND library _static)
  endif()
  install(TARGETS ${library} EXPORT codex-network-proxy-${kind} DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT codex-network-proxy-${kind} NAMESPACE codex:: FILE ${kind}.cmake DESTINATION ${package})
endforeach()
configure_package_config_file(cmake/codex-network-proxyConfig.cmake.in ${made}/codex-network-proxyConfig.cmake
                              INSTALL_DESTINATION ${package})
write_basic_package_version_file(${made}/codex-network-proxyConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${made}/codex-network-proxyConfig.cmake ${made}/codex-network-proxyConfigVersion.cmake
              cmake/dependencies.cmake
        DESTINATION ${package})

# Relative, so that the folder may be moved.
file(RELATIVE_PATH up /root/${CMAKE_INSTALL_LIBDIR}/pkgconfig /root)
set(linux_libraries "")
if(NOT PROXY_PORTABLE)
  set(linux_libraries " -lmnl -luring")
endif()
configure_file(cmake/codex-network-proxy.pc.in ${made}/codex-network-proxy.pc @ONLY)
install(FILES ${made}/codex-network-proxy.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
