#include "api/calls.h"

namespace gangd {
namespace {

// Calls that wait for the loop; it takes them within milliseconds.
constexpr std::size_t kWaitingMax = 256;
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
  while (auto make_task = co_await mailbox_.pop()) running_.spawn("call", (*make_task)());
}

Task<> Calls::run_unary(grpc::ServerUnaryReactor* reactor, Task<Status> answer) {
  const Status outcome = co_await std::move(answer);
  reactor->Finish(to_grpc(outcome));
}

Task<> Calls::keep_outcome(Task<Status> task, Status& outcome) {
  outcome = co_await std::move(task);
}

}  // namespace gangd
