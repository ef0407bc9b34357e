#include "tests/rig/rig_client.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <list>

#include "tests/rig/vrack/echo_board.h"

namespace gangd::rig {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kPatience = std::chrono::minutes(1);
constexpr std::uint16_t kEnglish = 0x0409;

bool is_echo(libusb_device* device) {
  libusb_device_descriptor descriptor;
  libusb_get_device_descriptor(device, &descriptor);
  return descriptor.idVendor == EchoBoard::kVendor && descriptor.idProduct == EchoBoard::kProduct;
}

std::string serial_of(libusb_device_handle* handle) {
  libusb_device_descriptor descriptor;
  libusb_get_device_descriptor(libusb_get_device(handle), &descriptor);
  const Bytes bytes =
      get_descriptor(handle, LIBUSB_DT_STRING, descriptor.iSerialNumber, kEnglish, 255);
  std::string text;
  for (std::size_t i = 2; i + 1 < bytes.size(); i += 2) text += static_cast<char>(bytes[i]);
  return text;
}

}  // namespace

std::string serial(int board) {
  return fmt::format("ECHO{:04}", board);
}

std::string port(int board) {
  return fmt::format("1-1.{}", board + 1);
}

int connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return fd;
}

std::string read_bytes(int fd, std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t got = 0;
  while (got < size) {
    const ssize_t more = read(fd, bytes.data() + got, size - got);
    if (more <= 0) break;
    got += static_cast<std::size_t>(more);
  }
  bytes.resize(got);
  return bytes;
}

std::string rack(const std::string& command) {
  const int fd = connect_to(std::getenv("VRACK_CONTROL"));
  const std::string line = command + "\n";
  EXPECT_EQ(write(fd, line.data(), line.size()), static_cast<ssize_t>(line.size()));
  std::string answer;
  for (std::string byte; (byte = read_bytes(fd, 1)) != "\n" && !byte.empty();) answer += byte;
  close(fd);
  EXPECT_TRUE(answer.starts_with("ok")) << command << ": " << answer;
  return answer.substr(std::min<std::size_t>(3, answer.size()));
}

Bytes get_descriptor(libusb_device_handle* handle, std::uint8_t type, std::uint8_t index,
                     std::uint16_t language, std::uint16_t size) {
  constexpr unsigned kPatienceMs = std::chrono::milliseconds(kPatience).count();
  Bytes bytes(size);
  const int got = libusb_control_transfer(handle, LIBUSB_ENDPOINT_IN, LIBUSB_REQUEST_GET_DESCRIPTOR,
                                          static_cast<std::uint16_t>(type << 8 | index), language,
                                          bytes.data(), size, kPatienceMs);
  EXPECT_GT(got, 0) << libusb_error_name(got);
  bytes.resize(static_cast<std::size_t>(std::max(got, 0)));
  return bytes;
}

int open_node(libusb_device_handle* handle, int access) {
  libusb_device* const device = libusb_get_device(handle);
  const std::string path = fmt::format("/dev/bus/usb/{:03}/{:03}", libusb_get_bus_number(device),
                                       libusb_get_device_address(device));
  return open(path.c_str(), access | O_CLOEXEC);
}

Usb::Usb() {
  EXPECT_EQ(libusb_init(&context_), 0);
}

Usb::~Usb() {
  for (libusb_device_handle* handle : open_) libusb_close(handle);
  libusb_exit(context_);
}

bool Usb::run_until(const std::function<bool()>& happened) {
  const auto end = Clock::now() + kPatience;
  while (!happened()) {
    timeval step{.tv_sec = 0, .tv_usec = 10'000};
    libusb_handle_events_timeout_completed(context_, &step, nullptr);
    if (Clock::now() > end) {
      ADD_FAILURE() << "it did not happen";
      return false;
    }
  }
  return true;
}

std::vector<libusb_device_handle*> Usb::open_all() {
  std::vector<libusb_device_handle*> found;
  libusb_device** list;
  const ssize_t count = libusb_get_device_list(context_, &list);
  for (ssize_t i = 0; i < count; ++i) {
    if (!is_echo(list[i])) continue;
    libusb_device_handle* handle = nullptr;
    EXPECT_EQ(libusb_open(list[i], &handle), 0);
    found.push_back(handle);
    open_.push_back(handle);
  }
  libusb_free_device_list(list, 1);
  return found;
}

libusb_device_handle* Usb::open(const std::string& serial) {
  libusb_device_handle* match = nullptr;
  for (libusb_device_handle* handle : open_all()) {
    if (match == nullptr && serial_of(handle) == serial) {
      match = handle;
    } else {
      close(handle);
    }
  }
  EXPECT_NE(match, nullptr) << serial;
  return match;
}

void Usb::close(libusb_device_handle* handle) {
  std::erase(open_, handle);
  libusb_close(handle);
}

Transfer::Transfer(libusb_device_handle* handle, std::uint8_t endpoint, std::size_t size,
                   unsigned timeout_ms)
    : buffer_(size), transfer_(libusb_alloc_transfer(0)) {
  libusb_fill_bulk_transfer(
      transfer_, handle, endpoint, buffer_.data(), static_cast<int>(size),
      [](libusb_transfer* transfer) { static_cast<Transfer*>(transfer->user_data)->ended_ = true; },
      this, timeout_ms);
}

Transfer::~Transfer() {
  libusb_free_transfer(transfer_);
}

int Transfer::submit() {
  ended_ = false;
  return libusb_submit_transfer(transfer_);
}

SecondProcess::SecondProcess(const std::string& role, const std::string& serial) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  pid_ = fork();
  if (pid_ == 0) {
    dup2(ends[1], STDOUT_FILENO);
    execl("/proc/self/exe", "rig_test", "--role", role.c_str(), serial.c_str(), nullptr);
    _exit(127);
  }
  ::close(ends[1]);
  std::string line;
  for (std::string byte; (byte = read_bytes(ends[0], 1)) != "\n" && !byte.empty();) line += byte;
  if (!line.empty()) status_ = std::stoi(line);
  ::close(ends[0]);
}

void SecondProcess::kill() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

void play_role(const std::string& role, const std::string& serial) {
  Usb usb;
  std::list<Transfer> lent;
  libusb_device_handle* const handle = usb.open(serial);
  int status = libusb_claim_interface(handle, 1);
  for (int i = 0; role == "hog" && status == 0 && i < 15; ++i) {
    status = lent.emplace_back(handle, 0x81, std::size_t{1} << 20).submit();
  }
  fmt::print("{}\n", status);
  std::fflush(stdout);
  for (;;) pause();
}

}  // namespace gangd::rig

int main(int argc, char** argv) {
  if (argc == 4 && std::string(argv[1]) == "--role") gangd::rig::play_role(argv[2], argv[3]);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
