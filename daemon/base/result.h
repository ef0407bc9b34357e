// Result<T>: an outcome that cannot be overlooked. For what the world does to us; a broken
// invariant of our own is a CHECK (check.h). Nothing in gangd throws.
#pragma once

#include <expected>
#include <string_view>
#include <utility>

#include "base/error.h"

namespace gangd {

template <class T = void>
class [[nodiscard]] Result : public std::expected<T, Error> {
  using Base = std::expected<T, Error>;

 public:
  using Base::Base;

  // So that `return Error(Code::kTimeout, "...");` reads as what it is.
  Result(Error error) : Base(std::unexpect, std::move(error)) {}

  bool failed_with(Code code) const { return !this->has_value() && this->error().code() == code; }

  // The same outcome; an error says in addition where it happened.
  Result with_context(std::string_view where) && {
    if (this->has_value()) return std::move(*this);
    return std::move(this->error()).with_context(where);
  }
};

using Status = Result<void>;

}  // namespace gangd

#define GANGD_JOIN_(a, b) a##b
#define GANGD_JOIN(a, b) GANGD_JOIN_(a, b)
#define GANGD_TRY_(leave, result, declaration, ...) \
  auto result = (__VA_ARGS__);                      \
  if (!result) leave std::move(result).error();     \
  declaration = *std::move(result)

// TRY(auto size, reader.size());  takes the value, or leaves the function with the error.
#define TRY(declaration, ...) \
  GANGD_TRY_(return, GANGD_JOIN(try_result_, __LINE__), declaration, __VA_ARGS__)
// The same in a coroutine.
#define CO_TRY(declaration, ...) \
  GANGD_TRY_(co_return, GANGD_JOIN(try_result_, __LINE__), declaration, __VA_ARGS__)
// For a Status, which has no value to take.
#define TRY_STATUS(...) \
  if (auto try_status = (__VA_ARGS__); !try_status) return std::move(try_status).error()
#define CO_TRY_STATUS(...) \
  if (auto try_status = (__VA_ARGS__); !try_status) co_return std::move(try_status).error()
