// From the plug to the verdict: a board that starts in its ROM, in virtual time, by part. What the
// models assume stands in their files; the ROM's startup and its pace are guesses of its relatives.
#include <fmt/core.h>
#include <fmt/format.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "loop/loop.h"
#include "recipe/board_place.h"
#include "recipe/recipe.h"
#include "tests/bench/cold_boot.h"
#include "tests/bench/report.h"
#include "tests/bench/virtual_line.h"
#include "tests/sim/sim_bus.h"
#include "tests/sim/sim_port.h"
#include "tests/sim/staged_product.h"

namespace gangd::bench {
namespace {

constexpr std::uint64_t kSeed = 1;
constexpr std::size_t kKiB = 1024;
constexpr std::size_t kMiB = 1024 * kKiB;
constexpr std::uint32_t kFlash = 0x9000'0000;
// The most that a RAM loader may have, and all of the internal flash.
constexpr std::size_t kLoaderBytes = 40 * kKiB;
constexpr std::size_t kBootBytes = 64 * kKiB;

// In the order in which they come.
const std::vector<std::string> kParts = {"rom",   "load",  "re-enumeration", "identify",
                                         "erase", "write", "hash",           "boot"};

struct Case {
  std::string name;
  bool second_port;  // the loader has a port of high speed
  std::size_t image;
};

double seconds(Duration time) {
  return std::chrono::duration<double>(time).count();
}

// Notes when the work went from one part to the next.
class Stopwatch final : public UnitRecord {
 public:
  explicit Stopwatch(Loop& loop) : loop_(loop), at_(loop.now()) {}

  Task<Result<BegunUnit>> begin(std::string) override {
    co_return BegunUnit{.serial = {}, .cells = Cells::kFresh, .nonce = {}};
  }
  void progress(std::string_view step, std::uint64_t done, std::uint64_t total) override {
    if (step == "load" && done == total) return lap("re-enumeration");
    if (part_ == "re-enumeration" && step == "load") return;
    lap(step == "verify" ? "hash" : step == "start" ? "boot" : std::string(step));
  }
  // What comes from now on is this part.
  void lap(const std::string& part) {
    took_[part_] += seconds(loop_.now() - at_);
    at_ = loop_.now();
    part_ = part;
  }
  const std::map<std::string, double>& took() const { return took_; }

 private:
  Loop& loop_;
  Instant at_;
  std::string part_ = "rom";
  std::map<std::string, double> took_;
};

class Bench {
 public:
  explicit Bench(const Case& of) : of_(of) {
    bus_.time_bus(kRom.controller, model::UsbBus::kFullSpeed);
    bus_.time_bus(kSecond.controller, model::UsbBus::kHighSpeed);
    model::VirtualBoard::Options options;
    options.part = "MX66UW1G45G";
    options.cpu = "STM32H7S7";
    sim::make_staged(options, of.second_port);
    board_ = &bus_.add_board(kRom, options, of.second_port ? std::optional(kSecond) : std::nullopt);
  }

  // Empty: it has passed, and holds everything.
  std::string run() { return loop_.run(plug_to_pass()); }
  const std::map<std::string, double>& took() const { return watch_->took(); }

 private:
  std::unique_ptr<Recipe> recipe() const {
    const ByteVector loader = sim::program_for(0x2404'0000, kLoaderBytes);
    auto product = parse_product(
        fmt::format(R"(
name = "bench"
minutes_max = 60
[usb]
vendor = 0x1209
product = 1
[loader]
file = "loader.bin"
sha256 = "{}"
vendor = 0x0483
product = 0xdf11
[[image]]
file = "boot.bin"
address = {}
[[image]]
file = "app.bin"
address = {}
[start]
address = {}
vendor = {}
product = {}
)",
                    sha256(loader).hex(), sim::kBootAddress, kFlash, sim::kBootAddress,
                    sim::kApplicationVendor, sim::kApplicationProduct),
        "bench.toml");
    CHECK(product.has_value(), "{}", product.error().message());
    auto image = Image::make({{"boot.bin", sim::kBootAddress, boot_}, {"app.bin", kFlash, app_}});
    auto made = Recipe::make(*std::move(product), *std::move(image), *worker_, loader);
    CHECK(made.has_value(), "{}", made.error().message());
    return *std::move(made);
  }

  Task<std::string> plug_to_pass() {
    const std::unique_ptr<Recipe> made = recipe();
    watch_.emplace(loop_);
    bus_.plug(kRom);
    while (place_.device() == nullptr) (void)co_await bus_.changed(bus_.revision());
    place_.begin(*place_.device());
    auto connection = co_await bus_.open(place_.arrival());
    CHECK(connection.has_value());
    const Attempt attempt = co_await made->run(**connection, *watch_, &place_);
    watch_->lap("");
    connection->reset();
    bus_.unplug(kRom);
    if (attempt.verdict != Verdict::kPass) {
      co_return attempt.step + ": " + (attempt.error ? attempt.error->message() : "no PASS");
    }
    ByteVector found(app_.size());
    board_->chip().peek(0, found);
    co_return found == app_ ? "" : "the chip does not hold the image";
  }

  const Case& of_;
  const UsbPath kRom{"0000:00:14.0", {1}};
  const UsbPath kSecond{"0000:00:15.0", {1}};
  const ByteVector boot_ = sim::program_for(sim::kBootAddress, kBootBytes);
  const ByteVector app_ = random_image(of_.image);
  sim::Trace trace_{nullptr};
  sim::SimPort port_{kSeed, trace_};
  Loop loop_{port_};
  const std::unique_ptr<Workers> worker_ = port_.start_workers("products", 1);
  sim::SimBus bus_{port_, kSeed};
  model::VirtualBoard* board_ = nullptr;
  const std::set<UsbPath> all_ = {kRom, kSecond};
  BoardPlace place_{bus_, {kRom, kSecond}, all_};
  std::optional<Stopwatch> watch_;
};

void print(const Case& of, const std::map<std::string, double>& took, bool json) {
  double all = 0;
  std::string text;
  for (const std::string& part : kParts) {
    const auto found = took.find(part);
    const double part_s = found == took.end() ? 0 : found->second;
    all += part_s;
    text += json ? fmt::format("\"{}\":{:.4f},", part, part_s)
                 : fmt::format("  {} {:.3f}", part, part_s);
  }
  if (json) {
    fmt::print("{{\"case\":\"plug-to-pass/{}\",\"seconds\":{{{}\"all\":{:.4f}}}}}\n", of.name, text,
               all);
  } else {
    fmt::print("{:<28} {:8.3f} s:{}\n", of.name, all, text);
  }
}

// Later, without a host: power comes back, and the resident loader looks before it starts.
int run_cold_boots(const BenchOptions& options) {
  int status = 0;
  for (const std::size_t mebibytes : {1U, 4U, 16U}) {
    const std::string name = fmt::format("cold-boot/{}MiB", mebibytes);
    if (name.find(options.only) == std::string::npos) continue;
    const auto took = cold_boot(GANGD_FIRMWARE, mebibytes * kMiB);
    if (!took) {
      fmt::print(stderr, "{}: {}\n", name, took.error().message());
      status = 1;
    } else if (options.json) {
      fmt::print(
          "{{\"case\":\"{}\",\"seconds\":{{\"start\":{:.4f},\"hash\":{:.4f},\"all\":{:.4f}}}}}\n",
          name, took->start_s, took->hash_s, took->start_s + took->hash_s);
    } else {
      fmt::print("{:<28} {:8.3f} s:  start {:.3f}  hash {:.3f}\n", name,
                 took->start_s + took->hash_s, took->start_s, took->hash_s);
    }
  }
  return status;
}

int run(const BenchOptions& options) {
  int status = run_cold_boots(options);
  for (const bool second_port : {false, true}) {
    for (const std::size_t mebibytes : {1U, 4U, 16U}) {
      const Case of = {
          fmt::format("{}/{}MiB", second_port ? "high-speed-port" : "rom-port", mebibytes),
          second_port, mebibytes * kMiB};
      if (of.name.find(options.only) == std::string::npos) continue;
      Bench bench(of);
      if (const std::string failure = bench.run(); !failure.empty()) {
        fmt::print(stderr, "{}: {}\n", of.name, failure);
        status = 1;
        continue;
      }
      print(of, bench.took(), options.json);
    }
  }
  return status;
}

}  // namespace
}  // namespace gangd::bench

int main(int argc, char** argv) {
  const auto options = gangd::bench::parse_bench_options(argc, argv);
  if (!options) return 2;
  return gangd::bench::run(*options);
}
