#include "ledger/head_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "ledger/small_file.h"

namespace gangd {
namespace {

// A disk writes so many bytes wholly or not at all, and a head is shorter: a station's name has at
// most 64 letters.
constexpr std::size_t kPlaceBytes = 512;
constexpr int kPlaces = 2;
// What a person made of it, with other ends of lines, is read as well.
constexpr std::size_t kFileBytesMax = 1 << 16;

Result<std::string> place_of(const SignedHead& head) {
  std::string line = head_line(head);
  if (line.size() >= kPlaceBytes) {
    return Error(Code::kInvalid, "the station's name is too long: give it at most 64 letters");
  }
  line.resize(kPlaceBytes - 1, ' ');
  return line + '\n';
}

}  // namespace

std::string HeadFile::beside(const std::string& ledger) {
  return ledger + ".head";
}

Status HeadFile::make(const std::string& file, const SignedHead& head) {
  TRY(std::string text, place_of(head));
  return make_small_file(file, text + text, 0644);
}

Result<SignedHead> HeadFile::read(const std::string& file) {
  TRY(const std::string text, read_small_file(file, kFileBytesMax));
  std::optional<SignedHead> newest;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    auto head = parse_head(line);
    if (head && (!newest || newest->id < head->id)) newest = *std::move(head);
  }
  if (newest) return *std::move(newest);
  return Error(Code::kMismatch, "{} holds no signed head: it was damaged, or is another file",
               file);
}

Result<HeadFile> HeadFile::open(const std::string& file) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd >= 0) return HeadFile(fd, file);
  return Error(Code::kIo, "{} cannot be written: give gangd's user the right to ({})", file,
               std::generic_category().message(errno));
}

HeadFile::~HeadFile() {
  if (fd_ >= 0) close(fd_);
}

HeadFile::HeadFile(HeadFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      file_(std::move(other.file_)),
      next_place_(other.next_place_) {}

Status HeadFile::note(const SignedHead& head) {
  TRY(const std::string text, place_of(head));
  const auto at = static_cast<off_t>(kPlaceBytes) * next_place_;
  if (pwrite(fd_, text.data(), text.size(), at) != static_cast<ssize_t>(text.size())) {
    return Error(Code::kIo, "{} cannot be written: look after the disk ({})", file_,
                 std::generic_category().message(errno));
  }
  next_place_ = (next_place_ + 1) % kPlaces;
  return {};
}

}  // namespace gangd
