#include "base/bytes.h"

#include "base/check.h"

namespace gangd {
namespace {

int digit_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

}  // namespace

ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string to_hex(ByteView bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string digits;
  digits.reserve(bytes.size() * 2);
  for (std::uint8_t byte : bytes) {
    digits += kDigits[byte >> 4];
    digits += kDigits[byte & 15];
  }
  return digits;
}

Result<ByteVector> from_hex(std::string_view digits) {
  if (digits.size() % 2 != 0) {
    return Error(Code::kInvalid, "{} hexadecimal digits: expected an even number", digits.size());
  }
  ByteVector bytes;
  bytes.reserve(digits.size() / 2);
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    const int high = digit_value(digits[i]);
    const int low = digit_value(digits[i + 1]);
    if (high < 0 || low < 0) {
      return Error(Code::kInvalid, "character {} is not a hexadecimal digit",
                   i + (high < 0 ? 1 : 2));
    }
    bytes.push_back(static_cast<std::uint8_t>(high * 16 + low));
  }
  return bytes;
}

ByteView ByteReader::bytes(std::size_t size) {
  if (!complete_ || size > left()) {
    complete_ = false;
    return {};
  }
  const ByteView view = bytes_.subspan(position_, size);
  position_ += size;
  return view;
}

Status ByteReader::finish() const {
  if (!complete_) {
    return Error(Code::kInvalid, "too short: ends after {} bytes, inside a field", bytes_.size());
  }
  if (left() != 0) {
    return Error(Code::kInvalid, "too long: {} bytes follow the last field", left());
  }
  return {};
}

std::uint64_t ByteReader::little(std::size_t size) {
  std::uint64_t value = 0;
  unsigned shift = 0;
  for (std::uint8_t byte : bytes(size)) {
    value |= std::uint64_t{byte} << shift;
    shift += 8;
  }
  return value;
}

std::uint64_t ByteReader::big(std::size_t size) {
  std::uint64_t value = 0;
  for (std::uint8_t byte : bytes(size)) value = value << 8 | byte;
  return value;
}

ByteWriter& ByteWriter::bytes(ByteView view) {
  bytes_.insert(bytes_.end(), view.begin(), view.end());
  return *this;
}

ByteWriter& ByteWriter::fill(std::uint8_t value, std::size_t size) {
  bytes_.insert(bytes_.end(), size, value);
  return *this;
}

void ByteWriter::patch_u32_le(std::size_t offset, std::uint32_t value) {
  CHECK(offset + 4 <= bytes_.size(), "offset {} of {}", offset, bytes_.size());
  for (std::size_t i = 0; i < 4; ++i) {
    bytes_[offset + i] = static_cast<std::uint8_t>(value >> (8 * i));
  }
}

ByteWriter& ByteWriter::little(std::uint64_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    bytes_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  }
  return *this;
}

ByteWriter& ByteWriter::big(std::uint64_t value, std::size_t size) {
  for (std::size_t i = size; i-- > 0;) {
    bytes_.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  }
  return *this;
}

}  // namespace gangd
