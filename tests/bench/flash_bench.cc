// How near to the chip's own limit a board is programmed: virtual seconds against the time that
// the chip itself needs (chip_limit.h), on every chip, microcontroller and bus that is modelled.
#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/chip_limit.h"
#include "tests/bench/report.h"
#include "tests/bench/svg_plot.h"
#include "tests/bench/virtual_line.h"
#include "tests/model/cpus.h"

namespace gangd::bench {
namespace {

constexpr std::size_t kKiB = 1024;
constexpr std::size_t kMiB = 1024 * kKiB;
constexpr double kAnyClock = 1e9;
constexpr double kOneByteLimit = 1.5;
// Compressed against raw: the noise of where polls fall.
constexpr double kRawLimit = 1.002;

struct Setup {
  BoardKind kind;
  bool high_speed;
  // What must be reached with 16 MiB, or all of a chip that has less. 0: nothing.
  double write_limit = 0;  // when all is written
  double all_limit = 0;    // with the final hash
  double wire_limit = 0;   // of an image that LZ4 makes smaller, where the wire is slower
};

// Boards whose chip no file describes yet are left out.
const std::vector<Setup> kSetups = {
    {{"STM32H7S7", "MX66UW1G45G", 8}, true, 1.03, 1.06},
    {{"STM32H7S7", "MX66UW1G45G", 8}, false, 0, 0, 1.06},
    {{"STM32H7S7", "MX25UW25645G", 8}, true},
    {{"STM32H745", "MT25TL01G", 8}, true, 1.05, 1.15},
    {{"STM32H745", "MT25TL01G", 8}, false},
    {{"STM32H745", "MT25QL512ABB", 4}, true},
    {{"STM32H745", "W25Q128JV", 4}, true},
    {{"STM32L4R9", "MX25LM51245G", 8}, false},
    {{"STM32L496", "MX25R6435F", 4}, false, 1.05, 1.15},
    {{"STM32L496", "IS25LP064A", 4}, false},
};
const std::vector<std::size_t> kSizes = {256 * kKiB, 1 * kMiB,  4 * kMiB,
                                         8 * kMiB,   16 * kMiB, 64 * kMiB};

std::optional<double> limit_or_none(double limit) {
  return limit > 0 ? std::optional(limit) : std::nullopt;
}

std::string size_name(std::size_t bytes) {
  return bytes < kMiB ? fmt::format("{}KiB", bytes / kKiB) : fmt::format("{}MiB", bytes / kMiB);
}

std::string board_name(const Setup& setup) {
  return fmt::format("{}/{}/{}", setup.kind.cpu, setup.kind.part, setup.high_speed ? "HS" : "FS");
}

// The size whose ratios have limits.
std::size_t judged_size(const model::Part& part) {
  return std::min<std::size_t>(16 * kMiB, part.size);
}

std::string_view before_name(Before before) {
  return before == Before::kBlank ? "blank" : before == Before::kDirty ? "dirty" : "one-byte";
}

// Of one byte changed: the block it is in; and all of it is read twice, once to find what differs,
// by CRC-32C, and once to prove what is there afterwards, by SHA-256, on that CPU.
double limit_seconds(const model::Part& part, const model::Cpu& cpu, Before before,
                     std::size_t size, double clock = kBoardClock) {
  switch (before) {
    case Before::kBlank:
      return chip_limit(part, {.programmed = size, .read = size}, clock).seconds();
    case Before::kDirty:
      return chip_limit(part, {.erased = size, .programmed = size}, clock).seconds();
    case Before::kOneByte:
      break;
  }
  const std::size_t block = 64 * kKiB * part.dies;
  const ChipWork work{.erased = block, .programmed = block, .read = 2 * size};
  const double cycles = static_cast<double>(size) * (cpu.crc_byte + cpu.hash_byte);
  return chip_limit(part, work, clock).seconds() + cycles / cpu.hz;
}

class Bench {
 public:
  explicit Bench(BenchOptions options) : options_(std::move(options)), report_(options_.json) {}

  int run() {
    for (const Setup& setup : kSetups) {
      for (const Before before : {Before::kBlank, Before::kDirty, Before::kOneByte}) {
        for (const std::size_t size : kSizes) measure(setup, size, before);
      }
      compress(setup);
    }
    if (!options_.plot.empty() && !plot()) report_.fail(options_.plot, "cannot be written");
    return report_.missed() ? 1 : 0;
  }

 private:
  // Null: it was not to be measured, or failed.
  std::optional<LineTimes> run_case(const std::string& name, const Setup& setup, Before before,
                                    ByteVector image, int boards = 1) {
    if (name.find(options_.only) == std::string::npos) return std::nullopt;
    LineTimes times = run_line(
        {.kind = setup.kind,
         .boards = boards,
         .in_turn = true,
         .buses = {setup.high_speed ? model::UsbBus::kHighSpeed : model::UsbBus::kFullSpeed},
         .before = before,
         .image = std::move(image)});
    if (times.failure.empty()) return times;
    report_.fail(name, times.failure);
    return std::nullopt;
  }

  void measure(const Setup& setup, std::size_t size, Before before) {
    const model::Part* part = model::find_part(setup.kind.part);
    const model::Cpu* cpu = model::find_cpu(setup.kind.cpu);
    if (part == nullptr || cpu == nullptr || size > part->size) return;
    const std::string board = board_name(setup);
    const std::string name =
        fmt::format("flash/{}/{}/{}", board, size_name(size), before_name(before));
    const auto times = run_case(name, setup, before, random_image(size));
    if (!times) return;
    const double limit_s = limit_seconds(*part, *cpu, before, size);
    const bool judged = size == judged_size(*part);
    tell(name, judged ? setup : Setup{}, before, *times, limit_s);
    if (judged && setup.all_limit > 0) {
      const double own_s = limit_seconds(*part, *cpu, before, size, kAnyClock);
      report_.print(name + "/against-its-own-clock", times->boards.front().all() / own_s, {}, "");
    }
    if (before != Before::kOneByte) {
      add_point(board + " " + std::string(before_name(before)), static_cast<double>(size),
                times->boards.front().all() / limit_s);
    }
  }

  // An image as firmware is: if it can be made smaller, a slow bus is no limit any more; and
  // nothing may take longer for it. The first board of a job finds out which way is faster, and so
  // may take longer; those behind it know.
  void compress(const Setup& setup) {
    const model::Part* part = model::find_part(setup.kind.part);
    if (part == nullptr) return;
    const std::size_t size = judged_size(*part);
    const std::string name =
        fmt::format("flash/{}/{}/blank/firmware", board_name(setup), size_name(size));
    const auto times = run_case(name, setup, Before::kBlank, firmware_image(size), 2);
    if (!times) return;
    const double limit_s = chip_limit(*part, {.programmed = size, .read = size}).seconds();
    const double took_s = times->boards.back().all();
    const std::string detail = fmt::format("{} bytes over USB of two boards, bus {:.0f} % busy",
                                           times->usb_bytes, times->bus_busy * 100);
    report_.print(name, took_s / limit_s, limit_or_none(setup.wire_limit), detail);
    const auto raw = run_case(name, setup, Before::kBlank, random_image(size));
    if (!raw) return;
    const double raw_s = raw->boards.front().all();
    report_.print(name + "/against-raw", took_s / raw_s, kRawLimit, detail);
    report_.print(name + "/against-raw/first-board", times->boards.front().all() / raw_s, {}, "");
  }

  void tell(const std::string& name, const Setup& judged, Before before, const LineTimes& times,
            double limit_s) {
    const BoardTimes& board = times.boards.front();
    const std::string detail = fmt::format(
        "chip {:.3f} s; took {:.3f}: plan {:.3f}, erase {:.3f}, write {:.3f}, hash {:.3f}; before "
        "that {:.3f}; "
        "{} bytes over USB, bus {:.0f} % busy",
        limit_s, board.all(), board.plan, board.erase, board.write, board.hash, board.identify,
        times.usb_bytes, times.bus_busy * 100);
    if (before == Before::kOneByte) {
      const double most = judged.write_limit > 0 ? kOneByteLimit : 0;
      return report_.print(name, board.all() / limit_s, limit_or_none(most), detail);
    }
    report_.print(name + "/written", (board.all() - board.hash) / limit_s,
                  limit_or_none(judged.write_limit), detail);
    report_.print(name + "/hashed", board.all() / limit_s, limit_or_none(judged.all_limit), detail);
  }

  void add_point(const std::string& line, double size, double ratio) {
    if (lines_.empty() || lines_.back().name != line) lines_.push_back({line, {}});
    lines_.back().points.emplace_back(size, ratio);
  }

  bool plot() const {
    Plot plot{.title = "Time against the chip's limit, with the final hash",
              .x_title = "image",
              .y_title = "seconds / seconds of the chip",
              .x_marks = {},
              .y_min = 1,
              .y_max = 1.25,
              .lines = lines_};
    for (const std::size_t size : kSizes) {
      plot.x_marks.emplace_back(static_cast<double>(size), size_name(size));
    }
    return write_svg(plot, options_.plot);
  }

  const BenchOptions options_;
  Report report_;
  std::vector<PlotLine> lines_;
};

}  // namespace
}  // namespace gangd::bench

int main(int argc, char** argv) {
  const auto options = gangd::bench::parse_bench_options(argc, argv);
  if (!options) return 2;
  return gangd::bench::Bench(*options).run();
}
