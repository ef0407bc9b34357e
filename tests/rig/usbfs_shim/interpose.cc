// libgangd_usbfs.so, for LD_PRELOAD: gives programs the devices of vrack at /dev/bus/usb. Stands in
// for the functions of the C library through which libusb 1.0 opens, reads, uses and closes them;
// other files go on to whoever is next (umockdev's library, then the C library).
//
// VRACK_SOCKET names vrack's socket; without it nothing is changed.
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/types.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/rig/usbfs_shim/usbfs_file.h"

namespace gangd::rig {
namespace {

// Descriptors from here on are not given out: no program that uses the rig has so many.
constexpr int kHandlesMax = 65536;

std::atomic<UsbfsFile*> files[kHandlesMax];
pthread_mutex_t files_mutex = PTHREAD_MUTEX_INITIALIZER;

// The next definition of a function in the order of libraries, looked up by the first call.
template <class Function>
class Next {
 public:
  explicit constexpr Next(const char* name) : name_(name) {}

  template <class... Arguments>
  auto operator()(Arguments... arguments) {
    Function* function = function_;
    if (function == nullptr) {
      function = reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name_));
      function_ = function;
    }
    return function(arguments...);
  }

 private:
  const char* const name_;
  std::atomic<Function*> function_ = nullptr;
};

using OpenFunction = int(const char*, int, ...);
using PreadFunction = ssize_t(int, void*, std::size_t, off_t);
using LseekFunction = off_t(int, off_t, int);

constinit Next<OpenFunction> next_open("open");
constinit Next<OpenFunction> next_open64("open64");
constinit Next<OpenFunction> next_open_2("__open_2");
constinit Next<OpenFunction> next_open64_2("__open64_2");
constinit Next<int(int)> next_close("close");
constinit Next<int(int, unsigned long, ...)> next_ioctl("ioctl");
constinit Next<ssize_t(int, void*, std::size_t)> next_read("read");
constinit Next<PreadFunction> next_pread("pread");
constinit Next<PreadFunction> next_pread64("pread64");
constinit Next<LseekFunction> next_lseek("lseek");
constinit Next<LseekFunction> next_lseek64("lseek64");

// Null if `fd` is none of ours, and then without a lock: a signal's handler and the child of a fork
// may read and close as well. To be dropped by the caller.
UsbfsFile* hold(int fd) {
  if (fd < 0 || fd >= kHandlesMax || files[fd] == nullptr) return nullptr;
  pthread_mutex_lock(&files_mutex);
  UsbfsFile* const file = files[fd];
  if (file != nullptr) file->hold();
  pthread_mutex_unlock(&files_mutex);
  return file;
}

// True if the path is that of a device. Then `fd` is what open() returns.
bool open_device(const char* path, int flags, int& fd) {
  constexpr char kFolder[] = "/dev/bus/usb/";
  if (path == nullptr || std::strncmp(path, kFolder, sizeof kFolder - 1) != 0) return false;
  unsigned bus, device;
  char rest;
  if (std::sscanf(path + sizeof kFolder - 1, "%3u/%3u%c", &bus, &device, &rest) != 2) return false;
  const char* const socket_path = std::getenv("VRACK_SOCKET");
  if (socket_path == nullptr) return false;
  int error = 0;
  UsbfsFile* const file = UsbfsFile::open(socket_path, bus, device, flags & O_ACCMODE, error);
  fd = file != nullptr ? file->handle() : -1;
  if (fd >= kHandlesMax) {
    next_close(fd);
    file->drop();
    fd = -1;
    error = EMFILE;
  }
  if (fd >= 0) {
    pthread_mutex_lock(&files_mutex);
    files[fd] = file;
    pthread_mutex_unlock(&files_mutex);
  }
  errno = error;
  return true;
}

int open_any(Next<OpenFunction>& next, const char* path, int flags, mode_t mode) {
  int fd;
  if (open_device(path, flags, fd)) return fd;
  return next(path, flags, mode);
}

// What the kernel says, as the C library tells it; `file` is dropped.
template <class Status>
Status answer(UsbfsFile* file, Status status) {
  file->drop();
  if (status >= 0) return status;
  errno = static_cast<int>(-status);
  return -1;
}

ssize_t pread_any(Next<PreadFunction>& next, int fd, void* space, std::size_t size,
                  off_t position) {
  UsbfsFile* const file = hold(fd);
  if (file == nullptr) return next(fd, space, size, position);
  return answer(file, file->pread(space, size, position));
}

off_t lseek_any(Next<LseekFunction>& next, int fd, off_t offset, int whence) {
  UsbfsFile* const file = hold(fd);
  if (file == nullptr) return next(fd, offset, whence);
  return answer(file, file->seek(offset, whence));
}

mode_t mode_of(int flags, va_list arguments) {
  const bool creates = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  return creates ? va_arg(arguments, mode_t) : 0;
}

}  // namespace
}  // namespace gangd::rig

#define EXPORTED extern "C" __attribute__((visibility("default")))

using namespace gangd::rig;

EXPORTED int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_any(next_open, path, flags, mode);
}

EXPORTED int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_any(next_open64, path, flags, mode);
}

// What open() is in programs that were compiled with _FORTIFY_SOURCE, as Debian's libusb was.
EXPORTED int __open_2(const char* path, int flags) {
  return open_any(next_open_2, path, flags, 0);
}

EXPORTED int __open64_2(const char* path, int flags) {
  return open_any(next_open64_2, path, flags, 0);
}

EXPORTED int close(int fd) {
  UsbfsFile* const file = hold(fd);
  if (file == nullptr) return next_close(fd);
  file->close();
  pthread_mutex_lock(&files_mutex);
  files[fd] = nullptr;
  pthread_mutex_unlock(&files_mutex);
  file->drop();
  file->drop();
  return next_close(fd);
}

EXPORTED int ioctl(int fd, unsigned long request, ...) noexcept {
  va_list arguments;
  va_start(arguments, request);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  UsbfsFile* const file = hold(fd);
  if (file == nullptr) return next_ioctl(fd, request, argument);
  return answer(file, file->ioctl(request, argument));
}

EXPORTED ssize_t read(int fd, void* space, size_t size) {
  UsbfsFile* const file = hold(fd);
  if (file == nullptr) return next_read(fd, space, size);
  return answer(file, file->read(space, size));
}

EXPORTED ssize_t pread(int fd, void* space, size_t size, off_t position) {
  return pread_any(next_pread, fd, space, size, position);
}

EXPORTED ssize_t pread64(int fd, void* space, size_t size, off_t position) {
  return pread_any(next_pread64, fd, space, size, position);
}

EXPORTED off_t lseek(int fd, off_t offset, int whence) noexcept {
  return lseek_any(next_lseek, fd, offset, whence);
}

EXPORTED off_t lseek64(int fd, off_t offset, int whence) noexcept {
  return lseek_any(next_lseek64, fd, offset, whence);
}
