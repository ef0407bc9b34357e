// The record of how long a flash takes: sums by place, counts by duration.
extern "C" {
#include "target_fw/core/flash_trace.h"
}

#include <cstring>
#include <numeric>

#include "tests/unit/core_nor/bench.h"

namespace gangd::model {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kSizes[FLASH_TRACE_ERASE_SIZES_MAX] = {4096, 65536};

flash_trace trace_of(std::uint32_t size, const std::uint32_t* erase_sizes = kSizes) {
  flash_trace trace;
  flash_trace_init(&trace, size, 256, erase_sizes);
  return trace;
}

// Summed from the bytes by hand: a host has no struct.
std::uint32_t load(const flash_trace& trace, std::size_t at, unsigned size) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(&trace) + at;
  std::uint32_t value = 0;
  for (unsigned i = 0; i < size; ++i) value |= std::uint32_t{bytes[i]} << 8 * i;
  return value;
}

TEST(FlashTrace, ItsBytesAreThoseOfTheHeader) {
  flash_trace trace = trace_of(8u << 20);
  flash_trace_program(&trace, 0x10000, 1500);
  flash_trace_erase(&trace, 0x20000, 65536, 256'000);
  flash_trace_erase_all(&trace, 52'000'000);
  EXPECT_EQ(load(trace, 0, 4), 1u);
  EXPECT_EQ(load(trace, 4, 4), 2736u);
  EXPECT_EQ(load(trace, 8, 4), 65536u);
  EXPECT_EQ(load(trace, 12, 4), 128u);
  EXPECT_EQ(load(trace, 16, 4), 256u);
  EXPECT_EQ(load(trace, 20, 4), 1u);
  EXPECT_EQ(load(trace, 24, 4), 52'000u);
  EXPECT_EQ(load(trace, 30, 2), 500u) << "of 1500 us";
  EXPECT_EQ(load(trace, 36, 4), 65536u);
  EXPECT_EQ(load(trace, 48 + 4 * 10, 4), 1u) << "1024 to 2047 us";
  EXPECT_EQ(load(trace, 176 + 128 + 4 * 17, 4), 1u) << "the second size, 131 to 262 ms";
  EXPECT_EQ(load(trace, 688 + 2 * 2, 2), 256u);
  EXPECT_EQ(load(trace, 1712 + 2 * 1, 2), 1u);
}

// More than fits would be memory that is not there.
TEST(FlashTrace, LargeMemoriesHaveLargerBlocks) {
  EXPECT_EQ(trace_of(0x10000).block_count, 1u);
  EXPECT_EQ(trace_of(32u << 20).block_size, 65536u);
  EXPECT_EQ(trace_of(32u << 20).block_count, 512u);
  EXPECT_EQ(trace_of(64u << 20).block_size, 131072u);
  EXPECT_EQ(trace_of(128u << 20).block_size, 262144u);
  EXPECT_EQ(trace_of(1u << 31).block_count, 512u);
  const std::uint32_t sizes[FLASH_TRACE_ERASE_SIZES_MAX] = {8192, 131072};
  EXPECT_EQ(trace_of(8u << 20, sizes).block_size, 131072u) << "an erase is in one block";
}

TEST(FlashTrace, NoMicrosecondIsLost) {
  flash_trace trace = trace_of(8u << 20);
  for (unsigned i = 0; i < 256; ++i) flash_trace_program(&trace, 0x10000u * (i % 4), 152);
  const std::uint32_t sum = std::accumulate(trace.program_ms, trace.program_ms + 4, 0u);
  EXPECT_EQ(sum * 1000 + trace.program_rest_us, 256u * 152);
}

TEST(FlashTrace, SumsStayAtTheirLargest) {
  flash_trace trace = trace_of(8u << 20);
  for (int i = 0; i < 20; ++i) flash_trace_erase(&trace, 0, 65536, 6'144'000);
  EXPECT_EQ(trace.erase_ms[0], 0xffff);
  flash_trace_erase_all(&trace, std::uint64_t{5'000'000'000} * 1000);
  EXPECT_EQ(trace.erase_all_ms, 0xffffffffu);
}

TEST(FlashTrace, AnyDurationHasABucket) {
  flash_trace trace = trace_of(8u << 20);
  for (const std::uint64_t us : {std::uint64_t{0}, std::uint64_t{1}}) {
    flash_trace_program(&trace, 0, us);
  }
  EXPECT_EQ(trace.programs[0], 2u);
  flash_trace_program(&trace, 0, 2);
  flash_trace_program(&trace, 0, 3);
  EXPECT_EQ(trace.programs[1], 2u);
  flash_trace_program(&trace, 0, ~std::uint64_t{0} / 2);
  EXPECT_EQ(trace.programs[FLASH_TRACE_BUCKETS - 1], 1u);
  flash_trace_program(&trace, 0xffffffff, 5);
  EXPECT_EQ(trace.programs[2], 1u) << "outside the memory only the count has it";
}

TEST(FlashTrace, ClearingKeepsTheSizes) {
  const flash_trace fresh = trace_of(8u << 20);
  flash_trace trace = fresh;
  flash_trace_program(&trace, 0, 1500);
  flash_trace_erase(&trace, 0, 4096, 25'100);
  flash_trace_erase_all(&trace, 1000);
  EXPECT_NE(std::memcmp(&trace, &fresh, sizeof(trace)), 0);
  flash_trace_clear(&trace);
  EXPECT_EQ(std::memcmp(&trace, &fresh, sizeof(trace)), 0);
}

// The driver fills it with what the chip took, by the place where it worked.
TEST(FlashTrace, TheDriverSeesASlowBlock) {
  Bench bench({});
  ASSERT_EQ(bench.start(), DFU_OK);
  const flash_trace& trace = *bench.nor.memory.trace;
  EXPECT_EQ(trace.block_size, 262144u);
  ASSERT_EQ(bench.erase(0), DFU_OK);
  ASSERT_EQ(bench.write(0, noise(4096)), DFU_OK);
  bench.chip.be_slow(true);
  ASSERT_EQ(bench.erase(0x80000), DFU_OK);
  ASSERT_EQ(bench.write(0x80000, noise(4096)), DFU_OK);
  bench.chip.be_slow(false);
  EXPECT_NEAR(trace.erase_ms[0], 256, 256 / 16);
  EXPECT_NEAR(trace.erase_ms[2], 6144, 6144 / 16);
  EXPECT_EQ(trace.erase_ms[1], 0);
  EXPECT_NEAR(trace.program_ms[0], 16 * 0.152, 1);
  EXPECT_NEAR(trace.program_ms[2], 16 * 4.864, 16 * 4.864 / 16);
  EXPECT_EQ(std::accumulate(trace.programs, trace.programs + FLASH_TRACE_BUCKETS, 0u), 32u);
  EXPECT_EQ(trace.erases[1][18] + trace.erases[1][17], 1u) << "256 ms";
  EXPECT_EQ(trace.erases[1][22], 1u) << "6.1 s";
  ASSERT_EQ(bench.erase_all(), DFU_OK);
  EXPECT_EQ(trace.erase_all_count, 1u);
  EXPECT_NEAR(trace.erase_all_ms, 192'000, 192'000 / 16);
  bench.nor.memory.clear_trace(bench.nor.memory.self);
  EXPECT_EQ(trace.erase_ms[2], 0);
}

TEST(FlashTrace, WhatFailedIsNotInIt) {
  Bench bench({});
  ASSERT_EQ(bench.start(), DFU_OK);
  const flash_trace before = *bench.nor.memory.trace;
  bench.chip.fail_operation(0);
  EXPECT_EQ(bench.erase(0), DFU_ERR_ERASE);
  EXPECT_EQ(std::memcmp(&before, bench.nor.memory.trace, sizeof(before)), 0);
  EXPECT_EQ(bench.nor.memory.restart(bench.nor.memory.self), DFU_OK);
  EXPECT_EQ(bench.erase(0), DFU_OK);
  EXPECT_NE(bench.nor.memory.trace->erase_ms[0], 0) << "a restart keeps it";
}

}  // namespace
}  // namespace gangd::model
