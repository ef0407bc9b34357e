// systemd kills a service that it does not hear, and believes one that it hears wrongly.
#include "loop/systemd_supervisor.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <map>

namespace gangd {
namespace {

// A socket as systemd waits at.
class Listener {
 public:
  explicit Listener(const std::string& address) {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    std::memcpy(at.sun_path, address.data(), address.size());
    const bool is_name = address[0] == '@';
    if (is_name) at.sun_path[0] = '\0';
    const std::size_t size = offsetof(sockaddr_un, sun_path) + address.size() + (is_name ? 0 : 1);
    EXPECT_EQ(bind(fd_, reinterpret_cast<sockaddr*>(&at), static_cast<socklen_t>(size)), 0);
  }
  ~Listener() { close(fd_); }

  // The datagram that is there; empty when there is none.
  std::string heard() {
    char buffer[200];
    const ssize_t size = recv(fd_, buffer, sizeof buffer, 0);
    return size < 0 ? "" : std::string(buffer, static_cast<std::size_t>(size));
  }

 private:
  const int fd_ = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
};

std::string unique_name(const std::string& before) {
  return before + "gangd-notify-" + std::to_string(getpid());
}

TEST(SystemdSupervisorTest, ASocketsPathHearsEachMessageByItself) {
  const std::string path = unique_name(testing::TempDir());
  {
    Listener systemd(path);
    const auto supervisor = SystemdSupervisor::open(path);
    ASSERT_TRUE(supervisor);
    (*supervisor)->tell("READY=1");
    (*supervisor)->tell("WATCHDOG=1");
    EXPECT_EQ(systemd.heard(), "READY=1");
    EXPECT_EQ(systemd.heard(), "WATCHDOG=1");
    EXPECT_EQ(systemd.heard(), "");
  }
  std::filesystem::remove(path);
}

TEST(SystemdSupervisorTest, SoDoesAnAbstractName) {
  const std::string name = unique_name("@");
  Listener systemd(name);
  const auto supervisor = SystemdSupervisor::open(name);
  ASSERT_TRUE(supervisor);
  (*supervisor)->tell("READY=1");
  EXPECT_EQ(systemd.heard(), "READY=1");
}

TEST(SystemdSupervisorTest, OneThatHasGoneIsNoReasonToStop) {
  const auto supervisor = SystemdSupervisor::open(unique_name("/nowhere/"));
  ASSERT_TRUE(supervisor);
  (*supervisor)->tell("READY=1");
}

TEST(SystemdSupervisorTest, WhatCannotBeASocketIsRefused) {
  for (const std::string& address : {std::string("notify"), "/" + std::string(200, 'x')}) {
    const auto supervisor = SystemdSupervisor::open(address);
    ASSERT_TRUE(supervisor.failed_with(Code::kInvalid));
    EXPECT_NE(supervisor.error().message().find("NOTIFY_SOCKET"), std::string::npos);
  }
}

std::map<std::string, std::string> variables;

Result<Supervision> found_with(std::map<std::string, std::string> values) {
  variables = std::move(values);
  return find_supervision([](const char* name) -> char* {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.data();
  });
}

TEST(SystemdSupervisorTest, TheEnvironmentSaysWhoWatchesAndForHowLong) {
  using namespace std::chrono_literals;
  const std::string me = std::to_string(getpid());
  EXPECT_EQ(found_with({{"WATCHDOG_USEC", "5"}})->patience, 0s);  // by nobody
  EXPECT_EQ(found_with({{"NOTIFY_SOCKET", "@x"}})->patience, 0s);
  EXPECT_EQ(found_with({{"NOTIFY_SOCKET", "@x"}, {"WATCHDOG_USEC", "30000000"}})->patience, 30s);
  std::map<std::string, std::string> addressed = {
      {"NOTIFY_SOCKET", "@x"}, {"WATCHDOG_USEC", "1000000"}, {"WATCHDOG_PID", me}};
  EXPECT_EQ(found_with(addressed)->patience, 1s);
  addressed["WATCHDOG_PID"] = me + "0";
  EXPECT_EQ(found_with(addressed)->patience, 0s);
  for (const char* nonsense : {"soon", "-1", "0", "10s", "99999999999999999999"}) {
    EXPECT_TRUE(found_with({{"NOTIFY_SOCKET", "@x"}, {"WATCHDOG_USEC", nonsense}})
                    .failed_with(Code::kInvalid))
        << nonsense;
  }
}

}  // namespace
}  // namespace gangd
