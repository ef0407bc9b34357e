// Devices as they are in the field: what each asks of the host is written down as a transcript.
#include "wire/dfuse.h"

#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <utility>

#include "tests/unit/loop/simulated.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

constexpr std::uint8_t kDownload = 1, kUpload = 2, kGetStatus = 3, kClearStatus = 4, kAbort = 6;
constexpr std::uint32_t kFlash = 0x90000000;
constexpr std::string_view kLayout = "@Flash /0x90000000/2048*064Kg";
constexpr std::string_view kErrorText = "the chip is protected";

struct Step {
  std::uint8_t request;
  std::uint16_t value;
  std::string data;               // hex: expected of an OUT, given to an IN
  std::optional<Code> failure{};  // instead
};

Step status(int bits, int poll_ms, DfuState state, int text = 0) {
  ByteWriter writer;
  writer.u8(static_cast<std::uint8_t>(bits)).u24_le(static_cast<std::uint32_t>(poll_ms));
  writer.u8(static_cast<std::uint8_t>(state)).u8(static_cast<std::uint8_t>(text));
  return {kGetStatus, 0, to_hex(writer.view())};
}

// Plays a transcript; the last step is repeated for ever if it is asked for.
class ScriptedDevice final : public UsbConnection {
 public:
  explicit ScriptedDevice(std::deque<Step> steps) : steps_(std::move(steps)) {}

  bool played() const { return steps_.empty(); }
  bool repeat_last = false;

  const UsbDevice& device() const override { return device_; }
  const ByteVector& configuration() const override { return configuration_; }
  Task<Status> claim(std::uint8_t) override { co_return Status(); }
  Task<Status> select(std::uint8_t, std::uint8_t) override { co_return Status(); }
  Task<Result<ByteVector>> bulk_in(std::uint8_t, std::size_t) override { co_return ByteVector(); }
  Task<Status> bulk_out(std::uint8_t, ByteVector) override { co_return Status(); }
  Task<Status> clear_halt(std::uint8_t) override { co_return Status(); }
  Task<Status> reset() override { co_return Status(); }

  Task<Result<ByteVector>> control_in(UsbRequest request, std::size_t bytes_max) override {
    if (request.type == 0x80) co_return string(request.value & 0xff);
    const Step step = next(request, {});
    if (step.failure) co_return Error(*step.failure, "scripted");
    ByteVector bytes = *from_hex(step.data);
    EXPECT_LE(bytes.size(), bytes_max);
    co_return bytes;
  }
  Task<Status> control_out(UsbRequest request, ByteVector bytes) override {
    const Step step = next(request, bytes);
    if (step.failure) co_return Error(*step.failure, "scripted");
    co_return Status();
  }

 private:
  static ByteVector string(int index) {
    if (index == 0) return {4, 3, 0x09, 0x04};
    const std::string_view text = index == 4 ? kLayout : kErrorText;
    ByteWriter writer;
    writer.u8(static_cast<std::uint8_t>(2 + 2 * text.size())).u8(3);
    for (const char letter : text) writer.u16_le(static_cast<std::uint8_t>(letter));
    return std::move(writer).take();
  }

  Step next(UsbRequest request, const ByteVector& sent) {
    EXPECT_FALSE(steps_.empty()) << "unexpected request " << int{request.request};
    if (steps_.empty()) return {0, 0, "", Code::kStalled};
    Step step = steps_.front();
    if (steps_.size() > 1 || !repeat_last) steps_.pop_front();
    EXPECT_EQ(request.request, step.request);
    EXPECT_EQ(request.value, step.value);
    EXPECT_EQ(request.index, 0);
    if ((request.type & 0x80) == 0) EXPECT_EQ(to_hex(sent), step.data);
    return step;
  }

  std::deque<Step> steps_;
  UsbDevice device_;
  ByteVector configuration_;
};

const Step kIdle = status(0, 0, DfuState::kIdle);
const Step kBusy = status(0, 1, DfuState::kDownloadBusy);
const Step kDone = status(0, 0, DfuState::kDownloadIdle);

DfuAlternate alternate(std::uint16_t transfer_size = 16) {
  DfuAlternate found;
  found.name_index = 4;
  found.in_dfu_mode = true;
  found.transfer_size = transfer_size;
  found.version = kDfuseVersion;
  return found;
}

class DfuseTest : public testing::Test {
 protected:
  using Work = Task<Status> (*)(Dfuse& dfuse);

  // Opens the device, and does the work if there is some.
  Status run(ScriptedDevice& device, Work work, DfuseBlocks blocks = DfuseBlocks::kAddressEach) {
    const auto body = [](UsbConnection& connection, Work then, DfuseBlocks style) -> Task<Status> {
      CO_TRY(const auto dfuse, co_await Dfuse::open(connection, alternate(), style));
      if (then == nullptr) co_return Status();
      co_return co_await then(*dfuse);
    };
    return world_.loop.run(body(device, work, blocks));
  }

  Simulated world_;
};

Task<Status> write_forty_bytes(Dfuse& dfuse) {
  return dfuse.write(kFlash, ByteVector(40, 0xab));
}
Task<Status> erase(Dfuse& dfuse) {
  return dfuse.erase_page(kFlash);
}
Task<Status> read_twenty_bytes(Dfuse& dfuse) {
  CO_TRY(const ByteVector bytes, co_await dfuse.read(kFlash, 20));
  EXPECT_EQ(to_hex(bytes), std::string(32, '1') + std::string(8, '2'));
  co_return Status();
}

TEST_F(DfuseTest, WhatARunBeforeLeftBehindIsCleared) {
  ScriptedDevice error({status(4, 0, DfuState::kError), {kClearStatus, 0, ""}, kIdle});
  EXPECT_TRUE(run(error, nullptr));
  ScriptedDevice upload({status(0, 0, DfuState::kUploadIdle), {kAbort, 0, ""}, kIdle});
  EXPECT_TRUE(run(upload, nullptr));
  ScriptedDevice busy({kBusy, kBusy, kDone, {kAbort, 0, ""}, kIdle});
  EXPECT_TRUE(run(busy, nullptr));
  EXPECT_TRUE(error.played() && upload.played() && busy.played());
}

TEST_F(DfuseTest, AnApplicationMustFirstBeBroughtToDfu) {
  ScriptedDevice application({status(0, 0, DfuState::kAppIdle)});
  const Status refused = run(application, nullptr);
  EXPECT_TRUE(refused.failed_with(Code::kUnsupported));
  EXPECT_EQ(refused.error().message(), "to dfuIDLE: the device is in appIDLE: it needs a reset");
}

// Bytes of a device that has lost its mind.
TEST_F(DfuseTest, NonsenseIsTheDevicesFault) {
  ScriptedDevice state({status(0, 0, static_cast<DfuState>(77))});
  EXPECT_TRUE(run(state, nullptr).failed_with(Code::kDevice));
  ScriptedDevice short_status({{kGetStatus, 0, "000000"}});
  EXPECT_TRUE(run(short_status, nullptr).failed_with(Code::kDevice));
}

TEST_F(DfuseTest, ABusyDeviceIsGivenUpAfterALimit) {
  ScriptedDevice device({kBusy});
  device.repeat_last = true;
  EXPECT_TRUE(run(device, nullptr).failed_with(Code::kTimeout));
  EXPECT_LE(world_.loop.now().time_since_epoch(), 1min);
}

// dfu-util's way.
TEST_F(DfuseTest, WritesWithTheAddressSetForEachBlock) {
  ScriptedDevice device({kIdle,
                         {kDownload, 0, "2100000090"},
                         kBusy,
                         kDone,
                         {kDownload, 2, std::string(32, 'a')},
                         kBusy,
                         kDone,
                         {kDownload, 0, "2110000090"},
                         kBusy,
                         kDone,
                         {kDownload, 2, std::string(32, 'a')},
                         kBusy,
                         kDone,
                         {kDownload, 0, "2120000090"},
                         kBusy,
                         kDone,
                         {kDownload, 2, std::string(16, 'a')},
                         kBusy,
                         kDone});
  const auto write = [](Dfuse& dfuse) { return dfuse.write(kFlash, ByteVector(40, 0xaa)); };
  EXPECT_TRUE(run(device, write));
  EXPECT_TRUE(device.played());
}

// fwupd's way: half the transfers.
TEST_F(DfuseTest, WritesWithBlockNumbersThatCountUp) {
  const std::string ab = "abababababababababababababababab";
  ScriptedDevice device({kIdle,
                         {kDownload, 0, "2100000090"},
                         kBusy,
                         kDone,
                         {kDownload, 2, ab},
                         kBusy,
                         kDone,
                         {kDownload, 3, ab},
                         kBusy,
                         kDone,
                         {kDownload, 4, ab.substr(0, 16)},
                         kBusy,
                         kDone});
  EXPECT_TRUE(run(device, write_forty_bytes, DfuseBlocks::kIncrement));
  EXPECT_TRUE(device.played());
}

TEST_F(DfuseTest, ReadsFromIdleAndGoesBackToIt) {
  ScriptedDevice device({kIdle,
                         {kDownload, 0, "2100000090"},
                         kBusy,
                         kDone,
                         {kAbort, 0, ""},
                         {kUpload, 2, std::string(32, '1')},
                         {kUpload, 3, std::string(8, '2')},
                         {kAbort, 0, ""}});
  EXPECT_TRUE(run(device, read_twenty_bytes, DfuseBlocks::kIncrement));
  EXPECT_TRUE(device.played());
}

TEST_F(DfuseTest, AShortReadIsNoContent) {
  ScriptedDevice device(
      {kIdle, {kDownload, 0, "2100000090"}, kBusy, kDone, {kAbort, 0, ""}, {kUpload, 2, "11"}});
  const Status failed = run(device, read_twenty_bytes);
  EXPECT_TRUE(failed.failed_with(Code::kDevice));
  EXPECT_EQ(failed.error().message(), "read 0x90000000: 1 bytes came instead of 16");
}

// The operator reads what the chip said, not that a transfer stalled.
TEST_F(DfuseTest, AFailureComesWithTheDevicesWords) {
  ScriptedDevice device(
      {kIdle, {kDownload, 0, "4100000090"}, kBusy, status(4, 0, DfuState::kError, 9)});
  const Status failed = run(device, erase);
  EXPECT_TRUE(failed.failed_with(Code::kDevice));
  EXPECT_EQ(failed.error().message(),
            "erase 0x90000000: the device reports errERASE (the chip is protected)");
  ScriptedDevice stalls(
      {kIdle, {kDownload, 0, "4100000090", Code::kStalled}, status(8, 0, DfuState::kError)});
  EXPECT_EQ(run(stalls, erase).error().message(),
            "erase 0x90000000: the device reports errADDRESS");
}

// The ROM of the STM32L4 does.
TEST_F(DfuseTest, ADeviceMayRefuseToAnswerWhileItIsBusy) {
  const Step refuses = {kGetStatus, 0, "", Code::kStalled};
  ScriptedDevice device({kIdle, {kDownload, 0, "4100000090"}, kBusy, refuses, refuses, kDone});
  EXPECT_TRUE(run(device, erase));
  ScriptedDevice dead({kIdle, {kDownload, 0, "4100000090"}, refuses, refuses, refuses, refuses});
  EXPECT_TRUE(run(dead, erase).failed_with(Code::kStalled));
}

TEST_F(DfuseTest, TheDeviceDecidesWhenItIsAskedAgain) {
  ScriptedDevice device(
      {kIdle, {kDownload, 0, "4100000090"}, status(0, 700, DfuState::kDownloadBusy), kDone});
  EXPECT_TRUE(run(device, erase));
  EXPECT_GE(world_.loop.now().time_since_epoch(), 700ms);
}

TEST_F(DfuseTest, NothingOutsideTheLayoutIsTouched) {
  ScriptedDevice device({kIdle});
  const auto outside = [](Dfuse& dfuse) -> Task<Status> {
    constexpr std::uint32_t kLast = kFlash + 0x7ffffff;
    EXPECT_TRUE((co_await dfuse.erase_page(kFlash - 1)).failed_with(Code::kInvalid));
    EXPECT_TRUE((co_await dfuse.write(kLast, ByteVector(2))).failed_with(Code::kInvalid));
    EXPECT_TRUE((co_await dfuse.read(kLast, 2)).failed_with(Code::kInvalid));
    co_return Status();
  };
  EXPECT_TRUE(run(device, outside));
}

TEST_F(DfuseTest, LeavingMayCostTheAnswer) {
  ScriptedDevice device({kIdle,
                         {kDownload, 0, "2100000090"},
                         kBusy,
                         kDone,
                         {kDownload, 2, ""},
                         {kGetStatus, 0, "", Code::kUnplugged}});
  EXPECT_TRUE(run(device, [](Dfuse& dfuse) { return dfuse.leave(kFlash); }));
}

TEST_F(DfuseTest, BlocksAreNoLongerThanLinuxTakes) {
  ScriptedDevice device({kIdle});
  const auto body = [](UsbConnection& connection) -> Task<std::size_t> {
    const auto dfuse = co_await Dfuse::open(connection, alternate(65535), DfuseBlocks::kIncrement);
    co_return (*dfuse)->block_size();
  };
  EXPECT_EQ(world_.loop.run(body(device)), kControlBytesMax);
}

}  // namespace
}  // namespace gangd
