// Power fails at each operation of either flash while a host updates a board through its resident
// loader, and while the next start raises the rollback counter. Whenever power comes back, the
// board is in DFU or runs an image that is whole; never neither, and never a mixture. Afterwards it
// takes the update.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "loop/deadline.h"
#include "loop/loop.h"
#include "loop/sleep.h"
#include "tests/model/header_fields.h"
#include "tests/sim/sim_bus.h"
#include "tests/sim/sim_port.h"
#include "wire/dfuse.h"
#include "wire/wire.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;
using model::ResidentLoader;

constexpr Duration kPatience = 1min;
constexpr Duration kPowerUp = 1500ms;
constexpr std::uint32_t kExternal = 0x9000'0000;

enum class Place { kExternal, kInternal, kCopied };

struct Update {
  const char* name;
  const char* part;
  bool by_xfp;  // as gangd does it: erase all, write all. Else as dfu-util: one file after another
  Place place;
};

void PrintTo(const Update& update, std::ostream* out) {
  *out << update.name;
}

// What a host writes, in this order.
struct Piece {
  std::uint32_t address;
  ByteVector bytes;
};

// A word of internal flash is programmed whole.
ByteVector padded(ByteVector bytes) {
  bytes.resize((bytes.size() + 15) / 16 * 16, 0xff);
  return bytes;
}

// Of lives with two cuts, the first and the last: the environment says, for a campaign.
int seed_of(const char* variable, int otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::atoi(text);
}
// The second cut hits the last word of an image that is written again, under a header that was cut
// in its own last word and vouched for it: internal_dfu, when headers were left in place.
constexpr int kCutUnderItsHeader = 3434;

ByteVector firmware(std::uint32_t run_address, std::size_t size, unsigned version) {
  ByteVector image(size);
  for (std::size_t i = 0; i < size; ++i) {
    image[i] = static_cast<std::uint8_t>(i * (29 + version) + (i >> 7));
  }
  store_le32(&image[0], ResidentLoader::kStacks + 0x1000);
  store_le32(&image[4], run_address + 0x201);
  return image;
}

struct Operations {
  std::uint64_t internal = 0;
  std::uint64_t external = 0;
};

struct Cut {
  bool internal = false;
  std::uint64_t operation = 0;
};

// A board with a release build of the loader, on a bus of its own.
class Bench {
 public:
  Bench(const Update& update, std::uint64_t seed) : update_(update), port_(seed, trace_) {
    model::VirtualBoard::Options options;
    options.part = update.part;
    options.seed = seed;
    ResidentLoader::Key key;
    std::ranges::copy(key_.public_key().bytes, key.begin());
    options.resident.emplace();
    options.resident->keys = {key};
    options.resident->hides = update.by_xfp;  // what a device measures itself needs no reading
    if (update.place == Place::kInternal) {
      options.resident->header_address =
          ResidentLoader::kOffered + model::InternalFlash::kSectorSize;
    }
    board_ = &bus_.add_board(place_, options);
    power_cycle(false);  // the loader learns where its flash ends
    for (const Piece& piece : pieces(1)) poke(piece);
    power_cycle(false);
    EXPECT_EQ(running_version(), 1U) << verdict();
  }

  // Off, and on with the button held or not; until what comes up is there.
  void power_cycle(bool button) {
    bus_.unplug(place_);
    loader().hold_button(button);
    bus_.plug(place_);
    (void)run(pass(kPowerUp));
  }
  Status update() { return run(update_.by_xfp ? update_by_xfp() : update_by_dfuse()); }

  // Power fails at this operation from now.
  void cut(const Cut& cut) {
    if (cut.internal) {
      loader().flash().cut_power_at_operation(cut.operation);
    } else {
      chip().cut_power_at_operation(cut.operation);
    }
  }
  // One that did not come.
  void forget_cut() {
    loader().flash().cut_power_at_operation(kNever);
    chip().forget_orders();
  }
  Operations operations() const {
    return {.internal = loader().flash().operations(), .external = chip().operations()};
  }
  bool was_cut() { return chip().cut() || loader().flash().cut(); }

  bool in_dfu() const { return !bus_.devices().empty(); }
  // 0: none. Whatever runs must be one of the two, each byte of it, in cells that hold.
  unsigned running_version() {
    if (!loader().application()) return 0;
    for (const unsigned version : {1u, 2u}) {
      if (holds_image(version)) return version;
    }
    ADD_FAILURE() << "what runs is no image that anybody has made";
    return 99;
  }
  std::string verdict() { return boot_verdict_text(loader().verdict()); }
  std::vector<std::string> complaints() {
    std::vector<std::string> all = chip().complaints();
    std::ranges::copy(loader().flash().complaints(), std::back_inserter(all));
    return all;
  }

 private:
  static constexpr std::uint64_t kNever = 1'000'000'000;
  static constexpr std::size_t kImageSize = 5000, kDataSize = 1024;

  model::NorChip& chip() const { return board_->chip(); }
  ResidentLoader& loader() const { return board_->resident(); }

  std::uint32_t image_address() const {
    return update_.place == Place::kInternal ? ResidentLoader::kOffered : kExternal;
  }
  std::uint32_t run_address() const {
    return update_.place == Place::kCopied ? ResidentLoader::kRam : image_address();
  }
  std::size_t image_size() const { return update_.place == Place::kInternal ? 2000 : kImageSize; }

  // Data in the other flash, the image, the header.
  std::vector<Piece> pieces(unsigned version) const {
    const ByteVector image = firmware(run_address(), image_size(), version);
    HeaderFields fields;
    fields.flags = update_.place == Place::kCopied ? BOOT_COPY : 0;
    fields.address = image_address();
    fields.run_address = run_address();
    fields.security_version = version;
    fields.board = "virtual";
    fields.hash(image);
    const std::uint32_t data =
        update_.place == Place::kInternal ? kExternal : ResidentLoader::kOffered;
    return {{data, ByteVector(kDataSize, static_cast<std::uint8_t>(0x50 + version))},
            {image_address(), image},
            {loader().header_address(), fields.bytes(&key_)}};
  }
  void poke(const Piece& piece) {
    if (piece.address >= kExternal) return chip().poke(piece.address - kExternal, piece.bytes);
    loader().flash().poke(piece.address, piece.bytes);
  }
  bool holds_image(unsigned version) {
    const Piece image = pieces(version)[1];
    const auto size = static_cast<std::uint32_t>(image.bytes.size());
    if (update_.place == Place::kCopied) return loader().ram(run_address(), size) == image.bytes;
    if (update_.place == Place::kInternal) {
      return loader().flash().peek(image.address, size) == image.bytes &&
             loader().flash().firm(image.address, size);
    }
    ByteVector found(size);
    chip().peek(0, found);
    return found == image.bytes && chip().firm(0, size);
  }

  static Task<Status> pass(Duration time) { co_return co_await sleep_for(time); }
  static void nobody(std::uint64_t) {}
  Task<Result<std::unique_ptr<UsbConnection>>> open() {
    if (bus_.devices().empty()) co_return Error(Code::kUnplugged, "unplugged");
    co_return co_await bus_.open(bus_.devices().front().arrival);
  }
  Status run(Task<Status> task) {
    const auto bounded = [](Task<Status> inner) -> Task<Status> {
      co_return co_await with_timeout(kPatience, std::move(inner));
    };
    return loop_.run(bounded(std::move(task)));
  }

  Task<Status> update_by_dfuse();
  Task<Status> update_by_xfp();

  const Update update_;
  const SecretKey key_{SecretKey::Seed{7}};
  sim::Trace trace_{nullptr};
  sim::SimPort port_;
  Loop loop_{port_};
  sim::SimBus bus_{port_, 1};
  const UsbPath place_{"0000:00:14.0", {1}};
  model::VirtualBoard* board_ = nullptr;
};

// As `dfu-util -D` three times: each page of a file is erased before it is written.
Task<Status> Bench::update_by_dfuse() {
  CO_TRY(const auto connection, co_await open());
  CO_TRY(const auto alternates, find_dfu(connection->configuration()));
  for (const Piece& piece : pieces(2)) {
    const DfuAlternate& alternate = alternates.at(piece.address >= kExternal ? 1 : 0);
    CO_TRY(const auto dfuse,
           co_await Dfuse::open(*connection, alternate, DfuseBlocks::kAddressEach));
    const std::uint32_t page = dfuse->layout().segments.front().page_size;
    for (std::uint32_t at = 0; at < piece.bytes.size(); at += page) {
      CO_TRY_STATUS(co_await dfuse->erase_page(piece.address + at));
    }
    CO_TRY_STATUS(co_await dfuse->write(piece.address, padded(piece.bytes)));
  }
  co_return Status();
}

// As gangd: everything is erased, then written, then measured.
Task<Status> Bench::update_by_xfp() {
  CO_TRY(const auto connection, co_await open());
  CO_TRY(const std::unique_ptr<Wire> wire, co_await open_wire(*connection));
  const std::vector<Piece> all = pieces(2);
  for (const Piece& piece : all) {
    CO_TRY_STATUS(co_await wire->erase(piece.address, piece.bytes.size(), Erase::kAll, nobody));
  }
  for (const Piece& piece : all) {
    const ByteVector bytes = padded(piece.bytes);
    CO_TRY_STATUS(co_await wire->write(piece.address, bytes, nobody));
  }
  for (const Piece& piece : all) {
    CO_TRY(const DeviceProof proof, co_await wire->measure(piece.address, piece.bytes.size(),
                                                           ReadAs::kProgrammed, Nonce{}, nobody));
    if (proof.digest != sha256(piece.bytes)) co_return Error(Code::kMismatch, "another content");
  }
  co_return Status();
}

class ResidentCuts : public testing::TestWithParam<Update> {
 protected:
  // In DFU, or with a whole image; on this day and on the next ones, which may be less kind to
  // cells that a cut has left half done.
  static void expect_dfu_or_whole(Bench& bench) {
    for (int day = 0; day < 3; ++day) {
      bench.power_cycle(false);
      const unsigned version = bench.running_version();
      EXPECT_EQ(version != 0, !bench.in_dfu()) << bench.verdict();
      if (testing::Test::HasFailure()) return;
    }
  }
  // The update that was cut, again.
  static void expect_mended(Bench& bench) {
    bench.power_cycle(true);
    const Status again = bench.update();
    ASSERT_TRUE(again) << again.error().message();
    bench.power_cycle(false);
    EXPECT_EQ(bench.running_version(), 2U) << bench.verdict();
    EXPECT_EQ(bench.complaints(), std::vector<std::string>{});
  }
  // An update, and the start behind it.
  static bool is_cut(Bench& bench) {
    bench.power_cycle(true);
    const Status status = bench.update();
    if (!status) {
      EXPECT_TRUE(status.failed_with(Code::kUnplugged)) << status.error().message();
    } else {
      bench.power_cycle(false);
    }
    return bench.was_cut();
  }
  static Operations count(const Update& update) {
    Bench bench(update, 1);
    const Operations before = bench.operations();
    bench.power_cycle(true);
    const Status status = bench.update();
    EXPECT_TRUE(status) << status.error().message();
    bench.power_cycle(false);
    EXPECT_EQ(bench.running_version(), 2U) << bench.verdict();
    const Operations after = bench.operations();
    return {.internal = after.internal - before.internal,
            .external = after.external - before.external};
  }
};

TEST_P(ResidentCuts, AtEachOperationOfEitherFlash) {
  const Operations all = count(GetParam());
  ASSERT_FALSE(HasFailure());
  // The model must not do with few what a chip does with many.
  EXPECT_GE(all.internal, 64U);
  EXPECT_GE(all.external, 4U);
  std::uint64_t cuts = 0;
  for (std::uint64_t n = 0; n < all.internal + all.external; ++n) {
    const bool internal = n < all.internal;
    const Cut cut = {.internal = internal, .operation = internal ? n : n - all.internal};
    SCOPED_TRACE(fmt::format("cut at operation {} of {} flash", cut.operation,
                             internal ? "internal" : "external"));
    Bench bench(GetParam(), n + 2);
    bench.cut(cut);
    ASSERT_TRUE(is_cut(bench));
    ++cuts;
    expect_dfu_or_whole(bench);
    expect_mended(bench);
    if (HasFailure()) return;
  }
  EXPECT_EQ(cuts, all.internal + all.external);
  fmt::print("{}: {} cuts, {} operations ({} internal, {} external)\n", GetParam().name, cuts,
             all.internal + all.external, all.internal, all.external);
}

// The second one in the update that is to mend the first, or in the start behind it.
TEST_P(ResidentCuts, AtTwoOperations) {
  const Operations all = count(GetParam());
  ASSERT_FALSE(HasFailure());
  const int first = seed_of("GANGD_SEED_FIRST", 1), last = seed_of("GANGD_SEEDS", 40);
  std::uint64_t cuts = 0;
  std::vector<int> seeds;
  for (int seed = first; seed <= last; ++seed) seeds.push_back(seed);
  seeds.push_back(kCutUnderItsHeader);
  for (const int seed : seeds) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    sim::Prng dice(static_cast<std::uint64_t>(seed));
    Bench bench(GetParam(), dice.next());
    for (int twice = 0; twice < 2; ++twice) {
      const bool internal = dice.below(all.internal + all.external) < all.internal;
      const std::uint64_t operation = dice.below(internal ? all.internal : all.external);
      bench.cut({.internal = internal, .operation = operation});
      const bool cut = is_cut(bench);
      cuts += cut;
      // Less is left to do where the first cut had come late: the counter is raised already, or the
      // old header is gone, whose erase is one operation.
      const bool is_last = !internal && operation + 1 == all.external;
      ASSERT_TRUE(cut || (twice == 1 && (internal || is_last)));
      bench.forget_cut();
      expect_dfu_or_whole(bench);
      if (HasFailure()) return;
    }
    expect_mended(bench);
    if (HasFailure()) return;
  }
  fmt::print("{}: seeds {} to {}, {} cuts\n", GetParam().name, first, last, cuts);
}

INSTANTIATE_TEST_SUITE_P(
    , ResidentCuts,
    testing::Values(Update{"external_dfu", "MX66UW1G45G", false, Place::kExternal},
                    Update{"external_xfp", "MX66UW1G45G", true, Place::kExternal},
                    Update{"internal_dfu", "MX25R6435F", false, Place::kInternal},
                    Update{"internal_xfp", "MX25R6435F", true, Place::kInternal},
                    Update{"copied_xfp", "MX25R6435F", true, Place::kCopied}),
    [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace gangd
