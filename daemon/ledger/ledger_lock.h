// LedgerLock: who holds it is the one gangd of a ledger. The kernel takes it back from a process
// that ends, however it ends.
#pragma once

#include <string>

#include "base/result.h"

namespace gangd {

class LedgerLock {
 public:
  // A file beside the ledger's. kBusy names the process that has it. kIo: the folder.
  static Result<LedgerLock> take(const std::string& ledger);
  ~LedgerLock();
  LedgerLock(LedgerLock&& other) noexcept;
  LedgerLock& operator=(LedgerLock&&) = delete;

 private:
  explicit LedgerLock(int fd) : fd_(fd) {}

  int fd_;
};

}  // namespace gangd
