#include "tests/unit/core/board.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace gangd::model {
namespace {

constexpr std::uint64_t kControlTimeoutUs = 5'000'000;  // that of dfu-util
constexpr std::uint8_t kClassOut = 0x21;
constexpr std::uint8_t kClassIn = 0xa1;

}  // namespace

Board::Board(const Options& options) : usb(device.usb, options.high_speed) {
  for (const auto& memory : options.memories) memories.emplace_back(memory, now_us);
  for (FakeMemory& memory : memories) tables_.push_back(memory.as_memory());
  clock_ = {this, [](void* self) {
              return static_cast<std::uint32_t>(static_cast<Board*>(self)->now_us);
            }};
  leave_.self = this;
  leave_.check = [](void* self, std::uint32_t) { return static_cast<Board*>(self)->leave_check; };
  leave_.jump = [](void* self, std::uint32_t address) {
    static_cast<Board*>(self)->jumps.push_back(address);
  };
  voucher_.self = this;
  voucher_.find = [](void* self, std::uint32_t address, std::uint32_t size, std::uint32_t* at) {
    const auto& voucher = static_cast<Board*>(self)->voucher;
    const auto found = voucher ? voucher(address, size) : std::nullopt;
    *at = found.value_or(0);
    return found.has_value();
  };
  leave_.voucher = &voucher_;
  identity_ = {
      .usb_vendor = 0x1209,
      .usb_product = 0x0001,
      .usb_release = 0x0100,
      .manufacturer = "gangd",
      .product = "Test board",
      .uid = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xfe, 0xdc, 0xba, options.serial},
      .program = nullptr,
      .program_size = 0,
      .chip = 0x10000fff,
      .board = "board",
      .start_nonce = nullptr,
      .high_speed = options.high_speed,
      .leave = options.can_leave ? &leave_ : nullptr};
  usb.on_complete = [this](const Transfer& transfer) { ended_ |= transfer.endpoint == 0; };
  device_init(&device, &identity_, &clock_, &usb.port(), tables_.data(),
              static_cast<std::uint8_t>(tables_.size()));
  enumerate();
}

Board::~Board() {
  EXPECT_EQ(usb.complaints(), std::vector<std::string>());
  for (const FakeMemory& memory : memories) {
    EXPECT_EQ(memory.complaints, std::vector<std::string>());
  }
}

bool Board::pump() {
  bool moved = usb.step();
  wait_us_ = device_poll(&device);
  // The poll may have given an answer that was put off.
  moved |= usb.step();
  return moved;
}

void Board::run(std::uint64_t us) {
  const std::uint64_t until = now_us + us;
  while (true) {
    while (pump()) {
    }
    if (now_us >= until) return;
    now_us += std::clamp<std::uint64_t>(wait_us_, 1, until - now_us);
  }
}

Reply Board::control(std::uint8_t type, std::uint8_t request, std::uint16_t value,
                     std::uint16_t index, std::span<const std::uint8_t> data,
                     std::uint16_t length) {
  Transfer transfer;
  transfer.setup = {type,
                    request,
                    static_cast<std::uint8_t>(value),
                    static_cast<std::uint8_t>(value >> 8),
                    static_cast<std::uint8_t>(index),
                    static_cast<std::uint8_t>(index >> 8),
                    static_cast<std::uint8_t>(length),
                    static_cast<std::uint8_t>(length >> 8)};
  transfer.data.assign(data.begin(), data.end());
  transfer.data.resize(length);
  ended_ = false;
  const std::uint64_t began = now_us;
  usb.submit(transfer);
  while (!ended_) {
    if (pump() || ended_) continue;
    if (now_us - began >= kControlTimeoutUs) {
      usb.cancel(transfer);
    } else {
      now_us += std::clamp<std::uint64_t>(wait_us_, 1, began + kControlTimeoutUs - now_us);
    }
  }
  device_poll(&device);
  const std::uint64_t took = now_us - began;
  now_us += 125;  // the host's own pace: one request in a microframe
  transfer.data.resize(transfer.actual);
  ++requests;
  if (after_request) after_request();
  return {transfer.outcome, transfer.data, took};
}

Reply Board::read(std::uint8_t type, std::uint8_t request, std::uint16_t value,
                  std::uint16_t length) {
  return control(type, request, value, 0, {}, length);
}

Reply Board::write(std::uint8_t type, std::uint8_t request, std::uint16_t value,
                   std::span<const std::uint8_t> data) {
  return control(type, request, value, 0, data, static_cast<std::uint16_t>(data.size()));
}

void Board::enumerate() {
  usb.bus_reset();
  device_poll(&device);
  EXPECT_EQ(write(0x00, 5, 7).outcome, Outcome::kDone);
  EXPECT_EQ(usb.address(), 7);
  EXPECT_EQ(write(0x00, 9, 1).outcome, Outcome::kDone);
}

void Board::bus_reset() {
  usb.bus_reset();
  device_poll(&device);
}

bool Board::select(std::uint16_t alternate) {
  return write(0x01, 11, alternate).outcome == Outcome::kDone;
}

std::string Board::string(std::uint8_t index) {
  const Reply reply = control(0x80, 6, static_cast<std::uint16_t>(0x0300 | index), 0x0409, {}, 255);
  std::string text;
  if (reply.outcome != Outcome::kDone) return text;
  EXPECT_EQ(reply.bytes.at(0), reply.bytes.size());
  for (std::size_t i = 2; i + 1 < reply.bytes.size(); i += 2) {
    text += static_cast<char>(reply.bytes[i]);
  }
  return text;
}

Outcome Board::download(std::uint16_t block, std::span<const std::uint8_t> data) {
  return write(kClassOut, DFU_DNLOAD, block, data).outcome;
}

Reply Board::upload(std::uint16_t block, std::uint16_t length) {
  return read(kClassIn, DFU_UPLOAD, block, length);
}

Outcome Board::request(std::uint8_t code) {
  return write(kClassOut, code, 0).outcome;
}

DfuStatus Board::status() {
  const Reply reply = read(kClassIn, DFU_GETSTATUS, 0, 6);
  EXPECT_EQ(reply.outcome, Outcome::kDone) << "GETSTATUS is always answered";
  EXPECT_LT(reply.took_us, 50'000u);
  if (reply.bytes.size() != 6) return {-1, 0, -1, -1};
  const auto& b = reply.bytes;
  return {b[0], static_cast<std::uint32_t>(b[1] | b[2] << 8 | b[3] << 16), b[4], b[5]};
}

int Board::state() {
  const Reply reply = read(kClassIn, DFU_GETSTATE, 0, 1);
  EXPECT_EQ(reply.outcome, Outcome::kDone);
  return reply.bytes.empty() ? -1 : reply.bytes[0];
}

DfuStatus Board::settle() {
  while (true) {
    const DfuStatus now = status();
    if (now.state != DFU_DNBUSY) return now;
    run(std::uint64_t{now.timeout_ms} * 1000);
  }
}

DfuStatus Board::write_block(std::uint16_t block, std::span<const std::uint8_t> data) {
  EXPECT_EQ(download(block, data), Outcome::kDone);
  return settle();
}

DfuStatus Board::set_pointer(std::uint32_t address) {
  return write_block(0, command(0x21, address));
}

DfuStatus Board::erase(std::uint32_t address) {
  return write_block(0, command(0x41, address));
}

DfuStatus Board::erase_all() {
  return write_block(0, std::array<std::uint8_t, 1>{0x41});
}

std::vector<std::uint8_t> command(std::uint8_t code, std::uint32_t address) {
  return {code, static_cast<std::uint8_t>(address), static_cast<std::uint8_t>(address >> 8),
          static_cast<std::uint8_t>(address >> 16), static_cast<std::uint8_t>(address >> 24)};
}

}  // namespace gangd::model
