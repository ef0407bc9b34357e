// gangd is killed at every await of a job on two boards. Whatever moment that is: no PASS without
// its event, what was going on is marked, no serial is given twice, and the boards pass afterwards.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "loop/deadline.h"
#include "loop/sleep.h"
#include "tests/sim/factory.h"

namespace gangd::sim {
namespace {

using namespace std::chrono_literals;

const Factory::Options kTwoBoards = {.boards = 2, .image_bytes = 3000};
const Factory::Options kTwoBoardsOfMes = {
    .boards = 2, .image_bytes = 3000, .serials_from_mes = true};
const Factory::Options kTwoStagedBoards = {.boards = 2, .image_bytes = 3000, .staged = true};
constexpr std::uint64_t kNever = ~std::uint64_t{0};

class TwoBoardJob {
 public:
  // Killed when its tasks wait for the `kill_at`-th time.
  TwoBoardJob(std::uint64_t kill_at, const Factory::Options& options)
      : kill_at_(kill_at), options_(options) {}

  void run() { loop_.run(work()); }
  // How often its tasks waited until both boards had passed.
  std::uint64_t awaits() const { return awaits_; }
  bool was_killed() const { return killed_; }

 private:
  Task<> work() {
    Factory factory(loop_, port_, 1, options_);
    factory_ = &factory;
    for (int board = 0; board < 2; ++board) factory.bus().plug(factory.place(board));
    // Outside of the loop's turns, as a signal comes.
    port_.at_each_step([this] {
      look();
      if (awaits_++ == kill_at_ && !killed_ && !done_) {
        killed_ = true;
        factory_->kill();
      }
    });
    Scope first(loop_, "first life");
    first.spawn("job", start_and_wait(false));
    co_await first.join();
    done_ = true;
    if (killed_) {
      if (options_.staged) co_await replug();
      co_await start_and_wait(true);
    }
    co_await mes_has_all();
    port_.at_each_step({});
    co_await factory.stop();
    check_records();
  }

  // What a life has loaded into a board's RAM, the next one does not believe.
  Task<> replug() {
    for (int board = 0; board < 2; ++board) factory_->bus().unplug(factory_->place(board));
    (void)co_await sleep_for(2s);
    for (int board = 0; board < 2; ++board) factory_->bus().plug(factory_->place(board));
  }

  bool is_gone(bool again) const { return killed_ && !again; }

  Task<> start_and_wait(bool again) {
    const Status started = co_await factory_->start();
    if (is_gone(again)) co_return;
    EXPECT_TRUE(started);
    // After the kill the client asks again with what it asked before: it gets the job that it was
    // given, which has ended with that life, or its first.
    StartJob order = {"r-1", "operator", std::string(kProduct), {}, true};
    auto job = co_await factory_->station().start_job(order);
    if (is_gone(again)) co_return;
    if (again && factory_->station().jobs().empty()) {
      order.request = "r-2";
      job = co_await factory_->station().start_job(order);
    }
    EXPECT_TRUE(job) << (job ? "" : job.error().message());
    while (!is_gone(again) && factory_->station().jobs().back().running) {
      if (!co_await factory_->station().changed(factory_->station().revision())) break;
    }
    if (is_gone(again)) co_return;
    EXPECT_EQ(factory_->station().jobs().back().passed, 2U);
  }

  // A verdict is shown: it must be durable, and true.
  void look() {
    if (killed_ && !done_) return;
    const auto slots = slots_now();
    for (std::size_t i = 0; i < slots.size(); ++i) {
      if (!slots[i].outcome) continue;
      const AttemptOutcome& outcome = *slots[i].outcome;
      const std::vector<Entry>& entries = factory_->disk().entries();
      ASSERT_LE(outcome.event.n, entries.size());
      const auto* end = std::get_if<AttemptEnded>(&entries[outcome.event.n - 1].event);
      ASSERT_NE(end, nullptr);
      EXPECT_EQ(end->verdict, outcome.verdict);
      if (outcome.verdict != Verdict::kPass) continue;
      EXPECT_TRUE(factory_->holds(static_cast<int>(i), outcome.numbers.front().value));
    }
  }
  std::vector<SlotView> slots_now() {
    return factory_->is_running() ? factory_->station().slots() : std::vector<SlotView>();
  }

  Task<> mes_has_all() {
    const auto ends = [this] {
      return std::ranges::count_if(factory_->disk().entries(), [](const Entry& entry) {
        return std::holds_alternative<AttemptEnded>(entry.event);
      });
    };
    for (int tries = 0; std::ssize(factory_->mes().told()) < ends() && tries < 60; ++tries) {
      (void)co_await sleep_for(1s);
    }
  }

  void check_mes() {
    std::map<EventId, Verdict> ends;
    for (const Entry& entry : factory_->disk().entries()) {
      const auto* end = std::get_if<AttemptEnded>(&entry.event);
      if (end != nullptr) ends[entry.id] = end->verdict;
    }
    std::map<EventId, Verdict> told;
    for (const auto& [event, report] : factory_->mes().told()) told[event] = report.verdict;
    EXPECT_EQ(told, ends);
    EXPECT_FALSE(factory_->mes().was_contradicted());
  }

  void check_records() {
    check_mes();
    std::map<EventId, int> open;
    std::map<std::string, std::string> holders;
    for (const Entry& entry : factory_->disk().entries()) {
      if (std::holds_alternative<JobStarted>(entry.event)) ++open[entry.id];
      if (const auto* end = std::get_if<JobEnded>(&entry.event)) --open[end->job];
      if (const auto* end = std::get_if<AttemptEnded>(&entry.event)) --open[end->attempt];
      const auto* attempt = std::get_if<AttemptStarted>(&entry.event);
      if (attempt == nullptr) continue;
      ++open[entry.id];
      for (const UnitNumber& number : attempt->numbers) {
        EXPECT_EQ(holders.emplace(number.value, attempt->uid).first->second, attempt->uid);
      }
    }
    for (const auto& [id, count] : open) EXPECT_EQ(count, 0) << id.to_string();
  }

  const std::uint64_t kill_at_;
  const Factory::Options options_;
  Trace trace_{nullptr};
  SimPort port_{1, trace_};
  Loop loop_{port_};
  Factory* factory_ = nullptr;
  std::uint64_t awaits_ = 0;
  bool killed_ = false;
  bool done_ = false;
};

void kill_at_awaits(const Factory::Options& options, std::uint64_t stride) {
  TwoBoardJob uncut(kNever, options);
  uncut.run();
  ASSERT_FALSE(testing::Test::HasFailure());
  std::uint64_t kills = 0;
  for (std::uint64_t n = 0; n < uncut.awaits(); n += stride) {
    SCOPED_TRACE(fmt::format("killed at await {}", n));
    TwoBoardJob job(n, options);
    job.run();
    kills += job.was_killed();
    ASSERT_FALSE(testing::Test::HasFailure());
  }
  fmt::print("{} awaits, {} kills\n", uncut.awaits(), kills);
  EXPECT_GT(kills, 100U);
}

TEST(Kill, AtEveryAwaitOfATwoBoardJobLeavesARecordThatIsTrue) {
  kill_at_awaits(kTwoBoards, 1);
}

// A lease that the MES gave, and nobody wrote down; a report that it has, and nobody remembers.
TEST(Kill, AtEveryAwaitWithNumbersOfTheMesNoneIsGivenTwiceAndAllIsReported) {
  kill_at_awaits(kTwoBoardsOfMes, 1);
}

// Every so many of them, for their way out of the ROM has a thousand more.
TEST(Kill, OnTheWayOutOfTheRomLeavesARecordThatIsTrue) {
  kill_at_awaits(kTwoStagedBoards, 11);
}

}  // namespace
}  // namespace gangd::sim
