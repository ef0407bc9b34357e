#include "usb/transfer_budget.h"

#include <algorithm>

#include "base/check.h"

namespace gangd {
namespace {

// What Linux counts beside the data: 360 bytes for its records of a transfer, and 32 for each
// 16 KiB of a long one (drivers/usb/core/devio.c).
std::uint64_t counted(std::size_t bytes) {
  return bytes + 512 + bytes / 256;
}

}  // namespace

TransferBudget::TransferBudget(std::uint64_t kernel_bytes) {
  const std::uint64_t ours = kernel_bytes / 4 * 3;
  share(Way::kIn).bytes_max = ours / 3;
  share(Way::kOther).bytes_max = ours - ours / 3;
}

TransferBudget::~TransferBudget() {
  for (const Share& share : shares_) {
    CHECK(share.lent == 0 && share.waiting.empty(), "{} bytes are lent still", share.lent);
  }
}

TransferBudget::Wait TransferBudget::borrow(std::uint64_t board, Way way, std::size_t bytes) {
  return {*this, board, way, counted(bytes)};
}

void TransferBudget::give_back(Way way, std::uint64_t bytes) {
  Share& from = share(way);
  CHECK(from.lent >= bytes);
  from.lent -= bytes;
  serve(from);
}

// Who comes first and does not fit yet lets nobody pass: a large transfer would wait for ever.
void TransferBudget::serve(Share& share) {
  while (!share.waiting.empty()) {
    Board board = std::move(share.waiting.front());
    Wait& next = *board.waits.front();
    if (!share.has_room(next.bytes_)) {
      share.waiting.front() = std::move(board);
      return;
    }
    share.waiting.pop_front();
    board.waits.pop_front();
    if (!board.waits.empty()) share.waiting.push_back(std::move(board));
    share.lent += next.bytes_;
    next.granted();
  }
}

Result<TransferBudget::Loan> TransferBudget::Wait::await_resume() {
  if (!granted_) return cancelled();
  return Loan(budget_, way_, bytes_);
}

bool TransferBudget::Wait::start() {
  Share& from = budget_.share(way_);
  if (from.waiting.empty() && from.has_room(bytes_)) {
    from.lent += bytes_;
    granted_ = true;
    return false;
  }
  const auto ours = std::ranges::find(from.waiting, board_, &Board::id);
  if (ours != from.waiting.end()) {
    ours->waits.push_back(this);
  } else {
    from.waiting.push_back({board_, {this}});
  }
  return true;
}

// Granted already, it has its loan, and gives it back.
void TransferBudget::Wait::abort() {
  if (granted_) return;
  Share& from = budget_.share(way_);
  for (Board& board : from.waiting) std::erase(board.waits, this);
  std::erase_if(from.waiting, [](const Board& board) { return board.waits.empty(); });
  resolve();
  budget_.serve(from);
}

void TransferBudget::Wait::granted() {
  granted_ = true;
  resolve();
}

}  // namespace gangd
