// Work that would block (files, hashing, opening a device), done on a thread of its own.
#pragma once

#include <concepts>
#include <optional>
#include <type_traits>
#include <utility>

#include "loop/context.h"
#include "loop/port.h"

namespace gangd {

template <class T>
struct OffloadResult {
  using type = Result<T>;
};
template <class T>
struct OffloadResult<Result<T>> {
  using type = Result<T>;
};

// co_await offload(workers, [path] { return read_file(path); })
//
// Gives what the function returned, as a Result. It touches only what it captured. Cancelled before
// it began, it never runs: kCancelled. Cancelled while it runs, its outcome is waited for and
// given: nobody else would close what it opened.
template <std::invocable F>
class Offload : public Leaf, private Workers::Job {
 public:
  using Outcome = typename OffloadResult<std::invoke_result_t<F&>>::type;

  Offload(Workers& workers, F function) : workers_(workers), function_(std::move(function)) {}

  Outcome await_resume() {
    if (!outcome_) return cancelled();
    return *std::move(outcome_);
  }

 private:
  bool start() override {
    workers_.submit(*this);
    return true;
  }
  void abort() override {
    if (workers_.withdraw(*this)) resolve();
  }
  void work() override {
    if constexpr (std::is_void_v<std::invoke_result_t<F&>>) {
      function_();
      outcome_.emplace();
    } else {
      outcome_.emplace(function_());
    }
  }
  void on_loop() override { resolve(); }
  std::string_view event_name() const override { return "offload"; }

  Workers& workers_;
  F function_;
  std::optional<Outcome> outcome_;
};

template <std::invocable F>
[[nodiscard]] Offload<F> offload(Workers& workers, F function) {
  return Offload<F>(workers, std::move(function));
}

}  // namespace gangd
