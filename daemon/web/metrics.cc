#include "web/metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <iterator>
#include <utility>

#include "base/utf8.h"

namespace gangd {
namespace {

constexpr SlotState kSlotStates[] = {SlotState::kEmpty,     SlotState::kForeign,
                                     SlotState::kWaiting,   SlotState::kRunning,
                                     SlotState::kRecording, SlotState::kEnded};
constexpr std::string_view kVerdicts[] = {"pass", "fail", "unknown"};

using Label = std::pair<std::string_view, std::string_view>;
using Labels = std::initializer_list<Label>;

// Writes samples; a family is its help, its type, and the samples that follow.
class Page {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    fmt::format_to(out(), "# HELP {0} {1}\n# TYPE {0} {2}\n", name, help, type);
  }
  template <class Number>
  void sample(Labels labels, Number value, std::string_view suffix = "") {
    text_ += name_;
    text_ += suffix;
    add_labels(labels);
    fmt::format_to(out(), " {}\n", value);
  }
  // Of the family's type `histogram`: each bucket holds those before it. `label` may be empty.
  void histogram(Label label, const Histogram& values) {
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < values.counts().size(); ++i) {
      total += values.counts()[i];
      const bool is_last = i == values.bounds().size();
      const std::string bound = is_last ? "+Inf" : fmt::format("{}", values.bounds()[i]);
      sample({label, {"le", bound}}, total, "_bucket");
    }
    sample({label}, values.sum(), "_sum");
    sample({label}, total, "_count");
  }
  std::string take() { return std::move(text_); }

 private:
  std::back_insert_iterator<std::string> out() { return std::back_inserter(text_); }

  void add_labels(Labels labels) {
    char before = '{';
    for (const auto& [name, value] : labels) {
      if (name.empty()) continue;
      text_ += std::exchange(before, ',');
      text_ += name;
      text_ += "=\"";
      add_escaped(as_utf8(value));
      text_ += '"';
    }
    if (before == ',') text_ += '}';
  }
  void add_escaped(std::string_view value) {
    for (const char c : value) {
      if (c == '\n') {
        text_ += "\\n";
        continue;
      }
      if (c == '\\' || c == '"') text_ += '\\';
      text_ += c;
    }
  }

  std::string_view name_;
  std::string text_;
};

void add_station(Page& page, const StationView& station, const std::vector<JobView>& jobs,
                 const StationCounters& counters) {
  page.family("gangd_build_info", "gauge", "The gangd that runs; always 1.");
  page.sample({{"version", station.version}}, 1);
  page.family("gangd_station_info", "gauge", "The station as its records name it; always 1.");
  page.sample({{"station", station.name}}, 1);
  page.family("process_start_time_seconds", "gauge", "When gangd began, in seconds since 1970.");
  page.sample({},
              std::chrono::floor<std::chrono::seconds>(counters.began).time_since_epoch().count());
  page.family("gangd_taking_boards", "gauge",
              "1 while the ledger is in order, so that attempts may begin.");
  page.sample({}, station.taking ? 1 : 0);
  page.family("gangd_jobs_running", "gauge", "Jobs that take boards now.");
  page.sample({}, std::ranges::count_if(jobs, &JobView::running));
}

void add_slots(Page& page, const std::vector<SlotView>& slots, const StationCounters& counters) {
  page.family("gangd_slot_state", "gauge", "1 for the state that the slot is in, else 0.");
  for (const SlotView& slot : slots) {
    for (const SlotState state : kSlotStates) {
      page.sample({{"slot", slot.name}, {"state", slot_state_name(state)}},
                  slot.state == state ? 1 : 0);
    }
  }
  page.family("gangd_slot_attempts_total", "counter", "Attempts that have ended, by slot.");
  for (const SlotView& slot : slots) {
    const auto found = counters.slots.find(slot.name);
    const VerdictCounts counts = found == counters.slots.end() ? VerdictCounts{} : found->second;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      page.sample({{"slot", slot.name}, {"verdict", kVerdicts[i]}}, counts[i]);
    }
  }
}

// Beside the attempts of the same labels.
void add_unqualified(Page& page, const std::vector<SlotView>& slots,
                     const StationCounters& counters) {
  page.family("gangd_slot_unqualified_attempts_total", "counter",
              "Of the attempts, those on a kind of board that nobody has qualified, by slot.");
  for (const SlotView& slot : slots) {
    const auto found = counters.slots_unqualified.find(slot.name);
    const bool has_some = found != counters.slots_unqualified.end();
    for (std::size_t i = 0; i < std::size(kVerdicts); ++i) {
      page.sample({{"slot", slot.name}, {"verdict", kVerdicts[i]}},
                  has_some ? found->second[i] : 0);
    }
  }
  page.family("gangd_unqualified_attempts_total", "counter",
              "Of the attempts, those on a kind of board that nobody has qualified, by product.");
  for (const auto& [product, counts] : counters.products) {
    for (std::size_t i = 0; i < counts.unqualified.size(); ++i) {
      page.sample({{"product", product}, {"verdict", kVerdicts[i]}}, counts.unqualified[i]);
    }
  }
}

void add_attempts(Page& page, const StationCounters& counters) {
  page.family("gangd_attempts_total", "counter", "Attempts that have ended, by product.");
  for (const auto& [product, counts] : counters.products) {
    for (std::size_t i = 0; i < counts.attempts.size(); ++i) {
      page.sample({{"product", product}, {"verdict", kVerdicts[i]}}, counts.attempts[i]);
    }
  }
  page.family("gangd_attempt_errors_total", "counter",
              "Attempts that ended without PASS, by the class of what ended them.");
  for (const auto& [product, counts] : counters.products) {
    for (int i = 0; name(static_cast<Code>(i)) != "unknown"; ++i) {
      const auto found = counts.errors.find(static_cast<Code>(i));
      page.sample({{"product", product}, {"code", name(static_cast<Code>(i))}},
                  found == counts.errors.end() ? 0 : found->second);
    }
  }
  page.family("gangd_cycle_seconds", "histogram",
              "How long attempts took that ended in PASS, from the board's being taken.");
  for (const auto& [product, counts] : counters.products) {
    page.histogram({"product", product}, counts.cycle);
  }
}

void add_bytes(Page& page, const StationCounters& counters) {
  const auto add = [&](std::string_view name, std::string_view help,
                       std::uint64_t ProductCounts::* bytes) {
    page.family(name, "counter", help);
    for (const auto& [product, counts] : counters.products) {
      page.sample({{"product", product}}, counts.*bytes);
    }
  };
  add("gangd_written_bytes_total", "Bytes written into boards.", &ProductCounts::bytes_written);
  add("gangd_write_skipped_bytes_total", "Bytes not written, for they were in the board already.",
      &ProductCounts::bytes_found_same);
  add("gangd_erase_skipped_bytes_total", "Bytes not erased, for they were blank already.",
      &ProductCounts::bytes_found_blank);
}

void add_ledger(Page& page, const LedgerCounts& ledger) {
  page.family("gangd_ledger_commit_seconds", "histogram",
              "From asking for a record to its being durable.");
  page.histogram({}, ledger.commit);
  page.family("gangd_ledger_failures_total", "counter",
              "Failed tries to write the ledger, and to open it again.");
  page.sample({}, ledger.failures);
}

}  // namespace

std::string render_metrics(const StationView& station, const std::vector<SlotView>& slots,
                           const std::vector<JobView>& jobs, const StationCounters& counters) {
  Page page;
  add_station(page, station, jobs, counters);
  add_slots(page, slots, counters);
  add_attempts(page, counters);
  add_unqualified(page, slots, counters);
  add_bytes(page, counters);
  add_ledger(page, counters.ledger);
  return page.take();
}

}  // namespace gangd
