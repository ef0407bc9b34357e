#include "station/slot.h"

#include <algorithm>
#include <chrono>

#include "base/check.h"
#include "loop/deadline.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

constexpr Duration kPrepareLimit = 30s;
constexpr Duration kOpenLimit = 10s;
// In the words of the record.
void tell_kind(BoardKind kind, AttemptEnded& end) {
  if (kind.chip != 0) end.chip = fmt::format("0x{:08x}", kind.chip);
  end.board = std::move(kind.board);
  std::ranges::sort(kind.flashes, {}, &BoardKind::Flash::address);
  for (const BoardKind::Flash& flash : kind.flashes) end.flashes.push_back(to_hex(flash.jedec_id));
}

constexpr std::string_view kAcknowledgeFirst =
    "another board is in the slot: acknowledge the FAIL of the one before it first";

std::vector<UsbPath> paths_of(const SlotConfig& config) {
  std::vector<UsbPath> paths = {config.path};
  if (config.loader_path) paths.push_back(*config.loader_path);
  return paths;
}

}  // namespace

Slot::Slot(Floor& floor, SlotConfig config)
    : floor_(floor), config_(std::move(config)), place_(floor.usb, paths_of(config_), floor.paths) {
  view_ = blank_view();
}

Slot::~Slot() {
  CHECK(phase_ == Phase::kIdle || !working_, "slot {} ends with work going on", name());
}

void Slot::look(Job* job) {
  switch (phase_) {
    case Phase::kIdle:
      wait_for_board(place_.device(), job);
      break;
    case Phase::kWorking:
      if (job_->stopping) working_->cancel();
      break;
    case Phase::kWorked:
      phase_ = Phase::kRecording;
      set_state(SlotState::kRecording, "");
      floor_.recording.spawn(fmt::format("slot {} record", name()), record());
      break;
    case Phase::kRecording:
      break;
  }
}

void Slot::wait_for_board(const UsbDevice* device, Job* job) {
  const std::optional<EventId> id = job == nullptr ? std::nullopt : std::optional(job->view.id);
  if (view_.job != id) {
    view_.job = id;
    shown();
  }
  const std::string stop = stop_hint(job);
  if (device == nullptr) return empty_slot(stop);
  // A verdict stands until its board has gone, or another job wants the board.
  const bool is_done = device->arrival == done_arrival_;
  seen_since_end_ |= is_done && !pulled_;
  // Begun anew at once, a FAIL would be gone before anybody saw it, and the wrong board of the two
  // could go on down the line. So the next one waits, and begins when it is acknowledged.
  if (view_.acknowledgement == Acknowledgement::kWanted) {
    set_state(SlotState::kEnded, is_done ? "" : std::string(kAcknowledgeFirst));
    return;
  }
  if (is_done && (job == nullptr || job->view.id == done_job_)) return;
  // Whatever becomes of this board, a verdict that is still there is not its own.
  if (view_.state == SlotState::kEnded) forget_board();
  if (!stop.empty()) {
    set_state(SlotState::kWaiting, stop);
  } else if (is_due(*device, job)) {
    begin(*device, *job);
  }
}

std::string Slot::stop_hint(const Job* job) {
  if (job == nullptr || job->view.id != stopped_job_) stopped_job_.reset();
  return stop_text();
}

std::string Slot::stop_text() const {
  if (!stopped_job_) return "";
  return fmt::format("stopped: {}; then stop the job and start another", stopped_why_);
}

void Slot::empty_slot(const std::string& stop) {
  if (view_.state == SlotState::kEmpty) {
    set_state(SlotState::kEmpty, stop);
    return;
  }
  if (view_.acknowledgement == Acknowledgement::kWanted) {
    set_state(SlotState::kEnded, stop);
    return;
  }
  // A board that was pulled in the middle must not take its verdict along unseen.
  const bool is_seen = seen_since_end_ || view_.acknowledgement == Acknowledgement::kGiven;
  if (view_.state == SlotState::kEnded && !is_seen) return;
  forget_board();
  view_.hint = stop;
  shown();
}

SlotView Slot::blank_view() const {
  SlotView view;
  view.name = config_.name;
  view.path = config_.path.to_string();
  view.row = config_.row;
  view.column = config_.column;
  return view;
}

void Slot::forget_board() {
  SlotView empty = blank_view();
  empty.job = view_.job;
  empty.revision = view_.revision;
  view_ = std::move(empty);
  floor_.fixture.show(name(), std::nullopt);
}

bool Slot::is_due(const UsbDevice& device, const Job* job) {
  if (job == nullptr) {
    set_state(SlotState::kWaiting, "no job has this slot: start one");
  } else if (job->is_done_with(name())) {
    set_state(SlotState::kWaiting, "the job takes no more boards here: start another");
  } else if (std::string why = why_foreign(device, job->recipe->product()); !why.empty()) {
    set_state(SlotState::kForeign, std::move(why));
  } else if (job->may_be_complete()) {
    set_state(SlotState::kWaiting, "the boards at work complete the job, if they pass");
  } else if (!floor_.records.in_order()) {
    set_state(SlotState::kWaiting, floor_.records.trouble());
  } else {
    return !is_held(device);
  }
  return false;
}

std::string Slot::why_foreign(const UsbDevice& device, const Product& product) const {
  const auto is = [&device](std::uint16_t vendor, std::uint16_t id) {
    return !device.is_hub && device.vendor == vendor && device.product == id;
  };
  const bool is_programmable = is(product.vendor, product.product);
  if (!product.loader && is_programmable) return "";
  if (!product.loader) {
    return fmt::format("{:04x}:{:04x} is plugged in; {} is {:04x}:{:04x}", device.vendor,
                       device.product, product.name, product.vendor, product.product);
  }
  const ProductLoader& loader = *product.loader;
  if (is(loader.vendor, loader.product)) return "";
  if (!is_programmable) {
    return fmt::format("{:04x}:{:04x} is plugged in; {} begins in its ROM, as {:04x}:{:04x}",
                       device.vendor, device.product, product.name, loader.vendor, loader.product);
  }
  // One that was loaded here can be gone on with.
  const BoardPlace::Started* started = place_.started(device.arrival);
  if (started != nullptr && started->program == loader.digest) return "";
  return "the board runs a loader that was not started here for this job: unplug it, and plug it "
         "in "
         "again";
}

bool Slot::is_held(const UsbDevice& device) const {
  return device.arrival == held_arrival_ && floor_.loop.now() < held_until_ &&
         floor_.serials.leases() == held_leases_;
}

void Slot::begin(const UsbDevice& device, Job& job) {
  phase_ = Phase::kWorking;
  job_ = &job;
  ++job.at_work;
  place_.begin(device);
  began_ = floor_.loop.now();
  held_leases_ = floor_.serials.leases();
  attempt_ = Attempt();
  forget_board();
  set_state(SlotState::kRunning, "");
  unit_.emplace(
      floor_.records, floor_.mes, floor_.serials, job.recipe->product(),
      LedgerUnitRecord::Place{job.view.id, name(), view_.path, job.view.work_order, job.full},
      [this](std::string_view step, std::uint64_t done, std::uint64_t total) {
        view_.step = step;
        view_.bytes_done = done;
        view_.bytes_total = total;
        view_.attempt = unit_->id();
        view_.uid = unit_->started().uid;
        view_.numbers = unit_->started().numbers;
        shown();
      });
  working_.emplace(floor_.loop, fmt::format("slot {}", name()));
  working_->spawn(fmt::format("slot {} work", name()), work(device));
}

Task<> Slot::work(UsbDevice device) {
  attempt_ = co_await program(std::move(device));
  took_ = floor_.loop.now() - began_;
  phase_ = Phase::kWorked;
  floor_.look();
}

Task<Attempt> Slot::program(UsbDevice device) {
  auto connection = co_await open_board(std::move(device));
  if (!connection) {
    Attempt failed;
    failed.step = "open";
    failed.verdict = connection.failed_with(Code::kCancelled) ? Verdict::kUnknown : Verdict::kFail;
    failed.error = std::move(connection).error();
    co_return failed;
  }
  co_return co_await job_->recipe->run(**connection, *unit_, &place_);
}

Task<Result<std::unique_ptr<UsbConnection>>> Slot::open_board(UsbDevice device) {
  CO_TRY_STATUS((co_await with_timeout(kPrepareLimit, floor_.fixture.prepare(name())))
                    .with_context("fixture"));
  co_return (co_await with_timeout(kOpenLimit, floor_.usb.open(device.arrival)))
      .with_context("open");
}

Task<> Slot::record() {
  co_await working_->join();
  working_.reset();
  if (unit_->failed_to_begin()) {
    hold();
    co_return;
  }
  // If the station stops while the ledger is out of order, there is no record, and so no verdict:
  // the next life of the station says UNKNOWN.
  if (unit_->id() || co_await unit_->begin_late()) {
    const AttemptEnded end = end_of_attempt();
    const auto event = co_await floor_.records.append_surely(end);
    if (event) finish(end, *event);
  }
  unit_.reset();
  done_arrival_ = place_.arrival();
  seen_since_end_ = false;
  pulled_ = attempt_.error && attempt_.error->code() == Code::kUnplugged;
  done_job_ = job_->view.id;
  --job_->at_work;
  job_ = nullptr;
  phase_ = Phase::kIdle;
  floor_.look();
}

void Slot::hold() {
  const bool waits_for_mes = floor_.records.in_order();
  if (waits_for_mes) {
    held_arrival_ = place_.arrival();
    held_until_ = floor_.loop.now() + kHoldPause;
    floor_.look_later();
  }
  unit_.reset();
  --job_->at_work;
  job_ = nullptr;
  phase_ = Phase::kIdle;
  set_state(SlotState::kWaiting,
            waits_for_mes ? attempt_.error->message() : floor_.records.trouble());
  floor_.look();
}

AttemptEnded Slot::end_of_attempt() const {
  AttemptEnded end;
  end.attempt = *unit_->id();
  end.verdict = attempt_.verdict;
  if (attempt_.error) {
    end.code = gangd::name(attempt_.error->code());
    end.reason = attempt_.error->message();
  }
  end.step = attempt_.step;
  end.duration_us = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(took_).count());
  end.bytes_found_same = attempt_.bytes_found_same;
  end.bytes_found_blank = attempt_.bytes_found_blank;
  end.measured = attempt_.measured;
  end.measured_as_booted = attempt_.measured_as_booted;
  end.proof = attempt_.measured.empty() ? "" : attempt_.proof;
  if (attempt_.loader) end.loader = attempt_.loader->hex();
  tell_kind(attempt_.kind, end);
  end.qualification = floor_.records.qualification_of(end.key());
  return end;
}

void Slot::finish(const AttemptEnded& end, EventId event) {
  floor_.counters.count({job_->view.product, name(), end.verdict,
                         attempt_.error ? attempt_.error->code() : Code::kCancelled, took_,
                         attempt_.bytes_written, end.bytes_found_same, end.bytes_found_blank,
                         end.qualification == EventId()});
  AttemptOutcome outcome =
      make_outcome(unit_->started(), job_->recipe->image().extents(), end, event);
  switch (end.verdict) {
    case Verdict::kPass:
      ++job_->view.passed;
      if (end.qualification == EventId()) ++job_->view.passed_unqualified;
      job_->units.insert(outcome.uid);
      break;
    case Verdict::kFail:
      ++job_->view.failed;
      break;
    case Verdict::kUnknown:
      ++job_->view.unknown;
      break;
  }
  job_->slots_done.insert(name());
  if (attempt_.error && attempt_.error->code() == Code::kConflict) {
    stopped_job_ = job_->view.id;
    stopped_why_ = attempt_.error->message();
  }
  show(std::move(outcome));
}

void Slot::show(AttemptOutcome outcome) {
  const Verdict verdict = outcome.verdict;
  const Lamp lamp = {verdict, outcome.qualification != EventId()};
  if (verdict == Verdict::kFail && floor_.fails_are_acknowledged) {
    view_.acknowledgement = Acknowledgement::kWanted;
  }
  view_.attempt = outcome.attempt;
  view_.uid = outcome.uid;
  view_.numbers = outcome.numbers;
  view_.outcome = std::move(outcome);
  set_state(SlotState::kEnded, stop_text());
  floor_.fixture.show(name(), lamp);
}

void Slot::restore(AttemptOutcome outcome) {
  show(std::move(outcome));
}

Status Slot::shows_fail(EventId attempt) const {
  if (view_.outcome && view_.outcome->attempt == attempt &&
      view_.outcome->verdict == Verdict::kFail) {
    return {};
  }
  return Error(Code::kNotFound, "slot {} does not show a FAIL of attempt {}: look at it again",
               name(), attempt.to_string());
}

void Slot::acknowledge(EventId attempt) {
  if (!shows_fail(attempt) || view_.acknowledgement == Acknowledgement::kGiven) return;
  view_.acknowledgement = Acknowledgement::kGiven;
  view_.hint.clear();
  shown();
  floor_.look();
}

void Slot::set_state(SlotState state, std::string hint) {
  if (view_.state == state && view_.hint == hint) return;
  view_.state = state;
  view_.hint = std::move(hint);
  shown();
}

void Slot::shown() {
  ++view_.revision;
  floor_.shown();
}

}  // namespace gangd
