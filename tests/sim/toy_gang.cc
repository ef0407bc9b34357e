#include "tests/sim/toy_gang.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "loop/deadline.h"
#include "loop/mailbox.h"
#include "loop/offload.h"
#include "loop/scope.h"
#include "loop/sleep.h"

namespace gangd::sim {
namespace {

using namespace std::chrono_literals;

constexpr Duration kStepLimit = 5s;
constexpr Duration kCleanUpLimit = 2s;
constexpr int kSteps = 5;

// A transfer to a toy board. It completes after a while, or the board never answers it; asked to
// stop, it needs time to give its buffer back, as the kernel does.
class ToyTransfer : public Leaf, private Event {
 public:
  enum class Fate { kCompletes, kUnplugged, kNeverAnswers };

  ToyTransfer(World& world, Fate fate) : world_(world), fate_(fate) {}
  ~ToyTransfer() override { world_.port().withdraw(*this); }

  Status await_resume() const {
    if (refused() || aborted_) return cancelled();
    if (fate_ == Fate::kUnplugged) return Error(Code::kUnplugged, "unplugged");
    return {};
  }

 private:
  bool start() override {
    if (fate_ != Fate::kNeverAnswers) arrive_in(world_.dice().between(1ms, 300ms));
    return true;
  }
  void abort() override {
    aborted_ = true;
    world_.port().withdraw(*this);
    arrive_in(world_.dice().between(1us, 50ms));
  }
  void arrive_in(Duration duration) {
    world_.port().schedule(*this, world_.port().now() + duration);
  }
  void on_loop() override { resolve(); }
  std::string_view event_name() const override { return "transfer"; }

  World& world_;
  const Fate fate_;
  bool aborted_ = false;
};

// Rows become durable in groups, written by one worker. A commit can be slow, and it can fail.
class ToyLedger {
 public:
  explicit ToyLedger(World& world)
      : world_(world), disk_(world.port().start_workers("ledger", 1)) {}

  // Success: the row is durable.
  Task<Status> record(std::string row) {
    const bool fails = world_.dice().chance(20);
    CO_TRY_STATUS(co_await offload(*disk_, [this, row, fails]() -> Status {
      if (fails) return Error(Code::kIo, "disk full");
      durable_.push_back(row);
      return {};
    }));
    co_return Status();
  }

  bool holds(const std::string& row) const {
    return std::find(durable_.begin(), durable_.end(), row) != durable_.end();
  }

 private:
  World& world_;
  std::unique_ptr<Workers> disk_;
  std::vector<std::string> durable_;
};

struct Shown {
  std::string unit;
  bool pass;
};

class ToyGang {
 public:
  explicit ToyGang(World& world)
      : world_(world),
        ledger_(world),
        commands_(world.port(), 4, Overflow::kRefuse),
        job_(world.loop(), "job") {
    world_.port().at_each_step([this] { check_promises(); });
  }
  ~ToyGang() { world_.port().at_each_step({}); }

  Task<> run() {
    Scope operators(world_.loop(), "operator");
    operators.spawn("operator", operate());
    const auto slots = 1 + world_.dice().below(16);
    for (std::uint64_t slot = 0; slot < slots; ++slot) {
      job_.spawn(fmt::format("slot {}", slot), serve_slot(static_cast<int>(slot)));
    }
    operators.spawn("commands", obey());
    co_await job_.join();
    commands_.close();
    co_await operators.join();
    world_.promise(plugged_ == static_cast<int>(shown_.size()), "a verdict for each plug-in");
    world_.note("{} plug-ins, {} passed", plugged_, passed());
  }

 private:
  Task<> serve_slot(int slot) {
    for (int board = 0; board < 3; ++board) {
      if (!co_await sleep_for(world_.dice().between(0ms, 10s))) co_return;
      const std::string unit = fmt::format("{}.{}", slot, board);
      const Instant begin = world_.loop().now();
      ++plugged_;
      const Status programmed = co_await program();
      // The record is made even if the job was stopped meanwhile: every attempt stays.
      const Status recorded =
          co_await shielded(kCleanUpLimit, ledger_.record(unit + (programmed ? " PASS" : " FAIL")));
      show(unit, programmed && recorded);
      world_.promise(world_.loop().now() - begin <= kSteps * kStepLimit + 2 * kCleanUpLimit + 1s,
                     "a verdict in bounded time");
    }
  }

  Task<Status> program() {
    for (int step = 0; step < kSteps; ++step) {
      const Status status = co_await with_timeout(kStepLimit, transfer(draw_fate()));
      if (status) continue;
      // A board that can still be talked to is brought back to idle.
      if (!status.failed_with(Code::kUnplugged)) {
        (void)co_await shielded(kCleanUpLimit, transfer(ToyTransfer::Fate::kCompletes));
      }
      co_return status;
    }
    co_return Status();
  }

  Task<Status> transfer(ToyTransfer::Fate fate) { co_return co_await ToyTransfer(world_, fate); }

  ToyTransfer::Fate draw_fate() {
    if (world_.dice().chance(30)) return ToyTransfer::Fate::kUnplugged;
    if (world_.dice().chance(30)) return ToyTransfer::Fate::kNeverAnswers;
    return ToyTransfer::Fate::kCompletes;
  }

  void show(const std::string& unit, bool pass) {
    world_.note("unit {} {}", unit, pass ? "PASS" : "FAIL");
    shown_.push_back({unit, pass});
  }

  // Another thread's part: it reaches the loop through the mailbox alone.
  Task<> operate() {
    if (!world_.dice().chance(300)) co_return;
    (void)co_await sleep_for(world_.dice().between(0s, 30s));
    (void)commands_.push("stop");
  }

  Task<> obey() {
    while (const auto command = co_await commands_.pop()) {
      world_.note("operator: {}", *command);
      job_.cancel();
    }
  }

  void check_promises() {
    for (; checked_ < shown_.size(); ++checked_) {
      const Shown& shown = shown_[checked_];
      world_.promise(!shown.pass || ledger_.holds(shown.unit + " PASS"),
                     "no PASS before its row is durable");
    }
  }

  int passed() const {
    int count = 0;
    for (const Shown& shown : shown_) count += shown.pass;
    return count;
  }

  World& world_;
  ToyLedger ledger_;
  Mailbox<std::string> commands_;
  Scope job_;
  std::vector<Shown> shown_;
  std::size_t checked_ = 0;
  int plugged_ = 0;
};

}  // namespace

Task<> run_toy_gang(World& world) {
  ToyGang gang(world);
  co_await gang.run();
}

}  // namespace gangd::sim
