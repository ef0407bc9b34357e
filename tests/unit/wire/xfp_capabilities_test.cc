// What a board tells of itself: whatever it is, the host believes in no board that cannot be, and
// lends it no more than it could use.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>

#include "tests/unit/loop/simulated.h"
#include "tests/unit/wire/boaster.h"
#include "wire/xfp_wire.h"

namespace gangd {
namespace {

constexpr std::uint32_t kFlash = 0x9000'0000;

Status open_boaster(ByteVector capabilities, std::optional<Nonce>* start_nonce = nullptr) {
  Simulated world;
  Boaster boaster(std::move(capabilities));
  const auto open = [&boaster, start_nonce]() -> Task<Status> {
    CO_TRY(const std::unique_ptr<Wire> wire, co_await XfpWire::open(boaster));
    if (start_nonce != nullptr) *start_nonce = wire->start_nonce();
    co_return Status();
  };
  return world.loop.run(open());
}

// The loop of the whole station once stood still here: found by tests/fuzz.
TEST(XfpCapabilities, ThatEndAnywhereAreRefused) {
  ByteWriter fields = good_capabilities();
  put_region(fields, kFlash, 1 << 23, 65536, 4096);
  const ByteVector all = std::move(fields).take();
  EXPECT_TRUE(open_boaster(all));
  for (std::size_t size = 0; size < all.size(); ++size) {
    const Status status =
        open_boaster(ByteVector(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(size)));
    EXPECT_TRUE(status.failed_with(Code::kDevice)) << size;
  }
}

TEST(XfpCapabilities, OfMemoriesThatCannotBeAreRefused) {
  struct Region {
    std::uint32_t address, size, erase, erase_min;
  };
  for (const Region& region :
       {Region{kFlash, 1 << 23, 0, 4096}, Region{kFlash, 1 << 23, 65536, 0},
        Region{kFlash, (1 << 23) + 1, 65536, 4096}, Region{kFlash, 1 << 23, 65536, 3000},
        Region{0xffff'0000, 0x20000, 65536, 4096}}) {
    ByteWriter fields = good_capabilities();
    put_region(fields, region.address, region.size, region.erase, region.erase_min);
    EXPECT_TRUE(open_boaster(std::move(fields).take()).failed_with(Code::kDevice));
  }
}

// That is how the protocol grows.
TEST(XfpCapabilities, ThatNobodyKnowsAreSkipped) {
  ByteWriter fields = good_capabilities();
  fields.u8(99).u8(3).fill(0x77, 3).u8(100).u8(0);
  put_region(fields, kFlash, 1 << 23, 65536, 4096);
  EXPECT_TRUE(open_boaster(std::move(fields).take()));
}

// The same board, told in fields of which each is as much longer.
ByteVector capabilities_with(std::uint8_t more) {
  ByteWriter fields;
  fields.u8(XFP_FIELD_UID).u8(12).fill(0xab, 12);
  const auto begin = [&fields, more](std::uint8_t type, std::uint8_t size) {
    fields.u8(type).u8(static_cast<std::uint8_t>(size + more));
  };
  begin(XFP_FIELD_BUFFER, 4);
  fields.u32_le(40'000).fill(0xee, more);
  begin(XFP_FIELD_FRAME, 4);
  fields.u32_le(4096).fill(0xee, more);
  begin(XFP_FIELD_CODECS, 1);
  fields.u8(1u << XFP_RAW | 1u << XFP_LZ4 | 1u << XFP_FILL).fill(0xee, more);
  begin(XFP_FIELD_FLAGS, 1);
  fields.u8(XFP_QUIET).fill(0xee, more);
  begin(XFP_FIELD_START, XFP_START_NONCE_SIZE);
  fields.fill(0x5a, XFP_START_NONCE_SIZE).fill(0xee, more);
  begin(XFP_FIELD_CHIP, 4);
  fields.u32_le(0x1000'0485).fill(0xee, more);
  put_region(fields, kFlash, 1 << 23, 65536, 4096);
  return std::move(fields).take();
}

ByteVector image_of(std::size_t size) {
  ByteVector bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 31 + (i >> 8));
  return bytes;
}

// The WRITEs that a board gets which answers none.
std::vector<ByteVector> writes_to(ByteVector capabilities, std::size_t image_bytes,
                                  std::function<void(const Wire&)> look = {}) {
  Simulated world;
  Boaster boaster(std::move(capabilities));
  const ByteVector bytes = image_of(image_bytes);
  const auto write = [&]() -> Task<Status> {
    CO_TRY(const std::unique_ptr<Wire> wire, co_await XfpWire::open(boaster));
    if (look) look(*wire);
    co_return co_await wire->write(kFlash, bytes, [](std::uint64_t) {});
  };
  EXPECT_FALSE(world.loop.run(write()));
  return boaster.writes();
}

// What breaks: a board of a later firmware is refused, or used as if it had told nothing.
TEST(XfpCapabilities, ThatHaveGrownAreReadAsFarAsTheyAreKnown) {
  for (const std::uint8_t more : std::to_array<std::uint8_t>({0, 1, 9})) {
    SCOPED_TRACE(int{more});
    const auto look = [](const Wire& wire) {
      EXPECT_EQ(wire.kind().chip, 0x1000'0485U);
      EXPECT_EQ(wire.packed_max(), 4096U) << "FRAME and CODECS";
      ASSERT_TRUE(wire.start_nonce());
      EXPECT_TRUE(std::ranges::all_of(*wire.start_nonce(), [](auto byte) { return byte == 0x5a; }));
    };
    const std::vector<ByteVector> writes = writes_to(capabilities_with(more), 100'000, look);
    ASSERT_EQ(writes.size(), 40'000U / 4608) << "what fits into BUFFER";
    EXPECT_EQ(writes[0][XFP_AT_FLAGS], XFP_QUIET);
  }
}

// Who drops some of its bytes takes two chips for one.
TEST(XfpCapabilities, OfALongerUidAreRefused) {
  ByteWriter fields;
  fields.u8(XFP_FIELD_UID).u8(13).fill(0xab, 13);
  fields.u8(XFP_FIELD_FRAME).u8(4).u32_le(16384);
  put_region(fields, kFlash, 1 << 23, 65536, 4096);
  const Status status = open_boaster(std::move(fields).take());
  ASSERT_TRUE(status.failed_with(Code::kDevice));
  EXPECT_NE(status.error().message().find("a UID of 13 bytes"), std::string::npos)
      << status.error().message();
}

// What breaks: the whole image on its way at once, for each board of the station.
TEST(XfpCapabilities, OfAnyBufferLetAMebibyteOnItsWay) {
  for (const std::uint32_t frame : {16384U, 0xffff'ffffU}) {
    ByteWriter fields;
    fields.u8(XFP_FIELD_UID).u8(12).fill(0xab, 12);
    fields.u8(XFP_FIELD_BUFFER).u8(4).u32_le(0xffff'ffff);
    fields.u8(XFP_FIELD_FRAME).u8(4).u32_le(frame);
    put_region(fields, kFlash, 1 << 23, 65536, 4096);
    std::size_t bytes = 0;
    for (const ByteVector& request : writes_to(std::move(fields).take(), 8 << 20)) {
      EXPECT_LE(request.size(), (256U << 10) + XFP_HEADER_SIZE + 1);
      bytes += request.size();
    }
    EXPECT_GT(bytes, 700U << 10);
    EXPECT_LE(bytes, (1U << 20) + XFP_HEADER_SIZE);
  }
}

// A version of which nobody knows what its frames mean.
TEST(XfpPlatform, OfAnotherVersionIsNotTouched) {
  for (const ByteVector& bos : {bos_descriptor(2), bos_descriptor(0), ByteVector(), ByteVector(40),
                                first_of(bos_descriptor(), 30)}) {
    Simulated world;
    ByteWriter fields = good_capabilities();
    put_region(fields, kFlash, 1 << 23, 65536, 4096);
    Boaster boaster(std::move(fields).take());
    boaster.bos = bos;
    const auto open = [&boaster]() -> Task<Status> {
      CO_TRY(const auto wire, co_await open_wire(boaster));
      co_return Status();
    };
    const Status status = world.loop.run(open());
    ASSERT_TRUE(status.failed_with(Code::kUnsupported));
    EXPECT_NE(status.error().message().find("XFP"), std::string::npos);
    EXPECT_EQ(boaster.claims, 0);
  }
}

// What is not said to be there is not asked for, whatever HELLO tells.
TEST(XfpPlatform, WithoutAFeatureItIsNotUsed) {
  for (const std::uint32_t feature :
       {XFP_FEATURE_LZ4, XFP_FEATURE_DIGESTS, XFP_FEATURE_HASH, XFP_FEATURE_FILL}) {
    SCOPED_TRACE(feature);
    Simulated world;
    Boaster boaster(capabilities_with(0));
    const ByteVector one_value(8192, 0x11);
    boaster.bos = bos_descriptor(XFP_INTERFACE_PROTOCOL, XFP_FEATURES & ~feature);
    const auto open = [&]() -> Task<Status> {
      CO_TRY(const std::unique_ptr<Wire> wire, co_await open_wire(boaster));
      EXPECT_EQ(wire->packed_max() > 0, feature != XFP_FEATURE_LZ4);
      EXPECT_EQ(wire->compares(), feature != XFP_FEATURE_DIGESTS);
      EXPECT_EQ(wire->measures(), feature != XFP_FEATURE_HASH);
      co_return co_await wire->write(kFlash, one_value, [](std::uint64_t) {});
    };
    EXPECT_FALSE(world.loop.run(open())) << "it answers no WRITE";
    ASSERT_FALSE(boaster.writes().empty());
    EXPECT_EQ(boaster.writes()[0][XFP_AT_MODE] == XFP_FILL, feature != XFP_FEATURE_FILL);
  }
}

// What breaks: frames that another life of gangd has sent, and that are on their way still, pass
// for ours.
TEST(XfpSession, IsAnotherEachTime) {
  const auto sessions = [](std::uint64_t seed) {
    Simulated world(seed);
    ByteWriter fields = good_capabilities();
    put_region(fields, kFlash, 1 << 23, 65536, 4096);
    Boaster boaster(std::move(fields).take());
    const auto open = [&boaster]() -> Task<Status> {
      for (int i = 0; i < 3; ++i) {
        CO_TRY(const auto wire, co_await XfpWire::open(boaster));
      }
      co_return Status();
    };
    EXPECT_TRUE(world.loop.run(open()));
    std::vector<std::uint32_t> ids;
    for (const ByteVector& request : boaster.requests) {
      ids.push_back(u32_of(request, XFP_AT_SESSION));
    }
    return ids;
  };
  const std::vector<std::uint32_t> one = sessions(1);
  ASSERT_EQ(one.size(), 3U);
  EXPECT_NE(one[0], one[1]);
  EXPECT_NE(one[1], one[2]);
  EXPECT_NE(one[0], sessions(2)[0]);
  EXPECT_EQ(one, sessions(1)) << "a seed decides everything";
}

TEST(XfpCapabilities, OfAKindThatCannotBeAreRefused) {
  const std::vector<std::pair<std::uint8_t, ByteVector>> kinds = {
      {XFP_FIELD_BOARD, {}},
      {XFP_FIELD_BOARD, {'a', '\n'}},
      {XFP_FIELD_BOARD, {0xc3}},
      {XFP_FIELD_BOARD, ByteVector(XFP_BOARD_MAX + 1, 'a')},
      {XFP_FIELD_FLASH, {0, 0, 0}},
      {XFP_FIELD_FLASH, {0, 0, 0, 0x90}},
      {XFP_FIELD_FLASH, ByteVector(4 + XFP_JEDEC_MAX + 1, 0xc2)},
  };
  for (const auto& [type, bytes] : kinds) {
    ByteWriter fields = good_capabilities();
    put_region(fields, kFlash, 1 << 23, 65536, 4096);
    fields.u8(type).u8(static_cast<std::uint8_t>(bytes.size())).bytes(bytes);
    EXPECT_TRUE(open_boaster(std::move(fields).take()).failed_with(Code::kDevice)) << int{type};
  }
  ByteWriter fields = good_capabilities();
  put_region(fields, kFlash, 1 << 23, 65536, 4096);
  for (int i = 0; i < 17; ++i) fields.u8(XFP_FIELD_FLASH).u8(5).u32_le(kFlash).u8(0xc2);
  EXPECT_TRUE(open_boaster(std::move(fields).take()).failed_with(Code::kDevice));
}

// Who leaves a nonce for a program must not take another program, or another start, for it.
TEST(XfpCapabilities, TellTheNonceOfTheStart) {
  std::optional<Nonce> told;
  ByteWriter fields = good_capabilities();
  put_region(fields, kFlash, 1 << 23, 65536, 4096);
  ByteWriter without = fields;
  EXPECT_TRUE(open_boaster(std::move(without).take(), &told));
  EXPECT_FALSE(told);
  ByteWriter short_one = fields;
  short_one.u8(XFP_FIELD_START).u8(15).fill(0x5a, 15);
  EXPECT_TRUE(open_boaster(std::move(short_one).take(), &told));
  EXPECT_FALSE(told) << "a field of another size is none that we know";
  fields.u8(XFP_FIELD_START).u8(16).fill(0x5a, 16);
  EXPECT_TRUE(open_boaster(std::move(fields).take(), &told));
  ASSERT_TRUE(told);
  Nonce left;
  left.fill(0x5a);
  EXPECT_EQ(*told, left);
}

// What breaks: a chip that is worn, and works, is cut off; or one that has gone silent is waited
// for as long.
TEST(XfpAnswers, OfASlowChipAreWaitedFor) {
  for (const std::uint32_t rate : {60'000U, 8U << 20}) {
    ByteWriter fields = good_capabilities();
    put_region(fields, kFlash, 1 << 23, 65536, 4096, 0, rate);
    Simulated world;
    Boaster boaster(std::move(fields).take(), [](ByteView request) -> std::optional<ByteVector> {
      if (request[XFP_AT_OP] == XFP_STATUS) return ByteVector(XFP_JOB_SIZE);
      return ByteVector();
    });
    const ByteVector bytes = image_of(6 * 16'384);
    const auto write = [&]() -> Task<Status> {
      CO_TRY(const std::unique_ptr<Wire> wire, co_await XfpWire::open(boaster));
      boaster.write_time = std::chrono::seconds(14);
      co_return co_await wire->write(kFlash, bytes, [](std::uint64_t) {});
    };
    EXPECT_EQ(world.loop.run(write()).has_value(), rate == 60'000) << rate;
  }
}

// A board of two banks whose first one it cannot read.
TEST(XfpBanks, ThatCannotBeLookedAtEndTheWriting) {
  constexpr std::uint32_t kBank = 1 << 20;
  ByteWriter fields = good_capabilities();
  put_region(fields, kFlash, 2 * kBank, 65536, 4096, kBank);
  Simulated world;
  int asked = 0;
  bool has_job = false;
  Boaster boaster(std::move(fields).take(), [&](ByteView request) -> std::optional<ByteVector> {
    has_job |= request[XFP_AT_OP] == XFP_DIGESTS;
    if (request[XFP_AT_OP] != XFP_STATUS) return ByteVector();
    ByteVector status(XFP_JOB_SIZE);
    if (!has_job) return status;
    ++asked;
    status[XFP_JOB_AT_STATE] = asked < 3 ? XFP_JOB_RUNNING : XFP_JOB_FAILED;
    status[XFP_JOB_AT_OP] = XFP_DIGESTS;
    status[XFP_JOB_AT_STATUS] = 0x0b;
    return status;
  });
  boaster.write_time = std::chrono::milliseconds(20);
  const ByteVector bytes = image_of(2 * kBank);
  const auto write = [&]() -> Task<Status> {
    CO_TRY(const std::unique_ptr<Wire> wire, co_await XfpWire::open(boaster));
    co_return co_await wire->write(kFlash, bytes, [](std::uint64_t) {});
  };
  const Status status = world.loop.run(write());
  EXPECT_EQ(asked, 3);
  ASSERT_TRUE(status.failed_with(Code::kDevice));
  EXPECT_NE(status.error().message().find("0x90000000: what was written there cannot be looked at"),
            std::string::npos)
      << status.error().message();
}

}  // namespace
}  // namespace gangd
