// What a virtual board is made of. For virtual_board.cc alone.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "target_fw/core/device.h"
#include "target_fw/core/nor.h"
#include "tests/model/cpu_meter.h"
#include "tests/model/greeter.h"
#include "tests/model/internal_memory.h"
#include "tests/model/virtual_board.h"
#include "tests/model/virtual_usb.h"

namespace gangd::model {

class VirtualBoard::Board {
 public:
  Board(VirtualBoard& facade, const Options& options);

  void plug(Time now);
  void unplug(Time now);
  void submit(Transfer& transfer, Time now);
  void cancel(Transfer& transfer, Time now);
  void bus_reset(Time now);
  Time advance(Time now);

  bool attached() const { return attached_; }
  NorChip& chip() { return chip_; }
  BootStages* stages() { return stages_.get(); }
  ResidentLoader* resident() { return resident_.get(); }
  bool at_second_port() const { return stages_ != nullptr && stages_->at_second_port(); }
  const std::string& serial() const { return greeter_.serial(); }
  const std::vector<std::uint8_t>& device_descriptor() const {
    return greeter_.device_descriptor();
  }
  const std::vector<std::uint8_t>& configuration() const { return greeter_.configuration(); }
  bool high_speed() const { return identity_.high_speed && !is_staged(); }

 private:
  struct Due {
    Time when;
    Transfer* transfer;
  };

  // An endpoint, or control, on a bus that takes time.
  struct Lane {
    Time prepared{};            // when, in its time, the firmware last did something to it
    Time across = Time::max();  // when what is on the bus will be
    std::uint32_t packets;      // that are on the bus
    std::uint32_t bytes;
  };

  // Another than the firmware answers on the bus.
  bool is_staged() const { return stages_ != nullptr && stages_->has_usb(); }
  void add_stages(const Options& options);
  void add_resident(const Options& options);
  void set_resident_leave();
  void reset_chip(boot_cause cause, Time back_at);
  bool starts_application();
  bool lost_power() const;
  void start_from_ram(Time now);
  void set_leave();
  void hand_over(Transfer& transfer, Time now);
  Time run_stages(Time now);

  bool run_on_bus(const xspi_command& command);
  void begin_read(const xspi_command& command);
  bool end_read();
  bool read_mapped(const xspi_map& map, std::uint32_t address, std::span<std::uint8_t> bytes);
  void compute();
  void ask_bus(Time now);
  Lane* next_across();
  void arrive(Lane& lane);
  Time next_event();
  void pass();
  void start_firmware();
  void shown_changed(bool shown);
  void greet();
  void greeted();
  void ask();
  void completed(Transfer& transfer);
  void deliver(Time now);
  void lose_power(Time now);
  void attach();
  void detach();

  VirtualBoard& facade_;
  CpuMeter meter_;
  UsbBus* const wire_;
  NorChip chip_;
  const std::uint32_t flash_address_;
  const std::uint32_t boot_hz_;
  std::unique_ptr<BootStages> stages_;
  std::unique_ptr<ResidentLoader> resident_;
  std::unique_ptr<InternalMemory> internal_;
  clock_port clock_{};
  xspi_port bus_{};
  const bool enumerate_;
  const std::string board_name_;
  device_identity identity_{};
  dfu_leave leave_{};
  flash_voucher voucher_{};
  nor nor_{};
  std::vector<memory> memories_;
  device device_{};
  VirtualUsb usb_;

  bool powered_ = false;
  bool running_ = false;  // the firmware's main loop
  bool attached_ = false;
  Time power_on_{};
  Time time_{};  // where the firmware is; may be ahead of the world by one flash command
  Time wake_ = Time::max();  // when it wants to run
  std::uint32_t clock_hz_ = 0;
  std::uint8_t* read_to_ = nullptr;  // of the read that was begun
  std::vector<std::uint8_t> read_bytes_;
  Time read_ends_{};
  std::map<std::uint8_t, Lane> lanes_;  // by address; control is 0
  bool arriving_ = false;               // what completes now does so at arrived_
  Time arrived_{};
  bool heard_ = false;           // something has arrived since the last pass
  std::deque<Due> due_;          // ended, in order of time, and not told yet
  std::vector<Transfer*> held_;  // given while the host greets

  Greeter greeter_;
  Transfer question_;
};

}  // namespace gangd::model
