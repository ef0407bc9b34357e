// What is left out of the work must be there already, and what an erase takes with it must be
// written again.
#include "recipe/work_plan.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/block_digests.h"
#include "tests/sim/prng.h"

namespace gangd {
namespace {

constexpr std::uint32_t kFlash = 0x9000'0000;
constexpr std::uint32_t kBlock = kDigestBlock;

// A memory that holds something, what it is to hold, and a plan for getting there.
class Desk {
 public:
  Desk(std::size_t size, std::uint32_t erase_unit) : held_(size, 0xa5), erase_unit_(erase_unit) {}

  // To be `bytes` at this offset. If `known`, digests of what is there are at hand.
  void add(std::uint32_t offset, ByteVector bytes, bool known) {
    wanted_.push_back({offset, std::move(bytes), known});
  }
  // The memory holds what it is to hold, but for what is spoiled after this.
  void fulfil() {
    for (const Wanted& part : wanted_) {
      std::ranges::copy(part.bytes, held_.begin() + part.offset);
    }
  }
  void spoil(std::uint32_t offset) { held_[offset] ^= 0x10; }

  WorkPlan plan() const {
    std::vector<PlannedPart> parts;
    for (const Wanted& part : wanted_) {
      PlannedPart planned;
      planned.piece = {kFlash + part.offset, part.bytes};
      if (part.known) {
        const ByteView there = ByteView(held_).subspan(part.offset, part.bytes.size());
        planned.wanted = block_digests(kFlash + part.offset, part.bytes);
        planned.held = block_digests(kFlash + part.offset, there);
      }
      parts.push_back(std::move(planned));
    }
    return plan_work(std::move(parts), [this](std::uint32_t) { return erase_unit_; });
  }
  // Does it as flash does: writing only clears bits. Whether everything is there then.
  bool carry_out(const WorkPlan& plan) {
    for (const WorkPlan::Range& range : plan.erase) {
      EXPECT_EQ(range.address % erase_unit_, 0U);
      EXPECT_EQ(range.size % erase_unit_, 0U);
      const std::size_t begin = range.address - kFlash;
      const std::size_t end = std::min<std::size_t>(begin + range.size, held_.size());
      std::fill(held_.begin() + static_cast<std::ptrdiff_t>(begin),
                held_.begin() + static_cast<std::ptrdiff_t>(end), std::uint8_t{0xff});
    }
    for (const WorkPlan::Piece& piece : plan.write) {
      for (std::size_t i = 0; i < piece.bytes.size(); ++i) {
        held_[piece.address - kFlash + i] &= piece.bytes[i];
      }
    }
    return std::ranges::all_of(wanted_, [this](const Wanted& part) {
      return std::ranges::equal(part.bytes,
                                ByteView(held_).subspan(part.offset, part.bytes.size()));
    });
  }

 private:
  struct Wanted {
    std::uint32_t offset;
    ByteVector bytes;
    bool known;
  };

  std::vector<Wanted> wanted_;
  ByteVector held_;
  const std::uint32_t erase_unit_;
};

ByteVector bytes_of(std::size_t size, std::uint8_t salt = 1) {
  ByteVector bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 13 + salt);
  return bytes;
}

using Ranges = std::vector<WorkPlan::Range>;

TEST(WorkPlan, WithoutDigestsEverythingIsDone) {
  Desk desk(4 * kBlock, 4096);
  desk.add(100, bytes_of(2 * kBlock), false);
  desk.fulfil();
  const WorkPlan plan = desk.plan();
  EXPECT_EQ(plan.erase, (Ranges{{kFlash, 2 * kBlock + 4096}}));
  ASSERT_EQ(plan.write.size(), 1U);
  EXPECT_EQ(plan.write[0].address, kFlash + 100);
  EXPECT_EQ(plan.bytes_to_write(), 2 * kBlock);
  EXPECT_EQ(plan.bytes_same, 0U);
  EXPECT_TRUE(desk.carry_out(plan));
}

TEST(WorkPlan, WhatIsThereIsLeftAlone) {
  Desk desk(4 * kBlock, 4096);
  desk.add(0, bytes_of(3 * kBlock), true);
  desk.fulfil();
  const WorkPlan plan = desk.plan();
  EXPECT_TRUE(plan.erase.empty() && plan.write.empty());
  EXPECT_EQ(plan.bytes_same, 3 * kBlock);
  EXPECT_EQ(plan.bytes_to_erase(), 0U);
  EXPECT_EQ(plan.bytes_to_write(), 0U);
}

TEST(WorkPlan, OneByteCostsOneBlock) {
  Desk desk(4 * kBlock, 4096);
  desk.add(0, bytes_of(4 * kBlock - 10), true);
  desk.fulfil();
  desk.spoil(kBlock + 5);
  const WorkPlan plan = desk.plan();
  EXPECT_EQ(plan.erase, (Ranges{{kFlash + kBlock, kBlock}}));
  EXPECT_EQ(plan.bytes_to_write(), kBlock);
  EXPECT_EQ(plan.bytes_same, 3 * kBlock - 10);
  EXPECT_TRUE(desk.carry_out(plan));
}

TEST(WorkPlan, NeighboursThatDifferAreOnePiece) {
  Desk desk(4 * kBlock, 4096);
  desk.add(0, bytes_of(4 * kBlock), true);
  desk.fulfil();
  desk.spoil(kBlock);
  desk.spoil(2 * kBlock);
  const WorkPlan plan = desk.plan();
  EXPECT_EQ(plan.erase, (Ranges{{kFlash + kBlock, 2 * kBlock}}));
  EXPECT_EQ(plan.write.size(), 1U);
  EXPECT_TRUE(desk.carry_out(plan));
}

// Two dies erase 128 KiB at once: what lies beside goes with it.
TEST(WorkPlan, WhatAnEraseTakesWithItIsWrittenAgain) {
  Desk desk(8 * kBlock, 2 * kBlock);
  desk.add(0, bytes_of(6 * kBlock), true);
  desk.fulfil();
  desk.spoil(2 * kBlock);
  const WorkPlan plan = desk.plan();
  EXPECT_EQ(plan.erase, (Ranges{{kFlash + 2 * kBlock, 2 * kBlock}}));
  EXPECT_EQ(plan.bytes_to_write(), 2 * kBlock);
  EXPECT_EQ(plan.bytes_same, 4 * kBlock);
  EXPECT_TRUE(desk.carry_out(plan));
}

// A serial behind the image in its last block, as products have it.
TEST(WorkPlan, APartThatSharesAnEraseBlockGoesWithTheOther) {
  Desk desk(2 * kBlock, 4096);
  desk.add(9000, bytes_of(8, 7), true);
  desk.add(0, bytes_of(9000), true);
  desk.fulfil();
  desk.spoil(9001);
  const WorkPlan plan = desk.plan();
  EXPECT_EQ(plan.erase, (Ranges{{kFlash, 12'288}}));
  EXPECT_EQ(plan.bytes_to_write(), 9008U);
  EXPECT_EQ(plan.bytes_same, 0U);
  EXPECT_TRUE(desk.carry_out(plan));
}

TEST(WorkPlan, PartsThatShareNothingAreApart) {
  Desk desk(2 * kBlock, 4096);
  desk.add(kBlock, bytes_of(8, 7), true);
  desk.add(0, bytes_of(9000), true);
  desk.fulfil();
  desk.spoil(kBlock);
  const WorkPlan plan = desk.plan();
  EXPECT_EQ(plan.erase, (Ranges{{kFlash + kBlock, 4096}}));
  EXPECT_EQ(plan.bytes_to_write(), 8U);
  EXPECT_EQ(plan.bytes_same, 9000U);
  EXPECT_TRUE(desk.carry_out(plan));
}

// A device that sends too few of them has said nothing.
TEST(WorkPlan, DigestsThatAreMissingAreNotKnown) {
  const ByteVector bytes = bytes_of(2 * kBlock);
  PlannedPart part;
  part.piece = {kFlash, bytes};
  part.wanted = part.held = block_digests(kFlash, bytes);
  part.held.pop_back();
  const WorkPlan plan = plan_work({part}, [](std::uint32_t) { return 4096; });
  EXPECT_EQ(plan.bytes_to_write(), bytes.size());
}

TEST(WorkPlan, ItEndsAtTheTopOfTheAddressSpace) {
  const ByteVector bytes = bytes_of(kBlock);
  PlannedPart part;
  part.piece = {0xffff'0000, bytes};
  const WorkPlan plan = plan_work({part}, [](std::uint32_t) { return 4096; });
  EXPECT_EQ(plan.erase, (Ranges{{0xffff'0000, kBlock}}));
  EXPECT_EQ(plan.bytes_to_write(), kBlock);
}

TEST(WorkPlan, WhateverDiffersEverythingIsThereInTheEnd) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    sim::Prng dice(seed);
    const std::uint32_t unit = 4096U << dice.below(6);
    Desk desk(12 * kBlock, unit);
    std::uint32_t at = 0;
    for (std::uint64_t part = 1 + dice.below(4); part > 0; --part) {
      at += static_cast<std::uint32_t>(dice.below(kBlock));
      const std::size_t size = 1 + dice.below(2 * kBlock);
      desk.add(at, bytes_of(size, static_cast<std::uint8_t>(seed)), dice.chance(800));
      at += static_cast<std::uint32_t>(size);
    }
    if (dice.chance(900)) desk.fulfil();
    for (std::uint64_t spoiled = dice.below(4); spoiled > 0; --spoiled) {
      desk.spoil(static_cast<std::uint32_t>(dice.below(at)));
    }
    const WorkPlan plan = desk.plan();
    EXPECT_TRUE(desk.carry_out(plan));
    for (std::size_t i = 1; i < plan.erase.size(); ++i) {
      EXPECT_LE(plan.erase[i - 1].address + plan.erase[i - 1].size, plan.erase[i].address);
    }
  }
}

}  // namespace
}  // namespace gangd
