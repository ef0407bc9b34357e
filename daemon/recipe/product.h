// A product: what is written into its units, and how. Read from station_cfg/products/NAME.toml.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/extent.h"
#include "base/result.h"
#include "base/sha256.h"

namespace gangd {

struct ProductImage {
  std::string file;  // as the product's file says: from its folder on
  std::uint32_t address = 0;
};

// A serial number for each unit, from a pool that the station counts up, or the MES.
struct ProductSerial {
  std::string pool;
  std::string prefix;
  int digits = 0;
  std::uint64_t first = 0;
  std::uint32_t address = 0;
  std::uint32_t size = 0;  // of its field in the unit: the text, then 0xFF
  bool from_mes = false;
  std::uint64_t ahead = 0;  // so many numbers of the MES are kept ready

  // `GD000017`. kExhausted when the number has more digits than there are.
  Result<std::string> text(std::uint64_t index) const;
  // What is in the unit's field then, and its place and hash.
  ByteVector field(std::string_view text) const;
  Extent extent(std::string_view text) const;
};

// A board that starts in the bootloader of its chip's ROM: what is put into its RAM there.
struct ProductLoader {
  std::string file;     // as the product's file says
  Sha256Digest digest;  // that it must have
  std::uint32_t address = 0;
  std::uint32_t mailbox = 0;  // where the nonce is left for it (target_fw/mailbox.h)
  std::uint16_t vendor = 0;   // the ROM's
  std::uint16_t product = 0;
  std::uint32_t seconds_max = 0;  // until the board is back as its loader
};

// What is started in the end.
struct ProductStart {
  std::uint32_t address = 0;  // of its vectors
  // What it is on the bus, and must be seen as. 0: it need not be.
  std::uint16_t vendor = 0;
  std::uint16_t product = 0;
  std::uint32_t seconds_max = 0;
};

// What a verdict is made of.
enum class Verify {
  kBest,      // what the device measures; what is read back from a device that cannot
  kDevice,    // what the device measures
  kReadback,  // what is read back
  kBoth,
};

struct Product {
  std::string name;
  Sha256Digest digest;       // of its file
  std::uint16_t vendor = 0;  // of the board as it is programmed: of its loader
  std::uint16_t product = 0;
  std::vector<ProductImage> images;
  std::optional<ProductSerial> serial;
  std::optional<ProductLoader> loader;
  std::optional<ProductStart> start;
  std::vector<std::string> steps;
  bool incoming_fresh = false;  // a unit that was never seen comes from the chip's maker, blank
  Verify verify = Verify::kBest;
  // What a program runs from in place is measured once more, as that program will read it.
  bool verify_as_booted = false;
  std::uint32_t minutes_max = 0;  // for one attempt
};

// `file` is its name in errors. Bytes from anywhere are safe. Whether its steps exist is not looked
// at here: Recipe does.
Result<Product> parse_product(std::string_view text, std::string file);

}  // namespace gangd
