// The driver on a chip, without USB: a clock that only the bus and waiting move.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

extern "C" {
#include "target_fw/core/nor.h"
}
#include "tests/model/nor_chip.h"

namespace gangd::model {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint32_t kBase = 0x90000000;  // where the host sees the memory

// What a board looks like; the defaults are those of the product.
struct BenchOptions {
  std::string part = "MX66UW1G45G";
  nor_mode mode_max = NOR_OCTAL_DTR;
  std::uint8_t lanes = 8;
  std::uint64_t seed = 1;
  bool dma = true;
  std::uint32_t boot_hz = 0;
};

class Bench {
 public:
  explicit Bench(const BenchOptions& options) : Bench(options, *find_part(options.part)) {}
  Bench(const BenchOptions& options, const Part& part)
      : part(part), chip(part, options.seed), mode_max(options.mode_max), boot_hz(options.boot_hz) {
    bus.lanes_max = options.lanes;
    bus.dual = part.dies == 2;
    if (!options.dma) bus.begin_read = nullptr, bus.end_read = nullptr;
    chip.power_on(now);
  }
  Bench(const Bench&) = delete;

  dfu_status start() {
    const nor_config config = {.clock = &clock,
                               .bus = &bus,
                               .name = "NOR",
                               .address = kBase,
                               .mode_max = mode_max,
                               .boot_hz = boot_hz};
    return nor_start(&nor, &config);
  }
  dfu_status restart_after_power_cycle() {
    chip.power_off(now);
    chip.power_on(now);
    return start();
  }

  // Polls as the core does. Gives up after an hour, which no limit of a single block reaches.
  dfu_status finish() {
    const Time began = now;
    while (true) {
      const memory_progress progress = nor.memory.poll(nor.memory.self);
      if (progress.state == MEMORY_IDLE) return DFU_OK;
      if (progress.state == MEMORY_FAILED) return progress.status;
      if (now - began > std::chrono::hours(3)) {
        ADD_FAILURE() << "it never ends";
        return DFU_ERR_UNKNOWN;
      }
      now += std::chrono::microseconds(progress.poll_in_us);
      polls += 1;
    }
  }
  // The block of the layout that begins there.
  dfu_status erase(std::uint32_t at) { return erase(at, nor.memory.geometry.erase_size); }
  dfu_status erase(std::uint32_t at, std::uint32_t size) {
    erased = nor.memory.erase(nor.memory.self, kBase + at, size);
    return finish();
  }
  std::uint32_t erased = 0;  // bytes of the last block
  dfu_status erase_all() {
    nor.memory.erase_all(nor.memory.self);
    return finish();
  }
  dfu_status write(std::uint32_t at, const Bytes& bytes) {
    nor.memory.write(nor.memory.self, kBase + at, bytes.data(),
                     static_cast<std::uint32_t>(bytes.size()));
    return finish();
  }
  void begin_read(std::uint32_t at, Bytes& bytes) {
    nor.memory.begin_read(nor.memory.self, kBase + at, bytes.data(),
                          static_cast<std::uint32_t>(bytes.size()));
  }
  dfu_status end_read() { return nor.memory.end_read(nor.memory.self); }
  Bytes read(std::uint32_t at, std::uint32_t size) {
    Bytes bytes(size);
    EXPECT_EQ(nor.memory.read(nor.memory.self, kBase + at, bytes.data(), size), DFU_OK);
    return bytes;
  }
  // By hand, in SPI mode: of each chip its bytes, in turn.
  Bytes read_register(std::uint8_t opcode, std::uint32_t size = 1) {
    Bytes bytes(size * part.dies);
    xspi_command command{};
    command.instruction_phase.lanes = command.data_phase.lanes = 1;
    command.instruction = opcode;
    command.instruction_size = 1;
    command.read = bytes.data();
    command.size = size * part.dies;
    now += chip.run(command, now, 20'000'000);
    return bytes;
  }
  // What the layout of the memory must have for its blocks.
  std::uint32_t block() const { return part.erase_types.back().size; }
  std::uint32_t small() const { return part.erase_types.front().size; }
  Bytes peek(std::uint32_t at, std::uint32_t size) const {
    Bytes bytes(size);
    chip.peek(at, bytes);
    return bytes;
  }
  std::string complaints() const {
    std::string text;
    for (const std::string& complaint : chip.complaints()) text += complaint + "\n";
    return text;
  }

  const Part& part;
  NorChip chip;
  Time now{1'000'000};
  nor_mode mode_max;
  std::uint32_t boot_hz;
  std::uint64_t reads_mapped = 0;
  ::nor nor{};
  std::uint64_t polls = 0;
  std::uint64_t commands = 0;
  std::uint64_t register_writes = 0;  // of status registers
  bool controller_broken = false;
  bool second_die_deaf = false;
  bool octal_reads_garbled = false;  // a delay that does not fit

 private:
  static std::uint32_t now_us(void* self) {
    return static_cast<std::uint32_t>(static_cast<Bench*>(self)->now.count() / 1000);
  }
  // Millions of times in some tests, so it looks at what it expects before it asks GoogleTest.
  static bool run(void* self, const xspi_command* command) {
    auto& bench = *static_cast<Bench*>(self);
    if (bench.begun_read) ADD_FAILURE() << "the bus is taken";
    if (bench.controller_broken) return false;
    const std::uint8_t lanes = std::max({command->instruction_phase.lanes,
                                         command->address_phase.lanes, command->data_phase.lanes});
    if (lanes > bench.bus.lanes_max / bench.part.dies) {
      ADD_FAILURE() << int{lanes} << " lanes are not wired";
    }
    if (command->read != nullptr && command->write != nullptr) ADD_FAILURE() << "both ways at once";
    bench.commands += 1;
    if (command->instruction == 0x01 || command->instruction == 0x31) bench.register_writes += 1;
    bench.now += bench.chip.run(*command, bench.now, bench.hz);
    if (bench.second_die_deaf && command->read != nullptr) {
      for (std::uint32_t i = 1; i < command->size; i += 2) command->read[i] = 0xff;
    }
    if (bench.octal_reads_garbled && command->data_phase.lanes == 8 && command->read != nullptr) {
      for (std::uint32_t i = 0; i < command->size; ++i) {
        command->read[i] = static_cast<std::uint8_t>(command->read[i] * 2u + i % 2);
      }
    }
    return true;
  }
  // The bytes come with end_read(), and nothing before.
  static bool begin_read(void* self, const xspi_command* command) {
    auto& bench = *static_cast<Bench*>(self);
    EXPECT_FALSE(bench.begun_read) << "the bus is taken";
    std::fill_n(command->read, command->size, 0xdb);
    bench.begun_read = *command;
    return true;
  }
  static bool end_read(void* self) {
    auto& bench = *static_cast<Bench*>(self);
    const xspi_command command = bench.begun_read.value();
    bench.begun_read.reset();
    return run(self, &command);
  }
  // As the controller shows it: pair by pair, in order.
  static bool read_mapped(void* self, const xspi_map* map, std::uint32_t address,
                          std::uint8_t* bytes, std::uint32_t size) {
    auto& bench = *static_cast<Bench*>(self);
    EXPECT_EQ(map->size, bench.nor.part.size);
    const std::uint32_t before = address % 2;
    Bytes pairs((before + size + 1) / 2 * 2);
    xspi_command command = map->read;
    command.address = address - before;
    command.read = pairs.data();
    command.size = static_cast<std::uint32_t>(pairs.size());
    const std::uint32_t hz = std::exchange(bench.hz, map->hz_max);
    const bool went_well = run(self, &command);
    bench.hz = hz;
    for (std::size_t i = 0; map->swapped && i < pairs.size(); i += 2) {
      std::swap(pairs[i], pairs[i + 1]);
    }
    std::copy_n(pairs.begin() + before, size, bytes);
    ++bench.reads_mapped;
    return went_well;
  }
  static void set_clock(void* self, std::uint32_t hz_max) {
    static_cast<Bench*>(self)->hz = hz_max;
  }

  std::uint32_t hz = 1'000'000;
  const clock_port clock = {.self = this, .now_us = now_us};
  std::optional<xspi_command> begun_read;
  xspi_port bus = {.self = this,
                   .run = run,
                   .begin_read = begin_read,
                   .end_read = end_read,
                   .read_mapped = read_mapped,
                   .set_clock = set_clock,
                   .lanes_max = 8,
                   .dual = false};
};

// Something without a pattern that a mistake could repeat.
inline Bytes noise(std::size_t size, std::uint32_t seed = 1) {
  Bytes bytes(size);
  std::uint32_t state = seed * 2654435761u + 1;
  for (std::uint8_t& byte : bytes) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<std::uint8_t>(state >> 24);
  }
  return bytes;
}

}  // namespace gangd::model
