# What many sources include, compiled once: otherwise half of a cold build goes into reading the
# same headers over and over. It hides an #include that a file has forgotten: tests/tidy looks for
# those, and a build with ccache, which cannot keep what uses such headers, does without them. GCC
# takes them only where all macros are the same.
if(NOT CMAKE_CXX_COMPILER_ID MATCHES "Clang" OR "${CMAKE_CXX_COMPILER_LAUNCHER}" MATCHES "ccache")
  set(CMAKE_DISABLE_PRECOMPILE_HEADERS ON)
endif()

set(GANGD_HOUSE_HEADERS
  <algorithm> <array> <bit> <cerrno> <charconv> <chrono> <compare> <coroutine> <cstdint> <cstdio>
  <cstdlib> <cstring> <deque> <expected> <functional> <map> <memory> <mutex> <optional> <set>
  <span> <string> <string_view> <utility> <variant> <vector> <fmt/format.h>)

# A set of headers, and what must be linked to include them.
function(gangd_headers name)
  cmake_parse_arguments(ARG "" "" "HEADERS;LINKS" ${ARGN})
  file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/headers/${name}.cc" CONTENT "")
  add_library(${name} OBJECT "${PROJECT_BINARY_DIR}/headers/${name}.cc")
  find_package(fmt REQUIRED)
  target_link_libraries(${name} PRIVATE fmt::fmt ${ARG_LINKS})
  target_precompile_headers(${name} PRIVATE ${ARG_HEADERS})
endfunction()

# Programs of GoogleTest are long, and run once: optimising them would take longer than that. What
# they test is in libraries, which are built as everywhere.
set(GANGD_TEST_OPTIONS "$<$<COMPILE_LANGUAGE:CXX>:-O0>")
# So with what speaks gRPC, but for what ships: much code, which few bytes go through.
set(GANGD_GRPC_OPTIONS)
if(GANGD_SANITIZE)
  set(GANGD_GRPC_OPTIONS "$<$<COMPILE_LANGUAGE:CXX>:-O0>")
endif()

# Gives each target of a folder, and of those below it, the set that fits it.
function(gangd_use_headers folder)
  get_property(targets DIRECTORY "${folder}" PROPERTY BUILDSYSTEM_TARGETS)
  foreach(target ${targets})
    gangd_headers_of(${target} set)
    if(set)
      target_precompile_headers(${target} REUSE_FROM ${set})
    endif()
  endforeach()
  get_property(below DIRECTORY "${folder}" PROPERTY SUBDIRECTORIES)
  foreach(folder ${below})
    gangd_use_headers("${folder}")
  endforeach()
endfunction()

function(gangd_headers_of target result)
  set(${result} "" PARENT_SCOPE)
  get_target_property(type ${target} TYPE)
  # A plug-in is position-independent and without exceptions, a fuzzer counts branches.
  get_target_property(options ${target} COMPILE_OPTIONS)
  get_target_property(sources ${target} SOURCES)
  if(NOT type MATCHES "^(STATIC_LIBRARY|EXECUTABLE)$" OR options MATCHES "fuzzer"
      OR sources MATCHES "\\.c(;|$)")
    return()
  endif()
  get_target_property(links ${target} LINK_LIBRARIES)
  get_target_property(folder ${target} SOURCE_DIR)
  if(links MATCHES "GTest")
    target_compile_options(${target} PRIVATE ${GANGD_TEST_OPTIONS})
    set(${result} test_headers PARENT_SCOPE)
  elseif(links MATCHES "GRPC" OR folder MATCHES "daemon/(api|ctl|mes)$")
    target_compile_options(${target} PRIVATE ${GANGD_GRPC_OPTIONS})
    set(${result} grpc_headers PARENT_SCOPE)
  else()
    set(${result} house_headers PARENT_SCOPE)
  endif()
endfunction()
