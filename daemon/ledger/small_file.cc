#include "ledger/small_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace gangd {
namespace {

Error failed(const std::string& file, std::string_view what) {
  const int fault = errno;
  return {fault == ENOENT ? Code::kNotFound : Code::kIo, "{} cannot be {}: {}", file, what,
          std::generic_category().message(fault)};
}

Status write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Error(Code::kIo, "{}", std::generic_category().message(errno));
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  if (fsync(fd) == 0) return {};
  return Error(Code::kIo, "{}", std::generic_category().message(errno));
}

}  // namespace

bool is_there(const std::string& file) {
  return access(file.c_str(), F_OK) == 0;
}

Result<std::string> read_small_file(const std::string& file, std::size_t bytes_max) {
  const int fd = open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failed(file, "opened");
  std::string text(bytes_max + 1, '\0');
  std::size_t size = 0;
  ssize_t got = 0;
  while (size < text.size()) {
    got = read(fd, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
  }
  const Error fault = failed(file, "read");
  close(fd);
  if (got < 0) return fault;
  if (size > bytes_max) return Error(Code::kInvalid, "{} has more than {} bytes", file, bytes_max);
  text.resize(size);
  return text;
}

Status make_small_file(const std::string& file, std::string_view text, mode_t mode) {
  // Whole or not at all, whenever we are killed: half a key would be taken for a damaged one.
  const std::string half = file + ".half";
  unlink(half.c_str());
  const int fd = open(half.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
  if (fd < 0) return failed(file, "made");
  Status made = write_all(fd, text).with_context(file);
  close(fd);
  if (made && link(half.c_str(), file.c_str()) != 0) {
    made = errno == EEXIST ? Error(Code::kBusy, "{} is there already", file) : failed(file, "made");
  }
  unlink(half.c_str());
  if (!made) return made;
  return sync_folder_of(file);
}

Status sync_folder_of(const std::string& file) {
  const std::filesystem::path folder = std::filesystem::path(file).parent_path();
  const int fd = open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = fd >= 0 && fsync(fd) == 0;
  const int fault = errno;
  if (fd >= 0) close(fd);
  if (synced) return {};
  return Error(Code::kIo, "the folder of {} cannot be synced: {}", file,
               std::generic_category().message(fault));
}

}  // namespace gangd
