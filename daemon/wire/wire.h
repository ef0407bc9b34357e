// Wire: what a board can be asked for, whatever protocol it speaks. wires.cc has the table of
// protocols.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/block_digests.h"
#include "base/bytes.h"
#include "base/packed_piece.h"
#include "base/result.h"
#include "base/sha256.h"
#include "loop/task.h"
#include "usb/usb.h"
#include "wire/layout.h"

namespace gangd {

// Told how many more bytes are done.
using Progress = std::function<void(std::uint64_t bytes)>;

// What an erase may leave out.
enum class Erase {
  kAll,       // nothing
  kNotBlank,  // what reads as blank. Cells whose erase was cut may read so and not hold: only where
              // the last work on the board is known to have ended well
};

// What a device says that it has measured.
using Nonce = std::array<std::uint8_t, 16>;
struct DeviceProof {
  Sha256Digest digest;
  Sha256Digest loader;  // of the program that the device runs
};

// A board that was opened. Faults of the bus are dealt with inside, a few times; what comes out is
// the end of the attempt. Cancelling leaves the board in the middle; open_wire() clears that.
class Wire {
 public:
  virtual ~Wire() = default;

  virtual std::string_view protocol() const = 0;
  // The chip's own 96 bits, 24 hexadecimal digits in capitals.
  virtual const std::string& uid() const = 0;
  virtual const std::vector<Layout>& memories() const = 0;

  // All pages that [address, address + size) touches.
  virtual Task<Status> erase(std::uint32_t address, std::uint64_t size, Erase how,
                             Progress progress) = 0;
  // Of what was to be erased, and was not.
  virtual std::uint64_t bytes_found_blank() const = 0;
  // An erase takes all of the pages that it touches: their size at `address`.
  virtual std::uint64_t erase_unit(std::uint32_t address) const = 0;
  // How large a piece may be that is sent packed, where that is faster; 0: nowhere.
  virtual std::size_t packed_max() const = 0;
  // Pieces of what will be written, cut as by next_run(). They must outlive the wire.
  virtual void offer(const PackedPieces& pieces) = 0;
  // What is written must be erased before. `bytes` must stay until it has returned.
  virtual Task<Status> write(std::uint32_t address, ByteView bytes, Progress progress) = 0;

  // Whether the device can hash what it holds, and digest it.
  virtual bool measures() const = 0;
  // The digests of what the memory holds, as block_digests() makes them. Only if it measures.
  virtual Task<Result<std::vector<std::uint32_t>>> digests(std::uint32_t address,
                                                           std::uint64_t size) = 0;
  // The device's own hash of what the cells hold now, for this nonce. Only if it measures.
  virtual Task<Result<DeviceProof>> measure(std::uint32_t address, std::uint64_t size, Nonce nonce,
                                            Progress progress) = 0;
  // The hash of what the device sends when it is read.
  virtual Task<Result<Sha256Digest>> read_back(std::uint32_t address, std::uint64_t size,
                                               Progress progress) = 0;
};

// Speaks the best protocol that the device offers, and brings it to idle. kUnsupported if there is
// none. The connection must outlive the result.
Task<Result<std::unique_ptr<Wire>>> open_wire(UsbConnection& connection);

}  // namespace gangd
