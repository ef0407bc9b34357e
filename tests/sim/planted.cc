#include "tests/sim/planted.h"

#include <memory>
#include <set>
#include <vector>

#include "base/check.h"
#include "loop/scope.h"
#include "loop/sleep.h"

namespace gangd::sim {
namespace {

using namespace std::chrono_literals;

struct Board {
  int number;
};

Task<> greet(World& world, const Board& board) {
  (void)co_await sleep_for(1ms);
  world.note("board {}", board.number);
}

}  // namespace

Task<> run_planted_order(World& world) {
  std::vector<std::unique_ptr<Board>> boards;
  std::set<const Board*> by_address;
  for (int number = 0; number < 8; ++number) {
    boards.push_back(std::make_unique<Board>(number));
    by_address.insert(boards.back().get());
  }
  Scope scope(world.loop(), "boards");
  for (const Board* board : by_address) scope.spawn("board", greet(world, *board));
  co_await scope.join();
}

Task<> run_planted_promise(World& world) {
  (void)co_await sleep_for(1ms);
  world.promise(world.seed() != 3, "no PASS before its row is durable");
}

Task<> run_planted_abort(World& world) {
  (void)co_await sleep_for(1ms);
  CHECK(world.seed() != 3);
}

}  // namespace gangd::sim
