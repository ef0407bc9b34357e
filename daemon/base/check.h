// CHECK: an invariant of our own. Always on, in every build. A failed one prints where and what,
// and aborts: systemd starts the daemon again and the ledger recovers. Nothing that comes from USB,
// a file, the network or a person may reach a CHECK; that is a Result.
#pragma once

#include <fmt/core.h>

#include <source_location>
#include <string>
#include <utility>

namespace gangd {

[[noreturn]] void check_failed(const char* condition, const std::string& message,
                               std::source_location where = std::source_location::current());

inline std::string check_message() {
  return {};
}

template <class... Args>
std::string check_message(fmt::format_string<Args...> format, Args&&... args) {
  return fmt::format(format, std::forward<Args>(args)...);
}

}  // namespace gangd

// CHECK(used <= size);  or with what a maintainer needs:  CHECK(used <= size, "used {}", used);
#define CHECK(condition, ...)                                                 \
  do {                                                                        \
    if (!(condition)) [[unlikely]]                                            \
      ::gangd::check_failed(#condition, ::gangd::check_message(__VA_ARGS__)); \
  } while (false)
