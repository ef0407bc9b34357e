// SHA-256: what a verdict, a ledger chain and a release are made of.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.h"

namespace gangd {

struct Sha256Digest {
  std::array<std::uint8_t, 32> bytes{};

  std::string hex() const { return to_hex(bytes); }
  auto operator<=>(const Sha256Digest&) const = default;
};

// Hashes bytes as they come. OpenSSL does the work: it uses the SHA instructions of the CPU.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void update(ByteView bytes);

  // The digest of all bytes given since construction or the last finish(), which starts anew.
  Sha256Digest finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

Sha256Digest sha256(ByteView bytes);

}  // namespace gangd
