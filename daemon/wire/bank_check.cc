#include "wire/bank_check.h"

#include <algorithm>
#include <vector>

#include "base/block_digests.h"
#include "base/check.h"
#include "target_fw/xfp.h"

namespace gangd {

std::optional<BankCheck::Range> BankCheck::due(std::size_t at) const {
  if (bank_ == 0 || waits()) return {};
  const std::uint64_t next = address_ + std::uint64_t{at} - region_;
  const std::uint64_t begin = address_ + std::uint64_t{judged_};
  std::uint64_t end = region_ + next / bank_ * bank_;  // of the bank before
  const std::uint64_t most = std::uint64_t{XFP_DIGESTS_MAX} * kDigestBlock;
  end = std::min(end, begin / kDigestBlock * kDigestBlock + most);
  if (end <= begin) return {};
  return Range{static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end - begin)};
}

Status BankCheck::judge(ByteView digests) {
  CHECK(waits(), "nothing was asked");
  const Range range = *asked_;
  const std::vector<std::uint32_t> wanted =
      block_digests(range.address, bytes_.subspan(range.address - address_, range.size), sums_);
  ByteReader reader(digests);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (reader.u32_le() == wanted[i] && reader.complete()) continue;
    if (!reader.complete()) return Error(Code::kDevice, "XFP: digests are missing");
    const std::uint64_t block = (range.address / kDigestBlock + i) * kDigestBlock;
    return Error(Code::kMismatch, "0x{:08x}: the memory holds something else than was written",
                 std::max<std::uint64_t>(block, range.address));
  }
  judged_ += range.size;
  asked_.reset();
  return {};
}

}  // namespace gangd
