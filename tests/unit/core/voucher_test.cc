// What vouches for an image is erased before anything of the image is: between the two, a loss of
// power must find nothing that is believed.
#include <gtest/gtest.h>

#include "tests/unit/core/board.h"
#include "tests/unit/core/pattern.h"

namespace gangd::model {
namespace {

using Operations = std::vector<std::string>;

constexpr std::uint32_t kImage = 0x9000'0000;
constexpr std::uint32_t kImageSize = 3 * 4096;
constexpr std::uint32_t kOther = 0x0800'0000;  // the first byte of another memory

class VoucherTest : public testing::Test {
 protected:
  VoucherTest()
      : board_({.memories = {{}, {.name = "Internal", .geometry = flash(kOther, 65536, 8192)}},
                .can_leave = true}) {}

  // It lies there, as long as it is not blank.
  void put_voucher(std::uint32_t at) {
    FakeMemory& memory = board_.memories[at < kImage ? 1 : 0];
    std::uint8_t& first = memory.bytes[at - memory.options().geometry.address];
    first = 'G';
    board_.voucher = [at, &first](std::uint32_t address,
                                  std::uint32_t size) -> std::optional<std::uint32_t> {
      const bool is_touched = address < kImage + kImageSize && address + size > kImage;
      if (first != 'G' || !is_touched) return std::nullopt;
      return at;
    };
  }
  const Operations& operations(std::size_t memory = 0) const {
    return board_.memories[memory].operations;
  }

  Board board_;
};

TEST_F(VoucherTest, GoesBeforeTheFirstBlockOfWhatItVouchesFor) {
  put_voucher(kImage + 0x1f123);
  EXPECT_EQ(board_.erase(kImage + 4096 + 7).state, DFU_DNLOAD_IDLE);
  EXPECT_EQ(operations(), (Operations{"erase 0x9001f000", "erase 0x90001000"}));
  EXPECT_EQ(board_.erase(kImage).state, DFU_DNLOAD_IDLE);
  EXPECT_EQ(operations().size(), 3U) << "it is gone";
}

TEST_F(VoucherTest, MayLieInAnotherMemory) {
  put_voucher(kOther + 8192);
  EXPECT_EQ(board_.erase(kImage).state, DFU_DNLOAD_IDLE);
  EXPECT_EQ(operations(1), Operations{"erase 0x8002000"});
  EXPECT_EQ(operations(), Operations{"erase 0x90000000"});
  put_voucher(kOther);
  EXPECT_EQ(board_.erase_all().state, DFU_DNLOAD_IDLE);
  EXPECT_EQ(operations(1).back(), "erase 0x8000000");
  EXPECT_EQ(operations().back(), "erase all");
}

TEST_F(VoucherTest, StaysWhenWhatItVouchesForStays) {
  put_voucher(kImage + 0x1f000);
  EXPECT_EQ(board_.erase(kImage + kImageSize).state, DFU_DNLOAD_IDLE);
  EXPECT_EQ(board_.set_pointer(kImage).state, DFU_DNLOAD_IDLE);
  EXPECT_EQ(board_.write_block(2, pattern(1, 64)).state, DFU_DNLOAD_IDLE);
  EXPECT_EQ(operations(), (Operations{"erase 0x90003000", "write 0x90000000 64"}));
}

TEST_F(VoucherTest, IsErasedOnceWithAllTheRest) {
  put_voucher(kImage + 0x1f000);
  EXPECT_EQ(board_.erase_all().state, DFU_DNLOAD_IDLE);
  EXPECT_EQ(operations(), Operations{"erase all"});
}

TEST_F(VoucherTest, ThatCannotBeErasedKeepsItsImage) {
  put_voucher(kImage + 0x1f000);
  board_.memories[0].outcomes = {DFU_ERR_ERASE};
  EXPECT_EQ(board_.erase(kImage).status, DFU_ERR_ERASE);
  EXPECT_EQ(operations(), Operations{"erase 0x9001f000"});
}

TEST_F(VoucherTest, ThatIsStillThereWhenItIsErasedKeepsItsImage) {
  board_.voucher = [](std::uint32_t, std::uint32_t) { return kImage + 0x1f000; };
  EXPECT_EQ(board_.erase(kImage).status, DFU_ERR_ERASE);
  EXPECT_EQ(operations(), Operations{"erase 0x9001f000"});
}

// Nobody waits for the erase any more: neither it nor its failure has a meaning for what comes
// next.
TEST_F(VoucherTest, OfAnEraseThatWasDroppedIsWaitedFor) {
  put_voucher(kImage + 0x1f000);
  board_.memories[0].outcomes = {DFU_ERR_ERASE};
  board_.download(0, command(0x41, kImage));
  board_.status();
  EXPECT_TRUE(board_.select(0));
  EXPECT_TRUE(board_.memories[0].busy());
  EXPECT_EQ(board_.set_pointer(kImage + 0x4000).state, DFU_DNLOAD_IDLE);
  EXPECT_EQ(board_.write_block(2, pattern(1, 64)).state, DFU_DNLOAD_IDLE);
  EXPECT_EQ(operations(), (Operations{"erase 0x9001f000", "write 0x90004000 64"}));
}

}  // namespace
}  // namespace gangd::model
