// MesLink: what the station asks and tells the factory's MES. Implementations: NoMes, GrpcMes of
// daemon/mes, and the simulated one, which refuses, delays and loses answers.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "ledger/event.h"
#include "loop/task.h"

namespace gangd {

struct MesUnit {
  std::string uid;
  std::string product;
  std::string slot;
  EventId job;
  std::string work_order;
};

// Numbers that are wanted. The same request leads to the same numbers.
struct MesLease {
  std::string request;
  std::string pool;
  std::string product;
  std::uint64_t count = 0;
};

struct MesNumbers {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
};

// An attempt that has ended, as it is on record.
struct MesReport {
  EventId event;  // of its end: the MES knows by it what it was told before
  UtcTime started_at;
  UtcTime ended_at;
  JobStarted job;
  AttemptStarted attempt;
  AttemptEnded end;
};

// Everywhere kTimeout means that there was no answer: the MES is down, slow, or its answer was
// lost, and nobody knows whether it heard. Any other error is its answer, in words for a person.
class MesLink {
 public:
  virtual ~MesLink() = default;

  // False: the station works alone, and nothing of what follows is called.
  virtual bool is_there() const = 0;
  // May this unit be built here now? An error is its refusal.
  virtual Task<Status> authorize(MesUnit unit) = 0;
  // Gives numbers to this station alone, for ever.
  virtual Task<Result<MesNumbers>> lease(MesLease lease) = 0;
  // Success: the MES has it, and keeps it.
  virtual Task<Status> report(MesReport report) = 0;
};

// A station that works alone.
class NoMes final : public MesLink {
 public:
  bool is_there() const override { return false; }
  Task<Status> authorize(MesUnit) override { co_return Status(); }
  Task<Result<MesNumbers>> lease(MesLease) override {
    co_return Error(Code::kInvalid,
                    "this station has no MES: give station.toml a table [mes] with its address");
  }
  Task<Status> report(MesReport) override { co_return Status(); }
};

}  // namespace gangd
