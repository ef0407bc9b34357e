// How many boards a host's buses feed: the time until the last of them has passed against the time
// of one board alone, in virtual time. Chips are blank, which is when they take bytes fastest.
#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/bench/chip_limit.h"
#include "tests/bench/report.h"
#include "tests/bench/svg_plot.h"
#include "tests/bench/virtual_line.h"

namespace gangd::bench {
namespace {

const BoardKind kKind = {"STM32H7S7", "MX66UW1G45G", 8};
constexpr std::size_t kImage = 1024 * 1024;
constexpr int kBoardsMax = 64;
constexpr double kLimit = 1.05;
// Of its rate, that a saturated bus must carry.
constexpr double kCarried = 0.95;

struct Host {
  int buses;
  double megabytes;  // a second, on each
};
// What hubs and controllers of one line manage: a slow one as in Snagfactory's figures, and the
// model's own.
constexpr Host kOneFast = {1, 40.96};
const std::vector<Host> kHosts = {{1, 20}, {1, 25}, kOneFast, {2, 40.96}, {4, 40.96}};

class Bench {
 public:
  explicit Bench(BenchOptions options) : options_(std::move(options)), report_(options_.json) {}

  int run() {
    const auto one = makespan(kOneFast, 1);
    if (!one) return 1;
    one_s_ = *one;
    for (const Host& host : kHosts) series(host);
    for (const Host& host : kHosts) {
      if (host.buses == 1) {
        as_many_as_promised(host);
        knee(host);
        saturated(host);
      }
    }
    if (!options_.plot.empty() && !plot()) report_.fail(options_.plot, "cannot be written");
    return report_.missed() ? 1 : 0;
  }

 private:
  static std::string name_of(const Host& host) {
    return fmt::format("{}x{:.0f}MB/s", host.buses, host.megabytes);
  }
  bool wanted(const std::string& name) const {
    return name.find(options_.only) != std::string::npos;
  }

  std::optional<LineTimes> line(const Host& host, int boards) {
    const model::UsbBus::Kind bus = model::UsbBus::high_speed(host.megabytes * 1e6);
    LineTimes times = run_line({.kind = kKind,
                                .boards = boards,
                                .buses = std::vector(static_cast<std::size_t>(host.buses), bus),
                                .before = Before::kBlank,
                                .image = random_image(kImage)});
    if (times.failure.empty()) return times;
    report_.fail(name_of(host), times.failure);
    return std::nullopt;
  }
  std::optional<double> makespan(const Host& host, int boards) {
    const std::string key = fmt::format("{} {}", name_of(host), boards);
    if (const auto known = makespans_.find(key); known != makespans_.end()) return known->second;
    const auto times = line(host, boards);
    if (!times) return std::nullopt;
    return makespans_[key] = times->makespan;
  }
  void tell(const std::string& name, const Host& host, int boards, std::optional<double> limit) {
    const auto took = makespan(host, boards);
    if (!took) return;
    report_.print(name, *took / one_s_, limit,
                  fmt::format("{} boards in {:.3f} s, one in {:.3f} s", boards, *took, one_s_));
  }

  void series(const Host& host) {
    PlotLine line{name_of(host), {}};
    for (int boards = 1; boards <= kBoardsMax; boards *= 2) {
      const std::string name = fmt::format("gang/{}/{}", name_of(host), boards);
      if (!wanted(name)) continue;
      const bool judged = host.buses == 4 && boards == kBoardsMax;
      tell(name, host, boards, judged ? std::optional(kLimit) : std::nullopt);
      if (const auto took = makespan(host, boards)) {
        line.points.emplace_back(boards, *took / one_s_);
      }
    }
    if (!line.points.empty()) lines_.push_back(std::move(line));
  }

  // 0.9 of the bus's rate over what one chip takes.
  void as_many_as_promised(const Host& host) {
    const std::string name = fmt::format("gang/{}/promised", name_of(host));
    if (!wanted(name)) return;
    const model::Part* part = model::find_part(kKind.part);
    if (part == nullptr) return report_.fail(name, "no such chip");
    const double chip_rate = kImage / chip_limit(*part, {.programmed = kImage}).program_s;
    const double most = 0.9 * host.megabytes * 1e6 * host.buses / chip_rate;
    tell(name, host, std::min(kBoardsMax, static_cast<int>(most)), kLimit);
  }

  // The most boards that take no longer than kLimit of one board's time.
  void knee(const Host& host) {
    const std::string name = fmt::format("gang/{}/knee", name_of(host));
    if (!wanted(name)) return;
    int least = 1;
    int above = kBoardsMax + 1;
    while (above - least > 1) {
      const int middle = (least + above) / 2;
      const auto took = makespan(host, middle);
      if (!took) return;
      (*took <= kLimit * one_s_ ? least : above) = middle;
    }
    tell(fmt::format("{}/{}", name, least), host, least, std::nullopt);
  }

  void saturated(const Host& host) {
    const std::string name = fmt::format("gang/{}/saturated", name_of(host));
    if (!wanted(name)) return;
    const auto times = line(host, kBoardsMax);
    if (!times) return;
    const double rate = model::UsbBus::high_speed(host.megabytes * 1e6).packets * 512 * 8000;
    report_.print(
        name, rate / times->write_rate(), 1 / kCarried,
        fmt::format("carried {:.2f} of {:.2f} MB/s", times->write_rate() / 1e6, host.megabytes));
  }

  bool plot() const {
    Plot plot{.title = "Boards side by side: time of all against the time of one",
              .x_title = "boards",
              .y_title = "time / time of one board",
              .x_marks = {},
              .y_min = 1,
              .y_max = 6,
              .lines = lines_};
    for (int boards = 1; boards <= kBoardsMax; boards *= 2) {
      plot.x_marks.emplace_back(boards, fmt::format("{}", boards));
    }
    return write_svg(plot, options_.plot);
  }

  const BenchOptions options_;
  Report report_;
  double one_s_ = 0;
  std::map<std::string, double> makespans_;
  std::vector<PlotLine> lines_;
};

}  // namespace
}  // namespace gangd::bench

int main(int argc, char** argv) {
  const auto options = gangd::bench::parse_bench_options(argc, argv);
  if (!options) return 2;
  return gangd::bench::Bench(*options).run();
}
