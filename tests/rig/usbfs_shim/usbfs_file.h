// UsbfsFile: an open /dev/bus/usb/BBB/DDD of this program, whose other end is vrack (protocol.h).
//
// No thread and no C++ runtime: the library is loaded into programs of all kinds. What the program
// holds is the write end of a pipe of one page. vrack has the read end, and empties the pipe when
// it has sent something: then the write end polls as writable, as usbfs does when there is a URB to
// reap. It closes the read end when the device has gone: then it polls POLLERR.
#pragma once

#include <linux/usbdevice_fs.h>
#include <pthread.h>
#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "tests/rig/descriptors.h"
#include "tests/rig/protocol.h"

namespace gangd::rig {

class UsbfsFile {
 public:
  // `access` is O_RDONLY, O_WRONLY or O_RDWR. Null, and a positive errno in `error`, when it cannot
  // be opened.
  static UsbfsFile* open(const char* socket_path, std::uint32_t bus, std::uint32_t device,
                         int access, int& error);

  // What the program gets; closed by close().
  int handle() const { return handle_; }

  // As the kernel's: 0 or more, or a negative errno. From any thread.
  int ioctl(unsigned long request, void* argument);
  // The device descriptor, then the configurations, each with all that belongs to it.
  ssize_t read(void* space, std::size_t size);
  ssize_t pread(void* space, std::size_t size, off_t position);
  off_t seek(off_t offset, int whence);
  // Ends all URBs and claims. Those in other threads' ioctl() come back.
  void close();

  // Counted: the program may close in one thread what another is using.
  void hold() { ++holders_; }
  void drop();

 private:
  struct Request;
  struct Queue {
    Request* first = nullptr;
    Request** last = &first;
  };
  class Lock;

  static constexpr std::size_t kEndpointsMax = 60;
  static constexpr int kNotClaimed = -1;

  UsbfsFile() = default;
  ~UsbfsFile();

  // opening.cc
  int connect(const char* socket_path, int& pipe_end, int& answers_end);
  int ask_to_open(std::uint32_t bus, std::uint32_t device, int pipe_end, int answers_end);
  int receive_reply(UsbfsMemory*& memory, OpenReply& reply);
  int read_descriptors(std::size_t size);

  // usbfs_file.cc: what the program asks for
  int claim(unsigned interface);
  int release(unsigned interface);
  int set_interface(const usbdevfs_setinterface& wanted);
  int set_configuration(unsigned configuration);
  int get_driver(usbdevfs_getdriver& driver);
  int disconnect_and_claim(const usbdevfs_disconnect_claim& wanted);
  int driver_ioctl(const usbdevfs_ioctl& wanted);
  int conninfo_ex(void* argument, std::size_t size) const;
  int reset();
  int call(Call call, std::uint32_t first, std::uint32_t second, std::uint32_t* value = nullptr);

  // reading.cc
  ssize_t read_at(off_t position, void* space, std::size_t size) const;
  bool has_gone() const;

  // urbs.cc: submit, reap, discard
  int submit(usbdevfs_urb* urb);
  int check_control(const usbdevfs_urb& urb);
  int check_endpoint(unsigned char endpoint, const EndpointPlace*& place);
  int check_interface(unsigned interface);
  int send_submit(Request& request);
  int discard(const usbdevfs_urb* urb);
  int reap(void** urb);
  bool charge(std::uint64_t size);
  void give_back(std::uint64_t size);

  void pump();
  bool receive(void* space, std::size_t size, std::size_t& got);
  ssize_t receive_some(void* space, std::size_t size);
  void finish_reply();
  void lose();
  Request* take(std::uint32_t sequence);
  static void append(Queue& queue, Request* request);
  void lower_ready();
  void raise_ready();
  bool can_receive() const;
  int send(const void* head, std::size_t head_size, const void* body, std::size_t body_size);

  std::atomic<int> holders_ = 1;
  int handle_ = -1;
  int socket_ = -1;
  int answers_ = -1;
  int access_ = 0;
  std::uint32_t bus_ = 0, device_ = 0, speed_ = 0, slot_ = 0;
  UsbfsMemory* memory_ = nullptr;
  EndpointPlace endpoints_[kEndpointsMax];
  std::size_t endpoint_count_ = 0;
  std::uint8_t* descriptors_ = nullptr;
  std::size_t descriptors_size_ = 0;

  pthread_mutex_t call_mutex_ = PTHREAD_MUTEX_INITIALIZER;  // one call at a time; taken first
  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;       // guards what follows, and socket_
  bool closed_ = false;
  bool gone_ = false;
  off_t position_ = 0;
  std::uint32_t sequence_ = 0;
  std::uint32_t configuration_ = 0;
  int alternates_[32];  // of the interfaces that this file has claimed, or kNotClaimed
  Queue flying_, done_;
  // What was received and is not looked at yet: answers are short, and several come at once.
  std::uint8_t inbox_[4096];
  std::size_t inbox_at_ = 0, inbox_size_ = 0;
  bool drained_ = false;  // since the last time that there was nothing to reap, all was received
  // The message that is being received: its head, then its data.
  Header header_;
  std::size_t header_got_ = 0;
  Request* receiving_ = nullptr;
  std::size_t data_got_ = 0;
};

class UsbfsFile::Lock {
 public:
  explicit Lock(pthread_mutex_t& mutex) : mutex_(mutex) { pthread_mutex_lock(&mutex_); }
  ~Lock() { pthread_mutex_unlock(&mutex_); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  pthread_mutex_t& mutex_;
};

struct UsbfsFile::Request {
  usbdevfs_urb* urb;
  std::uint32_t sequence;
  std::uint64_t memory;
  int status;
  int actual;
  Request* next;

  bool is_control() const { return urb->type == USBDEVFS_URB_TYPE_CONTROL; }
  // Without the setup packet, which a control URB has in front.
  std::uint8_t* data() const {
    return static_cast<std::uint8_t*>(urb->buffer) + (is_control() ? 8 : 0);
  }
  std::size_t size() const;
  bool is_in() const;
};

}  // namespace gangd::rig
