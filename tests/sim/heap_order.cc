#include "tests/sim/heap_order.h"

#include <array>
#include <cstddef>
#include <cstdlib>
#include <optional>

#include "base/check.h"
#include "tests/sim/prng.h"

namespace gangd::sim {
namespace {

constexpr std::size_t kSizesMax = 512;
constexpr std::size_t kChoices = 8;

// For each size some blocks in stock; which of them is handed out next, a die decides. Sizes are
// kept exact, so that ASan still sees an access one byte too far. One thread only.
std::optional<Prng> heap_dice;
std::array<std::array<void*, kChoices>, kSizesMax> stock;

void* allocate(std::size_t size) {
  void* block = std::malloc(size);
  CHECK(block != nullptr, "no memory for {} bytes", size);
  return block;
}

}  // namespace

void salt_heap(std::uint64_t salt) {
  if (salt == 0) {
    heap_dice.reset();
  } else {
    heap_dice.emplace(salt);
  }
}

void* salted_allocate(std::size_t size) {
  if (size == 0) size = 1;
  if (!heap_dice || size >= kSizesMax) return allocate(size);
  auto& choices = stock[size];
  if (choices.front() == nullptr) {
    for (void*& block : choices) block = allocate(size);
  }
  void*& chosen = choices[heap_dice->below(kChoices)];
  void* block = chosen;
  chosen = allocate(size);
  return block;
}

}  // namespace gangd::sim
