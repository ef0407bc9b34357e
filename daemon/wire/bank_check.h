// What is looked at while the next bank is written: parts that read one bank and program another
// let a fault be known long before the hash at the end, which alone proves what is there.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/known_sums.h"
#include "base/result.h"

namespace gangd {

class BankCheck {
 public:
  struct Range {
    std::uint32_t address = 0;
    std::uint32_t size = 0;
  };

  // Of a region that begins at `region` with banks of `bank` bytes; 0: it has none. The bytes are
  // written from `address` on, one after another; they and their sums must outlive it.
  BankCheck(std::uint32_t region, std::uint64_t bank, std::uint32_t address, ByteView bytes,
            const KnownSums& sums)
      : region_(region), bank_(bank), address_(address), bytes_(bytes), sums_(sums) {}

  // What can be looked at when everything before `at`, in the bytes, is on its way, and the next
  // piece begins there: whole banks, of which digests have not been asked.
  std::optional<Range> due(std::size_t at) const;
  // They were asked for.
  void asked(Range range) { asked_ = range; }
  bool waits() const { return asked_.has_value(); }
  // Where that begins which it waits for.
  std::uint32_t address() const { return asked_ ? asked_->address : address_; }
  // The digests of what was asked for have come.
  Status judge(ByteView digests);

 private:
  const std::uint32_t region_;
  const std::uint64_t bank_;
  const std::uint32_t address_;
  const ByteView bytes_;
  const KnownSums& sums_;
  std::size_t judged_ = 0;
  std::optional<Range> asked_;
};

}  // namespace gangd
