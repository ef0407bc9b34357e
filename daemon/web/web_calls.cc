#include "web/web_calls.h"

#include <utility>

namespace gangd {
namespace {

// More than the server has threads, each of which asks one thing at a time.
constexpr std::size_t kWaitingMax = 64;
// Questions about the ledger that run at once.
constexpr int kReaders = 2;

}  // namespace

WebCalls::WebCalls(Loop& loop, std::string ledger_file)
    : ledger_file_(std::move(ledger_file)),
      reading_(loop.port().start_workers("web-reader", kReaders)),
      mailbox_(loop.port(), kWaitingMax, Overflow::kRefuse),
      receiving_(loop, "web calls"),
      running_(loop, "web call") {}

void WebCalls::start() {
  receiving_.spawn("receive", receive());
}

Task<> WebCalls::stop() {
  mailbox_.close();
  // What is in the mailbox is answered, too: its threads wait.
  co_await receiving_.join();
  running_.cancel();
  co_await running_.join();
}

Task<> WebCalls::receive() {
  while (auto make_task = co_await mailbox_.pop()) {
    running_.spawn("web call", run_one(*std::move(make_task)));
  }
}

Task<> WebCalls::run_one(MakeTask make_task) {
  co_await make_task();
}

Status WebCalls::hand_over(MakeTask make_task) {
  const Status taken = mailbox_.push(std::move(make_task));
  if (taken) return taken;
  if (taken.failed_with(Code::kClosed)) return Error(Code::kClosed, "gangd is stopping");
  return Error(Code::kExhausted, "gangd is busy ({}): ask again in a second",
               taken.error().message());
}

}  // namespace gangd
