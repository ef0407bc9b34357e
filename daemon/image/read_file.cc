#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "image/image.h"

namespace gangd {
namespace {

Error file_error(const std::string& path) {
  const Code code = errno == ENOENT || errno == ENOTDIR ? Code::kNotFound : Code::kIo;
  return {code, "{}: {}", path, std::strerror(errno)};
}

Result<ByteVector> read_open_file(int fd, const std::string& path, std::size_t bytes_max) {
  struct stat status;
  if (fstat(fd, &status) != 0) return file_error(path);
  if (!S_ISREG(status.st_mode)) return Error(Code::kInvalid, "{} is not a file", path);
  if (static_cast<std::uint64_t>(status.st_size) > bytes_max) {
    return Error(Code::kInvalid, "{} has {} bytes; at most {} can be", path, status.st_size,
                 bytes_max);
  }
  ByteVector bytes(static_cast<std::size_t>(status.st_size));
  std::size_t done = 0;
  while (done < bytes.size()) {
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
