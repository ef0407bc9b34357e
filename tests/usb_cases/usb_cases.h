// One table of what a bus does to its user. Run on the simulated bus, in virtual time, and on
// libusb over the rack of virtual boards: both must give the same results, or simulations prove
// nothing.
#pragma once

#include <cstdint>
#include <span>

#include "loop/loop.h"
#include "loop/task.h"
#include "usb/usb.h"

namespace gangd {

// A rack with boards in it, and the hand that plugs them.
class Rack {
 public:
  virtual ~Rack() = default;

  virtual Loop& loop() = 0;
  virtual Usb& usb() = 0;
  // Where board `n` is plugged in, from 0. All are plugged in when a case begins.
  virtual UsbPath place(int board) = 0;
  virtual int boards() const = 0;
  // How often a host begins anew what it came too late to see: in virtual time nobody is late.
  virtual int tries() const { return 50; }

  virtual Task<> plug(int board) = 0;
  virtual Task<> unplug(int board) = 0;
  // The endpoint refuses: endpoint 0 once, another until its halt is cleared.
  virtual Task<> halt(int board, std::uint8_t endpoint) = 0;
  // The endpoint answers nothing that is asked from now on, until `on` is false.
  virtual Task<> hang(int board, std::uint8_t endpoint, bool on) = 0;
};

struct UsbCase {
  const char* name;  // the fact that it proves
  Task<> (*run)(Rack& rack);
};

std::span<const UsbCase> usb_cases();
// The same for what a board does with DFU requests, and with XFP frames.
std::span<const UsbCase> dfu_cases();
std::span<const UsbCase> xfp_cases();

}  // namespace gangd
