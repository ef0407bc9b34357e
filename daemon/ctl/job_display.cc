#include "ctl/job_display.h"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ranges>
#include <utility>

#include "base/verdict.h"
#include "ctl/text.h"

namespace gangd {
namespace {

namespace v1 = gang::v1;
using namespace std::chrono_literals;

// Fast enough for the eye, slow enough for a serial console.
constexpr auto kDrawEvery = 100ms;
// With the UID and a serial of 8 characters it fits into 80 columns.
constexpr std::size_t kBarWidth = 8;

struct TerminalSize {
  std::size_t columns = 80;
  std::size_t rows = 24;
};

TerminalSize terminal_size() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0)
    return {};
  return {size.ws_col, size.ws_row};
}

// At most `bytes_max`, and no half character.
std::string cut(std::string text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  while (bytes_max > 0 && (static_cast<unsigned char>(text[bytes_max]) & 0xc0) == 0x80) --bytes_max;
  text.resize(bytes_max);
  return text;
}

std::string coloured(v1::Verdict verdict, const std::string& text) {
  if (std::getenv("NO_COLOR") != nullptr) return text;
  const int colour = verdict == v1::VERDICT_PASS ? 32 : verdict == v1::VERDICT_FAIL ? 31 : 33;
  return fmt::format("\x1b[{}m{}\x1b[0m", colour, text);
}

double progress_of(const v1::Slot& slot) {
  if (slot.bytes_total() == 0) return 0.0;
  const auto total = static_cast<double>(slot.bytes_total());
  return std::min(static_cast<double>(slot.bytes_done()) / total, 1.0);
}

std::string verdict_line(const v1::Attempt& attempt) {
  std::string line =
      fmt::format("slot {}: {}  {}  {}", attempt.slot(), judged(attempt),
                  attempt.uid().empty() ? "-" : attempt.uid(), numbers_of(attempt.numbers()));
  line += fmt::format("  {:.1f} s", static_cast<double>(attempt.duration_us()) / 1e6);
  if (!attempt.reason().empty()) line += "  " + printable(attempt.reason());
  return line;
}

std::string state_of(const v1::Slot& slot) {
  if (slot.has_outcome()) return judged(slot.outcome());
  if (slot.state() == v1::SLOT_STATE_RUNNING && !slot.step().empty()) return slot.step();
  return std::string(word_of(slot.state()));
}

// `; of those that passed, 2 UNQUALIFIED`
std::string beside_passed(const v1::Job& job) {
  if (job.passed_unqualified() == 0) return "";
  return fmt::format("; of those that passed, {} {}", job.passed_unqualified(), kUnqualified);
}

std::string bar(const v1::Slot& slot, std::size_t columns) {
  const bool has_ended = slot.has_outcome();
  const double done =
      has_ended && slot.outcome().verdict() == v1::VERDICT_PASS ? 1.0 : progress_of(slot);
  const auto full = static_cast<std::size_t>(done * static_cast<double>(kBarWidth));
  std::string line =
      fmt::format("slot {:<4} [{}{}] {:>3.0f} %  ", slot.name(), std::string(full, '#'),
                  std::string(kBarWidth - full, '.'), done * 100);
  const std::string word = state_of(slot);
  const std::size_t word_at = line.size();
  line += fmt::format("{:<9} {} {}", word, slot.uid(), numbers_of(slot.numbers()));
  const std::string& why = has_ended ? slot.outcome().reason() : slot.hint();
  if (!why.empty()) line += " " + printable(why);
  line = cut(std::move(line), columns - 1);
  if (has_ended && word_at + word.size() <= line.size()) {
    line.replace(word_at, word.size(), coloured(slot.outcome().verdict(), word));
  }
  return line;
}

// What a person must see first when there are more slots than lines.
constexpr int kRanks = 4;
int rank(const v1::Slot& slot) {
  if (slot.has_outcome()) return slot.outcome().verdict() == v1::VERDICT_PASS ? 2 : 0;
  return slot.state() == v1::SLOT_STATE_RUNNING || slot.state() == v1::SLOT_STATE_RECORDING ? 1 : 3;
}

// `and 40 more: 38 PASS, 2 empty`
std::string sum_of(const std::vector<const v1::Slot*>& slots) {
  std::map<std::string, int> counts;
  for (const v1::Slot* slot : slots) ++counts[state_of(*slot)];
  std::string line = fmt::format("and {} more:", slots.size());
  for (const auto& [word, count] : counts) {
    line += fmt::format("{} {} {}", line.back() == ':' ? "" : ",", count, word);
  }
  return line;
}

}  // namespace

JobDisplay::Form JobDisplay::form_for(bool json) {
  if (json) return Form::kJson;
  return isatty(STDOUT_FILENO) != 0 ? Form::kBars : Form::kLines;
}

void JobDisplay::show(const v1::WatchJobResponse& update) {
  if (update.has_job()) job_ = update.job();
  if (update.has_verdict()) {
    // The slot itself may have gone on to another job by now.
    v1::Slot& slot = slots_[update.verdict().slot()].slot;
    slot.set_name(update.verdict().slot());
    slot.set_uid(update.verdict().uid());
    *slot.mutable_numbers() = update.verdict().numbers();
    *slot.mutable_outcome() = update.verdict();
    say(update.verdict());
  }
  if (update.has_slot()) {
    slots_[update.slot().name()].slot = update.slot();
    say(update.slot());
  }
  is_drawn_ = false;
  if (const auto due = draw_due(); due && *due <= std::chrono::system_clock::now()) draw();
}

void JobDisplay::say(const v1::Slot& slot) {
  if (form_ != Form::kLines || slot.state() == v1::SLOT_STATE_ENDED) return;
  std::string line = fmt::format("slot {}: {}", slot.name(), word_of(slot.state()));
  if (slot.state() == v1::SLOT_STATE_RUNNING && !slot.step().empty()) line += " " + slot.step();
  if (!slot.hint().empty()) line += ": " + printable(slot.hint());
  SlotLine& known = slots_[slot.name()];
  if (known.said == line) return;
  known.said = line;
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

void JobDisplay::say(const v1::Attempt& verdict) {
  if (form_ == Form::kBars) return;
  fmt::print("{}\n", form_ == Form::kJson ? json_of(verdict) : verdict_line(verdict));
  std::fflush(stdout);
}

std::vector<const v1::Slot*> JobDisplay::slots_in_order() const {
  // Of the job, which is that of the fixture.
  std::vector<const v1::Slot*> slots;
  for (const std::string& name : job_.slots()) {
    if (const auto known = slots_.find(name); known != slots_.end()) {
      slots.push_back(&known->second.slot);
    }
  }
  return slots;
}

std::optional<std::chrono::system_clock::time_point> JobDisplay::draw_due() const {
  if (form_ != Form::kBars || is_drawn_) return std::nullopt;
  return drawn_at_ + kDrawEvery;
}

void JobDisplay::draw() {
  // What has left the screen at its top cannot be painted again; the cursor has the last line.
  paint(std::max<std::size_t>(terminal_size().rows, 2) - 1);
  is_drawn_ = true;
  drawn_at_ = std::chrono::system_clock::now();
}

void JobDisplay::paint(std::size_t lines_max) {
  std::vector<const v1::Slot*> shown = slots_in_order();
  std::vector<const v1::Slot*> rest;
  if (shown.size() > lines_max) {
    for (int each = kRanks - 1; each >= 0; --each) {
      for (const v1::Slot* slot : std::views::reverse(shown)) {
        if (rank(*slot) == each && shown.size() - rest.size() >= lines_max) rest.push_back(slot);
      }
    }
    std::erase_if(shown, [&rest](const v1::Slot* slot) {
      return std::ranges::find(rest, slot) != rest.end();
    });
  }
  const std::size_t columns = terminal_size().columns;
  std::string picture;
  if (lines_drawn_ > 0) picture = fmt::format("\x1b[{}A", lines_drawn_);
  for (const v1::Slot* slot : shown) picture += bar(*slot, columns) + "\x1b[K\n";
  if (!rest.empty()) picture += cut(sum_of(rest), columns - 1) + "\x1b[K\n";
  lines_drawn_ = shown.size() + (rest.empty() ? 0 : 1);
  fmt::print("{}\x1b[J", picture);
  std::fflush(stdout);
}

void JobDisplay::finish(bool is_whole) {
  if (form_ == Form::kBars) paint(slots_.size() + 1);
  if (form_ == Form::kJson) {
    fmt::print("{}\n", json_of(job_));
    return;
  }
  fmt::print("job {} {}: {} passed, {} failed, {} unknown{}\n", job_.id(),
             is_whole ? job_.reason() : "as far as it was seen", job_.passed(), job_.failed(),
             job_.unknown(), beside_passed(job_));
}

}  // namespace gangd
