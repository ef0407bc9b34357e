// A unit gets one number for ever, and nothing is done to it that is not on record before.
#include "station/ledger_unit_record.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <utility>

#include "loop/scope.h"
#include "loop/sleep.h"
#include "tests/sim/sim_ledger.h"
#include "tests/unit/loop/simulated.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

Product product_of(const std::string& pool, int digits, std::uint32_t size) {
  Product product;
  product.name = "tone";
  product.serial = ProductSerial{pool, "T", digits, 1, 0x9001'0000, size};
  return product;
}

// A MES that says no, or nothing at all.
class Clerk final : public MesLink {
 public:
  bool is_there() const override { return true; }
  Task<Status> authorize(MesUnit unit) override {
    asked.push_back(unit.uid + " " + unit.product + " " + unit.slot);
    CO_TRY_STATUS(co_await sleep_for(takes));
    if (refuses) co_return Error(Code::kInvalid, "unit {} is not due here", unit.uid);
    if (is_silent) co_return Error(Code::kTimeout, "no answer");
    co_return Status();
  }
  Task<Result<MesNumbers>> lease(MesLease lease) override {
    leased.push_back(lease.request);
    CO_TRY_STATUS(co_await sleep_for(takes));
    if (is_silent) co_return Error(Code::kTimeout, "no answer");
    co_return MesNumbers{std::exchange(next, next + lease.count), lease.count};
  }
  Task<Status> report(MesReport) override { co_return Status(); }
  std::vector<std::string> leased;
  std::uint64_t next = 100;
  bool is_silent = false;
  std::vector<std::string> asked;
  Duration takes = 1ms;
  bool refuses = false;
};

class LedgerUnitRecordTest : public testing::Test {
 protected:
  void live(const std::function<Task<>(Records&)>& life) {
    const auto body = [&]() -> Task<> {
      sim::SimLedger ledger(world_.loop, disk_, "line-1");
      Records records(world_.loop, ledger, [] {});
      SerialSupply serials(world_.loop, records, mes_, [] {});
      serials_ = &serials;
      EXPECT_TRUE(co_await records.open("1.0"));
      co_await life(records);
      co_await serials.stop();
      co_await records.stop();
      co_await ledger.close();
    };
    world_.loop.run(body());
  }
  LedgerUnitRecord unit(Records& records, const std::string& slot = "1") {
    return unit(records, product_, slot);
  }
  LedgerUnitRecord unit(Records& records, const Product& product, const std::string& slot = "1") {
    return {records, mes_, *serials_, product, {{1, 2}, slot, "0000:00:14.0/1"}, [](auto...) {}};
  }
  const AttemptStarted& last_start() {
    return std::get<AttemptStarted>(disk_.entries().back().event);
  }

  Simulated world_;
  sim::SimDisk disk_{1};
  Clerk mes_;
  SerialSupply* serials_ = nullptr;
  const Product product_ = product_of("tone", 3, 8);
};

TEST_F(LedgerUnitRecordTest, AUnitKeepsItsNumber) {
  live([&](Records& records) -> Task<> {
    for (int attempt = 0; attempt < 2; ++attempt) {
      LedgerUnitRecord first = unit(records);
      EXPECT_EQ((co_await first.begin("AA"))->serial, "T001");
      EXPECT_EQ(first.id(), disk_.entries().back().id);
      EXPECT_EQ(last_start().uid, "AA");
      EXPECT_EQ(last_start().unit_extents, (std::vector<Extent>{product_.serial->extent("T001")}));
      LedgerUnitRecord second = unit(records, "2");
      EXPECT_EQ((co_await second.begin("BB"))->serial, "T002");
    }
    EXPECT_EQ(mes_.asked.front(), "AA tone 1");
  });
  live([&](Records& records) -> Task<> {
    LedgerUnitRecord again = unit(records);
    EXPECT_EQ((co_await again.begin("BB"))->serial, "T002");
  });
}

// What breaks: a message for each step of a fast board, to everyone who watches; or the end of a
// step that nobody is told of.
TEST_F(LedgerUnitRecordTest, ProgressIsToldAsOftenAsAPersonSeesIt) {
  live([&](Records& records) -> Task<> {
    std::vector<std::string> told;
    LedgerUnitRecord record(records, mes_, *serials_, product_, {{1, 2}, "1", "0000:00:14.0/1"},
                            [&told](std::string_view step, std::uint64_t done, std::uint64_t) {
                              told.push_back(fmt::format("{} {}", step, done));
                            });
    record.progress("erase", 0, 100);
    record.progress("write", 0, 100);
    for (std::uint64_t done = 1; done <= 100; ++done) {
      (void)co_await sleep_for(25ms);
      record.progress("write", done, 100);
    }
    const std::vector<std::string> expected = {"erase 0", "write 0", "write 40", "write 80",
                                               "write 100"};
    EXPECT_EQ(told, expected);
  });
}

// Labels, MES and customers know a unit by its serial.
TEST_F(LedgerUnitRecordTest, OneUidHasOneSerialAndOneSerialOneUid) {
  live([&](Records& records) -> Task<> {
    {
      LedgerUnitRecord first = unit(records);
      EXPECT_EQ((co_await first.begin("AA"))->serial, "T001");
      LedgerUnitRecord second = unit(records, "2");
      EXPECT_EQ((co_await second.begin("BB"))->serial, "T002");
    }
    const EventId before = disk_.entries().back().id;
    // The pool of another product would give AA a second serial.
    const Product other = product_of("other", 2, 8);
    LedgerUnitRecord again = unit(records, other);
    const auto second = co_await again.begin("AA");
    EXPECT_TRUE(second.failed_with(Code::kConflict));
    EXPECT_NE(second.error().message().find("unit AA has serial T001 of pool tone"),
              std::string::npos);
    EXPECT_FALSE(again.failed_to_begin());
    // A pool with the same prefix begins with AA's serial.
    const Product same = product_of("same", 3, 8);
    LedgerUnitRecord stranger = unit(records, same, "2");
    const auto taken = co_await stranger.begin("CC");
    EXPECT_TRUE(taken.failed_with(Code::kConflict));
    EXPECT_NE(taken.error().message().find("serial T001 is unit AA's"), std::string::npos);
    EXPECT_EQ(disk_.entries().back().id, before) << "nothing was given";
    // It is on record all the same, without a serial.
    EXPECT_TRUE(co_await stranger.begin_late());
    EXPECT_EQ(last_start().uid, "CC");
    EXPECT_TRUE(last_start().numbers.empty());
  });
}

// Two slots at once: neither is on record yet.
TEST_F(LedgerUnitRecordTest, ASerialThatIsBeingGivenIsNobodyElses) {
  live([&](Records& records) -> Task<> {
    mes_.takes = 0ms;
    const Product same = product_of("same", 3, 8);
    LedgerUnitRecord first = unit(records);
    LedgerUnitRecord second = unit(records, same, "2");
    Scope both(world_.loop, "both");
    int given = 0;
    int refused = 0;
    const auto begin = [&](LedgerUnitRecord& record, std::string uid) -> Task<> {
      const auto begun = co_await record.begin(std::move(uid));
      given += begun.has_value();
      refused += begun.failed_with(Code::kConflict);
    };
    both.spawn("first", begin(first, "AA"));
    both.spawn("second", begin(second, "BB"));
    co_await both.join();
    EXPECT_EQ(given, 1);
    EXPECT_EQ(refused, 1);
  });
}

// Cells whose erase was cut read as blank and do not hold: the record is the only one who knows.
TEST_F(LedgerUnitRecordTest, BlankIsBelievedOnlyAfterAPass) {
  Product fresh = product_;
  fresh.incoming_fresh = true;
  live([&](Records& records) -> Task<> {
    EventId attempt;
    const auto believed = [&](const Product& product) -> Task<bool> {
      LedgerUnitRecord record = unit(records, product);
      const auto begun = co_await record.begin("AA");
      EXPECT_TRUE(begun);
      attempt = *record.id();
      co_return begun && begun->cells != Cells::kUnknown;
    };
    const auto end = [&](Verdict verdict) -> Task<> {
      AttemptEnded ended;
      ended.attempt = attempt;
      ended.verdict = verdict;
      ended.measured = last_start().unit_extents;  // all that any of them was to write
      EXPECT_TRUE(co_await records.append(ended));
    };
    EXPECT_TRUE(co_await believed(fresh)) << "never seen, and known to come blank";
    EXPECT_FALSE(co_await believed(fresh)) << "an attempt that has no end";
    co_await end(Verdict::kUnknown);
    EXPECT_FALSE(co_await believed(fresh));
    co_await end(Verdict::kFail);
    EXPECT_FALSE(co_await believed(fresh));
    co_await end(Verdict::kPass);
    EXPECT_TRUE(co_await believed(product_));
  });
  live([&](Records& records) -> Task<> {
    LedgerUnitRecord record = unit(records);
    EXPECT_EQ((co_await record.begin("BB"))->cells, Cells::kUnknown) << "from anywhere";
  });
}

TEST_F(LedgerUnitRecordTest, WithoutASerialThereIsNoNumber) {
  Product bare;
  bare.name = "bare";
  live([&](Records& records) -> Task<> {
    LedgerUnitRecord record = unit(records, bare);
    EXPECT_EQ((co_await record.begin("AA"))->serial, "");
    EXPECT_TRUE(last_start().numbers.empty() && last_start().unit_extents.empty());
  });
}

// The product's field was made smaller since: half a number must not pass for the whole.
TEST_F(LedgerUnitRecordTest, ANumberThatDoesNotFitIsNotCutShort) {
  live([&](Records& records) -> Task<> {
    {
      LedgerUnitRecord record = unit(records);
      EXPECT_EQ((co_await record.begin("AA"))->serial, "T001");
    }
    const Product smaller = product_of("tone", 2, 3);
    LedgerUnitRecord record = unit(records, smaller);
    const auto refused = co_await record.begin("AA");
    EXPECT_TRUE(refused.failed_with(Code::kInvalid));
    EXPECT_FALSE(record.id());
    EXPECT_FALSE(record.failed_to_begin());
    if (refused) co_return;
    EXPECT_EQ(refused.error().message(),
              "the unit's number \"T001\" does not fit into the product's field of 3 bytes");
  });
}

TEST_F(LedgerUnitRecordTest, APoolThatIsUsedUpIsNamed) {
  live([&](Records& records) -> Task<> {
    EXPECT_EQ(records.take_index("tone", 999), 999U);
    LedgerUnitRecord record = unit(records);
    const auto none = co_await record.begin("AA");
    EXPECT_TRUE(none.failed_with(Code::kExhausted));
    EXPECT_NE(none.error().message().find("\"tone\""), std::string::npos);
  });
}

// It stays on record that it was here, and its number is another's.
TEST_F(LedgerUnitRecordTest, WhatTheMesRefusesIsRecordedWithoutANumber) {
  live([&](Records& records) -> Task<> {
    mes_.refuses = true;
    {
      LedgerUnitRecord record = unit(records);
      const auto refused = co_await record.begin("AA");
      EXPECT_TRUE(refused.failed_with(Code::kInvalid));
      EXPECT_EQ(refused.error().message(), "MES: unit AA is not due here");
      EXPECT_FALSE(record.failed_to_begin());
      EXPECT_TRUE(co_await record.begin_late());
      EXPECT_EQ(last_start().uid, "AA");
      EXPECT_TRUE(last_start().numbers.empty());
    }
    mes_.refuses = false;
    LedgerUnitRecord next = unit(records);
    EXPECT_EQ((co_await next.begin("BB"))->serial, "T001");
  });
}

TEST_F(LedgerUnitRecordTest, AMesThatIsSilentIsNotWaitedForWithoutEnd) {
  live([&](Records& records) -> Task<> {
    mes_.takes = 24h;
    const Instant began = world_.loop.now();
    LedgerUnitRecord record = unit(records);
    EXPECT_TRUE((co_await record.begin("AA")).failed_with(Code::kTimeout));
    EXPECT_LE(world_.loop.now() - began, 1min);
  });
}

Product product_of_mes(const std::string& pool, std::uint64_t ahead) {
  Product product = product_of(pool, 3, 8);
  product.serial->from_mes = true;
  product.serial->ahead = ahead;
  return product;
}

TEST_F(LedgerUnitRecordTest, NumbersOfTheMesAreOnRecordBeforeTheyAreUsed) {
  const Product product = product_of_mes("tone", 2);
  live([&](Records& records) -> Task<> {
    serials_->keep("tone", "tone", 2);
    (void)co_await sleep_for(1s);
    LedgerUnitRecord first = unit(records, product);
    EXPECT_EQ((co_await first.begin("AA"))->serial, "T100");
    EXPECT_EQ(last_start().allowed_by, "mes");
    const auto is_lease = [](const Entry& entry) {
      const auto* lease = std::get_if<SerialsLeased>(&entry.event);
      return lease != nullptr && lease->first == 100 && lease->count == 2 &&
             lease->request == "tone/1/1";
    };
    EXPECT_TRUE(std::ranges::any_of(disk_.entries(), is_lease));
    (void)co_await sleep_for(1s);
    EXPECT_EQ(mes_.leased.back(), "tone/1/2") << "the next are asked for when they run low";
  });
  // The next life goes on where it was.
  mes_.is_silent = true;
  live([&](Records& records) -> Task<> {
    LedgerUnitRecord second = unit(records, product);
    EXPECT_EQ((co_await second.begin("BB"))->serial, "T101");
    EXPECT_EQ(last_start().allowed_by, "lease");
    LedgerUnitRecord again = unit(records, product, "2");
    EXPECT_EQ((co_await again.begin("AA"))->serial, "T100") << "a unit keeps its number";
  });
}

// An answer was lost: what is asked for again is the same.
TEST_F(LedgerUnitRecordTest, ALeaseIsAskedForUnderOneNameUntilItIsOnRecord) {
  live([&](Records&) -> Task<> {
    mes_.is_silent = true;
    serials_->keep("tone", "tone", 2);
    (void)co_await sleep_for(1min);
    EXPECT_GT(mes_.leased.size(), 3U);
    EXPECT_NE(serials_->trouble(), "");
  });
  live([&](Records&) -> Task<> {
    mes_.is_silent = false;
    serials_->keep("tone", "tone", 2);
    (void)co_await sleep_for(1min);
    EXPECT_EQ(serials_->trouble(), "");
  });
  EXPECT_EQ(std::ranges::count(mes_.leased, "tone/1/1"), std::ssize(mes_.leased));
}

TEST_F(LedgerUnitRecordTest, WithoutANumberTheBoardWaits) {
  const Product product = product_of_mes("tone", 1);
  live([&](Records& records) -> Task<> {
    mes_.is_silent = true;
    serials_->keep("tone", "tone", 1);
    (void)co_await sleep_for(1s);
    const std::size_t before = disk_.entries().size();
    LedgerUnitRecord none = unit(records, product);
    EXPECT_TRUE((co_await none.begin("AA")).failed_with(Code::kExhausted));
    EXPECT_TRUE(none.failed_to_begin());
    EXPECT_EQ(disk_.entries().size(), before);
  });
}

// A MES that gives numbers twice must not get them used twice.
TEST_F(LedgerUnitRecordTest, NumbersThatWereGivenBeforeAreNotTaken) {
  live([&](Records& records) -> Task<> {
    serials_->keep("tone", "tone", 4);
    (void)co_await sleep_for(1s);
    EXPECT_EQ(records.leased().left("tone"), 4U);
    mes_.next = 103;
    EXPECT_TRUE(serials_->take("tone"));
    (void)co_await sleep_for(500ms);
    EXPECT_EQ(records.leased().left("tone"), 3U);
    EXPECT_NE(serials_->trouble().find("given some before"), std::string::npos);
  });
}

// Whoever went on with a copy of the ledger does not know what the lost one gave away.
TEST(LeasedSerials, NumbersOfAnotherEpochAreNotUsed) {
  LeasedSerials leased;
  leased.restore({{{1, 5}, "tone", 100, 10, 104}, {{2, 9}, "tone", 200, 2, 200}}, 2);
  EXPECT_EQ(leased.left("tone"), 2U);
  EXPECT_EQ(leased.take("tone"), 200U);
  EXPECT_EQ(leased.next_request("tone"), "tone/2/2");
  EXPECT_TRUE(leased.check("tone", 108, 4).failed_with(Code::kMismatch));
  EXPECT_TRUE(leased.check("tone", 110, 4));
  EXPECT_TRUE(leased.check("tone", 110, 0).failed_with(Code::kMismatch));
  EXPECT_TRUE(leased.check("tone", 999'999'999'999'999, 1).failed_with(Code::kMismatch));
  EXPECT_EQ(leased.take("tone"), 201U);
  EXPECT_EQ(leased.take("tone"), std::nullopt);
}

// Two chips that say they are one: a clone, or a board in two slots by a wrong map.
TEST_F(LedgerUnitRecordTest, OneChipIsNotInTwoSlots) {
  live([&](Records& records) -> Task<> {
    {
      LedgerUnitRecord first = unit(records);
      EXPECT_TRUE(co_await first.begin("AA"));
      LedgerUnitRecord second = unit(records, "2");
      EXPECT_TRUE((co_await second.begin("AA")).failed_with(Code::kBusy));
      EXPECT_TRUE(co_await second.begin_late());
      LedgerUnitRecord third = unit(records, "3");
      EXPECT_TRUE((co_await third.begin("AA")).failed_with(Code::kBusy)) << "the first has it";
    }
    LedgerUnitRecord after = unit(records, "2");
    EXPECT_TRUE(co_await after.begin("AA"));
  });
}

// The board waits for the ledger, and is none the worse for it.
TEST_F(LedgerUnitRecordTest, WhatTheLedgerDidNotTakeCanBeTriedAgain) {
  live([&](Records& records) -> Task<> {
    disk_.fail_next(false);
    {
      LedgerUnitRecord record = unit(records);
      EXPECT_TRUE((co_await record.begin("AA")).failed_with(Code::kIo));
      EXPECT_TRUE(record.failed_to_begin());
      EXPECT_FALSE(record.id());
    }
    while (!records.in_order()) (void)co_await sleep_for(100ms);
    LedgerUnitRecord again = unit(records);
    EXPECT_EQ((co_await again.begin("AA"))->serial, "T001");
  });
}

}  // namespace
}  // namespace gangd
