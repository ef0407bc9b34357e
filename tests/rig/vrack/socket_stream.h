// SocketStream: a connected unix socket on the loop. Reads are awaited; writes never wait, what the
// socket does not take is queued.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "loop/epoll_port.h"
#include "loop/task.h"

namespace gangd::rig {

class SocketStream final : private EpollPort::Watch {
 public:
  // Takes the descriptor.
  SocketStream(EpollPort& port, int fd) : port_(port), fd_(fd) {}
  ~SocketStream() override;

  // Fills `bytes`, which must live until it ends. One reader at a time. kClosed: the other end has
  // gone, or close() was called.
  Task<Status> read(std::span<std::uint8_t> bytes);
  // Up to the next '\n', which is left out. kInvalid beyond `size_max`.
  Task<Result<std::string>> read_line(std::size_t size_max);
  // The next descriptor that came with what was read, or -1; the caller's from then on.
  int take_descriptor();

  // Without bound: the callers' is that of usbfs, kUsbfsMemory for all of them together.
  void write(ByteView first, ByteView second = {});
  // Sends descriptors along with the bytes, which must be few enough to be taken at once.
  Status write_with_descriptor(ByteView bytes, int descriptor);
  // The other end reads that this was all; it can still be read from.
  void finish_writing();
  // What is queued is lost.
  void close();
  // Whether nobody is at the other end, though not all that came may have been read.
  bool has_hung_up() const;
  bool is_closed() const { return fd_ < 0; }

  // Called when some bytes have left for the other end.
  std::function<void()> on_sent;

 private:
  class Readable;

  // How much was read, 0 at the end, or -1 when nothing is there yet.
  std::ptrdiff_t receive(std::span<std::uint8_t> bytes);
  void on_loop() override;
  std::string_view event_name() const override { return "socket"; }
  void flush();
  void update_interest();

  EpollPort& port_;
  int fd_;
  bool watched_ = false;
  std::uint32_t interest_ = 0;
  Readable* reader_ = nullptr;
  std::vector<int> descriptors_;
  ByteVector queued_;
  std::size_t sent_ = 0;  // of queued_
};

}  // namespace gangd::rig
