#include "ctl/job_display.h"

#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "ctl/text.h"

namespace gangd {
namespace {

namespace v1 = gang::v1;
using namespace std::chrono_literals;

// Fast enough for the eye, slow enough for a serial console.
constexpr auto kDrawEvery = 100ms;
constexpr std::size_t kBarWidth = 24;
constexpr std::size_t kWidthUnknown = 80;

std::size_t terminal_width() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kWidthUnknown;
  return size.ws_col;
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
      fmt::format("slot {}: {}  {}  {}", attempt.slot(), word_of(attempt.verdict()),
                  attempt.uid().empty() ? "-" : attempt.uid(), numbers_of(attempt.numbers()));
  line += fmt::format("  {:.1f} s", static_cast<double>(attempt.duration_us()) / 1e6);
  if (!attempt.reason().empty()) line += "  " + attempt.reason();
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
  if (form_ == Form::kBars) draw(false);
}

void JobDisplay::say(const v1::Slot& slot) {
  if (form_ != Form::kLines || slot.state() == v1::SLOT_STATE_ENDED) return;
  std::string line = fmt::format("slot {}: {}", slot.name(), word_of(slot.state()));
  if (slot.state() == v1::SLOT_STATE_RUNNING && !slot.step().empty()) line += " " + slot.step();
  if (!slot.hint().empty()) line += ": " + slot.hint();
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

std::string JobDisplay::bar(const v1::Slot& slot) const {
  const bool has_ended = slot.has_outcome();
  const double done =
      has_ended && slot.outcome().verdict() == v1::VERDICT_PASS ? 1.0 : progress_of(slot);
  const auto full = static_cast<std::size_t>(done * static_cast<double>(kBarWidth));
  std::string line =
      fmt::format("slot {:<4} [{}{}] {:>3.0f} %  ", slot.name(), std::string(full, '#'),
                  std::string(kBarWidth - full, '.'), done * 100);
  const std::string word(has_ended ? word_of(slot.outcome().verdict())
                         : slot.step().empty() || slot.state() != v1::SLOT_STATE_RUNNING
                             ? word_of(slot.state())
                             : std::string_view(slot.step()));
  const std::size_t word_at = line.size();
  line += fmt::format("{:<9} {} {}", word, slot.uid(), numbers_of(slot.numbers()));
  const std::string& why = has_ended ? slot.outcome().reason() : slot.hint();
  if (!why.empty()) line += " " + why;
  line = line.substr(0, terminal_width() - 1);
  if (has_ended && word_at + word.size() <= line.size()) {
    line.replace(word_at, word.size(), coloured(slot.outcome().verdict(), word));
  }
  return line;
}

void JobDisplay::draw(bool is_last) {
  const auto now = std::chrono::steady_clock::now();
  if (!is_last && now - drawn_at_ < kDrawEvery) return;
  drawn_at_ = now;
  std::string picture;
  if (lines_drawn_ > 0) picture = fmt::format("\x1b[{}A", lines_drawn_);
  // In the order of the job, which is that of the fixture.
  lines_drawn_ = 0;
  for (const std::string& name : job_.slots()) {
    const auto known = slots_.find(name);
    if (known == slots_.end()) continue;
    picture += bar(known->second.slot) + "\x1b[K\n";
    ++lines_drawn_;
  }
  fmt::print("{}", picture);
  std::fflush(stdout);
}

void JobDisplay::finish() {
  if (form_ == Form::kBars) draw(true);
  if (form_ == Form::kJson) {
    fmt::print("{}\n", json_of(job_));
    return;
  }
  fmt::print("job {} {}: {} passed, {} failed, {} unknown\n", job_.id(),
             job_.running() ? "goes on" : job_.reason(), job_.passed(), job_.failed(),
             job_.unknown());
}

}  // namespace gangd
