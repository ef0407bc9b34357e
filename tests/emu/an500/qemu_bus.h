// QemuBus: a bus with one board, which is the firmware's core on a Cortex-M7 that QEMU runs
// (target_fw/mcu/an500). Transfers lie in memory that both share; nothing of a USB cable is
// modelled. A second implementation of the host's view: the tables of tests/usb_cases run on it as
// they run on the simulated bus and on libusb.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "loop/signal.h"
#include "target_fw/mcu/an500/shared.h"
#include "usb/usb.h"

namespace gangd {

class QemuBus final : public Usb {
 public:
  // What the machine has measured of itself.
  struct Figures {
    std::uint32_t stack_used = 0;  // bytes, at the deepest
    std::uint32_t stack_size = 0;
    std::uint32_t faults = 0;      // 0: none
    std::uint32_t complaints = 0;  // what a controller or a flash chip would not have forgiven
    std::uint32_t ticks = 0;       // SysTick exceptions
  };

  // `elf` is the machine's program; QEMU's memory is a file in `folder`.
  QemuBus(std::string elf, std::string folder);
  // Kills the machine.
  ~QemuBus() override;

  // Power on: QEMU starts, and the board shows itself.
  Task<Status> plug();
  Task<> unplug();
  // Ends the machine in good order.
  Task<Result<Figures>> finish();
  // Where the board is.
  static UsbPath place() { return {"qemu", {1}}; }

  const std::vector<UsbDevice>& devices() const override { return devices_; }
  std::uint64_t revision() const override { return revision_; }
  Task<Status> changed(std::uint64_t seen) override;
  Task<Result<std::unique_ptr<UsbConnection>>> open(std::uint64_t arrival) override;
  Task<Status> set_port_power(UsbPath port, bool on) override;

 private:
  class Connection;
  // One transfer, as the machine sees it.
  struct Transfer {
    shared_endpoint endpoint = SHARED_CONTROL;
    std::array<std::uint8_t, 8> setup{};
    ByteVector bytes = {};  // of an OUT
    std::size_t room = 0;   // of an IN
    std::uint64_t arrival = 0;
  };
  struct Outcome {
    std::uint32_t outcome = SHARED_AWAY;
    ByteVector bytes;
    std::size_t actual = 0;
  };

  Status start_machine();
  void stop_machine();
  Task<Status> show();
  Task<Result<Outcome>> run(Transfer transfer);
  Task<Result<Outcome>> wait_for(shared_transfer& place);
  Task<Status> reset_bus();
  Task<Result<ByteVector>> ask(std::uint8_t descriptor, std::size_t size);
  void gone();

  const std::string elf_;
  const std::string memory_;
  int process_ = -1;
  volatile shared* shared_ = nullptr;
  std::uint64_t life_ = 0;  // of the machine: another one may be mapped where the one before was
  std::array<std::uint64_t, SHARED_ENDPOINTS> given_{};  // transfers, since the machine began
  std::array<std::uint64_t, SHARED_ENDPOINTS> ended_{};
  std::vector<UsbDevice> devices_;
  ByteVector configuration_;
  std::uint64_t arrivals_ = 0;
  std::uint64_t revision_ = 0;
  Signal changed_;
};

}  // namespace gangd
