// What could break: a file that is not what it says: bytes at wrong addresses, or a crash.
#include "tests/emu/program.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string_view>

#include "tests/sim/prng.h"
#include "tests/unit/emu/small_program.h"

namespace gangd::emu {
namespace {

Result<Program> parse(std::string_view text) {
  return Program::parse(as_bytes(text), std::nullopt);
}

TEST(ProgramTest, HexPutsBytesWhereItsRecordsSay) {
  const auto program = parse(
      ":0200000470008A\r\n:0400100001020304E2\n:040014000506070CCA\n\n"
      ":020000021000EC\n:0100000055AA\n:00000001FF\n");
  ASSERT_TRUE(program.has_value()) << program.error().message();
  ASSERT_EQ(program->segments.size(), 2u);
  EXPECT_EQ(program->segments[0].address, 0x70000010u);
  EXPECT_EQ(program->segments[0].bytes, (ByteVector{1, 2, 3, 4, 5, 6, 7, 12}));
  EXPECT_EQ(program->segments[1].address, 0x10000u);
}

TEST(ProgramTest, HexThatIsDamagedIsRefused) {
  for (const std::string_view text :
       {":0400100001020304E3\n:00000001FF\n", ":0400100001020304E2\n", ":04001000010203\n", ":zz\n",
        ":0\n", ":00000009F7\n:00000001FF\n", ":01000004AA51\n:00000001FF\n"}) {
    EXPECT_TRUE(parse(text).failed_with(Code::kInvalid)) << text;
  }
}

TEST(ProgramTest, PlainBytesNeedAnAddress) {
  EXPECT_TRUE(parse("abc").failed_with(Code::kInvalid));
  const auto program = Program::parse(as_bytes("abc"), 0x24000000);
  ASSERT_TRUE(program.has_value());
  EXPECT_EQ(program->segments[0].address, 0x24000000u);
}

TEST(ProgramTest, NamesAddressesWithinFunctions) {
  const auto program = Program::read(firmware_path("exceptions-chip"), std::nullopt);
  ASSERT_TRUE(program.has_value());
  const std::uint32_t run = program->addresses.at("run") & ~1u;
  EXPECT_EQ(program->name(run), "run");
  EXPECT_EQ(program->name(run + 7), "run+0x6");
  EXPECT_EQ(program->name(0x20000000), "");
}

TEST(ProgramTest, NoDamageToAnElfCrashes) {
  const auto whole = Program::read(firmware_path("exceptions-chip"), std::nullopt);
  ASSERT_TRUE(whole.has_value());
  std::ifstream file(firmware_path("exceptions-chip"), std::ios::binary);
  const ByteVector good{std::istreambuf_iterator<char>(file), {}};
  sim::Prng prng(1);
  for (int i = 0; i < 3000; ++i) {
    ByteVector bytes = good;
    // Headers are at both ends.
    for (int n = 0; n < 4; ++n) {
      const std::size_t near = prng.below(200);
      bytes[prng.below(2) == 0 ? near : bytes.size() - 1 - near] =
          static_cast<std::uint8_t>(prng.below(256));
    }
    if (i % 3 == 0) bytes.resize(prng.below(bytes.size()));
    const auto program = Program::parse(bytes, std::nullopt);
    if (!program) EXPECT_FALSE(program.error().message().empty());
  }
}

}  // namespace
}  // namespace gangd::emu
