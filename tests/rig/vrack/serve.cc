#include "tests/rig/vrack/serve.h"

#include <fmt/core.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cstdio>

#include "loop/epoll_port.h"
#include "loop/scope.h"
#include "tests/rig/vrack/control.h"
#include "tests/rig/vrack/memory_account.h"
#include "tests/rig/vrack/rack.h"
#include "tests/rig/vrack/sysfs.h"
#include "tests/rig/vrack/topology.h"
#include "tests/rig/vrack/usbip_server.h"

namespace gangd::rig {
namespace {

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

// A board has had enough.
class BoardsEnd {
 public:
  void end() {
    ended_ = true;
    changed_.notify();
  }
  Task<Status> wait() {
    while (!ended_) CO_TRY_STATUS(co_await changed_.wait());
    co_return Status();
  }

 private:
  bool ended_ = false;
  Signal changed_;
};

Task<Status> plug_all(Rack& rack) {
  for (const auto& place : rack.places()) place->plug();
  for (const auto& place : rack.places()) {
    if (place->port().is_second_connector()) continue;
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
  BoardsEnd& end;
  const Sysfs* sysfs;
  bool plugged;
};

Task<void> end_with_input(StandardInput& input, Scope& others) {
  if (co_await input.wait_end()) others.cancel();
}

Task<void> end_with_boards(BoardsEnd& end, Scope& others) {
  if (co_await end.wait()) others.cancel();
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
  service.spawn("end", end_with_boards(parts.end, service));
  co_await service.join();
  rack.cancel();
  co_await rack.join();
  if (outcome || outcome.failed_with(Code::kCancelled)) co_return 0;
  fmt::print(stderr, "vrack: {}\n", outcome.error().message());
  co_return 1;
}

}  // namespace

Result<int> serve(const Service& service, const BoardFactory& make_board) {
  TRY(const Topology topology, make_topology(service.topology, service.boards));
  AsyncLog log(stderr, Severity::kError);
  TRY(const auto port, EpollPort::open(log));
  std::unique_ptr<Sysfs> sysfs;
  if (service.sysfs) {
    TRY(sysfs, Sysfs::open(topology));
  }
  TRY(const auto memory, MemoryAccount::open());
  TRY(const auto usb_listener, SocketListener::open(*port, service.socket));
  TRY(const auto control_listener, SocketListener::open(*port, service.control));
  Loop loop(*port);
  const BoardClock clock(*port, service.speed);
  Rack rack(loop, clock, topology, make_board, sysfs.get());
  UsbipServer server(*port, rack, *memory, *usb_listener);
  Control control(*port, rack, *memory, *control_listener);
  StandardInput input(*port);
  input.watch();
  BoardsEnd end;
  if (service.lend_end) service.lend_end([&end] { end.end(); });
  return loop.run(
      run_all({loop, rack, server, control, input, end, sysfs.get(), !service.unplugged}));
}

}  // namespace gangd::rig
