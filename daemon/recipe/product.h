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

// What a verdict is made of.
enum class Verify {
  kDevice,    // what the device measures; what is read back from a device that cannot
  kReadback,  // what is read back
  kBoth,
};

struct Product {
  std::string name;
  Sha256Digest digest;  // of its file
  std::uint16_t vendor = 0;
  std::uint16_t product = 0;
  std::vector<ProductImage> images;
  std::optional<ProductSerial> serial;
  std::vector<std::string> steps;
  bool incoming_fresh = false;  // a unit that was never seen comes from the chip's maker, blank
  Verify verify = Verify::kDevice;
  std::uint32_t minutes_max = 0;  // for one attempt
};

// `file` is its name in errors. Bytes from anywhere are safe. Whether its steps exist is not looked
// at here: Recipe does.
Result<Product> parse_product(std::string_view text, std::string file);

}  // namespace gangd
