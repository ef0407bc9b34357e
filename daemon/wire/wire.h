// Wire: what a board can be asked for, whatever protocol it speaks. wires.cc has the table of
// protocols.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
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

// How a device reads what it measures.
enum class ReadAs {
  kProgrammed,
  kBooted,  // with the clock and in the mode of the program that runs in place
};

// What nobody can have known before: who tells it again, tells of now.
using Nonce = std::array<std::uint8_t, 16>;
// What a device says that it has measured.
struct DeviceProof {
  Sha256Digest digest;
  Sha256Digest loader;  // of the program that the device runs
};

// Of which kind a board says that it is; what it does not say is 0 or empty.
struct BoardKind {
  struct Flash {
    std::uint32_t address = 0;
    ByteVector jedec_id;
    bool operator==(const Flash&) const = default;
  };
  std::uint32_t chip = 0;  // device and revision, as DBGMCU_IDCODE reads
  std::string board;       // its name, printable ASCII
  std::vector<Flash> flashes;
  bool operator==(const BoardKind&) const = default;
};

// A board that was opened. Faults of the bus are dealt with inside, a few times; what comes out is
// the end of the attempt. Cancelling leaves the board in the middle; open_wire() clears that.
class Wire {
 public:
  virtual ~Wire() = default;

  virtual std::string_view protocol() const = 0;
  // The chip's own 96 bits, 24 hexadecimal digits in capitals.
  virtual const std::string& uid() const = 0;
  virtual const BoardKind& kind() const = 0;
  virtual const std::vector<Layout>& memories() const = 0;
  // The nonce that was left in its RAM for the program that answers here; none: it was started in
  // another way, or does not tell.
  virtual const std::optional<Nonce>& start_nonce() const = 0;

  // All pages that [address, address + size) touches.
  virtual Task<Status> erase(std::uint32_t address, std::uint64_t size, Erase how,
                             Progress progress) = 0;
  // Of what was to be erased, and was not.
  virtual std::uint64_t bytes_found_blank() const = 0;
  // An erase takes all of the pages that it touches: their size at `address`.
  virtual std::uint64_t erase_unit(std::uint32_t address) const = 0;
  // A write there begins and ends at multiples of it.
  virtual std::uint32_t write_unit(std::uint32_t address) const = 0;
  // How large a piece may be that is sent packed, where that is faster; 0: nowhere.
  virtual std::size_t packed_max() const = 0;
  // Pieces of what will be written, cut as by next_run(); and whether boards of this kind take them
  // sooner than what they stand for, which this one may find out. Both must outlive the wire.
  virtual void offer(const PackedPieces& pieces, std::optional<bool>& is_faster_packed) = 0;
  // Sums of what will be written, which must outlive the wire. Of use only where they are sent.
  virtual void know(const KnownSums&) {}
  // What is written must be erased before. `bytes` must stay until it has returned.
  virtual Task<Status> write(std::uint32_t address, ByteView bytes, Progress progress) = 0;

  // Whether the device can hash what it holds.
  virtual bool measures() const = 0;
  // Whether it can digest what it holds.
  virtual bool compares() const = 0;
  // The digests of what the memory holds, as block_digests() makes them. Only if it compares.
  virtual Task<Result<std::vector<std::uint32_t>>> digests(std::uint32_t address,
                                                           std::uint64_t size) = 0;
  // The device's own hash of what the cells hold now, for this nonce. Only if it measures.
  virtual Task<Result<DeviceProof>> measure(std::uint32_t address, std::uint64_t size, ReadAs as,
                                            Nonce nonce, Progress progress) = 0;
  // Whether it can read what is there as kBooted.
  virtual bool boots_from(std::uint32_t address) const = 0;
  // How long each flash of the board took for its work, in words; what was under way is over.
  // Empty: it does not tell.
  virtual Task<Result<std::vector<std::string>>> flash_words() = 0;
  // The hash of what the device sends when it is read.
  virtual Task<Result<Sha256Digest>> read_back(std::uint32_t address, std::uint64_t size,
                                               Progress progress) = 0;
};

// Speaks the best protocol that the device offers, and brings it to idle. kUnsupported if there is
// none. The connection must outlive the result.
Task<Result<std::unique_ptr<Wire>>> open_wire(UsbConnection& connection);

}  // namespace gangd
