#include "tests/emu/parts/parts.h"

#include <array>

#include "tests/emu/parts/backup.h"
#include "tests/emu/parts/dwc2.h"
#include "tests/emu/parts/flash.h"
#include "tests/emu/parts/gated.h"
#include "tests/emu/parts/gpio.h"
#include "tests/emu/parts/hash_unit.h"
#include "tests/emu/parts/identity.h"
#include "tests/emu/parts/pwr.h"
#include "tests/emu/parts/rcc.h"
#include "tests/emu/parts/sbs.h"
#include "tests/emu/parts/small_parts.h"
#include "tests/emu/parts/watchdog.h"
#include "tests/emu/parts/xspi.h"

namespace gangd::emu {

std::vector<Mapped> make_parts(Chip& chip, Outside& outside) {
  std::vector<Mapped> all;
  const auto add = [&all](std::uint32_t address, std::uint32_t size, auto peripheral) {
    auto& added = *peripheral;
    all.push_back({.address = address, .size = size, .peripheral = std::move(peripheral)});
    return &added;
  };
  Pwr& pwr = *add(0x58024800, 0x400, std::make_unique<Pwr>(chip));
  FlashController& flash =
      *add(0x52002000, 0x400, std::make_unique<FlashController>(chip, outside));
  Rcc& rcc = *add(0x58024400, 0x400, std::make_unique<Rcc>(chip, outside, pwr, flash));
  const auto add_gated = [&](std::uint32_t address, std::uint32_t size, const Gate& gate,
                             auto peripheral) {
    auto& added = *peripheral;
    add(address, size, std::make_unique<Gated>(chip, rcc, gate, std::move(peripheral)));
    return &added;
  };
  add(0x08fff800, 0x800, std::make_unique<Identity>(chip, outside));
  Sbs& sbs = *add_gated(0x58000400, 0x400, gates::kSbs, std::make_unique<Sbs>(chip, outside));
  std::array<Gpio*, 16> ports{};
  for (const unsigned port : {0u, 1u, 2u, 3u, 4u, 5u, 6u, 7u, 12u, 13u, 14u, 15u}) {
    ports[port] = add_gated(0x58020000 + 0x400 * port, 0x400, gates::gpio(port),
                            std::make_unique<Gpio>(chip, outside, static_cast<std::uint8_t>(port)));
  }
  add_gated(0x58004400, 0x400, gates::kRtc, std::make_unique<Backup>(chip, outside, rcc, pwr));
  add(0x58004800, 0x400, std::make_unique<Watchdog>(chip, rcc));
  add(0x5c001000, 0x400, std::make_unique<DebugUnit>(chip, outside));
  add_gated(0x40008400, 0x400, gates::kCrs, std::make_unique<ClockRecovery>(chip, outside));
  add_gated(0x48020000, 0x400, gates::kRng, std::make_unique<RandomUnit>(chip, outside, rcc));
  add_gated(0x48020400, 0x400, gates::kHash, std::make_unique<HashUnit>(chip));
  const Dwc2::Kind high{.name = "OTG_HS", .interrupt = 91, .fifo_words = 1024, .high_speed = true};
  const Dwc2::Kind full{.name = "OTG_FS", .interrupt = 112, .fifo_words = 320, .high_speed = false};
  add_gated(0x40040000, 0x11000, gates::kOtgHs,
            std::make_unique<Dwc2>(chip, high, rcc, pwr, *ports[12], outside.usb_hs));
  add_gated(0x40080000, 0x11000, gates::kOtgFs,
            std::make_unique<Dwc2>(chip, full, rcc, pwr, *ports[12], outside.usb_fs));
  Xspim& manager = *add_gated(
      0x5200b400, 0x400, gates::kXspim,
      std::make_unique<Xspim>(chip, outside, pwr, sbs,
                              Xspim::Pins{.n = *ports[13], .o = *ports[14], .p = *ports[15]}));
  Xspi& first = *add_gated(0x52005000, 0x400, gates::kXspi1,
                           std::make_unique<Xspi>(chip, outside, rcc, manager, 1));
  Xspi& second = *add_gated(0x5200a000, 0x400, gates::kXspi2,
                            std::make_unique<Xspi>(chip, outside, rcc, manager, 2));
  manager.are_off = [&first, &second] { return !first.is_on() && !second.is_on(); };
  first.on_command = [&second](const SerialMemory* memory) { second.forget_pages(memory); };
  second.on_command = [&first](const SerialMemory* memory) { first.forget_pages(memory); };
  return all;
}

}  // namespace gangd::emu
