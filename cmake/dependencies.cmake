# What the product is linked with. The build finds it here, and so does the installed package for programs that link
# the static library. PROXY_LINKED names all of it.
find_package(OpenSSL 3 REQUIRED)
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
find_package(fmt REQUIRED)
set(PROXY_LINKED OpenSSL::SSL OpenSSL::Crypto Threads::Threads fmt::fmt ZLIB::ZLIB ${CMAKE_DL_LIBS})

find_package(PkgConfig REQUIRED)
set(modules CARES IDN2 NGHTTP2 PSL)
if(NOT PROXY_PORTABLE)
  list(APPEND modules MNL URING)
endif()
foreach(module ${modules})
  string(TOLOWER lib${module} library)
  pkg_check_modules(${module} REQUIRED IMPORTED_TARGET GLOBAL ${library})
  list(APPEND PROXY_LINKED PkgConfig::${module})
endforeach()

# Debian's CAF has no package for CMake, and that of prometheus-cpp asks for the HTTP server and client of its other parts.
find_library(CAF_CORE caf_core REQUIRED)
find_library(PROMETHEUS_CORE prometheus-cpp-core REQUIRED)
foreach(library CAF_CORE PROMETHEUS_CORE)
  if(NOT TARGET codex::${library})
    add_library(codex::${library} UNKNOWN IMPORTED GLOBAL)
    set_target_properties(codex::${library} PROPERTIES IMPORTED_LOCATION ${${library}})
  endif()
  list(APPEND PROXY_LINKED codex::${library})
endforeach()
