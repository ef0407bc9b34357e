#include "tests/faults/faulty_bench.h"

#include <chrono>

#include "base/check.h"
#include "loop/deadline.h"
#include "station/ledger_unit_record.h"
#include "tests/model/parts.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kFlash = 0x9000'0000;
constexpr std::uint32_t kSerialAt = 0x1'0000;
// Blocks of 128 KiB are the largest that parts erase at once.
constexpr std::uint32_t kSoiled = 0x2'0000;
constexpr Duration kAppears = 5s;
constexpr Duration kNoLimit = 24h;

// Two minutes for the recipe; to cancel it takes no longer than a transfer's limit.
constexpr std::string_view kProduct = R"(
name = "tone"
minutes_max = 2
[usb]
vendor = 0x1209
product = 0x0001
[[image]]
file = "tone.bin"
address = 0x90000000
[serial]
pool = "tone"
prefix = "T"
digits = 3
address = 0x90010000
size = 8
)";

constexpr std::uint32_t kOtherAt = 0x9004'0000;
constexpr std::size_t kOtherBytes = 5000;
constexpr std::string_view kOther = R"(
name = "other"
minutes_max = 2
[usb]
vendor = 0x1209
product = 0x0001
[[image]]
file = "other.bin"
address = 0x90040000
)";

ByteVector image_of(std::size_t size) {
  ByteVector bytes(size);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(i * 31 + (i >> 8));
  }
  return bytes;
}

// Quickly written: a page here and there.
ByteVector sparse_image_of(const model::Part& part) {
  ByteVector bytes(part.size, 0xff);
  for (std::size_t at = 0; at < bytes.size(); at += bytes.size() / 16) {
    bytes[at] = static_cast<std::uint8_t>(at >> 16);
  }
  bytes.back() = 0x42;
  return bytes;
}

// A record that says something else of the cells than the ledger does.
class Told final : public UnitRecord {
 public:
  Told(UnitRecord& record, std::optional<Cells> cells) : record_(record), cells_(cells) {}

  Task<Result<BegunUnit>> begin(std::string uid) override {
    CO_TRY(BegunUnit begun, co_await record_.begin(std::move(uid)));
    begun.cells = cells_.value_or(begun.cells);
    co_return begun;
  }
  void progress(std::string_view step, std::uint64_t done, std::uint64_t total) override {
    record_.progress(step, done, total);
  }

 private:
  UnitRecord& record_;
  const std::optional<Cells> cells_;
};

// An attempt that is cut short has an outcome, too.
Task<Result<Attempt>> recipe_run(const Recipe& recipe, UsbConnection& connection,
                                 UnitRecord& record) {
  co_return co_await recipe.run(connection, record);
}

}  // namespace

std::string reason_of(const Attempt& attempt) {
  return attempt.error ? attempt.error->message() : "";
}

Duration FaultyBench::limit() {
  return 3min;
}

FaultyBench::FaultyBench(Options options) : port_(options.seed, trace_), bus_(port_, options.seed) {
  if (options.timed) bus_.time_bus(place_.controller, model::UsbBus::kHighSpeed);
  model::VirtualBoard::Options board;
  board.part = options.part;
  board.seed = options.seed;
  board.uid = {0xab};
  board_ = &bus_.add_board(place_, board);
  Product product = *parse_product(kProduct, "tone.toml");
  product.incoming_fresh = options.incoming_fresh;
  if (options.whole_chip) product.serial.reset();
  ByteVector bytes = options.whole_chip ? sparse_image_of(*model::find_part(options.part))
                                        : image_of(options.image_bytes);
  work_.recipe = *Recipe::make(std::move(product),
                               *Image::make({{"tone.bin", kFlash, std::move(bytes)}}), *worker_);
  other_.recipe =
      *Recipe::make(*parse_product(kOther, "other.toml"),
                    *Image::make({{"other.bin", kOtherAt, image_of(kOtherBytes)}}), *worker_);
  loop_.run(begin());
  soil();
}

Task<> FaultyBench::begin() {
  CHECK(co_await records_.open("0.0.0"));
  for (Work* const work : {&work_, &other_}) {
    JobStarted job;
    job.product = work->recipe->product().name;
    job.image_extents = work->recipe->image().extents();
    work->job = *co_await records_.append(job);
  }
}

FaultyBench::~FaultyBench() {
  loop_.run(stop());
}

Task<> FaultyBench::stop() {
  co_await serials_.stop();
  co_await records_.stop();
  co_await ledger_.close();
}

void FaultyBench::soil() {
  chip().poke(0, ByteVector(kSoiled, 0x00));
}

bool FaultyBench::holds() const {
  const ByteVector& image = work_.recipe->image().parts().front().bytes;
  model::NorChip& chip = board_->chip();
  ByteVector found(image.size());
  chip.peek(0, found);
  if (found != image || !chip.firm(0, static_cast<std::uint32_t>(image.size()))) return false;
  if (!work_.recipe->product().serial) return true;
  const ByteVector field = work_.recipe->product().serial->field(serial_);
  found.resize(field.size());
  chip.peek(kSerialAt, found);
  return found == field && chip.firm(kSerialAt, static_cast<std::uint32_t>(field.size()));
}

Attempt FaultyBench::attempt_on_cells(std::optional<Cells> cells) {
  bus_.plug(place_);
  return loop_.run(run(work_, cells, kNoLimit));
}

Attempt FaultyBench::attempt_that_stops(Duration after, std::optional<Cells> cells) {
  bus_.plug(place_);
  return loop_.run(run(work_, cells, after));
}

Attempt FaultyBench::attempt_of_other() {
  bus_.plug(place_);
  return loop_.run(run(other_, {}, kNoLimit));
}

Task<Result<std::unique_ptr<UsbConnection>>> FaultyBench::open_when_there() {
  while (true) {
    const std::uint64_t seen = bus_.revision();
    if (!bus_.devices().empty()) co_return co_await bus_.open(bus_.devices().front().arrival);
    CO_TRY_STATUS(co_await bus_.changed(seen));
  }
}

Task<Attempt> FaultyBench::run(const Work& work, std::optional<Cells> cells, Duration limit) {
  auto connection = co_await with_timeout(kAppears, open_when_there());
  if (!connection) {
    Attempt absent;
    absent.verdict = Verdict::kFail;
    absent.error = std::move(connection).error().with_context("the board does not appear");
    co_return absent;
  }
  const auto on_line = sim::on_bad_line(*std::move(connection), line_);
  LedgerUnitRecord record(records_, mes_, serials_, work.recipe->product(),
                          {work.job, "1", place_.to_string()}, [](auto...) {});
  Told told(record, cells);
  const Instant began = loop_.now();
  Attempt attempt = *co_await with_timeout(limit, recipe_run(*work.recipe, *on_line, told));
  took_ = loop_.now() - began;
  if (!record.id()) co_return attempt;
  if (!record.started().numbers.empty()) serial_ = record.started().numbers.front().value;
  AttemptEnded end;
  end.attempt = *record.id();
  end.verdict = attempt.verdict;
  end.reason = reason_of(attempt);
  end.bytes_found_same = attempt.bytes_found_same;
  end.bytes_found_blank = attempt.bytes_found_blank;
  end.measured = attempt.measured;
  CHECK(co_await records_.append_surely(end));
  co_return attempt;
}

}  // namespace gangd
