#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "image/image.h"

namespace gangd {
namespace {

Error file_error(const std::string& path) {
  const Code code = errno == ENOENT || errno == ENOTDIR ? Code::kNotFound : Code::kIo;
  return {code, "{}: {}", path, std::strerror(errno)};
}

// The zeros that a vector begins with are still in the cache when they are overwritten.
constexpr std::size_t kReadAtOnce = std::size_t{256} << 10;

// An image takes thousands of pages; to be given them all together costs less than a fault for
// each. A wish, no more.
void want_pages(std::uint8_t* memory, std::size_t size) {
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const auto begin = reinterpret_cast<std::uintptr_t>(memory);
  const std::uintptr_t first = (begin + page - 1) / page * page;
  const std::uintptr_t end = (begin + size) / page * page;
  if (first < end) (void)madvise(memory + (first - begin), end - first, MADV_POPULATE_WRITE);
}

Result<ByteVector> read_open_file(int fd, const std::string& path, std::size_t bytes_max) {
  struct stat status;
  if (fstat(fd, &status) != 0) return file_error(path);
  if (!S_ISREG(status.st_mode)) return Error(Code::kInvalid, "{} is not a file", path);
  if (static_cast<std::uint64_t>(status.st_size) > bytes_max) {
    return Error(Code::kInvalid, "{} has {} bytes; at most {} can be", path, status.st_size,
                 bytes_max);
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  ByteVector bytes;
  bytes.reserve(size);
  want_pages(bytes.data(), size);
  std::size_t done = 0;
  while (done < size) {
    if (done == bytes.size()) bytes.resize(std::min(size, done + kReadAtOnce));
    const ssize_t got = read(fd, bytes.data() + done, bytes.size() - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return file_error(path);
    if (got == 0) return Error(Code::kIo, "{} became shorter while it was read", path);
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

}  // namespace

Result<ByteVector> read_file(const std::string& path, std::size_t bytes_max) {
  // A pipe in place of a file must not keep the worker: it is refused once it is open.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return file_error(path);
  Result<ByteVector> bytes = read_open_file(fd, path, bytes_max);
  close(fd);
  return bytes;
}

}  // namespace gangd
