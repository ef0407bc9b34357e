// Reading and writing bytes whose order is stated: little-endian on USB, in DFU and in our own
// protocol; big-endian in USB/IP.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace gangd {

using ByteView = std::span<const std::uint8_t>;
using ByteVector = std::vector<std::uint8_t>;

// A view of the characters of `text`, which must outlive it.
ByteView as_bytes(std::string_view text);

// Lower-case, two digits a byte.
std::string to_hex(ByteView bytes);

// Both cases are read. kInvalid for an odd number of digits or another character.
Result<ByteVector> from_hex(std::string_view digits);

// Reads fields one after another. Reading past the end gives zeros and is remembered, so that a
// parser reads all its fields and asks once, with finish() or complete(), whether they were there.
// Bytes from anywhere are safe. The bytes must outlive the reader.
class ByteReader {
 public:
  explicit ByteReader(ByteView bytes) : bytes_(bytes) {}

  std::uint8_t u8() { return static_cast<std::uint8_t>(little(1)); }
  std::uint16_t u16_le() { return static_cast<std::uint16_t>(little(2)); }
  std::uint32_t u24_le() { return static_cast<std::uint32_t>(little(3)); }
  std::uint32_t u32_le() { return static_cast<std::uint32_t>(little(4)); }
  std::uint64_t u64_le() { return little(8); }
  std::uint16_t u16_be() { return static_cast<std::uint16_t>(big(2)); }
  std::uint32_t u32_be() { return static_cast<std::uint32_t>(big(4)); }
  std::uint64_t u64_be() { return big(8); }

  // The next `size` bytes, or none of them if there are fewer.
  ByteView bytes(std::size_t size);
  void skip(std::size_t size) { bytes(size); }

  std::size_t left() const { return bytes_.size() - position_; }
  std::size_t position() const { return position_; }

  // Everything read so far was there.
  bool complete() const { return complete_; }
  // The same, and nothing is left. The error names what was wrong with the length.
  Status finish() const;

 private:
  std::uint64_t little(std::size_t size);
  std::uint64_t big(std::size_t size);

  ByteView bytes_;
  std::size_t position_ = 0;
  bool complete_ = true;
};

// Appends fields to a vector of its own.
class ByteWriter {
 public:
  ByteWriter& u8(std::uint8_t value) { return little(value, 1); }
  ByteWriter& u16_le(std::uint16_t value) { return little(value, 2); }
  ByteWriter& u24_le(std::uint32_t value) { return little(value, 3); }
  ByteWriter& u32_le(std::uint32_t value) { return little(value, 4); }
  ByteWriter& u64_le(std::uint64_t value) { return little(value, 8); }
  ByteWriter& u16_be(std::uint16_t value) { return big(value, 2); }
  ByteWriter& u32_be(std::uint32_t value) { return big(value, 4); }
  ByteWriter& u64_be(std::uint64_t value) { return big(value, 8); }
  ByteWriter& bytes(ByteView view);
  // So many will come in all.
  void reserve(std::size_t size) { bytes_.reserve(size); }
  ByteWriter& fill(std::uint8_t value, std::size_t size);

  // Replaces four bytes written earlier: a length or a checksum known only now.
  void patch_u32_le(std::size_t offset, std::uint32_t value);

  std::size_t size() const { return bytes_.size(); }
  ByteView view() const { return bytes_; }
  ByteVector take() && { return std::move(bytes_); }

 private:
  ByteWriter& little(std::uint64_t value, std::size_t size);
  ByteWriter& big(std::uint64_t value, std::size_t size);

  ByteVector bytes_;
};

}  // namespace gangd
