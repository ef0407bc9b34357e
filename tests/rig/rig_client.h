// What the rig's tests use: the rack's control socket, boards through libusb, and second processes.
#pragma once

#include <gtest/gtest.h>
#include <libusb-1.0/libusb.h>
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace gangd::rig {

using Bytes = std::vector<std::uint8_t>;

// Sends one line to the rack; gives what comes behind `ok`. An `error` fails the test.
std::string rack(const std::string& command);

// A connected unix socket.
int connect_to(const std::string& path);
// Reads exactly that much; less only if the other end closed.
std::string read_bytes(int fd, std::size_t size);

// The nth board's serial number, and its port in the default topology of up to 8 boards.
std::string serial(int board);
std::string port(int board);

// What libusb's own functions for it ask, but they wait for one second only.
Bytes get_descriptor(libusb_device_handle* handle, std::uint8_t type, std::uint8_t index,
                     std::uint16_t language, std::uint16_t size);

// The device's node, opened without libusb: `access` is O_RDONLY, O_WRONLY or O_RDWR.
int open_node(libusb_device_handle* handle, int access);

// One user of libusb.
class Usb {
 public:
  Usb();
  ~Usb();
  Usb(const Usb&) = delete;
  Usb& operator=(const Usb&) = delete;

  libusb_context* context() const { return context_; }
  // Looks and handles events until `happened`; gives up, and fails the test, after a minute.
  bool run_until(const std::function<bool()>& happened);
  // All echo boards, open. Closed by the Usb.
  std::vector<libusb_device_handle*> open_all();
  // Null, and a failed test, if it is not there.
  libusb_device_handle* open(const std::string& serial);
  void close(libusb_device_handle* handle);

 private:
  libusb_context* context_ = nullptr;
  std::vector<libusb_device_handle*> open_;
};

// A transfer with a buffer of its own.
class Transfer {
 public:
  Transfer(libusb_device_handle* handle, std::uint8_t endpoint, std::size_t size,
           unsigned timeout_ms = 0);
  ~Transfer();
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  int submit();
  bool ended() const { return ended_; }
  libusb_transfer* operator->() const { return transfer_; }
  Bytes& buffer() { return buffer_; }

 private:
  Bytes buffer_;
  libusb_transfer* const transfer_;
  bool ended_ = false;
};

// This program once more, as another process that does one thing (rig_client.cc: play_role) and
// then waits to be killed.
class SecondProcess {
 public:
  SecondProcess(const std::string& role, const std::string& serial);
  ~SecondProcess() { kill(); }
  SecondProcess(const SecondProcess&) = delete;
  SecondProcess& operator=(const SecondProcess&) = delete;

  // What libusb said, when it had done it; a number nobody knows if it could not say.
  int status() const { return status_; }
  // At once, as by SIGKILL.
  void kill();

 private:
  pid_t pid_ = -1;
  int status_ = 99;
};

// The roles: `claim` claims interface 1; `hog` lends usbfs 15 MiB. Never returns.
[[noreturn]] void play_role(const std::string& role, const std::string& serial);

}  // namespace gangd::rig
