#include "tests/sim/station_world.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <set>

#include "loop/deadline.h"
#include "loop/sleep.h"
#include "tests/sim/factory.h"

namespace gangd::sim {
namespace {

using namespace std::chrono_literals;

// The recipe's own limit is 2 minutes; opening, clamps, MES and the time to give up come on top.
constexpr Duration kAttemptMax = 4min;
// For all boards to pass once nothing goes wrong any more.
constexpr Duration kRecoveryMax = 30min;
constexpr int kReplugsMax = 12;

Factory::Options options_of(Prng& dice) {
  Factory::Options options;
  options.boards = static_cast<int>(1 + dice.below(4));
  options.image_bytes = 1 + dice.below(12'000);
  options.jams = dice.below(50);
  options.refusals = dice.below(50);
  options.disk = {dice.below(100), dice.below(50)};
  options.incoming_fresh = dice.chance(500);
  options.fails_are_acknowledged = dice.chance(500);
  constexpr std::array kParts = {"MX66UW1G45G", "MX25UW25645G", "MX25LM51245G", "MT25QL512ABB",
                                 "MT25TL01G",   "MX25R6435F",   "IS25LP064A",   "W25Q128JV"};
  options.part = kParts[dice.below(kParts.size())];
  return options;
}

class BadDay {
 public:
  explicit BadDay(World& world)
      : world_(world),
        factory_(world.loop(), world.port(), world.dice().next(), options_of(world.dice())),
        hands_(world.loop(), "hands") {
    world_.port().at_each_step([this] { check(); });
  }
  ~BadDay() { world_.port().at_each_step({}); }

  Task<> run() {
    co_await start();
    const std::uint64_t troubles = world_.dice().below(12);
    for (int board = 0; board < factory_.boards(); ++board) factory_.bus().plug(place(board));
    co_await start_job();
    for (std::uint64_t i = 0; i < troubles; ++i) {
      (void)co_await sleep_for(world_.dice().between(0ms, 8s));
      co_await make_trouble();
    }
    co_await hands_.join();
    const Status recovered = co_await with_timeout(kRecoveryMax, recover());
    world_.promise(recovered.has_value(), "healthy boards pass when nothing goes wrong any more");
    is_up_ = false;
    co_await factory_.stop();
    check_records();
    world_.promise(factory_.bus().bytes_in_flight() == 0, "no buffer is left with the kernel");
    world_.note("{} boards, {} entries", factory_.boards(), factory_.disk().entries().size());
  }

 private:
  UsbPath place(int board) { return factory_.place(board); }
  int any_board() {
    return static_cast<int>(world_.dice().below(static_cast<std::uint64_t>(factory_.boards())));
  }

  // --- the daemon and its operator

  Task<> start() {
    Status started = co_await factory_.start();
    // A full disk: somebody frees it and starts again.
    while (!started) {
      world_.note("gangd does not start: {}", started.error().message());
      factory_.kill();
      (void)co_await sleep_for(5s);
      started = co_await factory_.start();
    }
    is_up_ = true;
  }

  Task<> start_job() {
    StartJob order;
    order.request = fmt::format("r-{}", ++requests_);
    order.role = "operator";
    order.product = kProduct;
    auto id = co_await factory_.station().start_job(order);
    // What failed may have happened: the same order again leads to the same job, or to a new one.
    while (!id && !id.failed_with(Code::kBusy)) {
      world_.note("no job: {}", id.error().message());
      (void)co_await sleep_for(3s);
      id = co_await factory_.station().start_job(order);
    }
    if (id) job_ = *id;
  }

  Task<> stop_job() {
    const Status stopped = co_await with_timeout(
        kAttemptMax,
        factory_.station().stop_job({fmt::format("r-{}", ++requests_), "operator", job_}));
    world_.promise(stopped.has_value() || !is_disk_well_, "a job stops in bounded time");
  }

  Task<> restart() {
    world_.note("kill -9");
    is_up_ = false;
    factory_.kill();
    (void)co_await sleep_for(world_.dice().between(0ms, 3s));
    co_await start();
    co_await start_job();
  }

  // Somebody looks at a slot, and says so if it has failed.
  Task<> acknowledge(int board) {
    const SlotView slot = view(board);
    if (slot.acknowledgement != Acknowledgement::kWanted) co_return;
    world_.note("slot {}: its FAIL is acknowledged", slot.name);
    AcknowledgeSlot order;
    order.request = fmt::format("r-{}", ++requests_);
    order.role = "operator";
    order.slot = slot.name;
    order.attempt = *slot.attempt;
    Status seen = co_await factory_.station().acknowledge(order);
    while (!seen) {
      world_.note("not acknowledged: {}", seen.error().message());
      (void)co_await sleep_for(3s);
      seen = co_await factory_.station().acknowledge(order);
    }
  }

  // --- what goes wrong

  Task<> make_trouble() {
    const int board = any_board();
    const std::uint64_t operation = world_.dice().below(60);
    switch (world_.dice().below(15)) {
      case 0:
        world_.note("board {} is pulled and put back", board);
        hands_.spawn("replug", replug(board));
        break;
      case 1:
        world_.note("board {} stalls", board);
        factory_.bus().halt(place(board), 0);
        break;
      case 2:
        world_.note("board {} hangs", board);
        hands_.spawn("hang", hang(board));
        break;
      case 3:
        world_.note("power of board {} fails at flash operation {}", board, operation);
        factory_.chip(board).cut_power_at_operation(operation);
        break;
      case 4:
        world_.note("flash operation {} of board {} fails", operation, board);
        factory_.chip(board).fail_operation(operation);
        break;
      case 5:
        world_.note("flash operation {} of board {} is a lie", operation, board);
        factory_.chip(board).skip_operation(operation);
        break;
      case 6:
        world_.note("the disk is full for a while");
        hands_.spawn("disk", fill_disk());
        break;
      case 7:
        world_.note("the job is stopped, and another started");
        co_await stop_job();
        co_await start_job();
        break;
      case 8:
        co_await restart();
        break;
      case 9:
      case 10:
        spoil_line(board);
        break;
      case 11:
        world_.note("a bit of board {} is worn", board);
        factory_.chip(board).weaken_bit(static_cast<std::uint32_t>(world_.dice().below(256)), 3);
        worn_.insert(board);
        break;
      case 12:
        world_.note("board {} is write-protected for a while", board);
        hands_.spawn("protect", protect(board));
        break;
      case 13:
        co_await acknowledge(board);
        break;
      default:
        world_.note("flash operation {} of board {} never ends", operation, board);
        factory_.chip(board).hang_operation(operation);
        break;
    }
  }

  Task<> replug(int board) {
    factory_.bus().unplug(place(board));
    (void)co_await sleep_for(world_.dice().between(1ms, 5s));
    factory_.bus().plug(place(board));
  }

  Task<> hang(int board) {
    factory_.bus().hang(place(board), 0, true);
    (void)co_await sleep_for(world_.dice().between(1ms, 40s));
    factory_.bus().hang(place(board), 0, false);
  }

  // Up to twice as many frames as an attempt survives.
  void spoil_line(int board) {
    Prng& dice = world_.dice();
    const LineFaults::Order order = {
        .fault = static_cast<LineFault>(dice.below(7)),
        .way = dice.chance(500) ? LineFaults::Way::kOut : LineFaults::Way::kIn,
        .first = dice.below(40),
        .count = 1 + dice.below(10)};
    world_.note("{} of frames of board {}: {}", order.count, board, name(order.fault));
    factory_.line(board).order(order);
  }

  // A tester has set the bits, and comes to clear them.
  Task<> protect(int board) {
    factory_.chip(board).protect(true);
    (void)co_await sleep_for(world_.dice().between(1ms, 20s));
    factory_.chip(board).protect(false);
  }

  Task<> fill_disk() {
    is_disk_well_ = false;
    factory_.disk().set_broken(true);
    (void)co_await sleep_for(world_.dice().between(1ms, 30s));
    factory_.disk().set_broken(false);
    is_disk_well_ = true;
  }

  // --- the end of the day

  // What is still to go wrong is finite: it hits one attempt each.
  Task<Status> recover() {
    world_.note("the bad day is over");
    co_await start_job();
    for (int board = 0; board < factory_.boards(); ++board) {
      for (int replugs = 0; !has_passed(board); ++replugs) {
        world_.promise(replugs < kReplugsMax, "a healthy board passes after a few plug-ins");
        if (replugs == kReplugsMax) break;
        factory_.bus().unplug(place(board));
        (void)co_await sleep_for(world_.dice().between(1ms, 5s));
        co_await acknowledge(board);
        factory_.bus().plug(place(board));
        CO_TRY_STATUS(co_await ended(board));
      }
    }
    co_return Status();
  }

  const SlotView view(int board) {
    return factory_.station().slots()[static_cast<std::size_t>(board)];
  }
  bool has_passed(int board) {
    const SlotView slot = view(board);
    return slot.outcome && slot.outcome->verdict == Verdict::kPass;
  }
  // Waits for the verdict on what was just plugged in.
  Task<Status> ended(int board) {
    bool began = false;
    while (true) {
      const SlotView slot = view(board);
      began |= slot.state == SlotState::kRunning || slot.state == SlotState::kRecording;
      if (began && slot.state == SlotState::kEnded) co_return Status();
      if (slot.acknowledgement == Acknowledgement::kWanted) co_return Status();
      CO_TRY_STATUS(co_await factory_.station().changed(factory_.station().revision()));
    }
  }

  // --- promises

  void check() {
    if (!is_up_) return;
    for (int board = 0; board < factory_.boards(); ++board) check_slot(board, view(board));
  }

  void check_slot(int board, const SlotView& slot) {
    if (slot.state != SlotState::kRunning) {
      running_since_[board] = world_.loop().now();
    } else {
      world_.promise(world_.loop().now() - running_since_[board] <= kAttemptMax,
                     "a verdict in bounded time");
    }
    check_fail_stands(board, slot);
    const auto& lamps = factory_.fixture().lamps;
    const auto lamp = lamps.find(slot.name);
    world_.promise(slot.outcome.has_value() == (slot.state == SlotState::kEnded) &&
                       slot.outcome.has_value() == (lamp != lamps.end()) &&
                       (!slot.outcome || lamp->second == slot.outcome->verdict),
                   "a verdict is shown of the board that is there, and its lamp agrees");
    if (!slot.outcome || !shown_.insert(slot.outcome->event).second) return;
    const AttemptOutcome& outcome = *slot.outcome;
    world_.note("slot {}: {} {}", slot.name, verdict_name(outcome.verdict), outcome.reason);
    const Entry* entry = durable(outcome.event);
    const auto* ended = entry == nullptr ? nullptr : std::get_if<AttemptEnded>(&entry->event);
    world_.promise(
        ended != nullptr && ended->verdict == outcome.verdict && ended->attempt == outcome.attempt,
        "a verdict is shown when it is durable");
    if (outcome.verdict != Verdict::kPass) return;
    world_.promise(
        outcome.numbers.size() == 1 && factory_.holds(board, outcome.numbers.front().value),
        "PASS only if the chip holds the right bytes");
    world_.promise(worn_.contains(board) || factory_.is_firm(board),
                   "PASS only on cells that were erased to the end");
  }

  void check_fail_stands(int board, const SlotView& slot) {
    std::optional<EventId>& unseen = unseen_[board];
    const bool is_wanted = slot.acknowledgement == Acknowledgement::kWanted;
    if (unseen && (!is_wanted || slot.attempt != unseen)) {
      world_.promise(std::ranges::any_of(factory_.disk().entries(),
                                         [&](const Entry& entry) {
                                           const auto* seen =
                                               std::get_if<AttemptAcknowledged>(&entry.event);
                                           return seen != nullptr && seen->attempt == *unseen;
                                         }),
                     "a FAIL stands until it is acknowledged, also over a kill");
    }
    unseen = is_wanted ? slot.attempt : std::nullopt;
  }

  const Entry* durable(EventId id) {
    const std::vector<Entry>& entries = factory_.disk().entries();
    return id.n >= 1 && id.n <= entries.size() ? &entries[id.n - 1] : nullptr;
  }

  void check_records() {
    const Status audited = factory_.disk().audit();
    world_.promise(audited.has_value(), "the record passes the audit: every commit is signed");
    std::map<EventId, int> open;
    std::map<std::uint64_t, std::string> holders;
    std::map<std::string, std::string> serials;
    for (const Entry& entry : factory_.disk().entries()) {
      if (std::holds_alternative<JobStarted>(entry.event)) open[entry.id] = 1;
      if (const auto* end = std::get_if<JobEnded>(&entry.event)) --open[end->job];
      if (const auto* end = std::get_if<AttemptEnded>(&entry.event)) --open[end->attempt];
      const auto* attempt = std::get_if<AttemptStarted>(&entry.event);
      if (attempt == nullptr) continue;
      open[entry.id] = 1;
      for (const UnitNumber& number : attempt->numbers) {
        const auto [holder, is_new] = holders.emplace(number.index, attempt->uid);
        world_.promise(is_new || holder->second == attempt->uid, "no serial twice");
        const auto [own, is_first] = serials.emplace(attempt->uid, number.value);
        world_.promise(is_first || own->second == number.value, "no unit has two serials");
      }
    }
    world_.promise(std::ranges::all_of(open, [](const auto& each) { return each.second == 0; }),
                   "each attempt and each job has one end on record");
    for (const EventId event : shown_) {
      world_.promise(durable(event) != nullptr, "nothing that was shown is lost");
    }
  }

  World& world_;
  Factory factory_;
  Scope hands_;
  EventId job_;
  int requests_ = 0;
  bool is_up_ = false;
  bool is_disk_well_ = true;
  std::set<EventId> shown_;
  std::map<int, Instant> running_since_;
  std::map<int, std::optional<EventId>> unseen_;  // attempts that failed and nobody has seen
  std::set<int> worn_;
};

}  // namespace

Task<> run_station(World& world) {
  BadDay day(world);
  co_await day.run();
}

}  // namespace gangd::sim
