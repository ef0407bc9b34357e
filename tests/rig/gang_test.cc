// Many boards in one program, and time that runs faster: each runs on a rack of its own (see
// CMakeLists.txt).
#include <algorithm>
#include <list>
#include <set>

#include "tests/rig/rig_client.h"
#include "tests/rig/vrack/echo_board.h"

namespace gangd::rig {
namespace {

constexpr std::size_t kBoards = 64;

TEST(GangTest, AllBoardsAreOpenAndBusyAtOnce) {
  Usb usb;
  const auto handles = usb.open_all();
  ASSERT_EQ(handles.size(), kBoards);
  std::set<std::pair<int, int>> addresses;
  std::list<Transfer> in, out;
  for (libusb_device_handle* handle : handles) {
    libusb_device* const device = libusb_get_device(handle);
    addresses.emplace(libusb_get_bus_number(device), libusb_get_device_address(device));
    ASSERT_EQ(libusb_claim_interface(handle, 1), 0);
    // Four each, as our daemon has; 8 KiB, for the limit of usbfs is a matter of another test.
    for (int i = 0; i < 4; ++i) {
      ASSERT_EQ(in.emplace_back(handle, 0x81, 8192).submit(), 0);
      std::ranges::fill(out.emplace_back(handle, 0x01, 8192).buffer(),
                        static_cast<std::uint8_t>(out.size()));
      ASSERT_EQ(out.back().submit(), 0);
    }
  }
  EXPECT_EQ(addresses.size(), kBoards);
  const auto ended = [](const Transfer& transfer) { return transfer.ended(); };
  ASSERT_TRUE(usb.run_until(
      [&] { return std::ranges::all_of(in, ended) && std::ranges::all_of(out, ended); }));
  auto sent = out.begin();
  for (Transfer& transfer : in) {
    EXPECT_EQ(transfer->status, LIBUSB_TRANSFER_COMPLETED);
    EXPECT_TRUE(transfer.buffer() == (sent++)->buffer());
  }
}

// Four transfers of 64 KiB at 64 boards are a little more than 16 MiB: found on real kernels too.
TEST(GangTest, TheUsualBuffersOfAllBoardsAreMoreThanUsbfsTakes) {
  Usb usb;
  std::list<Transfer> in;
  int refused = 0;
  for (libusb_device_handle* handle : usb.open_all()) {
    ASSERT_EQ(libusb_claim_interface(handle, 1), 0);
    for (int i = 0; i < 4; ++i) {
      const int status = in.emplace_back(handle, 0x81, 65536).submit();
      if (status == 0) continue;
      EXPECT_EQ(status, LIBUSB_ERROR_NO_MEM);
      ++refused;
      in.pop_back();
    }
  }
  EXPECT_EQ(refused, 2);
  for (Transfer& transfer : in) libusb_cancel_transfer(transfer.operator->());
  EXPECT_TRUE(usb.run_until([&] {
    return std::ranges::all_of(in, [](const Transfer& transfer) { return transfer.ended(); });
  }));
}

TEST(SpeedTest, AMinuteOfBoardTimeTakesLessThanFiveSeconds) {
  Usb usb;
  libusb_device_handle* const handle = usb.open(serial(0));
  ASSERT_NE(handle, nullptr);
  const auto wait = static_cast<std::uint8_t>(EchoBoard::Request::kWait);
  std::uint8_t byte;
  EXPECT_EQ(libusb_control_transfer(handle, 0xc0, wait, 60'000, 0, &byte, 1, 5000), 0);
}

}  // namespace
}  // namespace gangd::rig
