#include "tests/emu/parts/dwc2.h"

#include <fmt/format.h>

#include <algorithm>

namespace gangd::emu {

using namespace dwc2;

namespace {

constexpr Time kFlushTime = Time(500);
constexpr unsigned kPlusPin = 11, kMinusPin = 12, kPinFunction = 10;  // of OTG_FS, on port M

std::uint32_t packets_of(std::uint32_t size_register, unsigned endpoint) {
  return (size_register >> 19) & (endpoint == 0 ? 3 : 0x3ff);
}
std::uint32_t bytes_of(std::uint32_t size_register, unsigned endpoint) {
  return size_register & (endpoint == 0 ? 0x7f : 0x7ffff);
}

}  // namespace

Dwc2::Dwc2(Chip& chip, const Kind& kind, Rcc& rcc, Pwr& pwr, Gpio& pins, UsbHost& host)
    : chip_(chip),
      kind_(kind),
      rcc_(rcc),
      pwr_(pwr),
      pins_(pins),
      host_(host),
      rules_(rules(kind.high_speed)),
      registers_(chip, kind.name, rules_) {}

Dwc2::~Dwc2() {
  if (pulls_up_) host_.hide();
}

void Dwc2::reset(bool /*cold*/) {
  forget();
  registers_.reset();
  follow_pull_up();
  show_interrupt();
}

void Dwc2::forget() {
  senders_ = {};
  received_.clear();
  popped_.clear();
  works_ = false;
}

// --- what depends on other things

void Dwc2::keep_up() {
  const bool fits_nothing = registers_.has(kGahbcfg, kTxfelvl);
  std::uint32_t all = 0;
  for (unsigned n = 0; n < kEndpoints; ++n) {
    const std::uint32_t depth = fifo_depth(n);
    const auto used = static_cast<std::uint32_t>(senders_[n].fifo.size());
    registers_.set(in(n, kFsts), depth - std::min(depth, used));
    registers_.change(in(n, kInt), kTxfe, fits_nothing ? used == 0 : used <= depth / 2);
    std::uint32_t mask = registers_.get(kDiepmsk);
    if ((registers_.get(kDiepempmsk) >> n & 1) != 0) mask |= kTxfe;
    if ((registers_.get(in(n, kInt)) & mask) != 0) all |= 1u << n;
    if ((registers_.get(out(n, kInt)) & registers_.get(kDoepmsk)) != 0) all |= 0x10000u << n;
  }
  registers_.set(kDaint, all);
  const std::uint32_t told = all & registers_.get(kDaintmsk);
  registers_.change(kGintsts, kIepint, (told & 0xffff) != 0);
  registers_.change(kGintsts, kOepint, (told >> 16) != 0);
  registers_.change(kGintsts, kRxflvl, !received_.empty());
  registers_.change(kGotgctl, kBsvld, host_.powers_bus);
  registers_.set(kGrxstsr, received_.empty() ? 0 : received_.front().status);
  if (chip_.now() >= flushed_) registers_.change(kGrstctl, kCsrst | kRxfflsh | kTxfflsh, false);
}

void Dwc2::show_interrupt() {
  keep_up();
  const bool pending = (registers_.get(kGintsts) & registers_.get(kGintmsk)) != 0;
  chip_.set_interrupt(kind_.interrupt, pending && registers_.has(kGahbcfg, kGint));
}

void Dwc2::advance() {
  if (works_ && registers_.has(kGintmsk, kSof) && chip_.now() >= next_frame_) {
    registers_.change(kGintsts, kSof, true);
    const Time frame =
        is_high_speed_ ? std::chrono::microseconds(125) : std::chrono::milliseconds(1);
    next_frame_ = chip_.now() + frame;
    chip_.wake_at(next_frame_);
  }
  const Time next = host_.advance(chip_.now());
  if (next != Time::max()) chip_.wake_at(std::max(next, chip_.now()));
  show_interrupt();
}

void Dwc2::wake() {
  chip_.wake_at(chip_.now());
}

void Dwc2::poke() {
  host_.kick();
  if (pulls_up_) wake();
}

// --- the pull-up

std::string Dwc2::missing() const {
  const std::uint32_t gccfg = registers_.get(kGccfg);
  if (registers_.has(kGusbcfg, kFhmod)) return "the controller is a host";
  if (!pwr_.usb_is_on(kind_.high_speed)) {
    return kind_.high_speed ? "PWR_CSR2 gives its PHY no supply (USB33DEN, USB33RDY, USBHSREGEN)"
                            : "PWR_CSR2 gives its PHY no supply (USB33DEN, USB33RDY)";
  }
  const bool senses = (gccfg & kVbden) != 0 && host_.powers_bus;
  if (kind_.high_speed) {
    if (!rcc_.runs(gates::kUsbPhyc)) return "its PHY has no clock from the bus in RCC";
    if (rcc_.usb_phy_hz() == 0) return "its PHY's reference clock is not what USBREFCKSEL says";
    const bool says_so = (gccfg & kVbvalexten) != 0 && (gccfg & kVbvaloval) != 0;
    return senses || says_so ? "" : "GCCFG says nothing of VBUS (VBDEN, or the override)";
  }
  if (rcc_.usb_fs_hz() != 48'000'000) return "its clock is not of 48 MHz";
  if (!registers_.has(kGusbcfg, kPhysel)) return "GUSBCFG does not choose its own PHY (PHYSEL)";
  if ((gccfg & kPwrdwn) == 0) return "GCCFG keeps its transceiver off (PWRDWN)";
  for (const unsigned pin : {kPlusPin, kMinusPin}) {
    if (pins_.mode(pin) != Gpio::Mode::kAlternate || pins_.alternate(pin) != kPinFunction) {
      return fmt::format("pin {} of {} is not connected to it", pin, pins_.name());
    }
  }
  const bool says_so = registers_.has(kGotgctl, kBvaloen | kBvaloval);
  return senses || says_so ? "" : "neither GCCFG nor GOTGCTL says that VBUS is there";
}

void Dwc2::follow_pull_up() {
  const bool stopped = registers_.has(kPcgcctl, 1);
  const bool wants = !registers_.has(kDctl, kSdis) && !stopped;
  if (wants == pulls_up_) return;
  if (!wants) {
    pulls_up_ = works_ = false;
    host_.hide();
    return;
  }
  const std::string why_not = missing();
  if (!why_not.empty()) {
    registers_.violate("connected to the bus, but " + why_not);
    return;
  }
  pulls_up_ = true;
  host_.show(*this, kind_.high_speed && (registers_.get(kDcfg) & 3) == 0);
}

// --- registers

bool Dwc2::answers(std::uint32_t offset) {
  if (offset == kGrstctl || !registers_.has(kGrstctl, kCsrst)) return true;
  registers_.violate(
      fmt::format("an access at offset {:X}h before CSRST in GRSTCTL has ended", offset));
  return false;
}

std::uint32_t Dwc2::read(std::uint32_t offset, unsigned size) {
  if (offset >= kFifos) {
    if (size == 4) return pop_fifo();
    registers_.violate("a FIFO read in other than whole words");
    return 0;
  }
  keep_up();
  if (!answers(offset)) return 0;
  const std::uint32_t value = registers_.read(offset, size);
  if (offset != kGrxstsp || size != 4) return value;
  const std::uint32_t status = pop_status();
  show_interrupt();
  return status;
}

void Dwc2::write(std::uint32_t offset, unsigned size, std::uint32_t value) {
  if (offset >= kFifos) {
    if (size != 4) return registers_.violate("a FIFO written in other than whole words");
    return push_fifo((offset - kFifos) >> 12, value);
  }
  keep_up();
  if (!answers(offset)) return;
  const auto write = registers_.write(offset, size, value);
  if (!write) return;
  if (offset >= kDiepctl && offset < kDoepctl) {
    write_in((offset - kDiepctl) / 0x20, offset & 0x1f, *write);
  } else if (offset >= kDoepctl && offset < kPcgcctl) {
    write_out((offset - kDoepctl) / 0x20, offset & 0x1f, *write);
  } else if (offset == kGrstctl) {
    write_reset(write->written);
  } else if (offset == kGintsts) {
    registers_.set(kGintsts, write->old & ~(write->written & kClearable));
  } else if (offset == kGotgint) {
    registers_.set(kGotgint, 0);
  } else if (offset == kDctl) {
    write_device_control(*write);
  } else {
    registers_.set(offset, write->value);
    if (offset == kGahbcfg && (write->value & kDmaen) != 0) {
      registers_.violate("its DMA is not modelled");
    }
  }
  follow_pull_up();
  if (offset == kGintmsk && registers_.has(kGintmsk, kSof)) wake();
  show_interrupt();
}

// The core's reset keeps what chooses PHY and mode, DSPD, SDIS and GCCFG.
void Dwc2::write_reset(std::uint32_t value) {
  flushed_ = chip_.now() + kFlushTime;
  if ((value & kCsrst) != 0) {
    const std::uint32_t usb = registers_.get(kGusbcfg), general = registers_.get(kGccfg),
                        speed = registers_.get(kDcfg) & 3, hidden = registers_.get(kDctl) & kSdis;
    forget();
    registers_.reset();
    registers_.set(kGusbcfg, usb);
    registers_.set(kGccfg, general);
    registers_.set(kDcfg, (registers_.get(kDcfg) & ~3u) | speed);
    registers_.set(kDctl, hidden);
    registers_.change(kGrstctl, kCsrst, true);
    return;
  }
  if ((value & kRxfflsh) != 0) {
    received_.clear();
    popped_.clear();
    registers_.change(kGrstctl, kRxfflsh, true);
  }
  if ((value & kTxfflsh) != 0) {
    const unsigned number = (value >> 6) & 0x1f;
    for (unsigned n = 0; n < kEndpoints; ++n) {
      if (number != 0x10 && number != n) continue;
      senders_[n].fifo.clear();
      senders_[n].words_wanted = 0;
    }
    registers_.change(kGrstctl, kTxfflsh, true);
  }
}

void Dwc2::write_device_control(const RegisterFile::Write& write) {
  std::uint32_t value = write.value & ~(kSginak | kCginak | kSgonak | kCgonak);
  if ((write.written & kSginak) != 0) {
    value |= kGinsts;
    registers_.change(kGintsts, kGinakeff, true);
  }
  if ((write.written & kCginak) != 0) {
    value &= ~kGinsts;
    registers_.change(kGintsts, kGinakeff, false);
  }
  if ((write.written & kCgonak) != 0) {
    value &= ~kGonsts;
    registers_.change(kGintsts, kGonakeff, false);
  }
  registers_.set(kDctl, value);
  if ((write.written & (kCginak | kCgonak)) != 0) poke();
  // It takes effect when all that came before has been read: a mark behind it tells.
  if ((write.written & kSgonak) != 0 && (value & kGonsts) == 0) {
    registers_.change(kDctl, kGonsts, true);
    receive(kRxGlobalNak, 0, false, {});
  }
}

// --- endpoints

void Dwc2::write_in(unsigned endpoint, std::uint32_t what, const RegisterFile::Write& write) {
  if (what == kInt) {
    if (endpoint < kEndpoints) registers_.set(write.offset, write.old & ~(write.written & ~kTxfe));
    return;
  }
  if (what == kCtl) return control_in(endpoint, write);
  if (what == kTsiz && registers_.has(in(endpoint, kCtl), kEpena)) {
    registers_.violate(fmt::format("DIEPTSIZ{} written while the endpoint is enabled", endpoint));
    return;
  }
  registers_.set(write.offset, write.value);
}

void Dwc2::write_out(unsigned endpoint, std::uint32_t what, const RegisterFile::Write& write) {
  if (what == kInt) {
    if (endpoint < kEndpoints) registers_.set(write.offset, write.old & ~write.written);
    return;
  }
  if (what == kCtl) return control_out(endpoint, write);
  // Endpoint 0 cannot be disabled, so drivers write its size again after a reset or a SETUP.
  if (what == kTsiz && endpoint != 0 && registers_.has(out(endpoint, kCtl), kEpena)) {
    registers_.violate(fmt::format("DOEPTSIZ{} written while the endpoint is enabled", endpoint));
    return;
  }
  registers_.set(write.offset, write.value);
}

// What both directions have in common. Returns the register without the bits that only act.
std::uint32_t Dwc2::control(unsigned endpoint, const RegisterFile::Write& write) {
  const std::uint32_t kept = write.old & (kDpid | kNaksts | kEpena | kEpdis);
  std::uint32_t value = write.written & ~(kDpid | kNaksts | kCnak | kSnak | kSd0pid | kSd1pid);
  value = (value & ~(kEpena | kEpdis)) | kept;
  if ((write.written & kCnak) != 0) value &= ~kNaksts;
  if ((write.written & kSnak) != 0) value |= kNaksts;
  if ((write.written & kSd0pid) != 0) value &= ~kDpid;
  if ((write.written & kSd1pid) != 0) value |= kDpid;
  if (endpoint == 0) {
    value |= kUsbaep;
    // The core alone ends a stall of endpoint 0, with a SETUP.
    value |= write.old & kStall;
  }
  return value;
}

void Dwc2::control_in(unsigned endpoint, const RegisterFile::Write& write) {
  std::uint32_t value = control(endpoint, write);
  const std::uint32_t at = in(endpoint, kInt);
  if ((write.written & kSnak) != 0) registers_.change(at, kInepne, true);
  if ((write.written & kCnak) != 0) registers_.change(at, kInepne, false);
  const bool disables = (write.written & ~write.old & kEpdis) != 0;
  if (disables && (write.old & kEpena) == 0) {
    registers_.violate(
        fmt::format("EPDIS in DIEPCTL{} of an endpoint that is not enabled", endpoint));
    return;
  }
  if (disables && (value & kNaksts) == 0) {
    registers_.violate(fmt::format("EPDIS in DIEPCTL{} without NAK (SNAK) before it", endpoint));
    return;
  }
  if (disables) {
    value &= ~(kEpena | kEpdis);
    registers_.change(at, kEpdisd, true);
    senders_[endpoint].words_wanted = 0;
  }
  registers_.set(write.offset, value);
  const bool starts = !disables && (write.written & ~write.old & kEpena) != 0;
  if (starts) start_in(endpoint);
  if (starts || (write.written & kCnak) != 0) check_empty_packet(endpoint);
  if ((write.written & (kEpena | kCnak | kStall)) != 0) poke();
}

// ES0596 2.21.3: released too early, something else is sent instead of a packet of no bytes.
void Dwc2::check_empty_packet(unsigned endpoint) {
  const bool runs = registers_.has(in(endpoint, kCtl), kEpena);
  const bool is_held = registers_.has(in(endpoint, kCtl), kNaksts);
  if (!runs || is_held || bytes_of(registers_.get(in(endpoint, kTsiz)), endpoint) != 0) return;
  Sender& sender = senders_[endpoint];
  if (!sender.is_empty_packet || chip_.now() >= sender.enabled + empty_packet_time()) return;
  registers_.violate(
      fmt::format("the NAK of endpoint {:02X}h lifted less than 15 clocks of the bus after it was "
                  "enabled for a packet of no bytes (ES0596 2.21.3)",
                  endpoint | 0x80));
}

Time Dwc2::empty_packet_time() const {
  return Time(std::int64_t{15} * 1'000'000'000 / rcc_.bus_hz());
}

void Dwc2::control_out(unsigned endpoint, const RegisterFile::Write& write) {
  const std::uint32_t value = control(endpoint, write);
  registers_.set(write.offset, value);
  if ((write.written & ~write.old & kEpdis) != 0) {
    if (endpoint == 0) return registers_.violate("EPDIS in DOEPCTL0: it cannot be disabled");
    if ((write.old & kEpena) == 0) {
      return registers_.violate(
          fmt::format("EPDIS in DOEPCTL{} of an endpoint that is not enabled", endpoint));
    }
    registers_.change(write.offset, kEpdis, true);
    if (registers_.has(kGintsts, kGonakeff)) disable_out(endpoint);
    return;
  }
  if ((write.written & ~write.old & kEpena) != 0) start_out(endpoint);
  if ((write.written & (kEpena | kCnak | kStall)) != 0) poke();
}

void Dwc2::start_in(unsigned endpoint) {
  const std::uint32_t size = registers_.get(in(endpoint, kTsiz));
  const std::uint32_t bytes = bytes_of(size, endpoint);
  const std::uint32_t packets = packets_of(size, endpoint);
  const std::uint32_t most = packet_max(endpoint, in(endpoint, kCtl));
  Sender& sender = senders_[endpoint];
  const char* wrong = nullptr;
  if (!registers_.has(in(endpoint, kCtl), kUsbaep)) {
    wrong = "is enabled without USBAEP";
  } else if (endpoint != 0 && ((registers_.get(in(endpoint, kCtl)) >> 22) & 15) != endpoint) {
    wrong = "is enabled with a FIFO that is not its own (TXFNUM)";
  } else if (packets == 0 || most == 0) {
    wrong = "is enabled for no packet, or for packets of no size";
  } else if (bytes > packets * most || packets > (bytes + most - 1) / most + 1) {
    wrong = "is enabled with a packet count that does not fit its size";
  } else if (!sender.fifo.empty()) {
    wrong = "is enabled while its FIFO still holds an older transfer";
  }
  if (wrong != nullptr) {
    registers_.change(in(endpoint, kCtl), kEpena, false);
    return registers_.violate(fmt::format("endpoint {:02X}h {}", endpoint | 0x80, wrong));
  }
  if (!fifos_fit(endpoint)) return;
  sender.bytes_left = bytes;
  sender.is_empty_packet = bytes == 0;
  sender.enabled = chip_.now();
  sender.words_wanted = bytes / most * ((most + 3) / 4) + (bytes % most + 3) / 4;
  registers_.change(in(endpoint, kCtl), kEpena, true);
}

void Dwc2::start_out(unsigned endpoint) {
  const std::uint32_t size = registers_.get(out(endpoint, kTsiz));
  const bool active = registers_.has(out(endpoint, kCtl), kUsbaep);
  if (!active || packets_of(size, endpoint) == 0) {
    registers_.change(out(endpoint, kCtl), kEpena, false);
    return registers_.violate(fmt::format("endpoint {:02X}h is enabled {}", endpoint,
                                          active ? "for no packet" : "without USBAEP"));
  }
  registers_.change(out(endpoint, kCtl), kEpena, true);
}

// --- FIFOs, as the firmware sees them

void Dwc2::push_fifo(unsigned endpoint, std::uint32_t word) {
  if (endpoint >= kEndpoints) return registers_.violate("a FIFO written that is not there");
  Sender& sender = senders_[endpoint];
  if (!registers_.has(in(endpoint, kCtl), kEpena)) {
    return registers_.violate(
        fmt::format("FIFO {} written while its endpoint is not enabled", endpoint));
  }
  if (sender.words_wanted == 0) {
    return registers_.violate(
        fmt::format("more written to FIFO {} than DIEPTSIZ announces", endpoint));
  }
  if (sender.fifo.size() >= fifo_depth(endpoint)) {
    return registers_.violate(fmt::format("FIFO {} written while it is full", endpoint));
  }
  sender.fifo.push_back(word);
  --sender.words_wanted;
  const std::uint32_t at = in(endpoint, kTsiz);
  const std::uint32_t bytes = bytes_of(registers_.get(at), endpoint);
  registers_.set(at, registers_.get(at) - std::min(bytes, 4u));
  const std::uint32_t next = std::min(sender.bytes_left, packet_max(endpoint, in(endpoint, kCtl)));
  if (sender.fifo.size() == (next + 3) / 4) poke();
  if ((registers_.get(kDiepempmsk) >> endpoint & 1) != 0) show_interrupt();
}

std::uint32_t Dwc2::pop_fifo() {
  if (popped_.empty()) {
    registers_.violate("the receive FIFO read behind the end of a packet");
    return 0;
  }
  const std::uint32_t word = popped_.front();
  popped_.pop_front();
  return word;
}

std::uint32_t Dwc2::pop_status() {
  if (!popped_.empty()) {
    registers_.violate(
        fmt::format("GRXSTSP read while {} words of the packet before are unread", popped_.size()));
    return 0;
  }
  if (received_.empty()) {
    registers_.violate("GRXSTSP read while nothing is received");
    return 0;
  }
  Entry entry = std::move(received_.front());
  received_.pop_front();
  popped_ = std::move(entry.words);
  const unsigned endpoint = entry.status & 15;
  switch ((entry.status >> 17) & 15) {
    case kRxGlobalNak:
      finish_global_nak();
      break;
    case kRxDone:
      registers_.change(out(endpoint, kCtl), kEpena, false);
      registers_.change(out(endpoint, kInt), kXfrc, true);
      break;
    case kRxSetupDone:
      registers_.change(out(endpoint, kCtl), kEpena, false);
      registers_.change(out(endpoint, kInt), kStup, true);
      break;
    default:
      break;
  }
  poke();
  return entry.status;
}

}  // namespace gangd::emu
