#include "tests/bench/virtual_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "base/check.h"
#include "loop/loop.h"
#include "loop/scope.h"
#include "recipe/recipe.h"
#include "tests/model/virtual_board.h"
#include "tests/sim/prng.h"
#include "tests/sim/sim_bus.h"
#include "tests/sim/sim_port.h"

namespace gangd::bench {
namespace {

constexpr std::uint64_t kSeed = 1;
constexpr std::uint32_t kFlashAddress = 0x9000'0000;
constexpr std::string_view kProductFile = R"(
name = "bench"
minutes_max = 600
[usb]
vendor = 0x1209
product = 0x0001
[[image]]
file = "image.bin"
address = 0x90000000
)";

double seconds(Duration time) {
  return std::chrono::duration<double>(time).count();
}

std::unique_ptr<Recipe> recipe_of(const ByteVector& image, Workers& workers) {
  auto product = parse_product(kProductFile, "bench.toml");
  CHECK(product.has_value(), "{}", product.error().message());
  auto loaded = Image::make({{"image.bin", kFlashAddress, image}});
  CHECK(loaded.has_value(), "{}", loaded.error().message());
  auto recipe = Recipe::make(*std::move(product), *std::move(loaded), workers);
  CHECK(recipe.has_value(), "{}", recipe.error().message());
  return *std::move(recipe);
}

// Notes when each step began. The last work on the board ended well, so that what is blank is.
class Stopwatch final : public UnitRecord {
 public:
  // The line began at `began`.
  Stopwatch(Loop& loop, Instant began, Before before)
      : loop_(loop),
        began_(began),
        at_(loop.now()),
        cells_(before == Before::kBlank ? Cells::kFresh : Cells::kSound) {}

  Task<Result<BegunUnit>> begin(std::string) override {
    times_.identify = seconds(loop_.now() - at_);
    at_ = loop_.now();
    co_return BegunUnit{.serial = {}, .cells = cells_, .nonce = {}};
  }
  void progress(std::string_view step, std::uint64_t, std::uint64_t) override {
    if (step == step_ || step == "identify") return;
    lap();
    step_ = step;
  }
  BoardTimes finish() {
    lap();
    return times_;
  }

 private:
  void lap() {
    const double from = seconds(at_ - began_);
    at_ = loop_.now();
    const double lap = seconds(at_ - began_) - from;
    if (step_.empty()) {
      times_.plan += lap;
    } else if (step_ == "erase") {
      times_.erase += lap;
    } else if (step_ == "verify") {
      times_.hash += lap;
    } else if (lap > 0) {
      if (times_.write == 0) times_.write_begin = from;
      times_.write += lap;
      times_.write_end = from + lap;
    }
  }

  Loop& loop_;
  const Instant began_;
  Instant at_;
  const Cells cells_;
  std::string step_;
  BoardTimes times_;
};

class Floor {
 public:
  explicit Floor(const Line& line)
      : line_(line),
        trace_(nullptr),
        port_(kSeed, trace_),
        loop_(port_),
        bus_(port_, kSeed),
        worker_(port_.start_workers("products", 1)),
        recipe_(recipe_of(line.image, *worker_)) {
    for (std::size_t i = 0; i < line.buses.size(); ++i) {
      buses_.push_back(&bus_.time_bus(controller(i), line.buses[i]));
    }
    for (int board = 0; board < line.boards; ++board) add_board(board);
    times_.boards.resize(static_cast<std::size_t>(line.boards));
  }

  LineTimes run() {
    loop_.run(run_all());
    return std::move(times_);
  }

 private:
  static std::string controller(std::size_t bus) { return fmt::format("0000:{:02x}:14.0", bus); }
  UsbPath path(int board) const {
    const auto index = static_cast<std::size_t>(board);
    return {controller(index % buses_.size()),
            {static_cast<std::uint8_t>(index / buses_.size() + 1)}};
  }

  void add_board(int board) {
    model::VirtualBoard::Options options;
    options.part = line_.kind.part;
    options.cpu = line_.kind.cpu;
    options.lanes = line_.kind.lanes;
    options.high_speed = line_.buses.front().high_speed;
    options.uid[11] = static_cast<std::uint8_t>(board + 1);
    options.seed = kSeed + static_cast<std::uint64_t>(board);
    boards_.push_back(&bus_.add_board(path(board), options));
    if (line_.before != Before::kBlank) boards_.back()->chip().poke(0, content_before());
  }

  ByteVector content_before() const {
    ByteVector content = line_.image;
    if (line_.before == Before::kOneByte) {
      // In the middle, away from the ends of blocks and pages. No bit that is right survives, so
      // that programming alone does not do.
      std::uint8_t& byte = content[content.size() / 2 + 1234];
      byte = static_cast<std::uint8_t>(~byte);
      return content;
    }
    for (std::uint8_t& byte : content) byte ^= 0x5a;
    return content;
  }

  Task<> run_all() {
    for (int board = 0; board < line_.boards; ++board) bus_.plug(path(board));
    while (bus_.devices().size() < boards_.size()) {
      const Status status = co_await bus_.changed(bus_.revision());
      CHECK(status.has_value());
    }
    const std::uint64_t bytes_before = bytes();
    const Duration busy_before = busy();
    begin_ = loop_.now();
    Scope scope(loop_, "boards");
    const std::vector<UsbDevice> devices = bus_.devices();
    for (const UsbDevice& device : devices) {
      if (line_.in_turn) {
        co_await run_board(device);
      } else {
        scope.spawn(device.path.to_string(), run_board(device));
      }
    }
    co_await scope.join();
    times_.makespan = seconds(loop_.now() - begin_);
    times_.usb_bytes = bytes() - bytes_before;
    times_.bus_busy = seconds(busy() - busy_before) / static_cast<double>(buses_.size()) /
                      std::max(times_.makespan, 1e-9);
    for (int board = 0; board < line_.boards; ++board) bus_.unplug(path(board));
  }

  Task<> run_board(UsbDevice device) {
    const std::size_t board = index_of(device.path);
    auto connection = co_await bus_.open(device.arrival);
    CHECK(connection.has_value());
    Stopwatch watch(loop_, begin_, line_.before);
    const Attempt attempt = co_await recipe_->run(**connection, watch);
    times_.boards[board] = watch.finish();
    ByteVector found(line_.image.size());
    boards_[board]->chip().peek(0, found);
    if (!times_.failure.empty()) co_return;
    if (attempt.verdict != Verdict::kPass) {
      times_.failure = fmt::format("{}: {}: {}", device.path.to_string(), attempt.step,
                                   attempt.error ? attempt.error->message() : "no PASS");
    } else if (found != line_.image) {
      times_.failure = device.path.to_string() + ": the chip does not hold the image";
    } else if (!boards_[board]->chip().complaints().empty()) {
      times_.failure = boards_[board]->chip().complaints().front();
    }
  }

  std::size_t index_of(const UsbPath& place) const {
    int board = 0;
    while (path(board) != place) ++board;
    return static_cast<std::size_t>(board);
  }
  std::uint64_t bytes() const {
    std::uint64_t sum = 0;
    for (const model::UsbBus* bus : buses_) sum += bus->bytes();
    return sum;
  }
  Duration busy() const {
    Duration sum{};
    for (const model::UsbBus* bus : buses_) sum += bus->busy();
    return sum;
  }

  const Line& line_;
  sim::Trace trace_;
  sim::SimPort port_;
  Loop loop_;
  sim::SimBus bus_;
  const std::unique_ptr<Workers> worker_;
  const std::unique_ptr<Recipe> recipe_;
  std::vector<const model::UsbBus*> buses_;
  std::vector<model::VirtualBoard*> boards_;
  Instant begin_{};
  LineTimes times_;
};

void append(ByteVector& bytes, std::uint64_t value, int size) {
  for (int i = 0; i < size; ++i) bytes.push_back(static_cast<std::uint8_t>(value >> 8 * i));
}

// Sixteen instructions or so that come again and again, with other registers and constants.
std::vector<ByteVector> idioms(sim::Prng& prng) {
  std::vector<ByteVector> all;
  for (int i = 0; i < 1500; ++i) {
    ByteVector idiom;
    const std::uint64_t size = 4 + prng.below(20);
    while (idiom.size() < size) append(idiom, 0x4000 + prng.below(0x8000), 2);
    all.push_back(std::move(idiom));
  }
  return all;
}

}  // namespace

double LineTimes::write_rate() const {
  double begin = makespan;
  double end = 0;
  for (const BoardTimes& board : boards) {
    begin = std::min(begin, board.write_begin);
    end = std::max(end, board.write_end);
  }
  return static_cast<double>(usb_bytes) / std::max(end - begin, 1e-9);
}

LineTimes run_line(const Line& line) {
  CHECK(!line.buses.empty() && line.boards > 0);
  return Floor(line).run();
}

ByteVector random_image(std::size_t size) {
  sim::Prng prng(2026);
  ByteVector image;
  image.reserve(size + 8);
  while (image.size() < size) append(image, prng.next(), 8);
  image.resize(size);
  return image;
}

ByteVector firmware_image(std::size_t size) {
  sim::Prng prng(1984);
  const std::vector<ByteVector> code = idioms(prng);
  ByteVector image;
  image.reserve(size + 4096);
  while (image.size() < size) {
    const std::uint64_t kind = prng.below(1000);
    if (kind < 400 && image.size() > 2048) {  // what the same function has done before
      const std::size_t from = image.size() - 1024 + prng.below(1000);
      for (std::size_t i = 0, some = 8 + prng.below(16); i < some; ++i) {
        image.push_back(image[from + i]);
      }
      append(image, prng.next(), 2);
    } else if (kind < 960) {  // code: the common idioms more often than the others
      const std::uint64_t rank = prng.below(code.size()) * prng.below(code.size()) / code.size();
      const ByteVector& idiom = code[rank];
      image.insert(image.end(), idiom.begin(), idiom.end());
      append(image, prng.next(), prng.chance(500) ? 4 : 2);
    } else if (kind < 980) {  // a table of addresses
      const std::uint64_t base = 0x0800'0000 + prng.below(1 << 20);
      for (int i = 0; i < 8; ++i) append(image, base + prng.below(4096) * 4, 4);
    } else if (kind < 997) {  // text, as far as a compressor can tell
      for (int i = 0; i < 24; ++i) append(image, 'a' + prng.below(20), 1);
    } else {  // alignment, unused space
      image.insert(image.end(), 64 + prng.below(1024), 0x00);
    }
  }
  image.resize(size);
  return image;
}

}  // namespace gangd::bench
