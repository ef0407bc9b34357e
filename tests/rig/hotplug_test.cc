// Devices that come and go, as libusb tells of it.
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <list>

#include "tests/rig/rig_client.h"
#include "tests/rig/vrack/echo_board.h"

namespace gangd::rig {
namespace {

struct Seen {
  bool arrived;
  std::string port;
  int address;
  int release;
};

std::string port_of(libusb_device* device) {
  std::uint8_t ports[7];
  const int count = libusb_get_port_numbers(device, ports, sizeof ports);
  std::string name = std::to_string(libusb_get_bus_number(device));
  for (int i = 0; i < count; ++i) name += fmt::format("{}{}", i == 0 ? '-' : '.', ports[i]);
  return name;
}

constexpr unsigned kLong = 30'000;  // milliseconds; of a machine that is busy with other tests

class HotplugTest : public testing::Test {
 protected:
  void SetUp() override {
    const int events = LIBUSB_HOTPLUG_EVENT_DEVICE_ARRIVED | LIBUSB_HOTPLUG_EVENT_DEVICE_LEFT;
    ASSERT_EQ(
        libusb_hotplug_register_callback(
            usb_.context(), events, 0, EchoBoard::kVendor, LIBUSB_HOTPLUG_MATCH_ANY,
            LIBUSB_HOTPLUG_MATCH_ANY,
            [](libusb_context*, libusb_device* device, libusb_hotplug_event event, void* test) {
              static_cast<HotplugTest*>(test)->note(device, event);
              return 0;
            },
            this, nullptr),
        0);
    // Others' plugging before this test.
    handle_ = usb_.open(serial(0));
    ASSERT_NE(handle_, nullptr);
    ASSERT_EQ(libusb_claim_interface(handle_, 1), 0);
    first_address_ = libusb_get_device_address(libusb_get_device(handle_));
    seen_.clear();
  }

  void note(libusb_device* device, libusb_hotplug_event event) {
    libusb_device_descriptor descriptor;
    libusb_get_device_descriptor(device, &descriptor);
    seen_.push_back({event == LIBUSB_HOTPLUG_EVENT_DEVICE_ARRIVED, port_of(device),
                     libusb_get_device_address(device), descriptor.bcdDevice});
  }
  bool see(std::size_t events) {
    return usb_.run_until([&] { return seen_.size() >= events; });
  }
  void expect_left_and_came_back(int release) {
    ASSERT_TRUE(see(2));
    EXPECT_FALSE(seen_[0].arrived);
    EXPECT_EQ(seen_[0].port, port(0));
    EXPECT_EQ(seen_[0].address, first_address_);
    EXPECT_TRUE(seen_[1].arrived);
    EXPECT_EQ(seen_[1].port, port(0));
    EXPECT_NE(seen_[1].address, first_address_);
    EXPECT_EQ(seen_[1].release, release);
    // And it works.
    libusb_device_handle* const again = usb_.open(serial(0));
    ASSERT_NE(again, nullptr);
    EXPECT_EQ(libusb_claim_interface(again, 1), 0);
  }

  Usb usb_;
  libusb_device_handle* handle_ = nullptr;
  int first_address_ = 0;
  std::vector<Seen> seen_;
};

TEST_F(HotplugTest, AnUnplugEndsEveryTransferAndThenTheDevice) {
  std::list<Transfer> waiting;
  for (int i = 0; i < 4; ++i) {
    ASSERT_EQ(waiting.emplace_back(handle_, 0x81, 65536).submit(), 0);
  }
  rack("unplug " + port(0));
  ASSERT_TRUE(usb_.run_until([&] {
    return std::ranges::all_of(waiting, [](const Transfer& each) { return each.ended(); });
  }));
  for (const Transfer& each : waiting) EXPECT_EQ(each->status, LIBUSB_TRANSFER_NO_DEVICE);
  ASSERT_TRUE(see(1));
  EXPECT_FALSE(seen_[0].arrived);
  std::uint8_t byte;
  EXPECT_EQ(libusb_control_transfer(handle_, 0xc0, 1, 0, 0, &byte, 1, kLong),
            LIBUSB_ERROR_NO_DEVICE);
  EXPECT_EQ(waiting.front().submit(), LIBUSB_ERROR_NO_DEVICE);
  EXPECT_EQ(libusb_release_interface(handle_, 1), LIBUSB_ERROR_NO_DEVICE);
  rack("plug " + port(0));
  ASSERT_TRUE(see(2));
  EXPECT_TRUE(seen_[1].arrived);
  EXPECT_EQ(rack("memory"), "0");
}

TEST_F(HotplugTest, TheNodeOfADeviceThatHasGoneCannotBeRead) {
  const int fd = open_node(handle_, O_RDONLY);
  ASSERT_GE(fd, 0);
  char byte;
  EXPECT_EQ(read(fd, &byte, 1), 1);
  rack("replug " + port(0));
  EXPECT_EQ(read(fd, &byte, 1), -1);
  EXPECT_EQ(errno, ENODEV);
  EXPECT_EQ(lseek(fd, 0, SEEK_SET), 0);
  close(fd);
}

TEST_F(HotplugTest, AReplugGivesTheSamePortAndAnotherAddress) {
  rack("replug " + port(0));
  expect_left_and_came_back(0x0100);
}

TEST_F(HotplugTest, AReenumerationGivesTheSamePortAndAnotherAddress) {
  rack("reenumerate " + port(0));
  expect_left_and_came_back(0x0100);
}

// As a DFU device does that starts its new firmware.
TEST_F(HotplugTest, ADeviceMayLeaveAndComeBackAsAnother) {
  const auto change = static_cast<std::uint8_t>(EchoBoard::Request::kChange);
  EXPECT_EQ(libusb_control_transfer(handle_, 0x40, change, 0x0234, 0, nullptr, 0, kLong), 0);
  expect_left_and_came_back(0x0234);
  rack("replug " + port(0));
  ASSERT_TRUE(see(4));
  EXPECT_EQ(seen_[3].release, 0x0100);
}

TEST_F(HotplugTest, OnlyTheBoardThatIsUnpluggedGoes) {
  Usb other;
  libusb_device_handle* const neighbour = other.open(serial(1));
  ASSERT_NE(neighbour, nullptr);
  ASSERT_EQ(libusb_claim_interface(neighbour, 1), 0);
  Transfer in(neighbour, 0x81, 512), out(neighbour, 0x01, 5);
  ASSERT_EQ(in.submit(), 0);
  rack("replug " + port(0));
  EXPECT_FALSE(in.ended());
  ASSERT_EQ(out.submit(), 0);
  ASSERT_TRUE(other.run_until([&] { return in.ended() && out.ended(); }));
  EXPECT_EQ(in->status, LIBUSB_TRANSFER_COMPLETED);
  ASSERT_TRUE(see(2));
  for (const Seen& each : seen_) EXPECT_EQ(each.port, port(0));
}

// Each time a handle, claims and transfers are left in another state.
TEST_F(HotplugTest, ManyUnplugsInMidTransfer) {
  for (int round = 0; round < 15; ++round) {
    libusb_device_handle* const handle = round == 0 ? handle_ : usb_.open(serial(0));
    ASSERT_NE(handle, nullptr);
    if (round > 0) ASSERT_EQ(libusb_claim_interface(handle, 1), 0);
    Transfer in(handle, 0x81, 512);
    ASSERT_EQ(in.submit(), 0);
    rack("replug " + port(0));
    ASSERT_TRUE(usb_.run_until([&] { return in.ended(); }));
    EXPECT_EQ(in->status, LIBUSB_TRANSFER_NO_DEVICE);
    usb_.close(handle);
    ASSERT_TRUE(see(2u * static_cast<std::size_t>(round) + 2));
  }
}

}  // namespace
}  // namespace gangd::rig
