// SimBus: a rack of virtual boards on a simulated bus, in the virtual time of a SimPort. The boards
// run the firmware that ships on chip models; the bus behaves towards the daemon as Linux and
// libusb do. tests/usb_cases holds both to one table.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loop/loop.h"
#include "loop/signal.h"
#include "tests/model/virtual_board.h"
#include "tests/sim/prng.h"
#include "tests/sim/sim_port.h"
#include "usb/transfer_budget.h"
#include "usb/usb.h"

namespace gangd::sim {

class SimBus final : public Usb {
 public:
  // The kernel lends so much for all transfers (usbcore.usbfs_memory_mb).
  SimBus(SimPort& port, std::uint64_t seed, std::uint64_t kernel_bytes = 16 << 20);
  // All connections are closed.
  ~SimBus() override;

  // --- the daemon's side

  const std::vector<UsbDevice>& devices() const override { return devices_; }
  std::uint64_t revision() const override { return revision_; }
  Task<Status> changed(std::uint64_t seen) override;
  Task<Result<std::unique_ptr<UsbConnection>>> open(std::uint64_t arrival) override;
  Task<Status> set_port_power(UsbPath port, bool on) override;

  // --- the hand that plugs, and what goes wrong

  // Gives the bus of this controller a time, for boards that are added from now on. Without one its
  // packets take none.
  const model::UsbBus& time_bus(const std::string& controller, model::UsbBus::Kind kind);
  void add_hub(const UsbPath& path, std::uint8_t ports);
  // A board that lies at its port, not plugged in yet. `second`: the port of its other connector,
  // if it has stages and those of them have one.
  model::VirtualBoard& add_board(const UsbPath& path, model::VirtualBoard::Options options,
                                 std::optional<UsbPath> second = {});
  void plug(const UsbPath& path);
  void unplug(const UsbPath& path);
  // The cables of two boards are swapped. Those that the bus sees lose their power by that.
  void swap(const UsbPath& path, const UsbPath& other);
  // What comes of the board at `path` from now on comes at `other`, where no board is.
  void divert(const UsbPath& path, std::optional<UsbPath> other);
  // The endpoint is halted, as by a device in trouble; endpoint 0 refuses one transfer.
  void halt(const UsbPath& path, std::uint8_t endpoint);
  // Transfers on the endpoint that begin from now on are never answered, until `on` is false.
  void hang(const UsbPath& path, std::uint8_t endpoint, bool on);

  // What is lent to the kernel at this moment: nothing may be left at the end.
  std::size_t bytes_in_flight() const { return bytes_in_flight_; }

 private:
  class Seat;
  class Connection;
  class Transfer;

  Seat& seat_at(const UsbPath& path);
  Seat* seat_of(std::uint64_t arrival);
  void appear(Seat& seat);
  void vanish(Seat& seat);
  void list_changed();

  SimPort& port_;
  Prng prng_;
  std::map<std::string, std::unique_ptr<model::UsbBus>> buses_;  // by controller
  std::vector<std::unique_ptr<Seat>> seats_;
  std::vector<UsbDevice> devices_;
  std::uint64_t arrivals_ = 0;
  std::uint64_t revision_ = 0;
  const std::uint64_t kernel_bytes_;
  TransferBudget budget_;
  std::size_t bytes_in_flight_ = 0;
  Signal changes_;
};

}  // namespace gangd::sim
