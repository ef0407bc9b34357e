# Which compilers may build the C++ of gangd, and with what flags.

# GCC before 14.3 compiles correct coroutines into double frees and hangs (a lambda, a braced
# temporary, ?: or && in a statement with co_await); nothing in a test run would point at it.
function(gangd_refuse_wrong_compiler id version path)
  set(advice "\n  Type: deploy/install-deps && cmake --preset debug\nThe presets use clang-19.")
  if(id STREQUAL "GNU" AND version VERSION_LESS 14.3)
    message(FATAL_ERROR
      "${path} is GCC ${version}, and GCC before 14.3 silently miscompiles coroutines "
      "(double frees and hangs in correct code). ${advice}")
  elseif(id MATCHES "Clang" AND version VERSION_LESS 19)
    message(FATAL_ERROR
      "${path} is Clang ${version}, and std::expected of libstdc++ needs Clang 19. ${advice}")
  elseif(NOT id MATCHES "^(GNU|Clang)$")
    message(FATAL_ERROR "${path} (${id}) is a compiler that gangd was never built with. ${advice}")
  endif()
endfunction()

macro(gangd_set_flags)
  set(CMAKE_CXX_STANDARD 23)
  set(CMAKE_CXX_STANDARD_REQUIRED ON)
  set(CMAKE_CXX_EXTENSIONS OFF)
  set(CMAKE_C_STANDARD 11)
  set(CMAKE_C_STANDARD_REQUIRED ON)
  set(CMAKE_C_EXTENSIONS OFF)

  # Asserts of the standard library stay on where they cost little: a bug stops, it does not guess.
  add_compile_definitions(_GLIBCXX_ASSERTIONS)
  # Source locations name files from the top of the project, the same on every machine.
  add_compile_options(-Wall -Wextra -Wconversion -Wshadow -Werror
    "-fmacro-prefix-map=${PROJECT_SOURCE_DIR}/=" -fno-omit-frame-pointer)
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>"
    "$<$<COMPILE_LANGUAGE:CXX>:-Woverloaded-virtual>")
  # Functions and lines are what back traces, sanitizers and profilers ask for. For variables in a
  # debugger, a fifth more of the build's time: cmake --preset debug -D GANGD_DEBUG_INFO=-g
  set(GANGD_DEBUG_INFO "-g1" CACHE STRING "how much the programs know of their source")
  set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 ${GANGD_DEBUG_INFO}")
  set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O2 ${GANGD_DEBUG_INFO}")
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    add_link_options(-fuse-ld=lld)
  endif()

  set(GANGD_SANITIZE "" CACHE STRING "sanitizers, as in -fsanitize=")
  if(GANGD_SANITIZE)
    set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 ${GANGD_DEBUG_INFO}")
    set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O1 ${GANGD_DEBUG_INFO}")
    add_compile_options("-fsanitize=${GANGD_SANITIZE}" -fno-sanitize-recover=all)
    # The runtime is linked in: a shared one must be first in LD_PRELOAD, where the rig's usbfs is.
    add_link_options("-fsanitize=${GANGD_SANITIZE}" -static-libsan)
  endif()
endmacro()
