// A driver of the USB controller for tests: as small as can be, register by register, by the
// reference manual's programming model. It answers as told.
#pragma once

#include <functional>
#include <numeric>

#include "tests/unit/emu/fake_chip.h"
#include "tests/unit/emu/system.h"

namespace gangd::emu {

inline constexpr std::uint32_t kOtgHs = 0x40040000, kOtgFs = 0x40080000;

class UsbDevice {
 public:
  UsbDevice(Bench& bench, std::uint32_t base) : bench_(bench), base_(base) {}

  UsbHost& host() { return base_ == kOtgHs ? bench_.outside.usb_hs : bench_.outside.usb_fs; }
  std::uint32_t get(std::uint32_t offset) { return bench_.read(base_ + offset); }
  void put(std::uint32_t offset, std::uint32_t value) { bench_.write(base_ + offset, value); }
  void set(std::uint32_t offset, std::uint32_t bits) { put(offset, get(offset) | bits); }
  void clear(std::uint32_t offset, std::uint32_t bits) { put(offset, get(offset) & ~bits); }

  void supply() {
    using namespace std::chrono_literals;
    bench_.set(kPwr + 0x0c, 1u << 24 | 1u << 27);
    bench_.pass(100us);
    EXPECT_NE(bench_.read(kPwr + 0x0c) & 1u << 26, 0u);
    if (base_ == kOtgHs) {
      bench_.set(kRcc + 0x00, 1u << 16);  // HSE, 24 MHz
      bench_.pass(5ms);
      bench_.set(kRcc + 0x138, 1u << 25 | 1u << 26);
    } else {
      bench_.set(kRcc + 0x00, 1u << 12);  // HSI48
      bench_.pass(100us);
      bench_.set(kRcc + 0x138, 1u << 27);
      bench_.set(kRcc + 0x140, 1u << 12);
      constexpr std::uint32_t kGpioM = kGpioA + 12 * 0x400;
      bench_.write(kGpioM + 0x24, 0x000aa000);
      bench_.write(kGpioM + 0x00, 0xfebfffff);
    }
  }

  void start() {
    using namespace std::chrono_literals;
    const bool high = base_ == kOtgHs;
    if (!high) set(0x00c, 1u << 6);
    put(0x010, 1);
    bench_.pass(1us);
    EXPECT_EQ(get(0x010), 0x80000000u);
    if (high) {
      put(0x038, 1u << 23 | 1u << 24);
    } else {
      put(0x038, 1u << 16);
      set(0x000, 3u << 6);
    }
    set(0x00c, 1u << 30);
    put(0x00c, (get(0x00c) & ~0x3c00u) | (high ? 9u : 6u) << 10);
    set(0x800, high ? 0 : 3);
    const std::uint32_t room = high ? 300 : 128;
    put(0x024, room);
    put(0x028, 64u << 16 | room);
    put(0x104, (high ? 256u : 128u) << 16 | (room + 64));
    put(0x018, 1u << 4 | 1u << 12 | 1u << 13 | 1u << 18);
    put(0x810, 1);
    put(0x81c, 3);
    put(0x008, 1);
  }
  void connect() { clear(0x804, 2); }

  void open_bulk(std::uint32_t packet) {
    set(0x920, packet | 2u << 18 | 1u << 22 | 1u << 28 | 1u << 15);
    set(0xb20, packet | 2u << 18 | 1u << 28 | 1u << 15);
  }
  void send(unsigned endpoint, const std::vector<std::uint8_t>& bytes, std::uint32_t packet) {
    const auto size = static_cast<std::uint32_t>(bytes.size());
    const std::uint32_t packets = size == 0 ? 1 : (size + packet - 1) / packet;
    const std::uint32_t control = 0x900 + 0x20 * endpoint;
    put(0x910 + 0x20 * endpoint, packets << 19 | size);
    if (size == 0) {
      set(control, 1u << 31 | 1u << 27);
      bench_.pass(std::chrono::microseconds(1));
      return set(control, 1u << 26);
    }
    set(control, 1u << 31 | 1u << 26);
    for (std::uint32_t i = 0; i < size; i += 4) {
      std::uint32_t word = 0;
      for (std::uint32_t j = i; j < std::min(size, i + 4); ++j) {
        word |= std::uint32_t(bytes[j]) << (8 * (j - i));
      }
      put(0x1000 * (endpoint + 1), word);
    }
  }
  void receive(unsigned endpoint, std::uint32_t packets, std::uint32_t packet) {
    put(0xb10 + 0x20 * endpoint, packets << 19 | packets * packet);
    set(0xb00 + 0x20 * endpoint, 1u << 31 | 1u << 26);
  }

  // What an interrupt handler does; called until nothing is left.
  void poll() {
    while (bench_.chip.interrupts.contains(base_ == kOtgHs ? 91u : 112u)) {
      const std::uint32_t status = get(0x014) & get(0x018);
      if ((status & 1u << 12) != 0) on_reset();
      if ((status & 1u << 13) != 0) {
        put(0x014, 1u << 13);
        speed = get(0x808) >> 1 & 3;
      }
      if ((status & 1u << 4) != 0) pop();
      if ((status & 1u << 18) != 0) {
        for (unsigned n = 0; n < 2; ++n) {
          if ((get(0x908 + 0x20 * n) & 1) == 0) continue;
          put(0x908 + 0x20 * n, 1);
          ++sent[n];
        }
      }
      if (!bench_.chip.violations.empty()) return;
    }
  }
  // Both sides, for a while.
  void run(Time time = std::chrono::milliseconds(20)) {
    for (const Time end = bench_.chip.now() + time; bench_.chip.now() < end;) {
      bench_.pass(std::chrono::microseconds(5));
      poll();
      if (!bench_.chip.violations.empty()) return;
    }
  }

  unsigned speed = 99;
  unsigned sent[2] = {};
  std::vector<std::vector<std::uint8_t>> setups;
  std::vector<std::uint8_t> received[2];
  unsigned ended[2] = {};
  // Answers a SETUP.
  std::function<void(const std::vector<std::uint8_t>&)> on_setup;

 private:
  void on_reset() {
    put(0x014, 1u << 12);
    clear(0x800, 0x7f0);
    put(0x010, 1u << 5 | 0x10u << 6);
    bench_.pass(std::chrono::microseconds(1));
    put(0xb10, 3u << 29 | 1u << 19 | 64);
  }
  void pop() {
    const std::uint32_t status = get(0x020);
    const unsigned endpoint = status & 15;
    const std::uint32_t size = (status >> 4) & 0x7ff;
    std::vector<std::uint8_t> bytes;
    for (std::uint32_t i = 0; i < size; i += 4) {
      const std::uint32_t word = get(0x1000);
      for (std::uint32_t j = 0; j < std::min(4u, size - i); ++j) {
        bytes.push_back(static_cast<std::uint8_t>(word >> (8 * j)));
      }
    }
    switch ((status >> 17) & 15) {
      case 2:
        received[endpoint].insert(received[endpoint].end(), bytes.begin(), bytes.end());
        break;
      case 3:
        ++ended[endpoint];
        break;
      case 4:
        if (on_setup) on_setup(setups.back());
        break;
      case 6:
        setups.push_back(bytes);
        break;
      default:
        break;
    }
  }

  Bench& bench_;
  const std::uint32_t base_;
};

}  // namespace gangd::emu
