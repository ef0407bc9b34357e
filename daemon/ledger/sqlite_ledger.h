// SqliteLedger: the ledger in a file. One worker writes, and takes all that was appended while it
// wrote as the next transaction; another reads, on its own connection.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ledger/append_queue.h"
#include "ledger/ledger.h"
#include "ledger/ledger_reader.h"
#include "ledger/ledger_writer.h"
#include "loop/loop.h"
#include "loop/port.h"

namespace gangd {

class SqliteLedger final : public Ledger {
 public:
  // File and key are made when there are none; their folders are not. The file holds the events of
  // one station.
  SqliteLedger(Loop& loop, std::string file, std::string station, std::string key_file);
  // After close().
  ~SqliteLedger() override;

  // Waits for what was appended. co_await before destruction; nobody waits in it any more.
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
  template <class Question>
  auto ask(Question question);

  Loop& loop_;
  const std::string file_;
  const std::unique_ptr<Workers> write_worker_;
  const std::unique_ptr<Workers> read_worker_;
  LedgerWriter writer_;                   // the write worker's
  std::unique_ptr<LedgerReader> reader_;  // the read worker's
  AppendQueue queue_;
};

}  // namespace gangd
