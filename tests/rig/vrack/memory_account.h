// MemoryAccount: the memory that programs have lent to usbfs, which has one limit for all of them.
#pragma once

#include <cstdint>
#include <memory>
#include <set>

#include "base/result.h"
#include "tests/rig/protocol.h"

namespace gangd::rig {

class MemoryAccount {
 public:
  static Result<std::unique_ptr<MemoryAccount>> open();
  ~MemoryAccount();
  MemoryAccount(const MemoryAccount&) = delete;
  MemoryAccount& operator=(const MemoryAccount&) = delete;

  // To be mapped by programs; stays this object's.
  int descriptor() const { return fd_; }
  std::uint64_t used() const { return shared_->used.load(); }

  // A slot for one open file. kExhausted.
  Result<std::uint32_t> take_slot();
  // Gives back what the file still had.
  void free_slot(std::uint32_t slot);

 private:
  MemoryAccount(int fd, UsbfsMemory* shared) : fd_(fd), shared_(shared) {}

  const int fd_;
  UsbfsMemory* const shared_;
  std::set<std::uint32_t> taken_;
};

}  // namespace gangd::rig
