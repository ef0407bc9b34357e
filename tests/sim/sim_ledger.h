// SimLedger: a ledger on a simulated disk, which is slow, full, or lost in the middle of a write as
// the seed says. The disk outlives the daemon, as disks do.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "ledger/append_queue.h"
#include "ledger/ledger.h"
#include "ledger/signed_chain.h"
#include "loop/loop.h"
#include "tests/sim/prng.h"

namespace gangd::sim {

class SimDisk {
 public:
  // What goes wrong, in so many of a thousand commits.
  struct Faults {
    std::uint64_t slow = 0;
    std::uint64_t failing = 0;  // for a while; half of them write before they fail
  };

  explicit SimDisk(std::uint64_t seed) : dice_(seed) {}
  SimDisk(std::uint64_t seed, Faults faults) : dice_(seed), faults_(faults) {}

  // How far the outboxes have got.
  const std::map<std::string, EventId>& cursors() const { return cursors_; }

  // What is durable, in order.
  const std::vector<Entry>& entries() const { return entries_; }
  // The same as an auditor checks it: bytes, chain, signed heads, and the head that was noted.
  Status audit() const;

  // Until `false`, nothing can be written or opened.
  void set_broken(bool broken) { broken_ = broken; }
  // The next commits fail, having written or not.
  void fail_next(bool written) { (written ? fail_after_ : fail_before_) = true; }
  // The daemon that writes now is dead: what it still writes is lost. For the one after it, the
  // disk holds what was durable at this moment.
  void kill_writer() { ++writer_; }

 private:
  friend class SimLedger;

  Prng dice_;
  Faults faults_;
  std::vector<Entry> entries_;
  std::vector<StoredEvent> stored_;  // the same
  std::map<std::uint64_t, Signature> signatures_;
  SignedHead noted_;
  std::map<std::string, EventId> cursors_;
  bool broken_ = false;
  bool fail_before_ = false;
  bool fail_after_ = false;
  std::uint64_t writer_ = 0;
};

class SimLedger final : public Ledger {
 public:
  // `disk` must outlive it.
  SimLedger(Loop& loop, SimDisk& disk, std::string station);
  // After close().
  ~SimLedger() override;

  Task<> close();

  Task<Result<LedgerState>> open() override;
  Task<Result<EventId>> append(std::vector<LedgerEvent> events) override {
    return queue_.append(std::move(events));
  }
  EventId newest() const override { return queue_.newest(); }
  Task<Status> grown(EventId seen) override { return queue_.grown(seen); }
  Task<Result<std::vector<Entry>>> entries(EventId after, std::size_t entries_max) override;
  Task<Result<Entry>> entry(EventId id) override;
  Task<Result<std::optional<Entry>>> request(std::string request) override;
  Task<Result<std::optional<std::string>>> other_holder(std::string number,
                                                        std::string uid) override;
  Task<Result<EventId>> cursor(std::string outbox) override;
  Task<Status> keep_cursor(std::string outbox, EventId cursor) override;
  Task<Result<std::optional<UnitRow>>> unit(std::string uid) override;
  Task<Result<bool>> is_sound(std::string uid) override;

 private:
  Task<Result<EventId>> commit(std::vector<LedgerEvent> events);
  // In the worker.
  Result<LedgerState> open_now(UtcTime now);
  Result<EventId> write(const std::vector<LedgerEvent>& events, UtcTime now);
  Result<EventId> write_or_fail(const std::vector<LedgerEvent>& events, UtcTime now);
  Error broken() const;
  bool is_dead() const { return writer_ != disk_.writer_; }

  Loop& loop_;
  SimDisk& disk_;
  const std::string station_;
  const SecretKey key_;
  const std::uint64_t writer_;
  const std::unique_ptr<Workers> worker_;
  bool is_open_ = false;  // the worker's
  AppendQueue queue_;
};

}  // namespace gangd::sim
