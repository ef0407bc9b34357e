// LeasedSerials: the numbers that the MES has given this station, and which of them are free.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "ledger/ledger.h"

namespace gangd {

class LeasedSerials {
 public:
  // What is on record. Numbers of another epoch than `epoch` are not used: whoever went on with the
  // ledger then may have given them away in a copy that is lost.
  void restore(std::vector<SerialLease> leases, std::uint32_t epoch);
  // One more is on record.
  void add(SerialLease lease) { leases_.push_back(std::move(lease)); }

  // Whether the pool is the MES's, or was once.
  bool has(const std::string& pool) const;
  // How many numbers are free.
  std::uint64_t left(const std::string& pool) const;
  // The lowest free number of the oldest lease; nothing when there is none.
  std::optional<std::uint64_t> take(const std::string& pool);

  // The name of the next lease's request: the same until one more is on record, whatever happens.
  std::string next_request(const std::string& pool) const;
  // kMismatch: these cannot be given to this station.
  Status check(const std::string& pool, std::uint64_t first, std::uint64_t count) const;

 private:
  std::vector<SerialLease> leases_;  // of all epochs, oldest first
  std::uint32_t epoch_ = 0;
};

}  // namespace gangd
