#include <fmt/format.h>

#include <algorithm>

#include "tests/emu/parts/dwc2.h"

namespace gangd::emu {

using namespace dwc2;

namespace {

// Kept free in the receive FIFO for what cannot be refused: SETUP packets, marks.
constexpr std::uint32_t kReserve = 10;
constexpr std::uint32_t kFifoLeast = 16;

}  // namespace

bool Dwc2::endpoint_is(unsigned endpoint, std::uint32_t control, std::uint32_t bit) const {
  return endpoint < kEndpoints && registers_.has(control, bit);
}

std::uint32_t Dwc2::fifo_depth(unsigned endpoint) const {
  return registers_.get(endpoint == 0 ? kDieptxf0 : kDieptxf1 + 4 * (endpoint - 1)) >> 16;
}

// The FIFOs in use share one memory, each in its own place.
bool Dwc2::fifos_fit(unsigned endpoint) {
  struct Range {
    std::uint32_t begin, end;
  };
  std::vector<Range> ranges = {{0, registers_.get(kGrxfsiz)}};
  for (unsigned n = 0; n < kEndpoints; ++n) {
    if (n != 0 && n != endpoint && !registers_.has(in(n, kCtl), kUsbaep)) continue;
    const std::uint32_t place =
        registers_.get(n == 0 ? kDieptxf0 : kDieptxf1 + 4 * (n - 1)) & 0xffff;
    ranges.push_back({place, place + fifo_depth(n)});
  }
  const char* wrong = nullptr;
  for (const Range& range : ranges) {
    if (range.end - range.begin < kFifoLeast) wrong = "a FIFO of less than 16 words";
    if (range.end > kind_.fifo_words) wrong = "a FIFO behind the end of their memory";
    for (const Range& other : ranges) {
      const bool overlap = range.begin < other.end && other.begin < range.end;
      if (&range != &other && overlap) wrong = "FIFOs that overlap";
    }
  }
  if (wrong != nullptr) registers_.violate(wrong);
  return wrong == nullptr;
}

std::uint32_t Dwc2::packet_max(unsigned endpoint, std::uint32_t control) const {
  if (endpoint == 0) return 64u >> (registers_.get(in(0, kCtl)) & 3);
  return registers_.get(control) & 0x7ff;
}

std::uint32_t Dwc2::receive_words() const {
  std::size_t words = popped_.size();
  for (const Entry& entry : received_) words += 1 + entry.words.size();
  return static_cast<std::uint32_t>(words);
}

void Dwc2::receive(std::uint32_t kind, unsigned endpoint, bool toggle,
                   std::span<const std::uint8_t> bytes) {
  Entry entry;
  entry.status = endpoint | static_cast<std::uint32_t>(bytes.size()) << 4 |
                 (toggle ? 2u << 15 : 0) | kind << 17;
  for (std::size_t i = 0; i < bytes.size(); i += 4) {
    std::uint32_t word = 0;
    for (std::size_t j = i; j < std::min(bytes.size(), i + 4); ++j) {
      word |= std::uint32_t(bytes[j]) << (8 * (j - i));
    }
    entry.words.push_back(word);
  }
  received_.push_back(std::move(entry));
}

// --- tokens

// Reference manual, table of TRDT: 9 for high speed, at least 6 for full speed at any bus clock.
bool Dwc2::turnaround_fits() {
  const std::uint32_t turnaround = (registers_.get(kGusbcfg) >> 10) & 15;
  if (is_high_speed_ ? turnaround == 9 : turnaround >= 6) return true;
  registers_.violate(fmt::format("TRDT in GUSBCFG is {} at {} speed", turnaround,
                                 is_high_speed_ ? "high" : "full"));
  return false;
}

UsbFunction::Handshake Dwc2::take_setup(std::uint8_t address,
                                        std::span<const std::uint8_t, 8> setup) {
  const unsigned listens_to = (registers_.get(kDcfg) >> 4) & 0x7f;
  if (!turnaround_fits()) return Handshake::kNone;
  if (address != listens_to) {
    registers_.violate(fmt::format("the host calls address {}, DCFG has {}", address, listens_to));
    return Handshake::kNone;
  }
  if (!fifos_fit(0)) return Handshake::kNone;
  if (receive_words() + 4 > registers_.get(kGrxfsiz)) {
    registers_.violate("no room for a SETUP in the receive FIFO");
    return Handshake::kNone;
  }
  for (const std::uint32_t control : {in(0, kCtl), out(0, kCtl)}) {
    registers_.change(control, kStall, false);
    registers_.change(control, kNaksts | kDpid, true);
  }
  registers_.change(in(0, kInt), kInepne, true);
  const std::uint32_t size = registers_.get(out(0, kTsiz));
  if ((size >> 29) != 0) registers_.set(out(0, kTsiz), size - (1u << 29));
  receive(kRxSetup, 0, false, setup);
  receive(kRxSetupDone, 0, false, {});
  show_interrupt();
  return Handshake::kAck;
}

UsbFunction::Packet Dwc2::give_in(std::uint8_t endpoint) {
  const std::uint32_t control = in(endpoint, kCtl);
  if (!endpoint_is(endpoint, control, kUsbaep)) return {.handshake = Handshake::kNone, .bytes = {}};
  if (registers_.has(control, kStall)) return {.handshake = Handshake::kStall, .bytes = {}};
  if (registers_.has(control, kNaksts) || !registers_.has(control, kEpena) ||
      registers_.has(kDctl, kGinsts)) {
    return {};
  }
  Sender& sender = senders_[endpoint];
  Packet packet{
      .handshake = Handshake::kAck, .toggle = registers_.has(control, kDpid), .bytes = {}};
  const std::uint32_t bytes = std::min(sender.bytes_left, packet_max(endpoint, control));
  const std::uint32_t words = (bytes + 3) / 4;
  if (sender.fifo.size() < words) {
    if (sender.fifo.empty()) registers_.change(in(endpoint, kInt), kIttxfe, true);
    show_interrupt();
    return {};
  }
  for (std::uint32_t i = 0; i < bytes; ++i) {
    packet.bytes.push_back(static_cast<std::uint8_t>(sender.fifo[i / 4] >> (8 * (i % 4))));
  }
  sender.fifo.erase(sender.fifo.begin(), sender.fifo.begin() + words);
  sender.bytes_left -= bytes;
  registers_.change(control, kDpid, !packet.toggle);
  const std::uint32_t at = in(endpoint, kTsiz);
  registers_.set(at, registers_.get(at) - (1u << 19));
  if (((registers_.get(at) >> 19) & (endpoint == 0 ? 3 : 0x3ff)) == 0) {
    registers_.change(control, kEpena, false);
    registers_.change(in(endpoint, kInt), kXfrc, true);
  }
  show_interrupt();
  return packet;
}

UsbFunction::Handshake Dwc2::take_out(std::uint8_t endpoint, bool toggle,
                                      std::span<const std::uint8_t> bytes) {
  const std::uint32_t control = out(endpoint, kCtl);
  if (!endpoint_is(endpoint, control, kUsbaep)) return Handshake::kNone;
  if (registers_.has(control, kStall)) return Handshake::kStall;
  if (registers_.has(control, kNaksts) || !registers_.has(control, kEpena) ||
      registers_.has(kDctl, kGonsts)) {
    return Handshake::kNak;
  }
  const auto size = static_cast<std::uint32_t>(bytes.size());
  if (receive_words() + (size + 3) / 4 + 2 + kReserve > registers_.get(kGrxfsiz)) {
    if ((size + 3) / 4 + 2 + kReserve > registers_.get(kGrxfsiz)) {
      registers_.violate(fmt::format("a receive FIFO that no packet of {} bytes fits into", size));
    }
    return Handshake::kNak;
  }
  if (toggle != registers_.has(control, kDpid)) {
    registers_.violate(
        fmt::format("a packet to endpoint {:02X}h with DATA{} where the controller "
                    "expects the other: it is lost",
                    endpoint, toggle ? 1 : 0));
    return Handshake::kAck;
  }
  const std::uint32_t at = out(endpoint, kTsiz);
  const std::uint32_t room = registers_.get(at) & (endpoint == 0 ? 0x7f : 0x7ffff);
  if (size > packet_max(endpoint, control) || size > room) {
    registers_.violate(
        fmt::format("a packet of {} bytes to endpoint {:02X}h, which was set up for "
                    "packets of {} and has room for {}",
                    size, endpoint, packet_max(endpoint, control), room));
    return Handshake::kNone;
  }
  registers_.set(at, registers_.get(at) - size - (1u << 19));
  receive(kRxData, endpoint, toggle, bytes);
  registers_.change(control, kDpid, !toggle);
  const bool is_last = ((registers_.get(at) >> 19) & (endpoint == 0 ? 3 : 0x3ff)) == 0;
  if (is_last || size < packet_max(endpoint, control)) {
    registers_.change(control, kNaksts, true);
    receive(kRxDone, endpoint, toggle, {});
  }
  show_interrupt();
  return Handshake::kAck;
}

// --- the bus

void Dwc2::begin_reset() {
  works_ = false;
  registers_.change(kDsts, kSuspsts, false);
  registers_.change(kGintsts, kUsbrst, true);
  for (unsigned n = 1; n < kEndpoints; ++n) {
    registers_.change(in(n, kCtl), kUsbaep, false);
    registers_.change(out(n, kCtl), kUsbaep, false);
  }
  show_interrupt();
}

// ENUMSPD: 0 is high speed, 1 full speed of a high-speed PHY, 3 full speed.
void Dwc2::end_reset(bool high_speed) {
  works_ = true;
  is_high_speed_ = high_speed;
  next_frame_ = chip_.now();
  const std::uint32_t speed = high_speed ? 0 : kind_.high_speed ? 1 : 3;
  registers_.set(kDsts, (registers_.get(kDsts) & ~6u) | speed << 1);
  registers_.change(kGintsts, kEnumdne, true);
  if (registers_.has(kGintmsk, kSof)) wake();
  show_interrupt();
}

void Dwc2::suspend(bool suspended) {
  registers_.change(kDsts, kSuspsts, suspended);
  registers_.change(kGintsts, suspended ? kEsusp | kUsbsusp : kWkupint, true);
  show_interrupt();
}

// --- what the firmware ends

void Dwc2::finish_global_nak() {
  if (!registers_.has(kDctl, kGonsts)) return;
  registers_.change(kGintsts, kGonakeff, true);
  for (unsigned n = 1; n < kEndpoints; ++n) {
    if (registers_.has(out(n, kCtl), kEpdis)) disable_out(n);
  }
}

void Dwc2::disable_out(unsigned endpoint) {
  registers_.change(out(endpoint, kCtl), kEpena | kEpdis, false);
  registers_.change(out(endpoint, kInt), kEpdisd, true);
}

}  // namespace gangd::emu
