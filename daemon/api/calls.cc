#include "api/calls.h"

namespace gangd {
namespace {

// Calls that wait for the loop; it takes them within milliseconds.
constexpr std::size_t kWaitingMax = 256;
// Calls that are open at once: all clients of a floor, and no client that leaks streams.
constexpr std::size_t kOpenMax = 500;
// Questions about the ledger that run at once.
constexpr int kReaders = 2;

}  // namespace

Calls::Calls(Loop& loop, Station& station, Ledger& ledger, std::string ledger_file)
    : loop_(loop),
      station_(station),
      ledger_(ledger),
      ledger_file_(std::move(ledger_file)),
      reading_(loop.port().start_workers("api-reader", kReaders)),
      mailbox_(loop.port(), kWaitingMax, Overflow::kRefuse),
      receiving_(loop, "calls"),
      running_(loop, "call") {}

void Calls::start() {
  receiving_.spawn("receive", receive());
}

Task<> Calls::stop() {
  mailbox_.close();
  // What is in the mailbox is answered, too: its clients wait.
  co_await receiving_.join();
  running_.cancel();
  co_await running_.join();
}

Task<> Calls::receive() {
  while (auto make_task = co_await mailbox_.pop()) {
    running_.spawn("call", run(*std::move(make_task)));
  }
}

Task<> Calls::run(MakeTask make_task) {
  co_await make_task();
  --open_;
}

Status Calls::hand_over(MakeTask make_task) {
  Status taken;
  if (++open_ > kOpenMax) {
    taken = Error(Code::kExhausted, "{} calls are open: end some of them, and ask again", kOpenMax);
  } else {
    taken = mailbox_.push(std::move(make_task));
  }
  if (taken) return taken;
  --open_;
  if (taken.failed_with(Code::kClosed)) {
    return Error(Code::kClosed, "gangd is stopping: ask again when it is back");
  }
  return Error(Code::kExhausted, "gangd is busy ({}): ask again in a second",
               taken.error().message());
}

Task<> Calls::run_unary(grpc::ServerUnaryReactor* reactor, Task<Status> answer) {
  const Status outcome = co_await std::move(answer);
  reactor->Finish(to_grpc(outcome));
}

Task<> Calls::keep_outcome(Task<Status> task, Status& outcome) {
  outcome = co_await std::move(task);
}

}  // namespace gangd
