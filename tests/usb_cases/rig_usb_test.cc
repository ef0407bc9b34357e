// The cases of the bus on libusb, over the rack of virtual boards. Started by tests/rig/with-rack.
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <set>
#include <string>

#include "loop/epoll_port.h"
#include "loop/offload.h"
#include "tests/usb_cases/usb_cases.h"
#include "usb/libusb_bus.h"

namespace gangd {
namespace {

constexpr int kHubPorts = 8;
constexpr int kRootHubs = 2;

// The rack's answer to one command, or why there is none.
Result<std::string> send_command(const std::string& command) {
  const char* path = std::getenv("VRACK_CONTROL");
  if (path == nullptr) return Error(Code::kInvalid, "run this by tests/rig/with-rack");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const std::string line = command + "\n";
  std::string answer;
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
      write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size())) {
    char letter;
    while (read(fd, &letter, 1) == 1 && letter != '\n') answer += letter;
  }
  close(fd);
  if (answer.empty()) return Error(Code::kIo, "the rack does not answer `{}`", command);
  return answer;
}

class RigRack final : public Rack {
 public:
  RigRack()
      : port_(*EpollPort::open(log_)),
        loop_(*port_),
        control_(port_->start_workers("control", 1)),
        bus_(*LibusbBus::open(loop_, *port_)) {}

  Loop& loop() override { return loop_; }
  Usb& usb() override { return *bus_; }
  int boards() const override { return std::atoi(std::getenv("RIG_BOARDS")); }

  // The rack's order of hubs: 1-1, 2-1, 1-2 ...
  UsbPath place(int board) override {
    const int hub = board / kHubPorts;
    const auto root =
        std::filesystem::canonical(fmt::format("/sys/bus/usb/devices/usb{}", hub % kRootHubs + 1));
    return {root.parent_path().filename().string(),
            {static_cast<std::uint8_t>(hub / kRootHubs + 1),
             static_cast<std::uint8_t>(board % kHubPorts + 1)}};
  }

  Task<> plug(int board) override {
    unplugged_.erase(board);
    co_await command(fmt::format("plug {}", port_name(board)));
  }
  Task<> unplug(int board) override {
    unplugged_.insert(board);
    co_await command(fmt::format("unplug {}", port_name(board)));
  }
  Task<> halt(int board, std::uint8_t endpoint) override {
    co_await command(fmt::format("stall {} {}", port_name(board), endpoint));
  }
  Task<> hang(int board, std::uint8_t endpoint, bool on) override {
    co_await command(on ? fmt::format("hang {} {}", port_name(board), endpoint)
                        : fmt::format("resume {}", port_name(board)));
  }

  // The case, and after it the rack as it was before.
  Task<> run(UsbCase usb_case) {
    co_await usb_case.run(*this);
    while (!unplugged_.empty()) co_await plug(*unplugged_.begin());
    co_await bus_->stop();
  }

 private:
  static std::string port_name(int board) {
    const int hub = board / kHubPorts;
    return fmt::format("{}-{}.{}", hub % kRootHubs + 1, hub / kRootHubs + 1, board % kHubPorts + 1);
  }
  Task<> command(std::string text) {
    const auto answer = co_await offload(*control_, [text] { return send_command(text); });
    EXPECT_TRUE(answer) << answer.error().message();
    if (answer) EXPECT_EQ(answer->rfind("error", 0), std::string::npos) << text << ": " << *answer;
  }

  AsyncLog log_{stderr, Severity::kError};
  std::unique_ptr<EpollPort> port_;
  Loop loop_;
  std::unique_ptr<Workers> control_;
  std::unique_ptr<LibusbBus> bus_;
  std::set<int> unplugged_;
};

class RigUsb : public testing::TestWithParam<UsbCase> {};

TEST_P(RigUsb, Case) {
  RigRack rack;
  rack.loop().run(rack.run(GetParam()));
}

std::string name_of(const testing::TestParamInfo<UsbCase>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(, RigUsb, testing::ValuesIn(usb_cases()), name_of);
INSTANTIATE_TEST_SUITE_P(Dfu, RigUsb, testing::ValuesIn(dfu_cases()), name_of);
INSTANTIATE_TEST_SUITE_P(Xfp, RigUsb, testing::ValuesIn(xfp_cases()), name_of);

}  // namespace
}  // namespace gangd
