// The rack as any other USB/IP client sees it: no library of ours in between.
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "tests/rig/protocol.h"
#include "tests/rig/rig_client.h"
#include "tests/rig/vrack/echo_board.h"

namespace gangd::rig {
namespace {

template <class T>
T read_record(int fd) {
  T record;
  const std::string bytes = read_bytes(fd, sizeof record);
  EXPECT_EQ(bytes.size(), sizeof record);
  std::memcpy(&record, bytes.data(), bytes.size());
  return record;
}

template <class T>
void write_record(int fd, const T& record) {
  EXPECT_EQ(write(fd, &record, sizeof record), static_cast<ssize_t>(sizeof record));
}

int begin(std::uint16_t operation) {
  const int fd = connect_to(std::getenv("VRACK_SOCKET"));
  OpHeader header;
  header.code = operation;
  header.status = 0;
  write_record(fd, header);
  return fd;
}

int import(const std::string& name, std::uint32_t status) {
  const int fd = begin(kReqImport);
  BusId id{};
  name.copy(id.data(), id.size());
  write_record(fd, id);
  const auto answer = read_record<OpHeader>(fd);
  EXPECT_EQ(answer.code, kRepImport);
  EXPECT_EQ(answer.status, status);
  return fd;
}

Header make_submit(std::uint32_t sequence, std::uint32_t endpoint, bool in, std::uint32_t length,
                   std::array<std::uint8_t, 8> setup = {}) {
  Header header;
  header.command = kSubmit;
  header.sequence = sequence;
  header.direction = in ? kDirectionIn : kDirectionOut;
  header.endpoint = endpoint;
  header.submit.flags = 0;
  header.submit.length = length;
  header.submit.setup = setup;
  return header;
}

TEST(UsbipTest, TheListNamesEveryBoardWithItsInterfaces) {
  const int fd = begin(kReqDevlist);
  EXPECT_EQ(read_record<OpHeader>(fd).code, kRepDevlist);
  const std::uint32_t count = read_record<Big32>(fd);
  ASSERT_EQ(count, 4u);
  for (int i = 0; i < 4; ++i) {
    const auto device = read_record<DeviceRecord>(fd);
    EXPECT_EQ(std::string(device.bus_id.data()), port(i));
    EXPECT_EQ(device.vendor, EchoBoard::kVendor);
    EXPECT_EQ(device.configuration, 1);
    ASSERT_EQ(device.interfaces, 2);
    EXPECT_EQ(read_record<InterfaceRecord>(fd).interface_class, 0xfe);
    EXPECT_EQ(read_record<InterfaceRecord>(fd).interface_class, 0xff);
  }
  close(fd);
}

TEST(UsbipTest, AnImporterDrivesTheDeviceAsAHostController) {
  const int fd = import(port(2), kStatusOk);
  (void)read_record<DeviceRecord>(fd);
  close(import(port(2), kStatusBusy));
  close(import("1-1.7", kStatusNoDevice));

  write_record(fd, make_submit(1, 0, true, 18, {0x80, 6, 0, 1, 0, 0, 18, 0}));
  const auto answer = read_record<Header>(fd);
  EXPECT_EQ(answer.command, kRetSubmit);
  EXPECT_EQ(answer.sequence, 1u);
  EXPECT_EQ(answer.ret_submit.status, 0u);
  ASSERT_EQ(answer.ret_submit.actual, 18u);
  EXPECT_EQ(read_bytes(fd, 18).substr(0, 2), std::string("\x12\x01"));

  write_record(fd, make_submit(2, 0, false, 0, {0, 9, 1, 0, 0, 0, 0, 0}));
  EXPECT_EQ(read_record<Header>(fd).ret_submit.status, 0u);
  // Nothing to read yet; taken back.
  write_record(fd, make_submit(3, 1, true, 512));
  Header unlink;
  unlink.command = kUnlink;
  unlink.sequence = 4;
  unlink.unlink = {};
  unlink.unlink.sequence = 3;
  write_record(fd, unlink);
  const auto taken_back = read_record<Header>(fd);
  EXPECT_EQ(taken_back.command, kRetUnlink);
  EXPECT_EQ(taken_back.sequence, 4u);
  EXPECT_EQ(static_cast<int>(std::uint32_t{taken_back.ret_unlink.status}), -ECONNRESET);
  close(fd);

  // Afterwards it is a device for everyone again.
  Usb usb;
  libusb_device_handle* handle = nullptr;
  ASSERT_TRUE(usb.run_until(
      [&] { return rack("list").find("\"serial\":\"" + serial(2)) != std::string::npos; }));
  handle = usb.open(serial(2));
  ASSERT_NE(handle, nullptr);
  EXPECT_EQ(libusb_claim_interface(handle, 1), 0);
}

// Whatever a client sends, it ends its own connection only.
TEST(UsbipTest, NonsenseEndsTheConnection) {
  for (const std::uint32_t command : {0u, 77u, kCall}) {
    const int fd = import(port(3), kStatusOk);
    (void)read_record<DeviceRecord>(fd);
    Header header;
    header.command = command;
    write_record(fd, header);
    EXPECT_EQ(read_bytes(fd, 1), "");
    close(fd);
    // The device is enumerated anew for the others; then it can be imported again.
    Usb usb;
    ASSERT_TRUE(usb.run_until(
        [&] { return rack("list").find("\"serial\":\"" + serial(3)) != std::string::npos; }));
  }
  const int fd = begin(0x1234);
  EXPECT_EQ(read_bytes(fd, 1), "");
  close(fd);
}

}  // namespace
}  // namespace gangd::rig
