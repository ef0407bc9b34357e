# Asks daemon/compiler.cmake about a compiler that need not be installed:
#   cmake -D id=GNU -D version=12.2.0 -P tests/unit/compiler.cmake
include("${CMAKE_CURRENT_LIST_DIR}/../../daemon/compiler.cmake")
gangd_refuse_wrong_compiler("${id}" "${version}" "/usr/bin/c++")
message(NOTICE "accepted")
