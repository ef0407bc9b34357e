// libgangd_usbfs.so, for LD_PRELOAD: gives programs the devices of vrack at /dev/bus/usb. Stands in
// for the functions of the C library through which libusb 1.0 opens, uses and closes them; other
// files go on to whoever is next (umockdev's library, then the C library).
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

UsbfsFile* files[kHandlesMax];
pthread_mutex_t files_mutex = PTHREAD_MUTEX_INITIALIZER;
std::atomic<int> files_open = 0;

// The next definition of a function in the order of libraries.
template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

using OpenFunction = int(const char*, int, ...);
using CloseFunction = int(int);
using IoctlFunction = int(int, unsigned long, ...);

int next_close(int fd) {
  static std::atomic<CloseFunction*> function = nullptr;
  if (function == nullptr) function = next<CloseFunction>("close");
  return function.load()(fd);
}

// Null if `fd` is none of ours. To be dropped by the caller.
UsbfsFile* hold(int fd) {
  if (fd < 0 || fd >= kHandlesMax || files_open == 0) return nullptr;
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
  const bool writable = (flags & O_ACCMODE) != O_RDONLY;
  UsbfsFile* const file = UsbfsFile::open(socket_path, bus, device, writable, error);
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
    ++files_open;
    pthread_mutex_unlock(&files_mutex);
  }
  errno = error;
  return true;
}

int open_any(const char* name, const char* path, int flags, mode_t mode) {
  int fd;
  if (open_device(path, flags, fd)) return fd;
  return next<OpenFunction>(name)(path, flags, mode);
}

mode_t mode_of(int flags, va_list arguments) {
  const bool creates = (flags & O_CREAT) != 0 || (flags & O_TMPFILE) == O_TMPFILE;
  return creates ? va_arg(arguments, mode_t) : 0;
}

}  // namespace
}  // namespace gangd::rig

#define EXPORTED extern "C" __attribute__((visibility("default")))

using gangd::rig::hold;
using gangd::rig::mode_of;
using gangd::rig::open_any;
using gangd::rig::UsbfsFile;

EXPORTED int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_any("open", path, flags, mode);
}

EXPORTED int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_any("open64", path, flags, mode);
}

// What open() is in programs that were compiled with _FORTIFY_SOURCE, as Debian's libusb was.
EXPORTED int __open_2(const char* path, int flags) {
  return open_any("__open_2", path, flags, 0);
}

EXPORTED int __open64_2(const char* path, int flags) {
  return open_any("__open64_2", path, flags, 0);
}

EXPORTED int close(int fd) {
  namespace rig = gangd::rig;
  UsbfsFile* const file = hold(fd);
  if (file == nullptr) return rig::next_close(fd);
  file->close();
  pthread_mutex_lock(&rig::files_mutex);
  rig::files[fd] = nullptr;
  --rig::files_open;
  pthread_mutex_unlock(&rig::files_mutex);
  file->drop();
  file->drop();
  return rig::next_close(fd);
}

EXPORTED int ioctl(int fd, unsigned long request, ...) noexcept {
  va_list arguments;
  va_start(arguments, request);
  void* const argument = va_arg(arguments, void*);
  va_end(arguments);
  UsbfsFile* const file = hold(fd);
  if (file == nullptr) {
    static std::atomic<gangd::rig::IoctlFunction*> function = nullptr;
    if (function == nullptr) function = gangd::rig::next<gangd::rig::IoctlFunction>("ioctl");
    return function.load()(fd, request, argument);
  }
  const int status = file->ioctl(request, argument);
  file->drop();
  if (status >= 0) return status;
  errno = -status;
  return -1;
}
