#include "ledger/ledger_lock.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace gangd {
namespace {

std::string holder_of(int fd) {
  std::array<char, 16> text{};
  const ssize_t size = pread(fd, text.data(), text.size(), 0);
  std::string holder;
  for (ssize_t i = 0; i < size; ++i) {
    const char digit = text[static_cast<std::size_t>(i)];
    if (digit < '0' || digit > '9') break;
    holder += digit;
  }
  return holder.empty() ? "?" : holder;
}

}  // namespace

Result<LedgerLock> LedgerLock::take(const std::string& ledger) {
  const std::string file = ledger + ".lock";
  const int fd = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0660);
  if (fd < 0) {
    return Error(Code::kIo,
                 "ledger {}: its folder must exist, and gangd's user must be allowed to write "
                 "there ({}: {})",
                 ledger, file, std::generic_category().message(errno));
  }
  LedgerLock lock(fd);
  if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
    return Error(Code::kBusy,
                 "ledger {}: process {} has it; end that gangd, or give each station a ledger of "
                 "its own",
                 ledger, holder_of(fd));
  }
  // Only for the sentence above: the lock is what counts, also on a full disk.
  const std::string pid = fmt::format("{}\n", getpid());
  if (ftruncate(fd, 0) != 0 || pwrite(fd, pid.data(), pid.size(), 0) < 0) return lock;
  return lock;
}

LedgerLock::~LedgerLock() {
  if (fd_ >= 0) close(fd_);
}

LedgerLock::LedgerLock(LedgerLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

}  // namespace gangd
