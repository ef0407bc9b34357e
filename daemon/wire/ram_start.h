// The bootloader in a chip's ROM: puts a program into the chip's RAM, over DfuSe, and starts it.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "loop/task.h"
#include "usb/usb.h"
#include "wire/wire.h"

namespace gangd {

// Blocks of the RAM must begin and end at multiples of it, and one that does not makes all that
// follow fail (AN2606).
constexpr std::size_t kRomWriteUnit = 4;

// `address` and size are multiples of kRomWriteUnit.
struct RamPiece {
  std::uint32_t address = 0;
  ByteVector bytes;
};

// Whether a device with this configuration descriptor can be asked for it.
bool starts_from_ram(ByteView configuration);

// Writes all pieces, reads them back, and lets the device start what is at `entry`. Progress comes
// to twice their size. A fault of the bus is dealt with a few times, from the beginning. Success:
// the device was told, and goes now, or has gone. kMismatch: its RAM holds something else.
Task<Status> start_from_ram(UsbConnection& connection, const std::vector<RamPiece>& pieces,
                            std::uint32_t entry, Progress progress);

// Lets the device start the application at `address`, whichever of our protocols it speaks.
Task<Status> start_application(UsbConnection& connection, std::uint32_t address);

}  // namespace gangd
