#include "tests/sim/staged_troubles.h"

#include <array>
#include <chrono>

#include "loop/sleep.h"

namespace gangd::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::array kStartFaults = {"never-back", "back-in-rom", "wrong-nonce", "no-nonce",
                                     "other-program"};
const UsbPath kNoSlot{"0000:00:16.0", {1}};

}  // namespace

void StagedTroubles::make(int board) {
  const std::uint64_t which = world_.dice().below(kStartFaults.size() + 2);
  if (which < kStartFaults.size()) {
    world_.note("the next start of board {}: {}", board, kStartFaults[which]);
    factory_.stages(board).set_start_fault(*model::find_start_fault(kStartFaults[which]));
  } else if (which == kStartFaults.size()) {
    world_.note("board {} comes back at another port for a while", board);
    hands_.spawn("divert", divert(board));
  } else if (factory_.boards() > 1) {
    const int other = (board + 1) % factory_.boards();
    world_.note("boards {} and {} are swapped for a while", board, other);
    hands_.spawn("swap", swap(board, other));
  }
}

Task<> StagedTroubles::divert(int board) {
  factory_.bus().divert(factory_.place(board), kNoSlot);
  (void)co_await sleep_for(world_.dice().between(1ms, 20s));
  factory_.bus().divert(factory_.place(board), std::nullopt);
}

Task<> StagedTroubles::swap(int board, int other) {
  if (swapped_.contains(board) || swapped_.contains(other)) co_return;
  swapped_.insert({board, other});
  factory_.bus().swap(factory_.place(board), factory_.place(other));
  (void)co_await sleep_for(world_.dice().between(1ms, 20s));
  factory_.bus().swap(factory_.place(board), factory_.place(other));
  swapped_.erase(board);
  swapped_.erase(other);
}

}  // namespace gangd::sim
