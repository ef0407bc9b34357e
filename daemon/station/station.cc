#include "station/station.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/toml_table.h"
#include "loop/deadline.h"
#include "loop/sleep.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kRequestBytesMax = 128;
constexpr std::size_t kWorkOrderBytesMax = 128;
constexpr std::uint64_t kQuantityMax = 1'000'000'000;
// Of those that have ended; the ledger has all.
constexpr std::size_t kJobsShownMax = 100;
// A stopped attempt gives its transfers back, and its end becomes durable.
constexpr Duration kStopLimit = 30s;
// A qualification's job has its board already, or gets none.
constexpr Duration kNoBoardLimit = 60s;
constexpr Duration kJobPause = 100ms;

std::set<UsbPath> paths_of_slots(const StationConfig& config) {
  std::set<UsbPath> paths;
  for (const SlotConfig& slot : config.slots) {
    paths.insert(slot.path);
    if (slot.loader_path) paths.insert(*slot.loader_path);
  }
  return paths;
}

Status check_request(const std::string& request) {
  if (!request.empty() && request.size() <= kRequestBytesMax) return {};
  return Error(Code::kInvalid, "request_id must have 1 to {} characters: any text that is new",
               kRequestBytesMax);
}

Status check_work_order(const StartJob& order) {
  if (order.work_order.size() > kWorkOrderBytesMax) {
    return Error(Code::kInvalid, "work_order may have at most {} characters", kWorkOrderBytesMax);
  }
  if (order.quantity <= kQuantityMax) return {};
  return Error(Code::kInvalid, "quantity may be at most {}; 0 is any number", kQuantityMax);
}

}  // namespace

Station::Station(Loop& loop, Usb& usb, Ledger& ledger, MesLink& mes, Fixture& fixture,
                 Products& products, StationConfig config, std::string version)
    : loop_(loop),
      usb_(usb),
      products_(products),
      config_(std::move(config)),
      version_(std::move(version)),
      mes_(mes),
      records_(loop, ledger,
               [this] {
                 shown();
                 look();
               }),
      serials_(loop, records_, mes,
               [this] {
                 shown();
                 look();
               }),
      outbox_(loop, ledger, mes, [this] { shown(); }),
      recording_(loop, "recording"),
      watching_(loop, "station"),
      floor_{loop,
             usb,
             records_,
             mes,
             serials_,
             fixture,
             recording_,
             counters_,
             paths_of_slots(config_),
             config_.fails_are_acknowledged,
             [this] { shown(); },
             [this] { look(); },
             [this] { watching_.spawn("hold", look_later()); }},
      qualifications_(loop, usb, records_, products,
                      {[this](const std::string& slot) { return paths_of(slot); },
                       [this](StartJob order) { return start_job(std::move(order)); },
                       [this](EventId job) { return job_ended(job); }}) {
  for (const SlotConfig& slot : config_.slots) {
    slots_.push_back(std::make_unique<Slot>(floor_, slot));
  }
}

Station::~Station() = default;

Task<Status> Station::start() {
  counters_.began = loop_.utc_now();
  CO_TRY_STATUS(co_await records_.open(version_));
  CO_TRY_STATUS(co_await restore_fails());
  CO_TRY_STATUS(co_await qualifications_.restore());
  if (mes_.is_there()) outbox_.start();
  watching_.spawn("slots", watch_slots());
  watching_.spawn("bus", watch_bus());
  watching_.spawn("products", watch_products());
  co_return Status();
}

Task<> Station::stop() {
  stopping_ = true;
  for (const auto& job : jobs_) job->stopping = true;
  look();
  const Status ended = co_await shielded(kStopLimit, all_jobs_ended());
  if (!ended) loop_.log(Severity::kWarning, "stopping without the ends of all jobs on record");
  co_await serials_.stop();
  co_await records_.stop();
  co_await recording_.join();
  co_await outbox_.stop();
  watching_.cancel();
  co_await watching_.join();
}

Task<Status> Station::all_jobs_ended() {
  while (std::ranges::any_of(jobs_, [](const auto& job) { return job->view.running; })) {
    CO_TRY_STATUS(co_await shown_.wait());
  }
  co_return Status();
}

// Whoever killed gangd has not seen them by that.
Task<Status> Station::restore_fails() {
  if (!config_.fails_are_acknowledged) co_return Status();
  CO_TRY(std::vector<AttemptOutcome> outcomes, co_await records_.unacknowledged_fails());
  for (AttemptOutcome& outcome : outcomes) {
    // A slot that was taken out of the station's file has nobody who could acknowledge.
    if (const auto slot = find_slot(outcome.slot)) (*slot)->restore(std::move(outcome));
  }
  co_return Status();
}

// --- the floor

Task<> Station::watch_bus() {
  while (true) {
    look();
    if (!co_await usb_.changed(usb_.revision())) co_return;
  }
}

Task<> Station::watch_slots() {
  std::uint64_t looks_done = 0;
  while (true) {
    while (looks_done != looks_wanted_) {
      looks_done = looks_wanted_;
      look_at_slots();
      end_jobs();
    }
    if (!co_await look_.wait()) co_return;
  }
}

// What a client can order; a process engineer may add files at any time.
Task<> Station::watch_products() {
  while (true) {
    auto names = co_await products_.names();
    if (names && *names != product_names_) {
      product_names_ = *std::move(names);
      shown();
    }
    if (!co_await sleep_for(5s)) co_return;
  }
}

void Station::look_at_slots() {
  for (const auto& slot : slots_) slot->look(job_of_slot(slot->name()));
}

void Station::end_jobs() {
  for (const auto& job : jobs_) {
    if (!job->view.running || job->ending) continue;
    const bool is_over = job->stopping || job->is_complete() ||
                         (job->view.once && job->slots_done.size() == job->view.slots.size());
    const bool is_at_work = std::ranges::any_of(
        slots_, [&job](const auto& slot) { return slot->is_working_for(*job); });
    if (!is_over || is_at_work) continue;
    job->ending = true;
    recording_.spawn(fmt::format("job {} end", job->view.id.to_string()), end_job(*job));
  }
}

Task<> Station::end_job(Job& job) {
  job.view.reason = job.stopping ? "stopped" : "finished";
  const auto event =
      co_await records_.append_surely(JobEnded{job.view.id, job.stop_request, job.stop_caller.role,
                                               job.view.reason, job.stop_caller.subject});
  if (!event) job.view.reason = "not recorded: " + event.error().message();
  job.view.running = false;
  job.recipe.reset();
  shown();
  look();
}

// --- orders

Task<Result<EventId>> Station::start_job(StartJob order) {
  CO_TRY_STATUS(check_request(order.request));
  CO_TRY_STATUS(check_work_order(order));
  if (stopping_) co_return Error(Code::kClosed, "gangd is stopping");
  const std::string request = order.request;
  if (!requests_.insert(request).second) {
    co_return Error(Code::kBusy, "request \"{}\" is being worked on: ask again", request);
  }
  auto previous = co_await records_.ledger().request(request);
  Result<EventId> id = EventId();
  if (!previous) {
    id = std::move(previous).error();
  } else if (*previous) {
    const Status same = check_previous(order, **previous);
    id = same ? Result<EventId>((*previous)->id) : Result<EventId>(same.error());
  } else {
    id = co_await start_new_job(std::move(order));
  }
  requests_.erase(request);
  co_return id;
}

Status Station::check_previous(const StartJob& order, const Entry& entry) const {
  const auto* started = std::get_if<JobStarted>(&entry.event);
  if (started != nullptr && started->product == order.product && started->once == order.once &&
      started->work_order == order.work_order && started->quantity == order.quantity &&
      (order.slots.empty() || order.slots == started->slots)) {
    return {};
  }
  return Error(Code::kInvalid,
               "request \"{}\" was another order ({}): give each order a request_id of its own",
               order.request, entry.id.to_string());
}

Task<Result<EventId>> Station::start_new_job(StartJob order) {
  CO_TRY(order.slots, resolve_slots(order));
  CO_TRY(std::unique_ptr<Recipe> recipe, co_await products_.load(order.product));
  CO_TRY_STATUS(check_serial(recipe->product()));
  CO_TRY_STATUS(check_free(order.slots));
  slots_taken_.insert(order.slots.begin(), order.slots.end());
  const Product& product = recipe->product();
  auto id = co_await records_.append(
      JobStarted{order.request, order.role, order.product, product.digest, order.slots, order.once,
                 recipe->image().extents(), order.subject, order.work_order, order.quantity,
                 order.qualification});
  for (const std::string& slot : order.slots) slots_taken_.erase(slot);
  if (!id) co_return id;
  if (const auto& serial = product.serial; serial && serial->from_mes) {
    serials_.keep(serial->pool, product.name, serial->ahead);
  }
  Job& job = add_job(*id, order, std::move(recipe));
  job.stopping = stopping_;
  look();
  co_return id;
}

Status Station::check_serial(const Product& product) const {
  if (!product.serial) return {};
  if (product.serial->from_mes && !mes_.is_there()) {
    return Error(Code::kInvalid,
                 "product \"{}\" has its numbers from the MES, and this station has none: give "
                 "station.toml a table [mes], or let the station count",
                 product.name);
  }
  return records_.check_pool(product.serial->pool, product.serial->from_mes);
}

Result<std::vector<std::string>> Station::resolve_slots(const StartJob& order) const {
  std::vector<std::string> all;
  for (const auto& slot : slots_) all.push_back(slot->name());
  if (order.slots.empty()) return all;
  std::set<std::string> named;
  for (const std::string& name : order.slots) {
    if (std::ranges::find(all, name) == all.end()) {
      return Error(Code::kNotFound, "there is no slot \"{}\"; there are: {}", name,
                   fmt::join(all, ", "));
    }
    if (!named.insert(name).second) {
      return Error(Code::kInvalid, "slot \"{}\" is named twice", name);
    }
  }
  return order.slots;
}

Status Station::check_free(const std::vector<std::string>& slots) const {
  for (const std::string& slot : slots) {
    if (slots_taken_.contains(slot)) {
      return Error(Code::kBusy, "slot {} is being given to another job", slot);
    }
    for (const auto& job : jobs_) {
      if (!job->view.running || !job->has_slot(slot)) continue;
      return Error(Code::kBusy, "slot {} belongs to job {}: stop that first (gangctl job stop {})",
                   slot, job->view.id.to_string(), job->view.id.to_string());
    }
  }
  return {};
}

Job& Station::add_job(EventId id, const StartJob& order, std::unique_ptr<Recipe> recipe) {
  auto job = std::make_unique<Job>();
  job->view.id = id;
  job->view.product = order.product;
  job->view.slots = order.slots;
  job->view.once = order.once;
  job->view.work_order = order.work_order;
  job->view.quantity = order.quantity;
  job->full = order.full;
  job->view.running = true;
  job->recipe = std::move(recipe);
  if (jobs_.size() >= kJobsShownMax) {
    const auto ended =
        std::ranges::find_if(jobs_, [](const auto& old) { return !old->view.running; });
    if (ended != jobs_.end()) jobs_.erase(ended);
  }
  jobs_.push_back(std::move(job));
  counters_.product(order.product);
  shown();
  return *jobs_.back();
}

Task<Status> Station::stop_job(StopJob order) {
  CO_TRY_STATUS(check_request(order.request));
  if (find_job(order.job) == nullptr) {
    const auto entry = co_await records_.ledger().entry(order.job);
    if (entry && std::holds_alternative<JobStarted>(entry->event)) co_return Status();
    if (!entry && !entry.failed_with(Code::kNotFound)) co_return entry.error();
    co_return Error(Code::kNotFound, "there is no job {}: see gangctl job list",
                    order.job.to_string());
  }
  while (true) {
    Job* job = find_job(order.job);
    if (job == nullptr || !job->view.running) co_return Status();
    if (!job->stopping) {
      job->stopping = true;
      job->stop_request = order.request;
      job->stop_caller = {order.role, order.subject};
      look();
    }
    CO_TRY_STATUS(co_await shown_.wait());
  }
}

Task<Status> Station::record_denial(AccessDenied denial) {
  const auto id = co_await records_.append(std::move(denial));
  co_return id ? Status() : Status(id.error());
}

Result<Slot*> Station::find_slot(const std::string& name) const {
  const auto found =
      std::ranges::find_if(slots_, [&name](const auto& slot) { return slot->name() == name; });
  if (found != slots_.end()) return found->get();
  return Error(Code::kNotFound, "there is no slot \"{}\"", name);
}

Result<std::vector<UsbPath>> Station::paths_of(const std::string& slot) const {
  TRY(const Slot* const found, find_slot(slot));
  return found->paths();
}

Task<Status> Station::job_ended(EventId id) {
  const Instant patience = loop_.now() + kNoBoardLimit;
  while (true) {
    Job* job = find_job(id);
    if (job == nullptr || !job->view.running) co_return Status();
    const bool waits = job->at_work == 0 && job->slots_done.empty() && !job->stopping;
    if (waits && loop_.now() >= patience) {
      job->stopping = true;
      look();
    }
    // What is shown changes too often with a board at work, and not at all without one.
    CO_TRY_STATUS(co_await sleep_for(kJobPause));
  }
}

Task<Status> Station::acknowledge(AcknowledgeSlot order) {
  CO_TRY_STATUS(check_request(order.request));
  CO_TRY(Slot* const slot, find_slot(order.slot));
  CO_TRY(const std::optional<Entry> previous, co_await records_.ledger().request(order.request));
  if (previous) {
    const auto* seen = std::get_if<AttemptAcknowledged>(&previous->event);
    if (seen == nullptr || seen->attempt != order.attempt) {
      co_return Error(Code::kInvalid,
                      "request \"{}\" was another order ({}): give each order a request_id of its "
                      "own",
                      order.request, previous->id.to_string());
    }
  } else {
    CO_TRY_STATUS(slot->shows_fail(order.attempt));
    if (slot->view().acknowledgement == Acknowledgement::kGiven) co_return Status();
    const auto event = co_await records_.append(
        AttemptAcknowledged{order.attempt, order.request, order.role, order.subject});
    if (!event) co_return event.error();
  }
  slot->acknowledge(order.attempt);
  co_return Status();
}

Job* Station::find_job(EventId id) {
  const auto found =
      std::ranges::find_if(jobs_, [id](const auto& job) { return job->view.id == id; });
  return found == jobs_.end() ? nullptr : found->get();
}

Job* Station::job_of_slot(const std::string& slot) {
  const auto found = std::ranges::find_if(
      jobs_, [&slot](const auto& job) { return job->view.running && job->has_slot(slot); });
  return found == jobs_.end() ? nullptr : found->get();
}

// --- what is shown

StationView Station::view() const {
  StationView view;
  view.name = config_.name;
  view.version = version_;
  view.ledger = config_.ledger;
  view.taking = records_.in_order();
  view.trouble = records_.trouble();
  view.mes_trouble = outbox_.trouble().empty() ? serials_.trouble() : outbox_.trouble();
  view.products = product_names_;
  return view;
}

std::vector<SlotView> Station::slots() const {
  std::vector<SlotView> views;
  views.reserve(slots_.size());
  for (const auto& slot : slots_) views.push_back(slot->view());
  return views;
}

std::vector<JobView> Station::jobs() const {
  std::vector<JobView> views;
  views.reserve(jobs_.size());
  for (const auto& job : jobs_) views.push_back(job->view);
  return views;
}

StationCounters Station::counters() const {
  StationCounters counters = counters_;
  counters.ledger = records_.counts();
  return counters;
}

Task<Status> Station::changed(std::uint64_t seen) {
  while (revision_ == seen) CO_TRY_STATUS(co_await shown_.wait());
  co_return Status();
}

void Station::shown() {
  ++revision_;
  shown_.notify();
}

void Station::look() {
  ++looks_wanted_;
  look_.notify();
}

Task<> Station::look_later() {
  if (co_await sleep_for(kHoldPause)) look();
}

}  // namespace gangd
