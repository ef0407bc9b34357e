// The resident loader of a virtual board: what it asks at each start, before the firmware's core
// shows itself on USB. Its decision is the one that ships (target_fw/boot); here is what a chip's
// port gives it: internal flash with the loader's own sectors, a counter and room for data, RAM,
// the marker, a button; and the application that it starts.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "target_fw/boot/boot.h"
#include "target_fw/core/memory.h"
#include "tests/model/internal_flash.h"

namespace gangd::model {

class ResidentLoader {
 public:
  using Time = InternalFlash::Time;
  using Key = std::array<std::uint8_t, ED25519_KEY_SIZE>;

  // Of the 64 KB: the loader, what the host is offered, the counter.
  static constexpr std::uint32_t kOffered =
      InternalFlash::kAddress + 5 * InternalFlash::kSectorSize;
  static constexpr std::uint32_t kOfferedSize = 2 * InternalFlash::kSectorSize;
  static constexpr std::uint32_t kCounter = kOffered + kOfferedSize;
  static constexpr std::uint32_t kRam = 0x2400'0000;
  static constexpr std::uint32_t kRamSize = 192 * 1024;
  static constexpr std::uint32_t kStacks = 0x2000'0000;
  static constexpr std::uint32_t kStacksSize = 64 * 1024;

  struct Options {
    // Of those who may sign. None: a development build, which starts what nobody has signed.
    std::vector<Key> keys = {};
    bool hides = false;                // no host may read what the memories hold
    std::uint32_t header_address = 0;  // 0: of the last erase block of the external flash
  };
  // The time that the firmware is in, and how it waits.
  struct Clock {
    std::function<Time()> now;
    std::function<void(Time)> wait_until;
  };

  // All outlive this. `external` may be read whenever the loader decides.
  ResidentLoader(Options options, std::uint64_t seed, const memory& external, const char* board,
                 Clock clock);
  ResidentLoader(const ResidentLoader&) = delete;
  ResidentLoader& operator=(const ResidentLoader&) = delete;

  void power_on(Time now);
  void power_off(Time now);
  // The chip is reset: the next decision is for this cause.
  void reset(boot_cause cause);
  bool hides() const { return options_.hides; }
  // At the start, when the external flash can be read. True: an application runs.
  bool starts_application();
  // For whoever asks the loader to leave.
  dfu_status check();
  // For whoever erases these bytes.
  bool vouches(std::uint32_t address, std::uint32_t size);
  void forget_faults() { boot_forget_faults(&port_); }

  // --- what a test looks at, and does to it

  // Somebody holds the button that asks for DFU.
  void hold_button(bool held) { button_held_ = held; }
  // Applications that are started end in a watchdog's reset.
  void break_applications(bool broken) { applications_fault_ = broken; }
  bool applications_fault() const { return applications_fault_; }
  boot_verdict verdict() const { return verdict_; }
  // How the application that runs was started; nothing: none does.
  const std::optional<boot_image>& application() const { return application_; }
  std::uint64_t starts() const { return starts_; }  // of applications
  std::vector<std::uint8_t> ram(std::uint32_t address, std::uint32_t size) const;
  InternalFlash& flash() { return flash_; }
  std::uint32_t header_address() const { return rules_.header_address; }

 private:
  static ResidentLoader& of(void* self) { return *static_cast<ResidentLoader*>(self); }
  void set_rules(const char* board);
  void set_ranges();
  void set_port();
  bool read(std::uint32_t address, std::uint8_t* bytes, std::uint32_t size);
  bool program(std::uint32_t address, const std::uint8_t* bytes);

  const Options options_;
  const memory& external_;
  const Clock clock_;
  InternalFlash flash_;
  std::vector<std::uint8_t> ram_ = std::vector<std::uint8_t>(kRamSize);
  std::array<boot_range, 4> ranges_{};
  boot_rules rules_{};
  boot_port port_{};
  std::uint32_t marker_ = 0;
  boot_cause cause_ = BOOT_BY_POWER;
  bool button_held_ = false;
  bool applications_fault_ = false;
  boot_verdict verdict_ = BOOT_STAYS;
  std::optional<boot_image> application_;
  std::uint64_t starts_ = 0;
};

}  // namespace gangd::model
