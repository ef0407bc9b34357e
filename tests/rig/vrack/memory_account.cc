#include "tests/rig/vrack/memory_account.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>

namespace gangd::rig {

Result<std::unique_ptr<MemoryAccount>> MemoryAccount::open() {
  const int fd = memfd_create("vrack-usbfs-memory", MFD_CLOEXEC);
  if (fd < 0) return Error(Code::kIo, "memfd_create: {}", std::strerror(errno));
  void* mapped = MAP_FAILED;
  if (ftruncate(fd, sizeof(UsbfsMemory)) == 0) {
    mapped = mmap(nullptr, sizeof(UsbfsMemory), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  }
  if (mapped == MAP_FAILED) {
    Error error(Code::kIo, "memfd: {}", std::strerror(errno));
    close(fd);
    return error;
  }
  return std::unique_ptr<MemoryAccount>(new MemoryAccount(fd, new (mapped) UsbfsMemory{}));
}

MemoryAccount::~MemoryAccount() {
  munmap(shared_, sizeof(UsbfsMemory));
  close(fd_);
}

Result<std::uint32_t> MemoryAccount::take_slot() {
  for (std::uint32_t slot = 0; slot < UsbfsMemory::kSlots; ++slot) {
    if (taken_.insert(slot).second) return slot;
  }
  return Error(Code::kExhausted, "{} files are open already", UsbfsMemory::kSlots);
}

void MemoryAccount::free_slot(std::uint32_t slot) {
  shared_->used -= shared_->held[slot].exchange(0);
  taken_.erase(slot);
}

}  // namespace gangd::rig
