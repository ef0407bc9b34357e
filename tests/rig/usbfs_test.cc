// What a program meets at an open device, through the distribution's libusb and by its own ioctls.
#include <fcntl.h>
#include <linux/usbdevice_fs.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <list>

#include "tests/rig/rig_client.h"
#include "tests/rig/vrack/echo_board.h"

namespace gangd::rig {
namespace {

using Request = EchoBoard::Request;

// Far more than anything here takes; a test that waits for it has failed.
constexpr unsigned kLong = 30'000;
constexpr unsigned kShort = 20;

class UsbfsTest : public testing::Test {
 protected:
  void SetUp() override {
    handle_ = usb_.open(serial(0));
    ASSERT_NE(handle_, nullptr);
    // It forgets what the test before has left in it.
    ASSERT_EQ(libusb_reset_device(handle_), 0);
    ASSERT_EQ(libusb_claim_interface(handle_, 1), 0);
  }

  int control(std::uint8_t type, Request request, std::uint16_t value, std::uint16_t index,
              Bytes& data) {
    return libusb_control_transfer(handle_, type, static_cast<std::uint8_t>(request), value, index,
                                   data.data(), static_cast<std::uint16_t>(data.size()), kLong);
  }
  int write(Bytes data, std::uint8_t endpoint = 0x01) {
    int actual = -1;
    const int status = libusb_bulk_transfer(handle_, endpoint, data.data(),
                                            static_cast<int>(data.size()), &actual, kLong);
    if (status == 0) EXPECT_EQ(actual, static_cast<int>(data.size()));
    return status;
  }
  int read(Bytes& data, unsigned timeout = kLong, std::uint8_t endpoint = 0x81) {
    int actual = 0;
    const int status = libusb_bulk_transfer(handle_, endpoint, data.data(),
                                            static_cast<int>(data.size()), &actual, timeout);
    data.resize(static_cast<std::size_t>(actual));
    return status;
  }
  void expect_echo_works() {
    EXPECT_EQ(write({1, 2, 3}), 0);
    Bytes back(512);
    EXPECT_EQ(read(back), 0);
    EXPECT_EQ(back, Bytes({1, 2, 3}));
  }
  int open_node(int access = O_RDWR) { return rig::open_node(handle_, access); }

  Usb usb_;
  libusb_device_handle* handle_ = nullptr;
};

Bytes pattern(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 31 + i / 256);
  return bytes;
}

TEST_F(UsbfsTest, ControlDataOfTheFullLengthComesBack) {
  Bytes sent = pattern(4096), back(4096), longer(4097);
  EXPECT_EQ(control(0x40, Request::kMemory, 0, 0, sent), 4096);
  EXPECT_EQ(control(0xc0, Request::kMemory, 0, 0, back), 4096);
  EXPECT_EQ(back, sent);
  EXPECT_EQ(control(0x40, Request::kMemory, 0, 0, longer), LIBUSB_ERROR_INVALID_PARAM);
}

// More than a socket takes at once, so that both ends must cope with half a message.
TEST_F(UsbfsTest, BulkDataOfAnyLengthComeBack) {
  for (const std::size_t size : {1u, 511u, 512u, 513u, 65536u, 3u << 20}) {
    const Bytes sent = pattern(size);
    Transfer in(handle_, 0x81, size + 512);
    ASSERT_EQ(in.submit(), 0);
    EXPECT_EQ(write(sent), 0);
    ASSERT_TRUE(usb_.run_until([&] { return in.ended(); }));
    EXPECT_EQ(in->status, LIBUSB_TRANSFER_COMPLETED);
    in.buffer().resize(static_cast<std::size_t>(in->actual_length));
    EXPECT_TRUE(in.buffer() == sent) << size;
  }
}

TEST_F(UsbfsTest, TransfersOfOneEndpointKeepTheirOrder) {
  std::list<Transfer> in, out;
  for (int i = 0; i < 8; ++i) {
    ASSERT_EQ(in.emplace_back(handle_, 0x81, 512).submit(), 0);
    out.emplace_back(handle_, 0x01, 100).buffer()[0] = static_cast<std::uint8_t>(i);
    ASSERT_EQ(out.back().submit(), 0);
  }
  ASSERT_TRUE(usb_.run_until([&] {
    const auto ended = [](const Transfer& transfer) { return transfer.ended(); };
    return std::ranges::all_of(in, ended) && std::ranges::all_of(out, ended);
  }));
  int expected = 0;
  for (Transfer& transfer : in) EXPECT_EQ(transfer.buffer()[0], expected++);
}

TEST_F(UsbfsTest, AnEmptyPacketFollowsOnlyIfAskedFor) {
  Transfer out(handle_, 0x01, 1024);
  out->flags = LIBUSB_TRANSFER_ADD_ZERO_PACKET;
  ASSERT_EQ(out.submit(), 0);
  ASSERT_TRUE(usb_.run_until([&] { return out.ended(); }));
  EXPECT_EQ(out->actual_length, 1024);
  Bytes first(1024), second(1024), third(1024);
  EXPECT_EQ(read(first), 0);
  EXPECT_EQ(read(second), 0);
  EXPECT_EQ(first.size(), 1024u);
  EXPECT_EQ(second.size(), 0u);
  EXPECT_EQ(write(Bytes(1024)), 0);
  EXPECT_EQ(read(third), 0);
  EXPECT_EQ(third.size(), 1024u);
  Bytes none(512);
  EXPECT_EQ(read(none, kShort), LIBUSB_ERROR_TIMEOUT);
}

TEST_F(UsbfsTest, MoreThanTheBufferHoldsIsAnOverflow) {
  EXPECT_EQ(write(Bytes(512)), 0);
  Bytes small(100);
  EXPECT_EQ(read(small), LIBUSB_ERROR_OVERFLOW);
  expect_echo_works();
}

TEST_F(UsbfsTest, AShortTransferFailsWhereItIsNotOk) {
  const int fd = open_node();
  ASSERT_GE(fd, 0);
  ASSERT_EQ(libusb_release_interface(handle_, 1), 0);
  unsigned interface = 1;
  ASSERT_EQ(ioctl(fd, USBDEVFS_CLAIMINTERFACE, &interface), 0);
  std::uint8_t sent[] = {7}, back[512];
  usbdevfs_urb out{}, in{};
  out.type = in.type = USBDEVFS_URB_TYPE_BULK;
  out.endpoint = 0x01;
  out.buffer = sent;
  out.buffer_length = sizeof sent;
  in.endpoint = 0x81;
  in.buffer = back;
  in.buffer_length = sizeof back;
  in.flags = USBDEVFS_URB_SHORT_NOT_OK;
  ASSERT_EQ(ioctl(fd, USBDEVFS_SUBMITURB, &out), 0);
  ASSERT_EQ(ioctl(fd, USBDEVFS_SUBMITURB, &in), 0);
  void* reaped = nullptr;
  while (reaped != &in) {
    pollfd ready{.fd = fd, .events = POLLOUT, .revents = 0};
    ASSERT_EQ(poll(&ready, 1, kLong), 1);
    ASSERT_TRUE(ioctl(fd, USBDEVFS_REAPURBNDELAY, &reaped) == 0 || errno == EAGAIN);
  }
  EXPECT_EQ(in.status, -EREMOTEIO);
  EXPECT_EQ(in.actual_length, 1);
  close(fd);
}

TEST_F(UsbfsTest, AStalledRequestLeavesTheNextAlone) {
  Bytes data(8);
  EXPECT_EQ(control(0xc0, static_cast<Request>(99), 0, 0, data), LIBUSB_ERROR_PIPE);
  EXPECT_EQ(control(0x40, Request::kMemory, 0, 0, data), 8);
  rack("stall " + port(0) + " 0");
  EXPECT_EQ(control(0x40, Request::kMemory, 0, 0, data), LIBUSB_ERROR_PIPE);
  EXPECT_EQ(control(0x40, Request::kMemory, 0, 0, data), 8);
}

TEST_F(UsbfsTest, AHaltedEndpointStaysSoUntilItIsCleared) {
  const auto expect_halt = [&] {
    EXPECT_EQ(write({1}), LIBUSB_ERROR_PIPE);
    EXPECT_EQ(write({1}), LIBUSB_ERROR_PIPE);
    EXPECT_EQ(libusb_clear_halt(handle_, 0x01), 0);
    expect_echo_works();
  };
  Bytes none;
  EXPECT_EQ(control(0x40, Request::kHalt, 0, 0x01, none), 0);
  expect_halt();
  rack("stall " + port(0) + " 01");
  expect_halt();
}

TEST_F(UsbfsTest, ATimeoutTakesOneTransferAndNothingElse) {
  Bytes none(512);
  EXPECT_EQ(read(none, kShort), LIBUSB_ERROR_TIMEOUT);
  expect_echo_works();
}

TEST_F(UsbfsTest, AnEndpointThatHangsAnswersWhenItIsLetGo) {
  rack("hang " + port(0) + " 01");
  Transfer out(handle_, 0x01, 10);
  ASSERT_EQ(out.submit(), 0);
  Bytes none(512);
  EXPECT_EQ(read(none, kShort), LIBUSB_ERROR_TIMEOUT);
  EXPECT_FALSE(out.ended());
  rack("resume " + port(0));
  EXPECT_TRUE(usb_.run_until([&] { return out.ended(); }));
  EXPECT_EQ(out->status, LIBUSB_TRANSFER_COMPLETED);
}

TEST_F(UsbfsTest, ACancelledTransferComesBackAsSuch) {
  Transfer first(handle_, 0x81, 65536), second(handle_, 0x81, 512);
  ASSERT_EQ(first.submit(), 0);
  ASSERT_EQ(second.submit(), 0);
  EXPECT_EQ(libusb_cancel_transfer(first.operator->()), 0);
  ASSERT_TRUE(usb_.run_until([&] { return first.ended(); }));
  EXPECT_EQ(first->status, LIBUSB_TRANSFER_CANCELLED);
  EXPECT_FALSE(second.ended());
  EXPECT_EQ(write({5}), 0);
  ASSERT_TRUE(usb_.run_until([&] { return second.ended(); }));
  EXPECT_EQ(second->status, LIBUSB_TRANSFER_COMPLETED);
  EXPECT_EQ(libusb_cancel_transfer(second.operator->()), LIBUSB_ERROR_NOT_FOUND);
}

TEST_F(UsbfsTest, AnEndpointThatIsNotThereIsAnInputOutputError) {
  Bytes data(8);
  EXPECT_EQ(read(data, kLong, 0x83), LIBUSB_ERROR_IO);
  EXPECT_EQ(libusb_clear_halt(handle_, 0x83), LIBUSB_ERROR_NOT_FOUND);
}

TEST_F(UsbfsTest, AlternateSettingsHaveTheirOwnEndpoints) {
  EXPECT_EQ(write({1}, 0x02), LIBUSB_ERROR_IO);
  EXPECT_EQ(libusb_set_interface_alt_setting(handle_, 1, 1), 0);
  EXPECT_EQ(write({1}, 0x01), LIBUSB_ERROR_IO);
  EXPECT_EQ(write({1}, 0x02), 0);
  Bytes back(512);
  EXPECT_EQ(read(back, kLong, 0x82), 0);
  EXPECT_EQ(back, Bytes({1}));
  // Who releases it leaves it in the first setting, as the kernel does.
  EXPECT_EQ(libusb_release_interface(handle_, 1), 0);
  EXPECT_EQ(libusb_claim_interface(handle_, 1), 0);
  expect_echo_works();
}

TEST_F(UsbfsTest, AnInterfaceHasOneOwner) {
  libusb_device_handle* const other = usb_.open(serial(0));
  ASSERT_NE(other, nullptr);
  EXPECT_EQ(libusb_claim_interface(other, 1), LIBUSB_ERROR_BUSY);
  EXPECT_EQ(libusb_claim_interface(other, 0), 0);
  EXPECT_EQ(libusb_claim_interface(other, 9), LIBUSB_ERROR_NOT_FOUND);
  usb_.close(handle_);
  EXPECT_EQ(libusb_claim_interface(other, 1), 0);
}

TEST_F(UsbfsTest, AnInterfaceHasOneOwnerAmongAllProcesses) {
  SecondProcess refused("claim", serial(0));
  EXPECT_EQ(refused.status(), LIBUSB_ERROR_BUSY);
  refused.kill();
  ASSERT_EQ(libusb_release_interface(handle_, 1), 0);
  SecondProcess owner("claim", serial(0));
  EXPECT_EQ(owner.status(), 0);
  EXPECT_EQ(libusb_claim_interface(handle_, 1), LIBUSB_ERROR_BUSY);
  // It dies without a word; the claim dies with it.
  owner.kill();
  EXPECT_EQ(libusb_claim_interface(handle_, 1), 0);
}

TEST_F(UsbfsTest, NoDriverOfTheKernelIsInTheWay) {
  EXPECT_EQ(libusb_kernel_driver_active(handle_, 0), 0);
  EXPECT_EQ(libusb_kernel_driver_active(handle_, 1), 0);
  EXPECT_EQ(libusb_detach_kernel_driver(handle_, 0), LIBUSB_ERROR_NOT_FOUND);
  EXPECT_EQ(libusb_release_interface(handle_, 1), 0);
  EXPECT_EQ(libusb_set_auto_detach_kernel_driver(handle_, 1), 0);
  EXPECT_EQ(libusb_claim_interface(handle_, 1), 0);
}

TEST_F(UsbfsTest, AResetReachesTheDeviceAndKeepsTheClaim) {
  EXPECT_EQ(write({9, 9}), 0);  // forgotten by the reset
  EXPECT_EQ(libusb_reset_device(handle_), 0);
  expect_echo_works();
}

TEST_F(UsbfsTest, TheConfigurationCanBeChosenAgain) {
  EXPECT_EQ(write({9, 9}), 0);
  EXPECT_EQ(libusb_set_configuration(handle_, 1), 0);
  expect_echo_works();
  EXPECT_EQ(libusb_set_configuration(handle_, 7), LIBUSB_ERROR_NOT_FOUND);
}

// All programs together may lend usbfs 16 MiB; a station meets that before anything else.
TEST_F(UsbfsTest, TheMemoryOfUsbfsHasALimitForAllProcesses) {
  SecondProcess hog("hog", serial(1));
  ASSERT_EQ(hog.status(), 0);
  std::list<Transfer> lent;
  Transfer big(handle_, 0x81, 1 << 20), small(handle_, 0x81, 65536);
  EXPECT_EQ(big.submit(), LIBUSB_ERROR_NO_MEM);
  EXPECT_EQ(small.submit(), 0);
  EXPECT_GT(std::stoull(rack("memory")), 15u << 20);
  // What it had lent dies with it; only vrack can know when.
  hog.kill();
  EXPECT_TRUE(usb_.run_until([] { return std::stoull(rack("memory")) < 70'000; }));
  EXPECT_EQ(big.submit(), 0);
  EXPECT_EQ(libusb_cancel_transfer(big.operator->()), 0);
  EXPECT_EQ(libusb_cancel_transfer(small.operator->()), 0);
  EXPECT_TRUE(usb_.run_until([&] { return big.ended() && small.ended(); }));
  EXPECT_EQ(rack("memory"), "0");
}

TEST_F(UsbfsTest, TheCapabilitiesAreThoseOfAKernel) {
  const int fd = open_node();
  ASSERT_GE(fd, 0);
  std::uint32_t capabilities = 0;
  EXPECT_EQ(ioctl(fd, USBDEVFS_GET_CAPABILITIES, &capabilities), 0);
  EXPECT_EQ(capabilities, 0x1fdu);
  usbdevfs_connectinfo info{};
  EXPECT_EQ(ioctl(fd, USBDEVFS_CONNECTINFO, &info), 0);
  EXPECT_EQ(info.devnum, libusb_get_device_address(libusb_get_device(handle_)));
  EXPECT_EQ(info.slow, 0);
  EXPECT_EQ(ioctl(fd, USBDEVFS_GET_SPEED), 3);
  close(fd);
}

// A descriptor that is always ready would make libusb spin.
TEST_F(UsbfsTest, APollSleepsUntilThereIsSomethingToReap) {
  const int fd = open_node();
  ASSERT_GE(fd, 0);
  pollfd ready{.fd = fd, .events = POLLOUT, .revents = 0};
  EXPECT_EQ(poll(&ready, 1, 0), 0);
  // GET_STATUS of the device
  std::uint8_t buffer[10] = {0x80, 0, 0, 0, 0, 0, 2, 0};
  usbdevfs_urb urb{};
  urb.type = USBDEVFS_URB_TYPE_CONTROL;
  urb.buffer = buffer;
  urb.buffer_length = sizeof buffer;
  ASSERT_EQ(ioctl(fd, USBDEVFS_SUBMITURB, &urb), 0);
  EXPECT_EQ(poll(&ready, 1, kLong), 1);
  EXPECT_EQ(ready.revents, POLLOUT);
  void* reaped = nullptr;
  EXPECT_EQ(ioctl(fd, USBDEVFS_REAPURBNDELAY, &reaped), 0);
  EXPECT_EQ(reaped, &urb);
  EXPECT_EQ(ioctl(fd, USBDEVFS_REAPURBNDELAY, &reaped), -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_EQ(poll(&ready, 1, 0), 0);
  close(fd);
}

// A program that is given an open node, as fwupd gives one to libusb, knows the device by this
// alone.
TEST_F(UsbfsTest, ANodeThatIsReadGivesTheDescriptors) {
  Bytes expected = get_descriptor(handle_, LIBUSB_DT_DEVICE, 0, 0, 18);
  ASSERT_EQ(expected.size(), 18U);
  const Bytes configuration = get_descriptor(handle_, LIBUSB_DT_CONFIG, 0, 0, 255);
  ASSERT_GT(configuration.size(), 18U);
  expected.insert(expected.end(), configuration.begin(), configuration.end());
  const int fd = open_node();
  ASSERT_GE(fd, 0);
  Bytes whole(4096), part(20);
  const ssize_t got = ::read(fd, whole.data(), whole.size());
  ASSERT_EQ(got, static_cast<ssize_t>(expected.size()));
  whole.resize(expected.size());
  EXPECT_EQ(whole, expected);
  EXPECT_EQ(::read(fd, part.data(), part.size()), 0) << "the end";
  EXPECT_EQ(lseek(fd, 0, SEEK_CUR), got);
  // Across the end of the device descriptor.
  EXPECT_EQ(lseek(fd, 10, SEEK_SET), 10);
  EXPECT_EQ(::read(fd, part.data(), part.size()), 20);
  EXPECT_EQ(part, Bytes(expected.begin() + 10, expected.begin() + 30));
  EXPECT_EQ(lseek(fd, -29, SEEK_CUR), 1);
  EXPECT_EQ(pread(fd, part.data(), 4, got - 2), 2);
  EXPECT_EQ(part[1], expected.back());
  EXPECT_EQ(lseek64(fd, 0, SEEK_CUR), 1) << "pread leaves the position alone";
  close(fd);
}

TEST_F(UsbfsTest, ANodeRefusesWhatItsAccessAndItsPositionDoNotAllow) {
  const int fd = open_node(O_WRONLY);
  ASSERT_GE(fd, 0);
  char byte;
  const auto expect_refusal = [](ssize_t status, int error) {
    EXPECT_EQ(status, -1);
    EXPECT_EQ(errno, error);
  };
  expect_refusal(::read(fd, &byte, 1), EBADF);
  expect_refusal(pread64(fd, &byte, 1, 0), EBADF);
  expect_refusal(pread64(fd, &byte, 1, -1), EINVAL);
  expect_refusal(lseek(fd, 0, SEEK_END), EINVAL);
  expect_refusal(lseek(fd, -1, SEEK_SET), EINVAL);
  expect_refusal(lseek(fd, -1, SEEK_CUR), EINVAL);
  EXPECT_EQ(lseek(fd, std::numeric_limits<off_t>::max(), SEEK_SET),
            std::numeric_limits<off_t>::max());
  expect_refusal(lseek(fd, 1, SEEK_CUR), EINVAL);
  close(fd);
  const int reader = open_node(O_RDONLY);
  ASSERT_GE(reader, 0);
  EXPECT_EQ(::read(reader, &byte, 1), 1);
  close(reader);
}

// The way of fwupd, and of what runs in a sandbox.
TEST_F(UsbfsTest, LibusbTakesANodeThatIsOpenAlready) {
  const int fd = open_node();
  ASSERT_GE(fd, 0);
  libusb_device_handle* wrapped = nullptr;
  ASSERT_EQ(libusb_wrap_sys_device(usb_.context(), fd, &wrapped), 0);
  libusb_device_descriptor descriptor{};
  EXPECT_EQ(libusb_get_device_descriptor(libusb_get_device(wrapped), &descriptor), 0);
  EXPECT_EQ(descriptor.idVendor, 0x1209);
  EXPECT_EQ(libusb_claim_interface(wrapped, 0), 0);
  libusb_close(wrapped);
  close(fd);
}

TEST_F(UsbfsTest, ADeviceThatIsNotThereCannotBeOpened) {
  EXPECT_EQ(open("/dev/bus/usb/001/126", O_RDWR | O_CLOEXEC), -1);
  EXPECT_EQ(errno, ENODEV);
}

}  // namespace
}  // namespace gangd::rig
