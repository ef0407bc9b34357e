// SETUP packets and data of a hostile host, against the whole core.
//
// The input is a list of steps: a byte that says what happens, then what it needs. Most requests
// are given bmRequestType, bRequest and wIndex that lead somewhere, or the fuzzer would learn for
// hours what one line of this file can say. Whatever comes, GETSTATUS must be answered afterwards,
// and memory and controller must have nothing to complain about.

#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>

#include "target_fw/core/device.h"
#include "tests/model/virtual_usb.h"
#include "tests/unit/core/fake_memory.h"

namespace gangd::model {
namespace {

struct World {
  std::uint64_t now_us = 0;
  FakeMemory nor{{.geometry = flash(0x90000000, 32768, 4096, 2), .erase_all_ms = 400}, now_us};
  FakeMemory ram{{.name = "RAM", .geometry = flash(0xffff8000, 32768, 1024), .erasable = false},
                 now_us};
  struct device device{};
  VirtualUsb usb{device.usb, true};
  std::array<memory, 2> memories{nor.as_memory(), ram.as_memory()};
  clock_port clock{this, [](void* self) {
                     return static_cast<std::uint32_t>(static_cast<World*>(self)->now_us);
                   }};
  dfu_leave leave{
      this,
      [](void*, std::uint32_t address) { return address % 4 == 0 ? DFU_OK : DFU_ERR_FIRMWARE; },
      [](void*, std::uint32_t) {}};
  device_identity identity{};
  std::deque<Transfer> transfers;
  bool ended = false;

  explicit World(bool can_leave) {
    identity.manufacturer = "gangd";
    identity.product = "fuzz";
    identity.high_speed = true;
    identity.leave = can_leave ? &leave : nullptr;
    usb.on_complete = [this](Transfer&) { ended = true; };
    device_init(&device, &identity, &clock, &usb.port(), memories.data(), 2);
  }

  void run(std::uint64_t us) {
    const std::uint64_t until = now_us + us;
    while (true) {
      std::uint32_t wait_us = 0;
      bool moved = true;
      while (moved) {
        moved = usb.step();
        wait_us = device_poll(&device);
        moved |= usb.step();
      }
      if (now_us >= until) return;
      now_us += std::clamp<std::uint64_t>(wait_us, 1, until - now_us);
    }
  }

  // A host waits only so long, and then gives up.
  Outcome control(const std::array<std::uint8_t, 8>& setup, std::vector<std::uint8_t> data) {
    Transfer& transfer = transfers.emplace_back();
    transfer.setup = setup;
    transfer.data = std::move(data);
    ended = false;
    usb.submit(transfer);
    if (!ended) run(200);
    if (!ended) usb.cancel(transfer);
    return transfer.outcome;
  }

  void enumerate() {
    if (!usb.shown()) run(1'000'000);
    usb.bus_reset();
    run(0);
    if (!usb.shown()) run(1'000'000);  // the reset was the one that starts the firmware
    control({0x00, 5, 3, 0, 0, 0, 0, 0}, {});
    control({0x00, 9, 1, 0, 0, 0, 0, 0}, {});
  }
};

std::uint16_t block(FuzzedDataProvider& input) {
  return input.ConsumeBool() ? input.ConsumeIntegralInRange<std::uint16_t>(0, 5)
                             : input.ConsumeIntegral<std::uint16_t>();
}

std::uint32_t address(FuzzedDataProvider& input) {
  const std::uint32_t base = input.ConsumeBool() ? 0x90000000 : 0xffff8000;
  return base + input.ConsumeIntegral<std::uint16_t>();
}

std::array<std::uint8_t, 8> setup_of(std::uint8_t type, std::uint8_t request, std::uint16_t value,
                                     std::size_t length) {
  return {type, request, static_cast<std::uint8_t>(value),  static_cast<std::uint8_t>(value >> 8),
          0,    0,       static_cast<std::uint8_t>(length), static_cast<std::uint8_t>(length >> 8)};
}

void step(World& world, FuzzedDataProvider& input) {
  switch (input.ConsumeIntegralInRange(0, 9)) {
    case 0: {  // anything at all
      std::array<std::uint8_t, 8> setup{};
      for (std::uint8_t& byte : setup) byte = input.ConsumeIntegral<std::uint8_t>();
      const std::size_t length = static_cast<std::size_t>(setup[6] | setup[7] << 8);
      std::vector<std::uint8_t> data(length, 0x5a);
      if (input.ConsumeBool() && length > 0) data.pop_back();  // the host breaks its word
      world.control(setup, std::move(data));
      break;
    }
    case 1: {  // a download
      std::vector<std::uint8_t> data(input.ConsumeIntegralInRange<std::size_t>(0, 4100), 0x41);
      const auto setup = setup_of(0x21, DFU_DNLOAD, block(input), data.size());
      world.control(setup, std::move(data));
      break;
    }
    case 2: {  // a command
      const std::uint32_t at = address(input);
      std::vector<std::uint8_t> data = {
          input.PickValueInArray<std::uint8_t>({0x21, 0x41, 0x92}), static_cast<std::uint8_t>(at),
          static_cast<std::uint8_t>(at >> 8), static_cast<std::uint8_t>(at >> 16),
          static_cast<std::uint8_t>(at >> 24)};
      data.resize(input.ConsumeBool() ? 5 : input.ConsumeIntegralInRange<std::size_t>(1, 5));
      world.control(setup_of(0x21, DFU_DNLOAD, 0, data.size()), std::move(data));
      break;
    }
    case 3: {
      const auto length = input.ConsumeIntegralInRange<std::uint16_t>(0, 4100);
      world.control(setup_of(0xa1, DFU_UPLOAD, block(input), length),
                    std::vector<std::uint8_t>(length));
      break;
    }
    case 4:
    case 5:
      world.control(setup_of(0xa1, DFU_GETSTATUS, 0, 6), std::vector<std::uint8_t>(6));
      break;
    case 6: {
      const auto request = input.PickValueInArray<std::uint8_t>({DFU_CLRSTATUS, DFU_ABORT});
      world.control(setup_of(0x21, request, 0, 0), {});
      break;
    }
    case 7:
      world.run(input.ConsumeIntegral<std::uint16_t>() * 10u);
      break;
    case 8:
      world.control(setup_of(0x01, 11, input.ConsumeIntegralInRange<std::uint16_t>(0, 2), 0), {});
      break;
    default:
      if (input.ConsumeBool()) {
        world.enumerate();
      } else {  // SETUP after SETUP, faster than the firmware is polled
        for (int i = input.ConsumeIntegralInRange(1, 20); i > 0; --i) {
          world.usb.setup_only(setup_of(0xa1, DFU_UPLOAD, 2, 64));
        }
      }
      break;
  }
}

void demand(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

void run_all(FuzzedDataProvider& input) {
  World world(input.ConsumeBool());
  world.enumerate();
  while (input.remaining_bytes() > 0) {
    step(world, input);
    // As long as it lives the deque would grow without end.
    world.transfers.clear();
  }
  world.run(3'000'000);
  world.enumerate();
  const auto status = setup_of(0xa1, DFU_GETSTATUS, 0, 6);
  demand(world.control(status, std::vector<std::uint8_t>(6)) == Outcome::kDone,
         "GETSTATUS is not answered");
  demand(world.transfers.back().data[4] == DFU_IDLE, "not in dfuIDLE after a bus reset");
  for (const auto& complaint : world.usb.complaints()) demand(false, complaint.c_str());
  for (const auto& complaint : world.nor.complaints) demand(false, complaint.c_str());
  for (const auto& complaint : world.ram.complaints) demand(false, complaint.c_str());
}

}  // namespace
}  // namespace gangd::model

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider input(data, size);
  gangd::model::run_all(input);
  return 0;
}
