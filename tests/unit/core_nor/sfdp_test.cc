extern "C" {
#include "target_fw/core/sfdp.h"
#include "target_fw/core/nor_parts.h"
}

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "tests/model/parts.h"

namespace gangd::model {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes sfdp_of(std::string_view name) {
  const Part& part = *find_part(name);
  return {part.sfdp.begin(), part.sfdp.end()};
}

bool parse(const Bytes& bytes, sfdp_part& part) {
  return sfdp_parse(bytes.data(), static_cast<std::uint32_t>(bytes.size()), &part);
}

std::uint32_t milliseconds(std::chrono::nanoseconds time) {
  return static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::milliseconds>(time).count());
}

// Expected values are worked out by hand from the dwords: 10 is 00f57223h, 11 is cc04ed82h.
TEST(Sfdp, UnitsAndMultipliersOfMx25r6435f) {
  sfdp_part part;
  ASSERT_TRUE(parse(sfdp_of("MX25R6435F"), part));
  EXPECT_EQ(part.size, 8u << 20);
  EXPECT_EQ(part.page_size, 256u);
  EXPECT_EQ(part.address, SFDP_ADDRESS_3);
  EXPECT_EQ(part.page_typical_us, 896u);  // (13 + 1) * 64 us
  EXPECT_EQ(part.page_max_us, 5376u);     // * 2 * (2 + 1)
  ASSERT_EQ(part.erase_types_count, 3);
  EXPECT_EQ(part.erase_types[0].size, 4096u);
  EXPECT_EQ(part.erase_types[0].opcode, 0x20);
  EXPECT_EQ(part.erase_types[0].typical_ms, 48u);  // (2 + 1) * 16 ms
  EXPECT_EQ(part.erase_types[0].max_ms, 384u);     // * 2 * (3 + 1)
  EXPECT_EQ(part.erase_types[1].size, 32768u);
  EXPECT_EQ(part.erase_types[1].max_ms, 1920u);
  EXPECT_EQ(part.erase_types[2].size, 65536u);
  EXPECT_EQ(part.erase_types[2].opcode, 0xd8);
  EXPECT_EQ(part.erase_types[2].typical_ms, 480u);
  EXPECT_EQ(part.erase_types[2].max_ms, 3840u);
  EXPECT_EQ(part.chip_erase_typical_ms, 52000u);  // (12 + 1) * 4 s
  EXPECT_EQ(part.chip_erase_max_ms, 416000u);
  EXPECT_EQ(part.read_1_1_4.opcode, 0x6b);
  EXPECT_EQ(part.read_1_1_4.dummies, 8);
  EXPECT_EQ(part.read_1_4_4.opcode, 0xeb);
  EXPECT_EQ(part.read_1_4_4.dummies, 6);
  EXPECT_EQ(part.quad_enable, SFDP_QUAD_SR1_BIT6);
  EXPECT_TRUE(part.soft_reset);
  EXPECT_EQ(part.wake_up_us, 40u);  // (4 + 1) * 8 us
  EXPECT_FALSE(part.octal.present);
  EXPECT_FALSE(part.has_4byte_opcodes);
}

TEST(Sfdp, OctalTablesOfMx66uw1g45g) {
  sfdp_part part;
  ASSERT_TRUE(parse(sfdp_of("MX66UW1G45G"), part));
  EXPECT_EQ(part.size, 128u << 20);
  EXPECT_EQ(part.address, SFDP_ADDRESS_3_OR_4);
  EXPECT_EQ(part.page_typical_us, 152u);  // (18 + 1) * 8 us
  EXPECT_EQ(part.page_max_us, 4864u);     // * 2 * (15 + 1)
  ASSERT_EQ(part.erase_types_count, 2);
  EXPECT_EQ(part.erase_types[0].opcode_4byte, 0x21);
  EXPECT_EQ(part.erase_types[0].typical_ms, 25u);
  EXPECT_EQ(part.erase_types[0].max_ms, 600u);
  EXPECT_EQ(part.erase_types[1].opcode_4byte, 0xdc);
  EXPECT_EQ(part.erase_types[1].typical_ms, 256u);  // (15 + 1) * 16 ms
  EXPECT_EQ(part.erase_types[1].max_ms, 6144u);     // * 2 * (11 + 1)
  EXPECT_TRUE(part.has_4byte_opcodes);
  EXPECT_EQ(part.read_1_1_4.opcode, 0);
  EXPECT_TRUE(part.octal.present);
  EXPECT_TRUE(part.octal.inverse_extension);
  EXPECT_TRUE(part.octal.swapped);
  EXPECT_EQ(part.octal.read_dtr_opcode, 0xee);
  EXPECT_EQ(part.octal.read_dtr_dummies, 20);
  EXPECT_EQ(part.octal.status_address_size, 4);
  EXPECT_EQ(part.octal.status_dummies, 4);
  EXPECT_EQ(part.octal.enable_opcode, 0x72);
  EXPECT_EQ(part.octal.enable_address, 0u);
  EXPECT_EQ(part.octal.enable_value, 2);
}

// Dword 10 is 00994a24h, 11 is e1038e8bh; table FF84 begins with ffffe7ffh, ffffdc21h.
TEST(Sfdp, FlagStatusAnd4ByteOpcodesOfMt25ql512) {
  sfdp_part part;
  ASSERT_TRUE(parse(sfdp_of("MT25QL512ABB"), part));
  EXPECT_EQ(part.size, 64u << 20);
  EXPECT_EQ(part.page_typical_us, 120u);  // (14 + 1) * 8 us
  EXPECT_EQ(part.page_max_us, 2880u);     // * 2 * (11 + 1)
  ASSERT_EQ(part.erase_types_count, 3);
  EXPECT_EQ(part.erase_types[0].max_ms, 480u);  // (2 + 1) * 16 ms * 2 * (4 + 1)
  EXPECT_EQ(part.erase_types[0].opcode_4byte, 0x21);
  EXPECT_EQ(part.erase_types[1].size, 32768u);
  EXPECT_EQ(part.erase_types[1].opcode_4byte, 0) << "there is none";
  EXPECT_EQ(part.erase_types[2].typical_ms, 160u);
  EXPECT_EQ(part.erase_types[2].opcode_4byte, 0xdc);
  EXPECT_EQ(part.chip_erase_max_ms, 1280000u);  // (1 + 1) * 64 s * 10
  EXPECT_EQ(part.busy, SFDP_BUSY_FLAG_STATUS_BIT7);
  EXPECT_EQ(part.quad_enable, SFDP_QUAD_NO_BIT);
  EXPECT_EQ(part.read_1_1_4.dummies, 8);  // 7 wait states, 1 mode clock
  EXPECT_TRUE(part.has_4byte_opcodes);
  EXPECT_TRUE(part.has_read_1_1_4_4byte);
  EXPECT_TRUE(part.has_program_1_1_4_4byte);
}

sfdp_part row_of(const Part& model) {
  sfdp_part row{};
  const sfdp_part* found = nor_part_of_id(model.jedec_id.data());
  EXPECT_NE(found, nullptr) << model.name;
  if (found != nullptr) std::memcpy(&row, found, sizeof(row));
  return row;
}

TEST(Sfdp, TheIdTableAgreesWithTheModels) {
  for (const Part& model : parts()) {
    SCOPED_TRACE(model.name);
    const sfdp_part row = row_of(model);
    EXPECT_EQ(row.size, model.size / model.dies);
    EXPECT_EQ(row.page_size, model.page_size / model.dies);
    EXPECT_EQ(row.page_typical_us, model.times.page_program.typical / std::chrono::microseconds(1));
    EXPECT_EQ(row.page_max_us, model.times.page_program.maximum / std::chrono::microseconds(1));
    EXPECT_EQ(row.chip_erase_typical_ms, milliseconds(model.times.chip_erase.typical));
    EXPECT_EQ(row.chip_erase_max_ms, milliseconds(model.times.chip_erase.maximum));
    ASSERT_EQ(row.erase_types_count, model.erase_types.size());
    for (unsigned i = 0; i < row.erase_types_count; ++i) {
      const sfdp_erase_type& type = row.erase_types[i];
      EXPECT_EQ(type.size, model.erase_types[i].size / model.dies);
      EXPECT_EQ(type.opcode, model.erase_types[i].opcode);
      EXPECT_EQ(type.opcode_4byte, model.erase_types[i].opcode_4byte);
      EXPECT_EQ(type.typical_ms, milliseconds(model.erase_types[i].time.typical));
      EXPECT_EQ(type.max_ms, milliseconds(model.erase_types[i].time.maximum));
    }
    EXPECT_EQ(row.octal.present, model.bus == Part::Bus::kOctal);
    EXPECT_EQ(row.octal.swapped, model.swaps_octal_dtr);
    EXPECT_EQ(nor_banks(model.jedec_id.data()), model.banks);
  }
}

// The table for blank SFDP must not say anything else than the parts do.
TEST(Sfdp, TheIdTableAgreesWithSfdp) {
  for (const Part& model : parts()) {
    if (model.sfdp.empty()) continue;
    SCOPED_TRACE(model.name);
    sfdp_part said;
    ASSERT_TRUE(
        sfdp_parse(model.sfdp.data(), static_cast<std::uint32_t>(model.sfdp.size()), &said));
    sfdp_part row = row_of(model);
    ASSERT_EQ(row.erase_types_count, said.erase_types_count);
    for (unsigned i = 0; i < said.erase_types_count; ++i) {
      EXPECT_EQ(std::memcmp(&row.erase_types[i], &said.erase_types[i], sizeof(sfdp_erase_type)), 0);
    }
    EXPECT_EQ(row.size, said.size);
    EXPECT_EQ(row.page_size, said.page_size);
    EXPECT_EQ(row.address, said.address);
    EXPECT_EQ(row.page_typical_us, said.page_typical_us);
    EXPECT_EQ(row.page_max_us, said.page_max_us);
    EXPECT_EQ(row.chip_erase_typical_ms, said.chip_erase_typical_ms);
    EXPECT_EQ(row.chip_erase_max_ms, said.chip_erase_max_ms);
    EXPECT_EQ(row.read_1_1_4.opcode, said.read_1_1_4.opcode);
    EXPECT_EQ(row.read_1_1_4.dummies, said.read_1_1_4.dummies);
    EXPECT_EQ(row.read_1_4_4.opcode, said.read_1_4_4.opcode);
    EXPECT_EQ(row.read_1_4_4.dummies, said.read_1_4_4.dummies);
    EXPECT_EQ(row.quad_enable, said.quad_enable);
    EXPECT_EQ(row.busy, said.busy);
    EXPECT_EQ(row.soft_reset, said.soft_reset);
    EXPECT_EQ(row.wake_up_us, said.wake_up_us);
    EXPECT_EQ(row.has_4byte_opcodes, said.has_4byte_opcodes);
    EXPECT_EQ(row.has_read_1_1_4_4byte, said.has_read_1_1_4_4byte);
    EXPECT_EQ(row.has_program_1_1_4_4byte, said.has_program_1_1_4_4byte);
    EXPECT_EQ(row.has_program_1_4_4_4byte, said.has_program_1_4_4_4byte);
    EXPECT_EQ(row.octal.present, said.octal.present);
    EXPECT_EQ(row.octal.swapped, said.octal.swapped);
    EXPECT_EQ(row.octal.read_dtr_opcode, said.octal.read_dtr_opcode);
    EXPECT_EQ(row.octal.enable_opcode, said.octal.enable_opcode);
    EXPECT_EQ(row.octal.enable_value, said.octal.enable_value);
  }
}

// JESD216 of 2011: nine dwords, nothing of times or pages.
TEST(Sfdp, AShortTableGetsSafeTimes) {
  Bytes bytes = sfdp_of("MX25R6435F");
  bytes[11] = 9;
  sfdp_part part;
  ASSERT_TRUE(parse(bytes, part));
  EXPECT_FALSE(part.has_times);
  EXPECT_EQ(part.page_size, 256u);
  EXPECT_GE(part.page_max_us, 5376u);
  ASSERT_EQ(part.erase_types_count, 3);
  EXPECT_GE(part.erase_types[2].max_ms, 3840u);
  EXPECT_EQ(part.quad_enable, SFDP_QUAD_UNKNOWN);
  EXPECT_FALSE(part.soft_reset);
}

// A multiplier field of 0 is a factor of 2, not a time-out of 0.
TEST(Sfdp, AMultiplierOfZeroDoubles) {
  Bytes bytes = sfdp_of("MX25R6435F");
  bytes[0x30 + 36] &= 0xf0;
  bytes[0x30 + 40] &= 0xf0;
  sfdp_part part;
  ASSERT_TRUE(parse(bytes, part));
  EXPECT_EQ(part.erase_types[0].max_ms, 96u);
  EXPECT_EQ(part.page_max_us, 1792u);
}

TEST(Sfdp, AnEndInTheMiddleOfAnythingIsNotRead) {
  const Bytes whole = sfdp_of("MX66UW1G45G");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    sfdp_part part;
    EXPECT_EQ(parse(cut, part), size >= 0x40 + 9 * 4) << size;
  }
}

TEST(Sfdp, NonsenseIsRefused) {
  sfdp_part part;
  EXPECT_FALSE(parse(Bytes(512, 0xff), part));
  EXPECT_FALSE(parse(Bytes(512, 0x00), part));
  const auto refused = [&](std::size_t at, Bytes replacement) {
    Bytes bytes = sfdp_of("MX25R6435F");
    std::copy(replacement.begin(), replacement.end(),
              bytes.begin() + static_cast<std::ptrdiff_t>(at));
    return !parse(bytes, part);
  };
  EXPECT_TRUE(refused(0, {'s'}));
  EXPECT_TRUE(refused(12, {0xff, 0xff, 0xff})) << "the table lies outside";
  EXPECT_TRUE(refused(0x34, {0, 0, 0, 0})) << "a flash of one byte";
  EXPECT_TRUE(refused(0x34, {0xff, 0xff, 0xff, 0xff})) << "2^(2^31) bits";
  EXPECT_TRUE(refused(0x34, {0x12, 0x34, 0x56, 0x07})) << "no power of two";
  EXPECT_TRUE(refused(0x4c, Bytes(8, 0))) << "no erase type";
  EXPECT_FALSE(refused(0x34, {0x22, 0, 0, 0x80})) << "2 GiB, as 2^34 bits";
}

}  // namespace
}  // namespace gangd::model
