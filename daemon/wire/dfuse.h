// DfuSe, from the host's side: erase, write and read one memory of a board through its alternate
// setting. Made for devices of all makers: it clears what a run before left behind, believes no
// state it has not asked for, and waits as long as the device says, up to a limit of its own.
//
// What the device itself reports as failed is kDevice, with its words. After an error, to_idle()
// comes before the next operation.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "loop/task.h"
#include "usb/usb.h"
#include "wire/dfu.h"
#include "wire/layout.h"

namespace gangd {

// How blocks are numbered (ST AN3156). Every device should know both; ST's own tools and dfu-util
// use one each.
enum class DfuseBlocks {
  kAddressEach,  // the address is set before each block, which then is block 2
  kIncrement,    // the address is set once, and block numbers count up
};

struct DfuStatus {
  std::uint8_t status = 0;
  Duration poll_timeout{};
  DfuState state = DfuState::kIdle;
  std::uint8_t text_index = 0;
};

class Dfuse {
 public:
  // Claims the interface, selects the alternate setting, reads its layout and brings it to dfuIDLE.
  // The connection must outlive the result. kUnsupported if it is not DfuSe in DFU mode.
  static Task<Result<std::unique_ptr<Dfuse>>> open(UsbConnection& connection,
                                                   DfuAlternate alternate, DfuseBlocks blocks);
  // The same without a layout: what some devices send of it is cut short, and their RAM needs none.
  static Task<Result<std::unique_ptr<Dfuse>>> open_for_ram(UsbConnection& connection,
                                                           DfuAlternate alternate);

  const Layout& layout() const { return layout_; }
  std::size_t block_size() const { return block_size_; }

  // Clears an error, ends what was begun, and waits until the device is idle.
  Task<Status> to_idle();

  // The page that holds `address`. kInvalid outside of what can be erased.
  Task<Status> erase_page(std::uint32_t address);
  Task<Status> erase_all();
  // What is written must be erased before. kInvalid outside of what can be written.
  Task<Status> write(std::uint32_t address, ByteVector bytes);
  Task<Result<ByteVector>> read(std::uint32_t address, std::size_t size);
  // The same for RAM, of which layouts need not tell: the device judges.
  Task<Status> write_ram(std::uint32_t address, ByteVector bytes);
  Task<Result<ByteVector>> read_ram(std::uint32_t address, std::size_t size);
  // Lets the device leave DFU and start what is at `address`; it may then drop off the bus.
  Task<Status> leave(std::uint32_t address);
  // Of a leave() that failed: the device had taken the request by then, and may have gone.
  bool was_told_to_leave() const { return was_told_to_leave_; }

  // What the device knows of the commands 0x21, 0x41, 0x92.
  Task<Result<ByteVector>> commands();

  Task<Result<DfuStatus>> get_status();

 private:
  static Task<Status> select(UsbConnection& connection, DfuAlternate alternate);
  Dfuse(UsbConnection& connection, DfuAlternate alternate, DfuseBlocks blocks, Layout layout);

  Task<Status> request(std::uint8_t request, std::uint16_t value, ByteVector bytes);
  Task<Result<ByteVector>> upload(std::uint16_t block, std::size_t size);
  Task<Status> abort();
  Task<Status> clear_status();
  Task<Status> set_address(std::uint32_t address);
  Task<Status> command(ByteVector bytes, Duration limit);
  Task<Status> write_block(std::uint16_t block, ByteVector bytes);
  // After a download: asks until the device is done, pausing as it says.
  Task<Status> wait_done();
  Task<Error> failure(DfuStatus status);

  UsbConnection& connection_;
  const DfuAlternate alternate_;
  const DfuseBlocks blocks_;
  const std::size_t block_size_;
  const Layout layout_;
  bool was_told_to_leave_ = false;
};

}  // namespace gangd
