#include "target_fw/core/read_ahead.h"

#include <gtest/gtest.h>

#include "tests/unit/core/fake_memory.h"
#include "tests/unit/core/pattern.h"

namespace gangd::model {
namespace {

class ReadAhead : public testing::Test {
 protected:
  ReadAhead() { fake.bytes = pattern(9, fake.bytes.size()); }

  // What the range is, by pieces; other reads come between them.
  std::vector<std::uint8_t> take_all(std::uint32_t address, std::uint32_t size,
                                     std::uint32_t piece) {
    std::vector<std::uint8_t> all;
    read_ahead_begin(&ahead, &memory, address, size, piece);
    while (ahead.left > 0) {
      const std::uint32_t begin = ahead.address - memory.geometry.address;
      const std::uint32_t some = read_ahead_size(&ahead);
      EXPECT_EQ(begin / piece, (begin + some - 1) / piece) << "crosses a multiple";
      const std::uint8_t* bytes = read_ahead_take(&ahead, &status);
      if (bytes == nullptr) return all;
      all.insert(all.end(), bytes, bytes + some);
      if (all.size() % 3 == 0) read_ahead_pause(&ahead);
    }
    return all;
  }

  std::uint64_t now_us = 0;
  FakeMemory fake{FakeMemory::Options{}, now_us};
  const ::memory memory = fake.as_memory();
  read_ahead ahead{};
  dfu_status status = DFU_OK;
};

TEST_F(ReadAhead, GivesTheRangeInPiecesThatEndAtMultiples) {
  for (const std::uint32_t piece : {256u, 4096u}) {
    for (const std::uint32_t offset : {0u, 1u, 4095u, 5000u}) {
      for (const std::uint32_t size : {1u, 4096u, 20'001u}) {
        const auto from = fake.bytes.begin() + offset;
        EXPECT_EQ(take_all(memory.geometry.address + offset, size, piece),
                  std::vector<std::uint8_t>(from, from + size));
      }
    }
  }
}

// The piece on its way may fail when nobody has asked for it yet.
TEST_F(ReadAhead, SaysWhenAPieceCannotBeRead) {
  read_ahead_begin(&ahead, &memory, memory.geometry.address, 3 * 4096, 4096);
  ASSERT_NE(read_ahead_take(&ahead, &status), nullptr);
  fake.read_outcome = DFU_ERR_VENDOR;
  EXPECT_EQ(read_ahead_take(&ahead, &status), nullptr);
  EXPECT_EQ(status, DFU_ERR_VENDOR);
}

}  // namespace
}  // namespace gangd::model
