#include "station/qualification.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "loop/deadline.h"
#include "loop/sleep.h"
#include "station/station.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kPage = 100;
// Longer needs nobody: capacitors are empty.
constexpr Duration kHubOffMax = 10min;
constexpr Duration kHubLimit = 10s;
// A board that gets power shows itself within seconds; one that has started its application never.
constexpr Duration kShowLimit = 10s;
constexpr Duration kLookPause = 100ms;
constexpr std::size_t kTextBytesMax = 1000;

constexpr std::array<QualificationStepKind, 8> kSteps = {{
    {"cold_start",
     "Take all power from the board: USB, supply, debugger. Wait 10 seconds. Then put it into slot "
     "{slot}, set to be programmed as in production.",
     false},
    {"program",
     "Leave the board alone: gangd erases and writes all of it in slot {slot}, and the board "
     "measures itself.",
     false},
    {"cold_cycle",
     "Take all power from the board again, also that of slot {slot}. Wait 10 seconds. Then connect "
     "a debugger to its SWD pins, and power it.",
     false},
    {"dump",
     "Read what was programmed out of the chip with the debugger, without gangd and without its "
     "loader, into files, and give them: gangd compares every byte.",
     false},
    {"boot",
     "Take the debugger and all power away. Set the board to start as it will in the field (boot "
     "pins, option bytes). Wait 10 seconds and power it: the application must run. Say what shows "
     "that it does.",
     true},
    {"cold_return",
     "Take all power from the board. Wait 10 seconds. Then put it into slot {slot}, set to be "
     "programmed as in production.",
     false},
    {"measure",
     "Leave the board alone: gangd looks whether it holds all of it still, after the cold starts "
     "and the application, and writes nothing.",
     false},
    {"sign",
     "Say that all of this was done as it is written, with one real board. It is signed with the "
     "station's key, and the units of this kind are no longer UNQUALIFIED.",
     false},
}};

std::string prompt_for(const QualificationStepKind& step, const std::string& slot) {
  std::string prompt(step.prompt);
  const std::string_view place = "{slot}";
  if (const std::size_t at = prompt.find(place); at != std::string::npos) {
    prompt.replace(at, place.size(), slot);
  }
  return prompt;
}

Status check_text(std::string_view name, const std::string& text, bool may_be_empty) {
  const bool has_words = text.find_first_not_of(" \t\r\n") != std::string::npos;
  if ((has_words || may_be_empty) && text.size() <= kTextBytesMax) return {};
  return Error(Code::kInvalid, "{} must have 1 to {} characters", name, kTextBytesMax);
}

// Why what gangd did is no step of a qualification; nothing if it is.
std::string why_not_programmed(const AttemptOutcome& outcome) {
  if (outcome.verdict != Verdict::kPass) {
    return fmt::format("the attempt ended as {}: {}", verdict_name(outcome.verdict),
                       outcome.reason);
  }
  if (outcome.bytes_found_same > 0 || outcome.bytes_found_blank > 0) {
    return "not all of it was erased and written";
  }
  if (outcome.key.is_whole()) return "";
  return fmt::format(
      "the board does not tell its kind ({}): its firmware must tell chip, board, flash and loader "
      "over XFP, and the product must have verify = \"device\" or \"both\"",
      outcome.key.text());
}

std::string why_not_kept(const AttemptOutcome& outcome, const AttemptOutcome& programmed) {
  if (outcome.verdict != Verdict::kPass) {
    return fmt::format("the attempt ended as {}: {}", verdict_name(outcome.verdict),
                       outcome.reason);
  }
  if (outcome.uid != programmed.uid) {
    return fmt::format("this is board {}, and {} was programmed", outcome.uid, programmed.uid);
  }
  if (outcome.key != programmed.key) {
    return fmt::format("the board says that it is another kind than before: {}",
                       outcome.key.text());
  }
  std::uint64_t bytes = 0;
  for (const Extent& extent : outcome.expected) bytes += extent.size;
  if (outcome.bytes_found_same == bytes) return "";
  return fmt::format(
      "after the cold starts {} of {} bytes were not there any more, and gangd "
      "wrote them again",
      bytes - outcome.bytes_found_same, bytes);
}

}  // namespace

std::span<const QualificationStepKind> qualification_steps() {
  return kSteps;
}

// One that goes on, or has just come to its end.
struct Qualifications::Going {
  struct Expected {
    Extent extent;
    ByteVector bytes;
  };

  EventId id;
  QualificationStarted started;
  std::vector<UsbPath> paths;  // where the board may be seen, and gets power
  std::size_t next = 0;        // of kSteps
  std::uint64_t failures = 0;
  std::uint64_t tries = 0;
  std::string trouble;
  EventId qualified;
  std::optional<AttemptOutcome> programmed;
  // The board that was in the slot when the step was asked for, 0: none; nothing: in another life.
  std::optional<std::uint64_t> seen;
  bool is_busy = false;

  // The dump, as far as it has come.
  std::vector<Expected> expected;
  std::size_t extent = 0;
  std::uint64_t offset = 0;
  std::optional<Sha256> hash;
  std::vector<Extent> dumped;
  std::uint64_t differing = 0;
  std::uint64_t first_difference = 0;
};

// One call at a time works on a qualification.
class Qualifications::Use {
 public:
  explicit Use(Going& going) : going_(going) { going_.is_busy = true; }
  ~Use() { going_.is_busy = false; }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

 private:
  Going& going_;
};

Qualifications::Qualifications(Loop& loop, Usb& usb, Records& records, Products& products,
                               Floor floor)
    : loop_(loop), usb_(usb), records_(records), products_(products), floor_(std::move(floor)) {}

Qualifications::~Qualifications() = default;

// --- beginning, and going on

Task<Status> Qualifications::restore() {
  for (const OpenQualification& open : records_.open_qualifications()) {
    CO_TRY_STATUS(co_await restore_one(open));
  }
  co_return Status();
}

Task<Status> Qualifications::restore_one(OpenQualification open) {
  CO_TRY(const Entry entry, co_await records_.ledger().entry(open.id));
  const auto* started = std::get_if<QualificationStarted>(&entry.event);
  if (started == nullptr) co_return Status();
  const auto paths = floor_.paths_of(started->slot);
  // A slot that was taken out of the station's file: nobody can go on there.
  if (!paths) co_return Status();
  auto going = std::make_unique<Going>();
  going->id = open.id;
  going->started = *started;
  going->paths = *paths;
  for (const EventId id : open.steps) {
    CO_TRY(const Entry noted, co_await records_.ledger().entry(id));
    const auto* step = std::get_if<QualificationStep>(&noted.event);
    if (step == nullptr) continue;
    ++going->tries;
    going->trouble = step->reason;
    if (!step->passed) ++going->failures;
    // One that passed may be there twice: the ledger failed, and had it all the same.
    if (!step->passed || step->step != kSteps[going->next].name) continue;
    ++going->next;
    if (step->step != "program") continue;
    CO_TRY(going->programmed, co_await outcome_of(step->attempt));
  }
  newest_ = std::max(newest_, open.id);
  going_[open.id] = std::move(going);
  co_return Status();
}

Task<Result<Sha256Digest>> Qualifications::check_product(std::string product) {
  CO_TRY(const std::unique_ptr<Recipe> recipe, co_await products_.load(product));
  if (recipe->product().verify != Verify::kReadback) co_return recipe->product().digest;
  co_return Error(Code::kInvalid,
                  "product \"{}\" is measured by reading it back, and then nobody says which "
                  "loader runs: give it verify = \"device\" or \"both\"",
                  product);
}

Task<Result<QualificationView>> Qualifications::start(StartQualification order) {
  CO_TRY_STATUS(check_text("request_id", order.request, false));
  CO_TRY_STATUS(check_text("person", order.person, false));
  CO_TRY(std::vector<UsbPath> paths, floor_.paths_of(order.slot));
  CO_TRY(const std::optional<Entry> previous, co_await records_.ledger().request(order.request));
  if (previous) {
    const auto* same = std::get_if<QualificationStarted>(&previous->event);
    // What failed may have become durable all the same.
    if (same != nullptr && !going_.contains(previous->id) && previous->id > newest_) {
      CO_TRY_STATUS(co_await restore_one({previous->id, {}}));
    }
    if (going_.contains(previous->id)) co_return view(previous->id);
    co_return Error(Code::kInvalid, "request \"{}\" was another order ({}), or has ended",
                    order.request, previous->id.to_string());
  }
  CO_TRY(const Sha256Digest product, co_await check_product(order.product));
  const bool is_busy = std::ranges::any_of(going_, [&order](const auto& each) {
    return each.second->started.slot == order.slot && each.second->is_busy;
  });
  if (is_busy || starting_) {
    co_return Error(Code::kBusy, "a step of another qualification is being done: wait for it");
  }
  starting_ = true;
  auto going = std::make_unique<Going>();
  going->started = {order.request, order.caller.role, order.caller.subject,
                    order.person,  order.product,     product,
                    order.slot};
  going->paths = std::move(paths);
  const auto id = co_await records_.append(going->started);
  starting_ = false;
  if (!id) co_return id.error();
  std::erase_if(going_,
                [&order](const auto& each) { return each.second->started.slot == order.slot; });
  going->id = newest_ = *id;
  going->seen = arrival_at(*going);
  const Going& begun = *(going_[*id] = std::move(going));
  co_return view_of(begun);
}

// --- what is shown

std::uint64_t Qualifications::arrival_at(const Going& going) const {
  std::uint64_t newest = 0;
  for (const UsbDevice& device : usb_.devices()) {
    const bool is_here = std::ranges::find(going.paths, device.path) != going.paths.end();
    if (is_here) newest = std::max(newest, device.arrival);
  }
  return newest;
}

QualificationView Qualifications::view_of(const Going& going) const {
  QualificationView view;
  view.id = going.id;
  view.product = going.started.product;
  view.slot = going.started.slot;
  view.person = going.started.person;
  view.trouble = going.trouble;
  view.failures = going.failures;
  view.qualified = going.qualified;
  if (going.programmed) {
    view.key = going.programmed->key;
    view.uid = going.programmed->uid;
  }
  if (going.qualified != EventId()) return view;
  const QualificationStepKind& step = kSteps[going.next];
  view.step = step.name;
  view.step_number = going.next + 1;
  view.prompt = prompt_for(step, going.started.slot);
  view.needs_note = step.needs_note;
  if (step.name == "dump" && going.programmed) view.dump = going.programmed->expected;
  return view;
}

Result<QualificationView> Qualifications::view(EventId id) {
  const auto found = going_.find(id);
  if (found == going_.end()) {
    return Error(Code::kNotFound,
                 "no qualification {} is going on: gangctl qualify begins one, and another in the "
                 "same slot ends it",
                 id.to_string());
  }
  Going& going = *found->second;
  if (!going.seen) going.seen = arrival_at(going);
  return view_of(going);
}

std::vector<QualificationView> Qualifications::all() {
  std::vector<QualificationView> views;
  for (const auto& [id, going] : going_) views.push_back(view_of(*going));
  return views;
}

Result<Qualifications::Going*> Qualifications::find(EventId id, std::string_view step) {
  TRY(const QualificationView shown, view(id));
  Going* const going = going_.at(id).get();
  if (going->is_busy || starting_) {
    return Error(Code::kBusy, "a step of a qualification is being done: wait for that");
  }
  if (shown.step == step) return going;
  if (shown.step.empty()) {
    return Error(Code::kInvalid, "qualification {} has come to its end: {}", id.to_string(),
                 shown.qualified.to_string());
  }
  return Error(Code::kInvalid, "the next step of qualification {} is {}: {}", id.to_string(),
               shown.step, shown.prompt);
}

// --- steps

Task<Result<QualificationView>> Qualifications::do_step(DoQualificationStep order) {
  CO_TRY(Going* const going, find(order.qualification, order.step));
  CO_TRY_STATUS(check_text("note", order.note, !kSteps[going->next].needs_note));
  const Use use(*going);
  if (order.step == "sign") co_return co_await sign(*going, std::move(order));
  if (order.step == "program" || order.step == "measure") {
    co_return co_await step_of_gangd(*going, std::move(order));
  }
  if (order.step == "dump") {
    co_return Error(Code::kInvalid, "give the files that the debugger wrote: gangctl qualify asks");
  }
  co_return co_await step_of_person(*going, std::move(order));
}

// That a board went away is what gangd can see of its being without power. The rest is the person's
// word, which is on record.
Status Qualifications::check_power(const Going& going) const {
  const std::string_view step = kSteps[going.next].name;
  if (!step.starts_with("cold")) return {};  // it may run anywhere, with a supply of its own
  const std::uint64_t now = arrival_at(going);
  const bool must_be_there = step != "cold_cycle";
  if (must_be_there && now == 0) {
    return Error(Code::kInvalid, "no board is in slot {}: {}", going.started.slot,
                 prompt_for(kSteps[going.next], going.started.slot));
  }
  if (now == 0 || now != *going.seen) return {};
  return Error(Code::kInvalid,
               "the board in slot {} has not been away since it was asked for: take all power from "
               "it, and wait 10 seconds",
               going.started.slot);
}

// Of all its connectors: it runs from any of them.
Task<Status> Qualifications::set_power(std::vector<UsbPath> paths, bool on) {
  Status outcome;
  for (const UsbPath& path : paths) {
    Status status = (co_await usb_.set_port_power(path, on)).with_context("the hub");
    if (outcome) outcome = std::move(status);
  }
  co_return outcome;
}

// Of a board that has no power but the ports'.
Task<Status> Qualifications::switch_power(Going& going, Duration off) {
  if (kSteps[going.next].needs_note || off > kHubOffMax) {
    co_return Error(Code::kInvalid, "a hub can switch the power for a cold start, for at most {} s",
                    std::chrono::duration_cast<std::chrono::seconds>(kHubOffMax).count());
  }
  Status status = co_await set_power(going.paths, false);
  if (status) status = co_await sleep_for(off);
  // Whatever happened: nobody looks for a port without power.
  const Status back = co_await shielded(kHubLimit, set_power(going.paths, true));
  CO_TRY_STATUS(status);
  CO_TRY_STATUS(back);
  const Instant patience = loop_.now() + kShowLimit;
  while (arrival_at(going) == 0 && loop_.now() < patience) {
    CO_TRY_STATUS(co_await sleep_for(kLookPause));
  }
  co_return Status();
}

Task<Result<QualificationView>> Qualifications::step_of_person(Going& going,
                                                               DoQualificationStep order) {
  std::string by_hub;
  if (order.hub_off > Duration::zero()) {
    CO_TRY_STATUS(co_await switch_power(going, order.hub_off));
    by_hub = fmt::format("the hub switched the power off for {} s; ",
                         std::chrono::duration_cast<std::chrono::seconds>(order.hub_off).count());
  }
  CO_TRY_STATUS(check_power(going));
  QualificationStep step;
  step.qualification = going.id;
  step.step = order.step;
  step.passed = true;
  step.note = by_hub + order.note;
  step.role = order.caller.role;
  step.subject = order.caller.subject;
  co_return co_await note_step(going, std::move(step));
}

Task<Result<QualificationView>> Qualifications::step_of_gangd(Going& going,
                                                              DoQualificationStep order) {
  const bool is_programming = order.step == "program";
  StartJob job;
  job.request =
      fmt::format("qualification {} {} {}", going.id.to_string(), order.step, going.tries);
  job.role = order.caller.role;
  job.subject = order.caller.subject;
  job.product = going.started.product;
  job.slots = {going.started.slot};
  job.once = true;
  job.qualification = going.id;
  job.full = is_programming;
  CO_TRY(const EventId id, co_await floor_.start_job(std::move(job)));
  CO_TRY_STATUS(co_await floor_.job_ended(id));
  QualificationStep step;
  step.qualification = going.id;
  step.step = order.step;
  step.note = std::move(order.note);
  step.role = order.caller.role;
  step.subject = order.caller.subject;
  const auto attempt = co_await attempt_of(id);
  if (!attempt && !attempt.failed_with(Code::kNotFound)) co_return attempt.error();
  std::optional<AttemptOutcome> outcome;
  if (attempt) {
    step.attempt = *attempt;
    CO_TRY(outcome, co_await outcome_of(*attempt));
    step.reason =
        is_programming ? why_not_programmed(*outcome) : why_not_kept(*outcome, *going.programmed);
  } else {
    step.reason =
        fmt::format("slot {} did not take the board: look at gangctl slots", going.started.slot);
  }
  step.passed = step.reason.empty();
  if (step.passed && is_programming) going.programmed = std::move(outcome);
  co_return co_await note_step(going, std::move(step));
}

Task<Result<QualificationView>> Qualifications::note_step(Going& going, QualificationStep step) {
  const bool passed = step.passed;
  const std::string reason = step.reason;
  const auto id = co_await records_.append(std::move(step));
  if (!id) co_return id.error();
  ++going.tries;
  going.trouble = reason;
  if (passed) {
    ++going.next;
  } else {
    ++going.failures;
  }
  going.seen = arrival_at(going);
  co_return view_of(going);
}

Task<Result<QualificationView>> Qualifications::sign(Going& going, DoQualificationStep order) {
  const AttemptOutcome& programmed = *going.programmed;
  BoardQualified qualified;
  qualified.qualification = going.id;
  qualified.chip = programmed.key.chip;
  qualified.board = programmed.key.board;
  qualified.flashes = programmed.key.flashes;
  qualified.loader = programmed.key.loader;
  qualified.uid = programmed.uid;
  qualified.failures = going.failures;
  qualified.person = going.started.person;
  qualified.role = order.caller.role;
  qualified.subject = order.caller.subject;
  CO_TRY(going.qualified, co_await records_.append(std::move(qualified)));
  loop_.log(Severity::kInfo, "qualified by {}: {}", going.started.person, programmed.key.text());
  co_return view_of(going);
}

// --- the dump

// What must be in the chip, from the product's files, which must be those that were programmed.
Task<Status> Qualifications::expect_dump(Going& going) {
  CO_TRY(const std::unique_ptr<Recipe> recipe, co_await products_.load(going.started.product));
  const Image& image = recipe->image();
  const auto& serial = recipe->product().serial;
  going.expected.clear();
  for (const Extent& extent : going.programmed->expected) {
    ByteVector bytes;
    const auto part = std::ranges::find(image.extents(), extent);
    if (part != image.extents().end()) {
      const auto index = static_cast<std::size_t>(part - image.extents().begin());
      const ByteView found = image.parts()[index].bytes;
      bytes.assign(found.begin(), found.end());
    }
    for (const UnitNumber& number : going.programmed->numbers) {
      if (serial && serial->extent(number.value) == extent) bytes = serial->field(number.value);
    }
    if (bytes.empty()) {
      co_return Error(Code::kMismatch,
                      "product \"{}\" has changed since the board was programmed ({}): put its "
                      "files back, or begin the qualification anew",
                      going.started.product, extent.name);
    }
    going.expected.push_back({extent, std::move(bytes)});
  }
  going.extent = 0;
  going.offset = 0;
  going.hash.emplace();
  going.dumped.clear();
  going.differing = 0;
  co_return Status();
}

Task<Result<QualificationView>> Qualifications::compare(DumpPiece piece) {
  CO_TRY(Going* const going, find(piece.qualification, "dump"));
  const Use use(*going);
  if (piece.extent == 0 && piece.offset == 0) CO_TRY_STATUS(co_await expect_dump(*going));
  co_return co_await compare_piece(*going, std::move(piece));
}

Task<Result<QualificationView>> Qualifications::compare_piece(Going& going, DumpPiece piece) {
  if (going.extent >= going.expected.size() || piece.extent != going.extent ||
      piece.offset != going.offset) {
    co_return Error(Code::kInvalid, "a piece of the dump is missing: begin it anew");
  }
  const Going::Expected& expected = going.expected[going.extent];
  if (piece.bytes.empty() || piece.bytes.size() > expected.bytes.size() - going.offset) {
    co_return Error(Code::kInvalid, "the dump of {} has {} bytes, and must have {}",
                    expected.extent.name, going.offset + piece.bytes.size(), expected.bytes.size());
  }
  for (std::size_t i = 0; i < piece.bytes.size(); ++i) {
    if (piece.bytes[i] == expected.bytes[going.offset + i]) continue;
    if (going.differing++ == 0) {
      going.first_difference = expected.extent.address + going.offset + i;
    }
  }
  going.hash->update(piece.bytes);
  going.offset += piece.bytes.size();
  if (going.offset < expected.bytes.size()) co_return view_of(going);
  Extent dumped = expected.extent;
  dumped.digest = going.hash->finish();
  going.dumped.push_back(std::move(dumped));
  going.hash.emplace();
  going.offset = 0;
  if (++going.extent < going.expected.size()) co_return view_of(going);
  QualificationStep step;
  step.qualification = going.id;
  step.step = "dump";
  step.passed = going.differing == 0;
  if (!step.passed) {
    step.reason = fmt::format(
        "the dump is not what was programmed: {} bytes differ, the first at "
        "0x{:08x}",
        going.differing, going.first_difference);
  }
  step.role = piece.caller.role;
  step.subject = piece.caller.subject;
  step.dumped = std::move(going.dumped);
  going.expected.clear();
  co_return co_await note_step(going, std::move(step));
}

// --- the record

Task<Result<EventId>> Qualifications::attempt_of(EventId job) {
  EventId cursor = job;
  while (true) {
    CO_TRY(const std::vector<Entry> entries, co_await records_.ledger().entries(cursor, kPage));
    for (const Entry& entry : entries) {
      const auto* attempt = std::get_if<AttemptStarted>(&entry.event);
      if (attempt != nullptr && attempt->job == job) co_return entry.id;
      cursor = entry.id;
    }
    if (entries.empty()) {
      co_return Error(Code::kNotFound, "job {} had no attempt", job.to_string());
    }
  }
}

Task<Result<AttemptOutcome>> Qualifications::outcome_of(EventId attempt) {
  CO_TRY(const Entry started, co_await records_.ledger().entry(attempt));
  const auto* start = std::get_if<AttemptStarted>(&started.event);
  if (start == nullptr) co_return Error(Code::kNotFound, "{} is no attempt", attempt.to_string());
  CO_TRY(const Entry job, co_await records_.ledger().entry(start->job));
  const auto* order = std::get_if<JobStarted>(&job.event);
  EventId cursor = attempt;
  while (order != nullptr) {
    CO_TRY(const std::vector<Entry> entries, co_await records_.ledger().entries(cursor, kPage));
    for (const Entry& entry : entries) {
      const auto* end = std::get_if<AttemptEnded>(&entry.event);
      if (end != nullptr && end->attempt == attempt) {
        co_return make_outcome(*start, order->image_extents, *end, entry.id);
      }
      cursor = entry.id;
    }
    if (entries.empty()) break;
  }
  co_return Error(Code::kNotFound, "attempt {} has no end", attempt.to_string());
}

}  // namespace gangd
