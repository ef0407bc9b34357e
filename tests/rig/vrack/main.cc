// vrack: a rack of virtual boards behind a USB/IP socket. tests/rig/README.md says what it models;
// tests/rig/with-rack starts it.
#include <fmt/core.h>
#include <getopt.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "loop/epoll_port.h"
#include "loop/scope.h"
#include "tests/rig/vrack/boards.h"
#include "tests/rig/vrack/control.h"
#include "tests/rig/vrack/memory_account.h"
#include "tests/rig/vrack/rack.h"
#include "tests/rig/vrack/sysfs.h"
#include "tests/rig/vrack/topology.h"
#include "tests/rig/vrack/usbip_server.h"

namespace gangd::rig {
namespace {

constexpr const char* kUsage =
    "usage: vrack --socket PATH --control PATH --boards N [--speed K] [--parts P,P...]\n"
    "             [--topology HUB:PORTS,...] [--unplugged] [--sysfs]\n"
    "Ends when standard input does, or at `quit` on the control socket.\n";

struct Options {
  std::string socket, control, parts = "echo", topology;
  std::size_t boards = 0;
  double speed = 1;
  bool unplugged = false;
  bool sysfs = false;
};

Result<Options> parse(int argc, char** argv) {
  static constexpr option kOptions[] = {{"socket", required_argument, nullptr, 's'},
                                        {"control", required_argument, nullptr, 'c'},
                                        {"boards", required_argument, nullptr, 'n'},
                                        {"speed", required_argument, nullptr, 'k'},
                                        {"parts", required_argument, nullptr, 'p'},
                                        {"topology", required_argument, nullptr, 't'},
                                        {"unplugged", no_argument, nullptr, 'u'},
                                        {"sysfs", no_argument, nullptr, 'y'},
                                        {nullptr, 0, nullptr, 0}};
  Options options;
  for (int c; (c = getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
    switch (c) {
      case 's':
        options.socket = optarg;
        break;
      case 'c':
        options.control = optarg;
        break;
      case 'n':
        options.boards = std::strtoul(optarg, nullptr, 10);
        break;
      case 'k':
        options.speed = std::strtod(optarg, nullptr);
        break;
      case 'p':
        options.parts = optarg;
        break;
      case 't':
        options.topology = optarg;
        break;
      case 'u':
        options.unplugged = true;
        break;
      case 'y':
        options.sysfs = true;
        break;
      default:
        return Error(Code::kInvalid, "{}", kUsage);
    }
  }
  const bool complete = !options.socket.empty() && !options.control.empty() && optind == argc;
  if (!complete || options.boards < 1 || !(options.speed > 0)) {
    return Error(Code::kInvalid, "{}", kUsage);
  }
  return options;
}

// Who started vrack holds the other end of its standard input: whatever becomes of it, vrack ends.
class StandardInput final : private EpollPort::Watch {
 public:
  explicit StandardInput(EpollPort& port) : port_(port) {}
  ~StandardInput() override { port_.unwatch(*this); }

  // A terminal or a pipe; of a file, epoll can say nothing, and it is taken for one without end.
  void watch() { (void)port_.watch(*this, STDIN_FILENO, EPOLLIN | EPOLLHUP); }
  Task<Status> wait_end() {
    while (!ended_) CO_TRY_STATUS(co_await changed_.wait());
    co_return Status();
  }

 private:
  void on_loop() override {
    std::array<char, 256> ignored;
    if (read(STDIN_FILENO, ignored.data(), ignored.size()) > 0) return;
    port_.unwatch(*this);
    ended_ = true;
    changed_.notify();
  }
  std::string_view event_name() const override { return "standard input"; }

  EpollPort& port_;
  bool ended_ = false;
  Signal changed_;
};

// Three descriptors for each file that is open, and tests open many.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

Task<Status> plug_all(Rack& rack) {
  for (const auto& place : rack.places()) place->plug();
  for (const auto& place : rack.places()) {
    const Status status = co_await place->until(true, std::chrono::seconds(60));
    if (!status) co_return Status(status).with_context(place->name());
  }
  co_return Status();
}

struct Parts {
  Loop& loop;
  Rack& rack;
  UsbipServer& server;
  Control& control;
  StandardInput& input;
  const Sysfs* sysfs;
  bool plugged;
};

Task<void> end_with_input(StandardInput& input, Scope& others) {
  if (co_await input.wait_end()) others.cancel();
}

Task<Status> serve_until_quit(Parts parts) {
  if (parts.plugged) CO_TRY_STATUS(co_await plug_all(parts.rack));
  fmt::print("ready {}\n", parts.sysfs != nullptr ? parts.sysfs->directory() : "");
  std::fflush(stdout);
  co_return co_await parts.control.wait_quit();
}

Task<void> quit_then_cancel(Parts parts, Scope& others, Status& outcome) {
  outcome = co_await serve_until_quit(parts);
  others.cancel();
}

Task<int> run_all(Parts parts) {
  Status outcome;
  Scope rack(parts.loop, "rack");
  rack.spawn("rack", parts.rack.run());
  // The connections end before the devices that they use.
  Scope service(parts.loop, "service");
  service.spawn("usbip", parts.server.run(parts.loop));
  service.spawn("control", parts.control.run(parts.loop));
  service.spawn("quit", quit_then_cancel(parts, service, outcome));
  service.spawn("input", end_with_input(parts.input, service));
  co_await service.join();
  rack.cancel();
  co_await rack.join();
  if (outcome || outcome.failed_with(Code::kCancelled)) co_return 0;
  fmt::print(stderr, "vrack: {}\n", outcome.error().message());
  co_return 1;
}

Result<int> run(const Options& options) {
  TRY(const Topology topology, make_topology(options.topology, options.boards));
  TRY(const BoardFactory make_board, make_board_factory(options.parts));
  AsyncLog log(stderr, Severity::kError);
  TRY(const auto port, EpollPort::open(log));
  std::unique_ptr<Sysfs> sysfs;
  if (options.sysfs) {
    TRY(sysfs, Sysfs::open(topology));
  }
  TRY(const auto memory, MemoryAccount::open());
  TRY(const auto usb_listener, SocketListener::open(*port, options.socket));
  TRY(const auto control_listener, SocketListener::open(*port, options.control));
  Loop loop(*port);
  const BoardClock clock(*port, options.speed);
  Rack rack(loop, clock, topology, make_board, sysfs.get());
  UsbipServer server(*port, rack, *memory, *usb_listener);
  Control control(*port, rack, *memory, *control_listener);
  StandardInput input(*port);
  input.watch();
  return loop.run(run_all({loop, rack, server, control, input, sysfs.get(), !options.unplugged}));
}

int main(int argc, char** argv) {
  raise_descriptor_limit();
  const auto options = parse(argc, argv);
  const auto status = options ? run(*options) : Result<int>(options.error());
  if (status) return *status;
  fmt::print(stderr, "vrack: {}\n", status.error().message());
  return 2;
}

}  // namespace
}  // namespace gangd::rig

int main(int argc, char** argv) {
  return gangd::rig::main(argc, argv);
}
