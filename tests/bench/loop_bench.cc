// What a task costs: one resume against a virtual call, and the bytes that it holds while it waits.
#include <fmt/core.h>

#include <cstdint>
#include <cstdlib>
#include <new>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "loop/async_log.h"
#include "loop/epoll_port.h"
#include "loop/loop.h"
#include "loop/scope.h"
#include "loop/sleep.h"
#include "tests/bench/ratio.h"

namespace {

std::size_t allocated_bytes = 0;

}  // namespace

void* operator new(std::size_t size) {
  allocated_bytes += size;
  if (void* block = std::malloc(size)) return block;
  std::abort();
}
void operator delete(void* block) noexcept {
  std::free(block);
}
void operator delete(void* block, std::size_t) noexcept {
  std::free(block);
}

namespace gangd::bench {
namespace {

constexpr double kVirtualCallsMax = 100;
constexpr double kCallVirtualCallsMax = 200;  // two resumes
constexpr std::size_t kResumes = 200'000;
constexpr std::size_t kCalls = 20'000'000;

class Callee {
 public:
  virtual ~Callee() = default;
  virtual std::uint64_t call(std::uint64_t value) = 0;
};
class Adds final : public Callee {
 public:
  std::uint64_t call(std::uint64_t value) override { return value + 1; }
};
class Mixes final : public Callee {
 public:
  std::uint64_t call(std::uint64_t value) override { return value ^ value << 1; }
};

// Chosen at run time, so that the compiler cannot see through the call.
Callee& callee(const char* choice) {
  static Adds adds;
  static Mixes mixes;
  if (*choice == '?') return mixes;
  return adds;
}

void virtual_calls(Callee& target) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < kCalls; ++i) value = target.call(value);
  asm volatile("" : : "r"(value));  // somebody wants it
}

Task<> resume_often() {
  for (std::size_t i = 0; i < kResumes; ++i) co_await yield();
}

Task<> call_often() {
  const auto nothing = []() -> Task<> { co_return; };
  for (std::size_t i = 0; i < kResumes; ++i) co_await nothing();
}

Task<> waits() {
  (void)co_await sleep_for(std::chrono::hours(1));
}

struct Bytes {
  std::size_t frame;     // a suspended coroutine
  std::size_t in_scope;  // with what its scope keeps of it
};

Task<Bytes> bytes_of_a_sleeping_task(Loop& loop) {
  Scope scope(loop, "sleepers");
  const std::size_t before = allocated_bytes;
  Task<> task = waits();
  const std::size_t created = allocated_bytes;
  scope.spawn("sleeper", std::move(task));
  const std::size_t spawned = allocated_bytes;
  co_await yield();
  scope.cancel();
  co_await scope.join();
  co_return Bytes{created - before, spawned - before};
}

void print(bool json, std::string_view name, const Ratio& ratio, double limit) {
  if (json) {
    fmt::print(
        "{{\"case\":\"loop/{}\",\"ratio\":{:.1f},\"low\":{:.1f},\"high\":{:.1f},"
        "\"limit\":{},\"unit\":\"virtual calls\",\"ns\":{:.1f}}}\n",
        name, ratio.median, ratio.low, ratio.high, limit, ratio.ns_per_measured);
  } else {
    fmt::print(
        "one {} costs {:.1f} virtual calls ({:.1f} to {:.1f}; at most {}): {:.1f} ns "
        "against {:.2f} ns\n",
        name, ratio.median, ratio.low, ratio.high, limit, ratio.ns_per_measured,
        ratio.ns_per_reference);
  }
}

void print(bool json, const Bytes& bytes) {
  fmt::print(fmt::runtime(json ? "{{\"case\":\"loop/task\",\"frame_bytes\":{},\"bytes\":{}}}\n"
                               : "a suspended task: {} bytes; with its place in a scope: {}\n"),
             bytes.frame, bytes.in_scope);
}

int run(bool json, const char* choice) {
  AsyncLog log(stderr, Severity::kWarning);
  const auto port = EpollPort::open(log);
  CHECK(port.has_value());
  Loop loop(**port);
  Callee& target = callee(choice);
  const auto against_virtual_calls = [&](Task<> (*body)()) {
    return compare(kResumes, [&] { loop.run(body()); }, kCalls, [&] { virtual_calls(target); });
  };
  const Ratio resume = against_virtual_calls(resume_often);
  const Ratio call = against_virtual_calls(call_often);
  print(json, "resume", resume, kVirtualCallsMax);
  // A co_await of a task: its frame, its start and the return to its caller.
  print(json, "call", call, kCallVirtualCallsMax);
  print(json, loop.run(bytes_of_a_sleeping_task(loop)));
  // Missed only if noise does not explain it.
  return resume.low <= kVirtualCallsMax && call.low <= kCallVirtualCallsMax ? 0 : 1;
}

}  // namespace
}  // namespace gangd::bench

int main(int argc, char** argv) {
  const std::string_view option = argc > 1 ? argv[1] : "";
  if (argc > 2 || (argc == 2 && option != "--json")) {
    fmt::print(stderr, "usage: loop_bench [--json]\n");
    return 2;
  }
  return gangd::bench::run(option == "--json", argv[0]);
}
