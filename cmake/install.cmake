# What `cmake --install` puts where: the binary, the documented configuration, the papers.
include(GNUInstallDirs)
if(TARGET codex-network-proxy)
  install(TARGETS codex-network-proxy RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
install(FILES config/proxy.toml config/quickstart.toml
        DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(FILES LICENSE README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
