// A node as a file: usbdev_read() and no_seek_end_llseek() of Linux, restated.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <limits>

#include "tests/rig/usbfs_shim/usbfs_file.h"

namespace gangd::rig {

// usbfs gives the numbers of the device descriptor in the machine's order, and all others in that
// of USB. Here both are the same.
static_assert(std::endian::native == std::endian::little);

ssize_t UsbfsFile::read(void* space, std::size_t size) {
  const Lock lock(mutex_);
  const ssize_t got = read_at(position_, space, size);
  if (got > 0) position_ += got;
  return got;
}

ssize_t UsbfsFile::pread(void* space, std::size_t size, off_t position) {
  if (position < 0) return -EINVAL;
  const Lock lock(mutex_);
  return read_at(position, space, size);
}

off_t UsbfsFile::seek(off_t offset, int whence) {
  const Lock lock(mutex_);
  if (whence != SEEK_SET && whence != SEEK_CUR) return -EINVAL;
  const off_t from = whence == SEEK_SET ? 0 : position_;
  if (offset > std::numeric_limits<off_t>::max() - from || from + offset < 0) return -EINVAL;
  position_ = from + offset;
  return position_;
}

ssize_t UsbfsFile::read_at(off_t position, void* space, std::size_t size) const {
  if (access_ == O_WRONLY) return -EBADF;
  if (has_gone()) return -ENODEV;
  const auto from = static_cast<std::size_t>(position);
  if (from >= descriptors_size_) return 0;
  const std::size_t left = descriptors_size_ - from;
  const std::size_t count = size < left ? size : left;
  std::memcpy(space, descriptors_ + from, count);
  return static_cast<ssize_t>(count);
}

// vrack has closed the pipe's other end: known before the URBs that ended with it are reaped.
bool UsbfsFile::has_gone() const {
  pollfd look{handle_, 0, 0};
  return gone_ || (poll(&look, 1, 0) == 1 && (look.revents & POLLERR) != 0);
}

}  // namespace gangd::rig
