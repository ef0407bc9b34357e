#include "wire/flash_times.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

namespace gangd {
namespace {

constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kBlocksMax = 512;
constexpr std::size_t kEraseSizesMax = 4;
// Counter i is of what took from 2^i to 2^(i+1) - 1 microseconds.
using Buckets = std::array<std::uint32_t, 32>;

struct SlowestBlock {
  std::size_t block = 0;
  std::uint32_t ms = 0;
};

std::string duration(std::size_t bucket) {
  const std::uint64_t us = std::uint64_t{2} << bucket;
  return us < 10'000 ? fmt::format("{} us", us) : fmt::format("{} ms", us / 1000);
}

Buckets read_buckets(ByteReader& reader) {
  Buckets buckets{};
  for (std::uint32_t& counter : buckets) counter = reader.u32_le();
  return buckets;
}

SlowestBlock read_blocks(ByteReader& reader, std::size_t count) {
  SlowestBlock slowest;
  for (std::size_t i = 0; i < kBlocksMax; ++i) {
    const std::uint16_t ms = reader.u16_le();
    if (i < count && ms > slowest.ms) slowest = {i, ms};
  }
  return slowest;
}

// Empty where there were none.
std::string words_of(std::string_view what, const Buckets& buckets) {
  const auto all = std::accumulate(buckets.begin(), buckets.end(), std::uint64_t{0});
  if (all == 0) return {};
  std::size_t half = 0;
  for (std::uint64_t sum = buckets[0]; 2 * sum < all; sum += buckets[half]) ++half;
  std::size_t last = buckets.size() - 1;
  while (buckets[last] == 0) --last;
  return fmt::format("; {} {}, half of them in less than {}, the slowest in less than {}", all,
                     what, duration(half), duration(last));
}

std::string words_of(std::string_view what, SlowestBlock slowest, std::uint64_t address,
                     std::uint32_t block_size) {
  if (slowest.ms == 0) return {};
  return fmt::format("; most of {} in the {} KiB at 0x{:08x}: {} ms", what, block_size / 1024,
                     address + std::uint64_t{slowest.block} * block_size, slowest.ms);
}

}  // namespace

Result<std::string> flash_times(std::uint32_t address, ByteView trace) {
  ByteReader reader(trace);
  const std::uint32_t version = reader.u32_le();
  reader.skip(4);
  const std::uint32_t block_size = reader.u32_le();
  const std::uint32_t block_count = reader.u32_le();
  const std::uint32_t page_size = reader.u32_le();
  const std::uint32_t erase_all_count = reader.u32_le();
  const std::uint32_t erase_all_ms = reader.u32_le();
  reader.skip(4);
  std::array<std::uint32_t, kEraseSizesMax> erase_sizes{};
  for (std::uint32_t& size : erase_sizes) size = reader.u32_le();
  std::string text = fmt::format("flash at 0x{:08x}", address);
  text += words_of(fmt::format("programs of up to {} bytes", page_size), read_buckets(reader));
  for (const std::uint32_t size : erase_sizes) {
    text += words_of(fmt::format("erases of {} KiB", size / 1024), read_buckets(reader));
  }
  if (erase_all_count > 0) {
    text += fmt::format("; {} erases of all, {} ms together", erase_all_count, erase_all_ms);
  }
  const SlowestBlock erased = read_blocks(reader, block_count);
  const SlowestBlock programmed = read_blocks(reader, block_count);
  text += words_of("erasing", erased, address, block_size);
  text += words_of("programming", programmed, address, block_size);
  if (!reader.complete() || version != kVersion) {
    return Error(Code::kDevice, "XFP: a trace of version {} and {} bytes, which we do not know",
                 version, trace.size());
  }
  return text;
}

}  // namespace gangd
