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
#include "tests/bench/virtual_line.h"
#include "tests/model/cpus.h"

namespace gangd::bench {
namespace {

constexpr std::size_t kKiB = 1024;
constexpr std::size_t kMiB = 1024 * kKiB;

struct Setup {
  BoardKind kind;
  bool high_speed;
  // What must be reached with 16 MiB, or all of a chip that has less. 0: nothing.
  double write_limit = 0;  // when all is written
  double all_limit = 0;    // with the final hash
};

// Boards whose chip no file describes yet are left out.
const std::vector<Setup> kSetups = {
    {{"STM32H7S7", "MX66UW1G45G", 8}, true, 1.03, 1.06},
    {{"STM32H7S7", "MX66UW1G45G", 8}, false},
    {{"STM32H7S7", "MX25UW25645G", 8}, true},
    {{"STM32H745", "MT25TL01G", 8}, true, 1.03, 1.06},
    {{"STM32H745", "MT25TL01G", 8}, false},
    {{"STM32H745", "MT25QL512ABB", 4}, true},
    {{"STM32L4R9", "MX25LM51245G", 8}, false},
    {{"STM32L496", "MX25R6435F", 4}, false, 1.05, 1.15},
};
const std::vector<std::size_t> kSizes = {256 * kKiB, 1 * kMiB, 4 * kMiB, 16 * kMiB, 64 * kMiB};

struct Options {
  bool json = false;
  std::string only;  // part of a case's name
  std::string plot;
};

struct Row {
  std::string name;
  double ratio;
  std::optional<double> limit;
  std::string detail;
};

std::string size_name(std::size_t bytes) {
  return bytes < kMiB ? fmt::format("{}KiB", bytes / kKiB) : fmt::format("{}MiB", bytes / kMiB);
}

std::string_view before_name(Before before) {
  return before == Before::kBlank ? "blank" : before == Before::kDirty ? "dirty" : "one-byte";
}

// Of one byte changed: the block it is in, and one pass of reading and hashing over all, which is
// what proves the rest.
double limit_seconds(const model::Part& part, const model::Cpu& cpu, Before before,
                     std::size_t size) {
  switch (before) {
    case Before::kBlank:
      return chip_limit(part, {.programmed = size, .read = size}).seconds();
    case Before::kDirty:
      return chip_limit(part, {.erased = size, .programmed = size}).seconds();
    case Before::kOneByte:
      break;
  }
  const ChipWork work{.erased = 64 * kKiB, .programmed = 64 * kKiB, .read = size};
  return chip_limit(part, work).seconds() + static_cast<double>(size) * cpu.hash_byte / cpu.hz;
}

class Bench {
 public:
  explicit Bench(Options options) : options_(std::move(options)) {}

  int run() {
    for (const Setup& setup : kSetups) {
      for (const std::size_t size : kSizes) {
        for (const Before before : {Before::kBlank, Before::kDirty, Before::kOneByte}) {
          measure(setup, size, before);
        }
      }
    }
    return missed_ ? 1 : 0;
  }

 private:
  void measure(const Setup& setup, std::size_t size, Before before) {
    const model::Part* part = model::find_part(setup.kind.part);
    const model::Cpu* cpu = model::find_cpu(setup.kind.cpu);
    if (part == nullptr || cpu == nullptr || size > part->size) return;
    const std::string name =
        fmt::format("flash/{}/{}/{}/{}/{}", setup.kind.cpu, setup.kind.part,
                    setup.high_speed ? "HS" : "FS", size_name(size), before_name(before));
    if (name.find(options_.only) == std::string::npos) return;
    const LineTimes times = run_line(
        {.kind = setup.kind,
         .boards = 1,
         .buses = {setup.high_speed ? model::UsbBus::kHighSpeed : model::UsbBus::kFullSpeed},
         .before = before,
         .image = random_image(size)});
    if (!times.failure.empty()) {
      fmt::print(stderr, "{}: {}\n", name, times.failure);
      missed_ = true;
      return;
    }
    const BoardTimes& board = times.boards.front();
    const double limit_s = limit_seconds(*part, *cpu, before, size);
    const std::string detail = fmt::format(
        "chip {:.3f} s; took {:.3f}: erase {:.3f}, write {:.3f}, hash {:.3f}; before that {:.3f}; "
        "{} bytes over USB, bus {:.0f} % busy",
        limit_s, board.all(), board.erase, board.write, board.hash, board.identify, times.usb_bytes,
        times.bus_busy * 100);
    const bool judged = size == std::min<std::size_t>(16 * kMiB, part->size);
    const auto limit = [&](double value) {
      return judged && value > 0 ? std::optional(value) : std::nullopt;
    };
    if (before == Before::kOneByte) {
      const double one_byte_limit = setup.write_limit > 0 ? 1.5 : 0;
      print({name, board.all() / limit_s, limit(one_byte_limit), detail});
      return;
    }
    print({name + "/written", (board.all() - board.hash) / limit_s, limit(setup.write_limit),
           detail});
    print({name + "/hashed", board.all() / limit_s, limit(setup.all_limit), detail});
  }

  void print(const Row& row) {
    const bool missed = row.limit && row.ratio > *row.limit;
    missed_ |= missed;
    const std::string limit = row.limit ? fmt::format("{}", *row.limit) : "null";
    if (options_.json) {
      fmt::print("{{\"case\":\"{}\",\"ratio\":{:.4f},\"limit\":{}}}\n", row.name, row.ratio, limit);
    } else {
      fmt::print("{:<58} {:7.4f}{}  {}\n", row.name, row.ratio,
                 !row.limit ? "" : fmt::format(" ({} {})", missed ? "MISSES" : "<=", limit),
                 row.detail);
    }
    std::fflush(stdout);
    rows_.push_back(row);
  }

  const Options options_;
  std::vector<Row> rows_;
  bool missed_ = false;
};

}  // namespace
}  // namespace gangd::bench

int main(int argc, char** argv) {
  gangd::bench::Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (option == "--json") {
      options.json = true;
    } else if (option == "--case" && i + 1 < argc) {
      options.only = argv[++i];
    } else if (option == "--plot" && i + 1 < argc) {
      options.plot = argv[++i];
    } else {
      fmt::print(stderr, "usage: flash_bench [--json] [--case PART_OF_A_NAME] [--plot FILE.svg]\n");
      return 2;
    }
  }
  return gangd::bench::Bench(options).run();
}
