// A board with a resident loader starts its application or stays in DFU: what a host, a button, a
// fault and a loss of power make of that. The campaign of cuts in tests/faults stands on it.
#include <gtest/gtest.h>

#include "base/ed25519.h"
#include "target_fw/core/dfu.h"
#include "tests/model/header_fields.h"
#include "tests/model/virtual_board.h"

namespace gangd::model {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kFlash = 0x9000'0000;
constexpr std::uint32_t kFlashSize = 8 << 20;
constexpr std::uint32_t kHeader = kFlash + kFlashSize - 0x1'0000;

class ResidentBoardTest : public testing::Test {
 protected:
  static VirtualBoard::Options options() {
    VirtualBoard::Options options;
    options.part = "MX25R6435F";
    options.lanes = 4;
    options.resident.emplace();
    ResidentLoader::Key key;
    std::ranges::copy(SecretKey(SecretKey::Seed{7}).public_key().bytes, key.begin());
    options.resident->keys = {key};
    return options;
  }
  ResidentBoardTest() {
    board_.on_attach = [this](bool attached) { attached_ = attached; };
    board_.on_complete = [this](Transfer&) { ++completed_; };
  }

  void put(std::uint32_t address, const Bytes& bytes) {
    board_.chip().poke(address - kFlash, bytes);
  }
  void install(std::uint32_t security_version = 1) {
    const Bytes image = firmware(kFlash);
    HeaderFields fields;
    fields.address = fields.run_address = kFlash;
    fields.security_version = security_version;
    fields.board = "virtual";
    fields.hash(image);
    put(kFlash, image);
    const SecretKey key(SecretKey::Seed{7});
    put(kHeader, fields.bytes(&key));
  }
  static Bytes firmware(std::uint32_t run_address) {
    Bytes image(5000, 0x3c);
    store_le32(&image[0], ResidentLoader::kStacks + 0x1000);
    store_le32(&image[4], run_address + 0x201);
    return image;
  }
  void run(Time time) {
    const Time until = now_ + time;
    while (now_ < until) {
      now_ = std::min(until, std::max(now_ + 1us, board_.advance(now_)));
    }
    board_.advance(now_);
  }
  void power_cycle() {
    board_.unplug(now_);
    board_.plug(now_);
    run(2s);
  }
  // A control transfer of DFU to interface 0.
  Transfer control(std::uint8_t type, std::uint8_t request, std::uint16_t value, std::uint8_t size,
                   const Bytes& data = {}) {
    Transfer transfer;
    transfer.setup = {type, request, static_cast<std::uint8_t>(value), 0, 0, 0, size, 0};
    transfer.data = data;
    transfer.data.resize(size);
    completed_ = 0;
    board_.submit(transfer, now_);
    for (int i = 0; i < 1000 && completed_ == 0; ++i) run(1ms);
    EXPECT_EQ(completed_, 1);
    return transfer;
  }
  // Leaves DFU; returns bStatus of the answer.
  std::uint8_t leave() {
    control(0x21, DFU_DNLOAD, 0, 0);
    return control(0xa1, DFU_GETSTATUS, 0, 6).data[0];
  }

  ResidentLoader& loader() { return board_.resident(); }

  VirtualBoard board_{options()};
  Time now_ = 1s;
  bool attached_ = false;
  int completed_ = 0;
};

TEST_F(ResidentBoardTest, AFreshBoardIsInDfu) {
  power_cycle();
  EXPECT_TRUE(attached_);
  EXPECT_EQ(loader().verdict(), BOOT_NO_HEADER);
  EXPECT_EQ(loader().application(), std::nullopt);
}

TEST_F(ResidentBoardTest, AWholeImageRuns) {
  install();
  power_cycle();
  EXPECT_FALSE(attached_);
  ASSERT_TRUE(loader().application());
  EXPECT_EQ(loader().application()->vectors, kFlash);
  EXPECT_EQ(loader().flash().complaints(), std::vector<std::string>{});
  EXPECT_EQ(loader().flash().operations(), 3U) << "the counter";
}

TEST_F(ResidentBoardTest, AButtonKeepsItInDfuAndLeavingStartsIt) {
  install();
  loader().hold_button(true);
  power_cycle();
  ASSERT_TRUE(attached_);
  EXPECT_EQ(loader().verdict(), BOOT_STAYS);
  loader().hold_button(false);
  EXPECT_EQ(leave(), DFU_OK);
  run(1s);
  EXPECT_FALSE(attached_);
  EXPECT_TRUE(loader().application());
}

TEST_F(ResidentBoardTest, AHostIsToldWhyItCannotLeave) {
  install();
  put(kFlash + 4000, {0x00});
  power_cycle();
  ASSERT_TRUE(attached_);
  EXPECT_EQ(loader().verdict(), BOOT_OTHER_IMAGE);
  EXPECT_EQ(leave(), DFU_ERR_VERIFY);
  run(1s);
  EXPECT_TRUE(attached_);
}

// Whole, signed, and of no use.
TEST_F(ResidentBoardTest, FirmwareThatFaultsIsNotStartedForEver) {
  install();
  loader().break_applications(true);
  power_cycle();
  run(10s);
  EXPECT_TRUE(attached_);
  EXPECT_EQ(loader().verdict(), BOOT_FAULTS_TOO_OFTEN);
  EXPECT_EQ(loader().starts(), std::uint64_t{BOOT_FAULTS_MAX});
  loader().break_applications(false);
  EXPECT_EQ(leave(), DFU_OK);
  run(1s);
  EXPECT_TRUE(loader().application()) << "a host has asked for it";
}

TEST_F(ResidentBoardTest, PowerThatFailsWhileTheCounterIsRaisedDelaysIt) {
  install();
  for (std::uint64_t n = 0; n < 3; ++n) {
    SCOPED_TRACE(n);
    loader().flash().cut_power_at_operation(n);
    power_cycle();
    EXPECT_TRUE(loader().flash().cut());
    EXPECT_FALSE(attached_);
    EXPECT_EQ(loader().application(), std::nullopt);
  }
  power_cycle();
  EXPECT_TRUE(loader().application());
}

}  // namespace
}  // namespace gangd::model
