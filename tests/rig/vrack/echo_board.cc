#include "tests/rig/vrack/echo_board.h"

#include <fmt/core.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "tests/rig/descriptors.h"

namespace gangd::rig {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kPacket = 512;
// How much it keeps before it answers NAK to more.
constexpr std::size_t kEchoesMax = 16;
// Between leaving the bus and coming back: more than the 100 ms that a hub waits for a connection
// to be stable (USB 2.0, 7.1.7.3) would be real; for the rig any time will do.
constexpr BoardTime kAwayFor = 10ms;

constexpr std::uint8_t kDfuIdle = 2;
constexpr std::uint8_t kDfuUploadIdle = 9;

constexpr std::uint8_t kConfiguration[] = {
    9, 2,    73,   0,    2,    1,    0,    0x80, 50,  // configuration 1: 2 interfaces, 100 mA
    9, 4,    0,    0,    0,    0xfe, 0x01, 0x02, 4,   // interface 0: DFU mode
    9, 0x21, 0x0b, 0xff, 0x00, 0,    4,    0x10, 1,   // DFU 1.1, 1024 bytes a block
    9, 4,    1,    0,    2,    0xff, 0,    0,    0,   // interface 1.0: vendor
    7, 5,    0x01, 2,    0x00, 0x02, 0,               // bulk OUT, 512
    7, 5,    0x81, 2,    0x00, 0x02, 0,               // bulk IN, 512
    9, 4,    1,    1,    2,    0xff, 0,    0,    0,   // interface 1.1: vendor
    7, 5,    0x02, 2,    0x00, 0x02, 0,               // bulk OUT, 512
    7, 5,    0x82, 2,    0x00, 0x02, 0,               // bulk IN, 512
};
static_assert(sizeof kConfiguration == 73);

std::uint16_t word(const RackBoard::Transfer& transfer, std::size_t offset) {
  return static_cast<std::uint16_t>(transfer.setup[offset] | transfer.setup[offset + 1] << 8);
}

}  // namespace

EchoBoard::EchoBoard(std::size_t index, Host& host)
    : serial_(fmt::format("ECHO{:04}", index)), host_(host) {}

void EchoBoard::plug(BoardTime now) {
  (void)now;
  release_ = 0x0100;
  memory_.clear();
  forget_state();
  set_attached(true);
}

void EchoBoard::unplug(BoardTime now) {
  (void)now;
  comes_back_ = BoardTime::max();
  set_attached(false);
}

void EchoBoard::set_attached(bool attached) {
  if (std::exchange(attached_, attached) == attached) return;
  while (!attached && !pending_.empty()) end(*pending_.begin()->second, Outcome::kUnplugged);
  host_.attached_changed();
}

void EchoBoard::forget_state() {
  configuration_ = alternate_ = 0;
  dfu_state_ = kDfuIdle;
  halted_.clear();
  echoes_.clear();
  answers_at_ = BoardTime::max();
  leaves_ = sink_ = false;
}

void EchoBoard::bus_reset(BoardTime now) {
  (void)now;
  forget_state();
}

void EchoBoard::submit(Transfer& transfer, BoardTime now) {
  (void)now;
  const bool is_free = pending_.emplace(transfer.endpoint, &transfer).second;
  CHECK(is_free, "a second transfer at endpoint {:#x}", transfer.endpoint);
}

void EchoBoard::cancel(Transfer& transfer, BoardTime now) {
  (void)now;
  const auto at = pending_.find(transfer.endpoint);
  if (at == pending_.end() || at->second != &transfer) return;
  if (transfer.endpoint == 0) answers_at_ = BoardTime::max();
  end(transfer, Outcome::kCancelled);
}

BoardTime EchoBoard::advance(BoardTime now) {
  if (comes_back_ <= now) {
    comes_back_ = BoardTime::max();
    forget_state();
    set_attached(true);
  }
  // What one transfer does may be what another waits for.
  bool progress = true;
  while (attached_ && std::exchange(progress, false)) {
    std::vector<std::uint8_t> endpoints;
    for (const auto& [endpoint, transfer] : pending_) endpoints.push_back(endpoint);
    for (const std::uint8_t endpoint : endpoints) {
      const auto at = pending_.find(endpoint);
      if (at != pending_.end()) progress |= run(*at->second, now);
    }
  }
  if (std::exchange(leaves_, false)) {
    comes_back_ = now + kAwayFor;
    set_attached(false);
  }
  return std::min(comes_back_, answers_at_);
}

Result<std::string> EchoBoard::chip_command(const std::vector<std::string>& words, BoardTime now) {
  (void)now;
  return Error(Code::kUnsupported, "an echo board has no chip to {}", words.front());
}

bool EchoBoard::run(Transfer& transfer, BoardTime now) {
  if (transfer.endpoint == 0) return run_control(transfer, now);
  const std::uint8_t number = alternate_ == 0 ? 1 : 2;
  const bool known = configuration_ != 0 && (transfer.endpoint & 0x7f) == number;
  if (!known || halted_.contains(transfer.endpoint)) return end(transfer, Outcome::kStalled);
  return transfer.is_in() ? run_in(transfer) : run_out(transfer);
}

bool EchoBoard::run_out(Transfer& transfer) {
  auto& echoes = echoes_[static_cast<std::uint8_t>(transfer.endpoint | 0x80)];
  if (echoes.size() >= kEchoesMax) return false;
  if (!sink_) echoes.push_back(transfer.data);
  transfer.actual = static_cast<std::uint32_t>(transfer.data.size());
  return end(transfer, Outcome::kDone);
}

bool EchoBoard::run_in(Transfer& transfer) {
  auto& echoes = echoes_[transfer.endpoint];
  if (echoes.empty()) return false;
  Bytes& echo = echoes.front();
  const std::size_t room = transfer.data.size();
  // A packet that is longer than what is left of the host's buffer.
  if (echo.size() > room && room % kPacket != 0) {
    echoes.pop_front();
    return end(transfer, Outcome::kOverflow);
  }
  const std::size_t size = std::min(room, echo.size());
  const auto middle = echo.begin() + static_cast<std::ptrdiff_t>(size);
  std::copy(echo.begin(), middle, transfer.data.begin());
  echo.erase(echo.begin(), middle);
  if (echo.empty()) echoes.pop_front();
  transfer.actual = static_cast<std::uint32_t>(size);
  return end(transfer, Outcome::kDone);
}

bool EchoBoard::run_control(Transfer& transfer, BoardTime now) {
  switch (transfer.setup[0] & 0x60) {
    case 0x00:
      return standard_request(transfer);
    case 0x20:
      return dfu_request(transfer);
    default:
      return vendor_request(transfer, now);
  }
}

bool EchoBoard::standard_request(Transfer& transfer) {
  const std::uint16_t value = word(transfer, 2), index = word(transfer, 4);
  switch (transfer.setup[0] << 8 | transfer.setup[1]) {
    case 0x0005:  // SET_ADDRESS
      return give(transfer, {});
    case 0x8006:
      return get_descriptor(transfer);
    case 0x0009:  // SET_CONFIGURATION
      if (value > 1) break;
      forget_state();
      configuration_ = static_cast<std::uint8_t>(value);
      return give(transfer, {});
    case 0x010b:  // SET_INTERFACE
      if (index > 1 || value > index) break;
      if (index == 1) alternate_ = static_cast<std::uint8_t>(value);
      halted_.clear();
      echoes_.clear();
      return give(transfer, {});
    case 0x0201:  // CLEAR_FEATURE(ENDPOINT_HALT)
      halted_.erase(static_cast<std::uint8_t>(index));
      return give(transfer, {});
    case 0x8000:  // GET_STATUS of the device, an interface, an endpoint
    case 0x8100:
    case 0x8200:
      return give(transfer, {halted_.contains(static_cast<std::uint8_t>(index)), 0});
  }
  return end(transfer, Outcome::kStalled);
}

bool EchoBoard::get_descriptor(Transfer& transfer) {
  const std::uint16_t value = word(transfer, 2);
  const auto index = static_cast<std::uint8_t>(value);
  switch (value >> 8) {
    case kDeviceDescriptor:
      return give(transfer, device_descriptor());
    case kConfigurationDescriptor:
      if (index == 0) return give(transfer, {std::begin(kConfiguration), std::end(kConfiguration)});
      break;
    case kStringDescriptor:
      if (index <= 4) return give(transfer, string_descriptor(index));
      break;
  }
  return end(transfer, Outcome::kStalled);
}

bool EchoBoard::dfu_request(Transfer& transfer) {
  const std::uint16_t block = word(transfer, 2);
  switch (transfer.setup[0] << 8 | transfer.setup[1]) {
    case 0xa102: {  // UPLOAD
      Bytes bytes;
      for (std::size_t at = std::size_t{block} * 1024; at < kUpload && bytes.size() < 1024; ++at) {
        bytes.push_back(static_cast<std::uint8_t>(at * 7));
      }
      dfu_state_ = bytes.size() == 1024 ? kDfuUploadIdle : kDfuIdle;
      return give(transfer, bytes);
    }
    case 0xa103:  // GETSTATUS: no error, poll at once
      return give(transfer, {0, 0, 0, 0, dfu_state_, 0});
    case 0xa105:  // GETSTATE
      return give(transfer, {dfu_state_});
    case 0x2104:  // CLRSTATUS
    case 0x2106:  // ABORT
      dfu_state_ = kDfuIdle;
      return give(transfer, {});
  }
  return end(transfer, Outcome::kStalled);
}

bool EchoBoard::vendor_request(Transfer& transfer, BoardTime now) {
  const std::uint16_t value = word(transfer, 2);
  const bool is_in = transfer.is_in();
  switch (static_cast<Request>(transfer.setup[1])) {
    case Request::kMemory:
      if (is_in) return give(transfer, memory_);
      memory_ = transfer.data;
      return give(transfer, {});
    case Request::kHalt:
      halted_.insert(transfer.setup[4]);
      return give(transfer, {});
    case Request::kWait:
      if (answers_at_ == BoardTime::max()) answers_at_ = now + std::chrono::milliseconds(value);
      if (answers_at_ > now) return false;
      answers_at_ = BoardTime::max();
      return give(transfer, {});
    case Request::kChange:
      release_ = value;
      leaves_ = true;
      return give(transfer, {});
    case Request::kSink:
      sink_ = true;
      return give(transfer, {});
  }
  return end(transfer, Outcome::kStalled);
}

bool EchoBoard::give(Transfer& transfer, const Bytes& bytes) {
  const std::size_t size =
      transfer.is_in() ? std::min(bytes.size(), transfer.data.size()) : transfer.data.size();
  if (transfer.is_in()) std::copy_n(bytes.begin(), size, transfer.data.begin());
  transfer.actual = static_cast<std::uint32_t>(size);
  return end(transfer, Outcome::kDone);
}

bool EchoBoard::end(Transfer& transfer, Outcome outcome) {
  pending_.erase(transfer.endpoint);
  transfer.outcome = outcome;
  host_.completed(transfer);
  return true;
}

EchoBoard::Bytes EchoBoard::device_descriptor() const {
  const auto low = [](std::uint16_t number) { return static_cast<std::uint8_t>(number); };
  const auto high = [](std::uint16_t number) { return static_cast<std::uint8_t>(number >> 8); };
  return {18,
          1,
          0x00,
          0x02,
          0,
          0,
          0,
          64,
          low(kVendor),
          high(kVendor),
          low(kProduct),
          high(kProduct),
          low(release_),
          high(release_),
          1,
          2,
          3,
          1};
}

EchoBoard::Bytes EchoBoard::string_descriptor(std::uint8_t index) const {
  if (index == 0) return {4, 3, 0x09, 0x04};
  const std::string_view texts[] = {"gangd", "echo board", serial_, "echo of DFU"};
  Bytes bytes{0, 3};
  for (const char character : texts[index - 1]) {
    bytes.push_back(static_cast<std::uint8_t>(character));
    bytes.push_back(0);
  }
  bytes[0] = static_cast<std::uint8_t>(bytes.size());
  return bytes;
}

}  // namespace gangd::rig
