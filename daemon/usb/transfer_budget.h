// TransferBudget: what all transfers of the station together may borrow from the kernel.
//
// Linux lends the programs of a machine usbcore.usbfs_memory_mb for the transfers that they have in
// flight, and refuses what goes beyond (ENOMEM). Here who would go beyond it waits. Boards take
// turns, so that one with many transfers keeps none from having its own. Reads and the rest have a
// share each: a read may end only when something else was sent, and must not keep it out.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "base/result.h"
#include "loop/context.h"

namespace gangd {

class TransferBudget {
 public:
  enum class Way : std::uint8_t { kIn, kOther };
  class Loan;
  class Wait;

  // Of what the kernel lends, in bytes; 0: as much as anyone wants. A quarter is left to others.
  explicit TransferBudget(std::uint64_t kernel_bytes);
  // Nothing is lent, and nobody waits.
  ~TransferBudget();
  TransferBudget(const TransferBudget&) = delete;
  TransferBudget& operator=(const TransferBudget&) = delete;

  // co_await budget.borrow(...): a Loan for a transfer of so many bytes, or kCancelled. What is
  // larger than the whole share gets it when nothing else is lent.
  [[nodiscard]] Wait borrow(std::uint64_t board, Way way, std::size_t bytes);

 private:
  struct Board {
    std::uint64_t id;
    std::deque<Wait*> waits;
  };
  struct Share {
    std::uint64_t bytes_max = 0;
    std::uint64_t lent = 0;
    std::deque<Board> waiting;  // whose turn is next comes first

    bool has_room(std::uint64_t bytes) const {
      return bytes_max == 0 || lent == 0 || lent + bytes <= bytes_max;
    }
  };

  Share& share(Way way) { return shares_[static_cast<std::size_t>(way)]; }
  void give_back(Way way, std::uint64_t bytes);
  void serve(Share& share);

  std::array<Share, 2> shares_;
};

// Gives back what was borrowed when it goes.
class TransferBudget::Loan {
 public:
  Loan(TransferBudget& budget, Way way, std::uint64_t bytes)
      : budget_(&budget), way_(way), bytes_(bytes) {}
  Loan(Loan&& other) noexcept
      : budget_(std::exchange(other.budget_, nullptr)), way_(other.way_), bytes_(other.bytes_) {}
  Loan& operator=(Loan&&) = delete;
  ~Loan() {
    if (budget_ != nullptr) budget_->give_back(way_, bytes_);
  }

 private:
  TransferBudget* budget_;
  const Way way_;
  const std::uint64_t bytes_;
};

class TransferBudget::Wait : public Leaf {
 public:
  Wait(TransferBudget& budget, std::uint64_t board, Way way, std::uint64_t bytes)
      : budget_(budget), board_(board), way_(way), bytes_(bytes) {}

  Result<Loan> await_resume();

 private:
  friend class TransferBudget;

  bool start() override;
  void abort() override;
  void granted();

  TransferBudget& budget_;
  const std::uint64_t board_;
  const Way way_;
  const std::uint64_t bytes_;
  bool granted_ = false;
};

}  // namespace gangd
