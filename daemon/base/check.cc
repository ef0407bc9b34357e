#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace gangd {

void check_failed(const char* condition, const std::string& message, std::source_location where) {
  // The logger may be what is broken, so this goes to standard error itself.
  std::fprintf(stderr, "%s:%u: CHECK(%s) failed in %s%s%s\n", where.file_name(),
               static_cast<unsigned>(where.line()), condition, where.function_name(),
               message.empty() ? "" : ": ", message.c_str());
  std::fflush(stderr);
  std::abort();
}

}  // namespace gangd
