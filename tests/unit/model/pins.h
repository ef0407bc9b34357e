// A chip on a bench, with wires to its pins: what a careful hand would do, one command at a time.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "tests/model/nor_chip.h"

namespace gangd::model {

using Bytes = std::vector<std::uint8_t>;
using Mode = NorChip::Mode;

class Pins {
 public:
  explicit Pins(std::string_view part, std::uint64_t seed = 1)
      : part(*find_part(part)), chip(this->part, seed) {
    chip.power_on(now);
    now += this->part.power_up;
  }

  // A command in the present mode. `address_size` 0: without an address.
  xspi_command command(std::uint8_t opcode, std::uint8_t address_size = 0,
                       std::uint32_t address = 0, std::uint8_t dummies = 0) const {
    const std::uint8_t lanes = mode == Mode::kSpi ? 1 : 8;
    const bool ddr = mode == Mode::kOctalDtr;
    xspi_command c{};
    c.instruction_phase = {lanes, ddr};
    c.instruction = opcode;
    c.instruction_size = 1;
    if (mode != Mode::kSpi) {
      c.instruction = static_cast<std::uint16_t>(opcode << 8 | (~opcode & 0xff));
      c.instruction_size = 2;
    }
    if (address_size != 0) {
      c.address_phase = {lanes, ddr};
      c.address_size = address_size;
      c.address = address;
    }
    c.dummy_cycles = dummies;
    return c;
  }

  void send(const xspi_command& c) { now += chip.run(c, now, hz); }
  void send(std::uint8_t opcode) { send(command(opcode)); }

  Bytes receive(xspi_command c, std::uint32_t size, std::uint8_t lanes = 1) {
    Bytes bytes(size);
    c.data_phase = {mode == Mode::kSpi ? lanes : std::uint8_t{8}, mode == Mode::kOctalDtr};
    c.read = bytes.data();
    c.size = size;
    send(c);
    return bytes;
  }

  void transmit(xspi_command c, const Bytes& bytes, std::uint8_t lanes = 1) {
    c.data_phase = {mode == Mode::kSpi ? lanes : std::uint8_t{8}, mode == Mode::kOctalDtr};
    c.write = bytes.data();
    c.size = static_cast<std::uint32_t>(bytes.size());
    send(c);
  }

  Bytes read_register(std::uint8_t opcode, std::uint32_t size = 1) {
    if (mode == Mode::kSpi) return receive(command(opcode), size);
    Bytes bytes = receive(command(opcode, 4, 0, 4), mode == Mode::kOctalDtr ? 2 * size : size);
    if (mode == Mode::kOctalStr) return bytes;
    Bytes single(size);
    for (std::uint32_t i = 0; i < size; ++i) single[i] = bytes[2 * i];
    return single;
  }
  std::uint8_t status() { return read_register(0x05)[0]; }
  std::uint8_t security() { return read_register(0x2b)[0]; }

  Bytes read(std::uint32_t address, std::uint32_t size) {
    if (mode == Mode::kSpi) return receive(command(0x0b, 3, address, 8), size);
    return receive(command(mode == Mode::kOctalStr ? 0xec : 0xee, 4, address, 20), size);
  }
  void program(std::uint32_t address, const Bytes& bytes) {
    send(0x06);
    transmit(mode == Mode::kSpi ? command(0x02, 3, address) : command(0x12, 4, address), bytes);
  }
  void erase_4k(std::uint32_t address) { erase(0x20, 0x21, address); }
  void erase_64k(std::uint32_t address) { erase(0xd8, 0xdc, address); }
  void erase(std::uint8_t opcode, std::uint8_t opcode_4byte, std::uint32_t address) {
    send(0x06);
    send(mode == Mode::kSpi ? command(opcode, 3, address) : command(opcode_4byte, 4, address));
  }

  // Until it is no longer busy, as the status tells.
  void finish() {
    now = std::max(now, chip.busy_until());
    EXPECT_EQ(status() & 1, 0);
  }
  void enter(Mode next) {
    send(0x06);
    const auto value = static_cast<std::uint8_t>(next);
    transmit(command(0x72, 4, 0), mode == Mode::kOctalDtr ? Bytes{value, value} : Bytes{value});
    mode = next;
  }
  void power_cycle(Mode power_up = Mode::kSpi) {
    chip.power_off(now);
    chip.power_on(now);
    now += part.power_up;
    mode = power_up;
  }

  Bytes peek(std::uint32_t address, std::uint32_t size) const {
    Bytes bytes(size);
    chip.peek(address, bytes);
    return bytes;
  }
  // What has been complained of since the last call, as one text.
  std::string complaints() {
    std::string text;
    for (; heard < chip.complaints().size(); ++heard) text += chip.complaints()[heard] + "\n";
    return text;
  }

  const Part& part;
  NorChip chip;
  Mode mode = Mode::kSpi;
  Time now{1'000'000};
  std::uint32_t hz = 20'000'000;
  std::size_t heard = 0;
};

}  // namespace gangd::model
