// The firmware's core as the chips run it, on a Cortex-M7 that QEMU plays: the chips' compiler and
// its code, alignment, real exceptions, one real stack. What the host's compiler and sanitizers see
// of the same files stands in tests/unit/core; what no emulation shows, in target_fw/README.md.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>

#include "base/sha256.h"
#include "loop/async_log.h"
#include "loop/epoll_port.h"
#include "loop/sleep.h"
#include "tests/emu/an500/qemu_bus.h"
#include "tests/usb_cases/usb_cases.h"
#include "wire/wire.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kFlash = 0x9000'0000;
constexpr std::size_t kImage = std::size_t{16} << 20;  // all of the chip
constexpr std::uint32_t kStackMax = 4096;

class QemuRack final : public Rack {
 public:
  QemuRack() : port_(*EpollPort::open(log_)), loop_(*port_) {
    std::string folder = (std::filesystem::temp_directory_path() / "an500.XXXXXX").string();
    EXPECT_NE(mkdtemp(folder.data()), nullptr);
    folder_ = folder;
    bus_ = std::make_unique<QemuBus>(GANGD_AN500_ELF, folder_);
  }
  ~QemuRack() override {
    bus_.reset();
    std::filesystem::remove_all(folder_);
  }

  Loop& loop() override { return loop_; }
  Usb& usb() override { return *bus_; }
  QemuBus& bus() { return *bus_; }
  UsbPath place(int) override { return QemuBus::place(); }
  int boards() const override { return 1; }
  Task<> plug(int) override {
    const Status plugged = co_await bus_->plug();
    EXPECT_TRUE(plugged) << (plugged ? "" : plugged.error().message());
  }
  Task<> unplug(int) override { co_await bus_->unplug(); }
  // The tables that run here ask for neither.
  Task<> halt(int, std::uint8_t) override {
    ADD_FAILURE() << "this machine halts no endpoint";
    co_return;
  }
  Task<> hang(int, std::uint8_t, bool) override {
    ADD_FAILURE() << "this machine hangs no endpoint";
    co_return;
  }

  // Runs it on a machine of its own, which then tells how it was.
  QemuBus::Figures run(std::function<Task<>(QemuRack&)> work) {
    QemuBus::Figures figures;
    const auto all = [&]() -> Task<> {
      co_await plug(0);
      if (bus_->devices().empty()) co_return;
      co_await work(*this);
      const auto found = co_await bus_->finish();
      EXPECT_TRUE(found) << (found ? "" : found.error().message());
      if (found) figures = *found;
    };
    loop_.run(all());
    EXPECT_EQ(figures.faults, 0U);
    EXPECT_EQ(figures.complaints, 0U);
    EXPECT_GT(figures.ticks, 0U) << "SysTick's exceptions keep the clock";
    EXPECT_GT(figures.stack_used, 0U);
    EXPECT_LE(figures.stack_used, kStackMax);
    return figures;
  }

 private:
  AsyncLog log_{stderr, Severity::kWarning};
  std::unique_ptr<EpollPort> port_;
  Loop loop_;
  std::string folder_;
  std::unique_ptr<QemuBus> bus_;
};

class An500Case : public testing::TestWithParam<UsbCase> {};

TEST_P(An500Case, OnACortexM7) {
  QemuRack rack;
  rack.run([](QemuRack& on) { return GetParam().run(on); });
}

std::string name_of(const testing::TestParamInfo<UsbCase>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Dfu, An500Case, testing::ValuesIn(dfu_cases()), name_of);
INSTANTIATE_TEST_SUITE_P(Xfp, An500Case, testing::ValuesIn(xfp_cases()), name_of);

ByteVector full_image() {
  ByteVector image(kImage);
  std::uint32_t state = 1;
  for (std::uint8_t& byte : image) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<std::uint8_t>(state >> 24);
  }
  return image;
}

double seconds(Duration took) {
  return std::chrono::duration<double>(took).count();
}

Task<Status> program_all(QemuRack& rack, ByteView image) {
  const auto nobody = [](std::uint64_t) {};
  CO_TRY(auto connection, co_await rack.usb().open(rack.usb().devices().front().arrival));
  CO_TRY(const std::unique_ptr<Wire> wire, co_await open_wire(*connection));
  EXPECT_EQ(wire->protocol(), "xfp");
  EXPECT_EQ(wire->kind().board, "mps2-an500");
  const Instant began = rack.loop().now();
  CO_TRY_STATUS(co_await wire->erase(kFlash, image.size(), Erase::kAll, nobody));
  const Instant erased = rack.loop().now();
  CO_TRY_STATUS(co_await wire->write(kFlash, image, nobody));
  const Instant written = rack.loop().now();
  CO_TRY(const DeviceProof proof,
         co_await wire->measure(kFlash, image.size(), ReadAs::kProgrammed, Nonce{1}, nobody));
  const Instant measured = rack.loop().now();
  EXPECT_EQ(proof.digest, sha256(image));
  CO_TRY(const Sha256Digest read, co_await wire->read_back(kFlash, image.size(), nobody));
  EXPECT_EQ(read, sha256(image));
  fmt::print(
      "16 MiB on a Cortex-M7 in QEMU: erase {:.1f} s, write {:.1f} s, hash {:.1f} s, read "
      "{:.1f} s (of an emulator: no figures of a chip)\n",
      seconds(erased - began), seconds(written - erased), seconds(measured - written),
      seconds(rack.loop().now() - measured));
  co_return Status();
}

TEST(An500, AFullImageIsProgrammedAndHashed) {
  const ByteVector image = full_image();
  QemuRack rack;
  const QemuBus::Figures figures = rack.run([&image](QemuRack& on) -> Task<> {
    const Status done = co_await program_all(on, image);
    EXPECT_TRUE(done) << (done ? "" : done.error().message());
  });
  fmt::print("stack: {} of at most {} bytes used; {} SysTick exceptions\n", figures.stack_used,
             kStackMax, figures.ticks);
}

}  // namespace
}  // namespace gangd
