// The USB controller of STM32 (DWC2) as a device, driven through its FIFOs; not as a host, without
// its DMA. Strict about the order of registers, about FIFOs, and about what it needs to run.
#pragma once

#include <array>
#include <deque>

#include "tests/emu/parts/dwc2_registers.h"
#include "tests/emu/parts/gpio.h"
#include "tests/emu/parts/rcc.h"
#include "tests/emu/parts/usb_host.h"

namespace gangd::emu {

class Dwc2 final : public Peripheral, public UsbFunction {
 public:
  struct Kind {
    std::string name;
    unsigned interrupt = 0;
    std::uint32_t fifo_words = 0;  // in all
    bool high_speed = false;       // its transceiver
  };

  // All but `kind` outlive it. `pins`: the port that has the full-speed pins.
  Dwc2(Chip& chip, const Kind& kind, Rcc& rcc, Pwr& pwr, Gpio& pins, UsbHost& host);
  ~Dwc2() override;

  std::string_view name() const override { return registers_.owner(); }
  void reset(bool cold) override;
  std::uint32_t read(std::uint32_t offset, unsigned size) override;
  void write(std::uint32_t offset, unsigned size, std::uint32_t value) override;
  void advance() override;

  Handshake take_setup(std::uint8_t address, std::span<const std::uint8_t, 8> setup) override;
  Packet give_in(std::uint8_t endpoint) override;
  Handshake take_out(std::uint8_t endpoint, bool toggle,
                     std::span<const std::uint8_t> bytes) override;
  void begin_reset() override;
  void end_reset(bool high_speed) override;
  void suspend(bool suspended) override;
  void wake() override;
  void complain(std::string sentence) override { registers_.violate(sentence); }

 private:
  // What DIEPCTL, DIEPTSIZ and the FIFO of an endpoint that sends come to.
  struct Sender {
    std::deque<std::uint32_t> fifo;
    std::uint32_t words_wanted = 0;  // of the transfer that is enabled, still to be written
    std::uint32_t bytes_left = 0;    // of it, still to be sent
    bool is_empty_packet = false;
    Time enabled{};
  };
  // In the receive FIFO: a status word, and the words of a packet behind it.
  struct Entry {
    std::uint32_t status = 0;
    std::deque<std::uint32_t> words;
  };

  static std::uint32_t in(unsigned endpoint, std::uint32_t what) {
    return dwc2::kDiepctl + 0x20 * endpoint + what;
  }
  static std::uint32_t out(unsigned endpoint, std::uint32_t what) {
    return dwc2::kDoepctl + 0x20 * endpoint + what;
  }

  // dwc2.cc: registers
  void forget();
  void write_reset(std::uint32_t value);
  void write_device_control(const RegisterFile::Write& write);
  void write_in(unsigned endpoint, std::uint32_t what, const RegisterFile::Write& write);
  void write_out(unsigned endpoint, std::uint32_t what, const RegisterFile::Write& write);
  void control_in(unsigned endpoint, const RegisterFile::Write& write);
  void control_out(unsigned endpoint, const RegisterFile::Write& write);
  std::uint32_t control(unsigned endpoint, const RegisterFile::Write& write);
  void check_empty_packet(unsigned endpoint);
  Time empty_packet_time() const;
  void start_in(unsigned endpoint);
  void start_out(unsigned endpoint);
  void push_fifo(unsigned endpoint, std::uint32_t word);
  std::uint32_t pop_fifo();
  std::uint32_t pop_status();
  void keep_up();
  void show_interrupt();
  // Why it cannot be seen on the bus although the firmware shows it; empty: it can.
  std::string missing() const;
  void follow_pull_up();
  bool answers(std::uint32_t offset);
  // Something may be ready now that was answered with NAK.
  void poke();

  // dwc2_bus.cc: tokens, and what follows from them
  bool endpoint_is(unsigned endpoint, std::uint32_t control, std::uint32_t bit) const;
  bool fifos_fit(unsigned endpoint);
  bool turnaround_fits();
  std::uint32_t fifo_depth(unsigned endpoint) const;
  std::uint32_t receive_words() const;
  std::uint32_t packet_max(unsigned endpoint, std::uint32_t control) const;
  void receive(std::uint32_t kind, unsigned endpoint, bool toggle,
               std::span<const std::uint8_t> bytes);
  void finish_global_nak();
  void disable_out(unsigned endpoint);

  Chip& chip_;
  const Kind kind_;
  Rcc& rcc_;
  Pwr& pwr_;
  Gpio& pins_;
  UsbHost& host_;
  const std::vector<RegisterRule> rules_;
  RegisterFile registers_;
  std::array<Sender, dwc2::kEndpoints> senders_;
  std::deque<Entry> received_;
  std::deque<std::uint32_t> popped_;  // words of the packet whose status was read
  bool pulls_up_ = false;             // as the host sees it
  bool is_high_speed_ = false;
  bool works_ = false;  // the speed is agreed on
  Time flushed_{};
  Time next_frame_{};
};

}  // namespace gangd::emu
