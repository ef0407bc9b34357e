#include "tests/sim/station_world.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <map>
#include <set>

#include "loop/deadline.h"
#include "loop/sleep.h"
#include "tests/sim/factory.h"
#include "tests/sim/quality_person.h"
#include "tests/sim/staged_troubles.h"

namespace gangd::sim {
namespace {

using namespace std::chrono_literals;

// The recipe's own limit is 2 minutes; opening, clamps, MES and the time to give up come on top.
constexpr Duration kAttemptMax = 4min;
// For all boards to pass once nothing goes wrong any more.
constexpr Duration kRecoveryMax = 30min;
constexpr int kReplugsMax = 12;
// Eight, and those that somebody gets wrong.
constexpr int kStepsMax = 60;

Factory::Options options_of(Prng& dice) {
  Factory::Options options;
  options.boards = static_cast<int>(1 + dice.below(4));
  options.image_bytes = 1 + dice.below(12'000);
  options.jams = dice.below(50);
  options.mes = {dice.below(50), dice.below(200), dice.below(200), dice.below(200)};
  options.serials_from_mes = dice.chance(500);
  options.disk = {dice.below(100), dice.below(50)};
  options.incoming_fresh = dice.chance(500);
  options.fails_are_acknowledged = dice.chance(500);
  constexpr std::array kParts = {"MX66UW1G45G", "MX25UW25645G", "MX25LM51245G", "MT25QL512ABB",
                                 "MT25TL01G",   "MX25R6435F",   "IS25LP064A",   "W25Q128JV"};
  options.part = kParts[dice.below(kParts.size())];
  return options;
}

// Boards begin in their ROM.
Factory::Options staged_options_of(Prng& dice) {
  Factory::Options options = options_of(dice);
  options.staged = true;
  options.two_ports = dice.chance(300);
  return options;
}

class BadDay {
 public:
  BadDay(World& world, bool is_staged)
      : world_(world),
        is_staged_(is_staged),
        factory_(world.loop(), world.port(), world.dice().next(),
                 is_staged ? staged_options_of(world.dice()) : options_of(world.dice())),
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
    const Status told = co_await with_timeout(kRecoveryMax, mes_has_all());
    world_.promise(told.has_value(), "the MES hears of every attempt when it can be reached");
    is_up_ = false;
    co_await factory_.stop();
    check_records();
    check_mes();
    world_.promise(factory_.bus().bytes_in_flight() == 0, "no buffer is left with the kernel");
    world_.note("{} boards, {} entries, {} reports, {} heard again", factory_.boards(),
                factory_.disk().entries().size(), factory_.mes().told().size(),
                factory_.mes().repeats());
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

  // Without slots: in all.
  Task<> start_job(std::vector<std::string> slots = {}) {
    StartJob order;
    order.slots = std::move(slots);
    order.request = fmt::format("r-{}", ++requests_);
    order.role = "operator";
    order.product = kProduct;
    auto id = co_await factory_.station().start_job(order);
    // What failed may have happened: the same order again leads to the same job, or to a new one.
    // The same may have been ended meanwhile, by a ledger that was mended: then another is ordered.
    while ((!id && !id.failed_with(Code::kBusy)) || (id && !is_running(*id))) {
      world_.note("no job: {}", id ? "it has been ended" : id.error().message());
      if (id) order.request = fmt::format("r-{}", ++requests_);
      (void)co_await sleep_for(3s);
      id = co_await factory_.station().start_job(order);
    }
    if (id) job_ = *id;
  }

  bool is_running(EventId job) {
    return std::ranges::any_of(factory_.station().jobs(), [job](const JobView& view) {
      return view.id == job && view.running;
    });
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
    if (is_staged_ && world_.dice().chance(400)) co_return staged_.make(board);
    const std::uint64_t operation = world_.dice().below(60);
    switch (world_.dice().below(17)) {
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
      case 14:
        world_.note("the MES is down for a while");
        hands_.spawn("mes", take_mes_down());
        break;
      case 15:
        if (!is_staged_) co_await interrupt_for_qualification(board);
        break;
      default:
        world_.note("flash operation {} of board {} never ends", operation, board);
        factory_.chip(board).hang_operation(operation);
        break;
    }
  }

  // --- a person who qualifies a kind of board

  Task<> interrupt_for_qualification(int board) {
    world_.note("board {} is to be qualified", board);
    co_await stop_job();
    co_await qualify(board, static_cast<int>(1 + world_.dice().below(12)));
    co_await start_job();
  }

  // Goes on with what was begun in the slot, or begins; gives up after so many tries, as people do.
  // Whether it came to its end.
  Task<bool> qualify(int board, int tries) {
    while (--tries >= 0) {
      co_await acknowledge(board);
      const auto view = co_await quality_.step(board);
      if (!view) {
        world_.note("no step: {}", view.error().message());
        (void)co_await sleep_for(3s);
      } else if (view->qualified != EventId()) {
        co_return true;
      } else if (!view->trouble.empty()) {
        world_.note("the step did not pass: {}", view->trouble);
        co_await replug(board);  // its power may have failed
      }
    }
    co_return false;
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

  Task<> take_mes_down() {
    factory_.mes().set_down(true);
    (void)co_await sleep_for(world_.dice().between(1ms, 5min));
    factory_.mes().set_down(false);
  }

  // --- the end of the day

  // What is still to go wrong is finite: it hits one attempt each.
  Task<Status> recover() {
    world_.note("the bad day is over");
    co_await start_job();
    for (int board = 0; board < factory_.boards(); ++board) {
      // A worn chip gets a verdict as every board does; no more can be promised of it.
      const bool is_healthy = !worn_.contains(board);
      for (int replugs = 0; is_healthy ? !has_passed(board) : replugs < 1; ++replugs) {
        world_.promise(replugs < kReplugsMax, "a healthy board passes after a few plug-ins");
        if (replugs == kReplugsMax) break;
        factory_.bus().unplug(place(board));
        (void)co_await sleep_for(world_.dice().between(1ms, 5s));
        co_await acknowledge(board);
        factory_.bus().plug(place(board));
        CO_TRY_STATUS(co_await ended(board));
      }
    }
    if (is_staged_) co_return Status();
    co_return co_await qualify_a_healthy_board();
  }

  // From then on its verdicts stand alone.
  Task<Status> qualify_a_healthy_board() {
    for (int board = 0; board < factory_.boards(); ++board) {
      if (worn_.contains(board)) continue;
      co_await stop_job();
      const bool is_qualified = co_await qualify(board, kStepsMax);
      world_.promise(is_qualified, "a healthy board can be qualified");
      // The others would begin anew, and be at work when the day ends.
      co_await start_job({factory_.slot(board)});
      factory_.bus().unplug(place(board));
      (void)co_await sleep_for(1s);
      factory_.bus().plug(place(board));
      CO_TRY_STATUS(co_await ended(board));
      const SlotView slot = view(board);
      const bool is_unqualified_pass = slot.outcome && slot.outcome->verdict == Verdict::kPass &&
                                       slot.outcome->qualification == EventId();
      world_.promise(!is_unqualified_pass, "what is qualified is not UNQUALIFIED");
      break;
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
    int board = 0;
    for (const SlotView& slot : factory_.station().slots()) check_slot(board++, slot);
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
                       (!slot.outcome || lamp->second.verdict == slot.outcome->verdict),
                   "a verdict is shown of the board that is there, and its lamp agrees");
    if (!slot.outcome || !shown_.insert(slot.outcome->event).second) return;
    const AttemptOutcome& outcome = *slot.outcome;
    world_.note("slot {}: {} {}", slot.name, verdict_name(outcome.verdict), outcome.reason);
    const Entry* entry = durable(outcome.event);
    const auto* ended = entry == nullptr ? nullptr : std::get_if<AttemptEnded>(&entry->event);
    world_.promise(
        ended != nullptr && ended->verdict == outcome.verdict && ended->attempt == outcome.attempt,
        "a verdict is shown when it is durable");
    check_qualification(*ended, outcome, lamp->second.is_qualified);
    if (outcome.verdict != Verdict::kPass) return;
    board = board_with(outcome.uid);  // boards may have been swapped
    world_.promise(
        outcome.numbers.size() == 1 && factory_.holds(board, outcome.numbers.front().value),
        "PASS only if the chip holds the right bytes");
    world_.promise(worn_.contains(board) || factory_.is_firm(board),
                   "PASS only on cells that were erased to the end");
  }

  // What stands beside the verdict is what the record says: a kind of board is qualified by an
  // event before, for all of its key, and from the first attempt on that began behind that.
  void check_qualification(const AttemptEnded& ended, const AttemptOutcome& outcome,
                           bool lamp_is_qualified) {
    EventId in_force;
    EventId before_start;
    for (const Entry& entry : factory_.disk().entries()) {
      if (entry.id == outcome.event) break;
      const auto* qualified = std::get_if<BoardQualified>(&entry.event);
      if (qualified == nullptr || qualified->key() != outcome.key || !outcome.key.is_whole()) {
        continue;
      }
      in_force = entry.id;
      if (entry.id < outcome.attempt) before_start = entry.id;
    }
    world_.promise(ended.qualification == outcome.qualification && ended.key() == outcome.key &&
                       lamp_is_qualified == (outcome.qualification != EventId()) &&
                       outcome.qualification <= in_force && before_start <= outcome.qualification,
                   "no surface shows a verdict without its qualification");
    qualified_shown_ += outcome.qualification == EventId() ? 0 : 1;
  }
  static int board_with(const std::string& uid) {  // its last byte is a number from 1
    return static_cast<int>(std::strtol(uid.substr(uid.size() - 2).c_str(), nullptr, 16)) - 1;
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

  std::map<EventId, SimMesServer::Told> ends_on_record() {
    std::map<EventId, SimMesServer::Told> ends;
    for (const Entry& entry : factory_.disk().entries()) {
      const auto* end = std::get_if<AttemptEnded>(&entry.event);
      if (end == nullptr) continue;
      const auto* attempt = std::get_if<AttemptStarted>(&durable(end->attempt)->event);
      ends[entry.id] = {attempt->uid, end->verdict};
    }
    return ends;
  }

  bool is_at_work() {
    return std::ranges::any_of(factory_.station().slots(), [](const SlotView& slot) {
      return slot.state == SlotState::kRunning || slot.state == SlotState::kRecording;
    });
  }

  // What ends when the day does, it hears of in the station's next life.
  Task<Status> mes_has_all() {
    while (is_at_work() || factory_.mes().told().size() < ends_on_record().size()) {
      CO_TRY_STATUS(co_await sleep_for(1s));
    }
    co_return Status();
  }

  void check_mes() {
    const auto& told = factory_.mes().told();
    world_.promise(std::map(told.begin(), told.end()) == ends_on_record() &&
                       !factory_.mes().was_contradicted(),
                   "each attempt is reported once, as it is on record");
    world_.promise(std::ranges::is_sorted(told, {}, [](const auto& each) { return each.first; }),
                   "reports come in the order of the record");
    std::vector<MesNumbers> given;
    for (const auto& [request, numbers] : factory_.mes().leases()) given.push_back(numbers);
    for (const Entry& entry : factory_.disk().entries()) {
      const auto* attempt = std::get_if<AttemptStarted>(&entry.event);
      if (attempt == nullptr || given.empty()) continue;
      for (const UnitNumber& number : attempt->numbers) {
        world_.promise(std::ranges::any_of(given,
                                           [&number](const MesNumbers& numbers) {
                                             return number.index >= numbers.first &&
                                                    number.index - numbers.first < numbers.count;
                                           }),
                       "units get numbers that the MES gave");
      }
    }
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
  const bool is_staged_;
  Factory factory_;
  Scope hands_;
  EventId job_;
  int requests_ = 0;
  bool is_up_ = false;
  bool is_disk_well_ = true;
  std::set<EventId> shown_;
  std::uint64_t qualified_shown_ = 0;  // verdicts without UNQUALIFIED beside them
  std::map<int, Instant> running_since_;
  std::map<int, std::optional<EventId>> unseen_;  // attempts that failed and nobody has seen
  std::set<int> worn_;
  StagedTroubles staged_{world_, factory_, hands_};
  QualityPerson quality_{world_, factory_};
};

}  // namespace

Task<> run_station(World& world) {
  BadDay day(world, false);
  co_await day.run();
}

Task<> run_staged(World& world) {
  BadDay day(world, true);
  co_await day.run();
}

}  // namespace gangd::sim
