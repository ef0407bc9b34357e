// Outbox: tells the MES of every attempt that has ended, in the order of the record, and again
// until it has acknowledged it. How far it got is durable: whatever was not told is told by the
// next life, and what is told twice the MES knows by its event's id.
#pragma once

#include <functional>
#include <string>

#include "ledger/ledger.h"
#include "loop/loop.h"
#include "loop/scope.h"
#include "station/mes_link.h"

namespace gangd {

class Outbox {
 public:
  // All that is passed must outlive it. `changed`: trouble() is another.
  Outbox(Loop& loop, Ledger& ledger, MesLink& mes, std::function<void()> changed);

  // When the ledger is open.
  void start();
  // What was not told stays in the ledger. co_await before destruction, and before the ledger is
  // closed.
  Task<> stop();

  // What keeps reports from being sent, and what a person must do; empty if nothing does.
  const std::string& trouble() const { return trouble_; }
  // The MES has all up to this event.
  EventId cursor() const { return cursor_; }

 private:
  Task<> run();
  Task<Status> read_cursor();
  // Sends what there is, and waits for more.
  Task<Status> send();
  Task<Result<MesReport>> make_report(Entry entry, AttemptEnded end);
  Task<Status> keep_cursor();
  void note(const Status& status);

  Loop& loop_;
  Ledger& ledger_;
  MesLink& mes_;
  const std::function<void()> changed_;
  Scope sending_;
  bool has_cursor_ = false;
  EventId cursor_;
  std::uint64_t told_since_kept_ = 0;
  std::string trouble_;
};

}  // namespace gangd
