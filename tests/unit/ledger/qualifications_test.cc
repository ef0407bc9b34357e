// What the ledger keeps of qualifications, and what it says of ledgers that knew none.
#include "ledger/qualifications.h"

#include <gtest/gtest.h>

#include <functional>

#include "ledger/ledger_file.h"
#include "ledger/ledger_reader.h"
#include "ledger/ledger_writer.h"
#include "ledger/signed_head.h"
#include "tests/unit/ledger/folder.h"
#include "tests/unit/ledger/samples.h"

namespace gangd {
namespace {

const UtcTime kNow = sample_entry(LedgerBegan{}).at;

QualificationStarted began_in(const std::string& slot, const std::string& request) {
  return {request, "quality", "", "Anna", "tone", digest_of("tone.toml"), slot};
}

QualificationStep step_of(EventId qualification) {
  QualificationStep step;
  step.qualification = qualification;
  step.step = "cold_start";
  step.passed = true;
  step.role = "quality";
  return step;
}

BoardQualified qualified_by(EventId qualification) {
  return {qualification,
          "0x10036485",
          "custom-h7r7",
          {"c2853a"},
          digest_of("loader").hex(),
          "aa",
          0,
          "Anna",
          "quality",
          "",
          ""};
}

class QualifiedLedger : public testing::Test {
 protected:
  LedgerWriter writer(LedgerState* state = nullptr) {
    LedgerWriter opened(file_, "line-1", {folder_.file("station.key"), digest_of("key").bytes});
    auto found = opened.open(kNow);
    EXPECT_TRUE(found) << (found ? "" : found.error().message());
    if (found && state != nullptr) *state = *std::move(found);
    return opened;
  }

  Folder folder_;
  const std::string file_ = folder_.file("ledger.db");
};

TEST_F(QualifiedLedger, KnowsWhatGoesOnAndWhatIsQualified) {
  {
    LedgerWriter opened = writer();
    EXPECT_TRUE(opened.commit({began_in("1", "q-1"), began_in("2", "q-2")}, kNow));  // 2, 3
    EXPECT_TRUE(opened.commit({step_of({1, 2}), step_of({1, 3})}, kNow));            // 4, 5
    EXPECT_TRUE(opened.commit({began_in("2", "q-3")}, kNow));                        // 6
  }
  LedgerState state;
  {
    LedgerWriter opened = writer(&state);
    EXPECT_EQ(state.qualifications,
              (std::vector<OpenQualification>{{{1, 2}, {{1, 4}}}, {{1, 6}, {}}}))
        << "another in the same slot ends the one before";
    EXPECT_TRUE(opened.commit({qualified_by({1, 2})}, kNow));  // 7
    AttemptEnded end = attempt_ended({1, 9}, Verdict::kPass);
    end.qualification = {1, 7};
    EXPECT_TRUE(
        opened.commit({job_started("r-1"), attempt_started({1, 8}, "aa", 7), end,
                       attempt_started({1, 8}, "bb", 8), attempt_ended({1, 11}, Verdict::kPass)},
                      kNow));
  }
  writer(&state);
  EXPECT_EQ(state.qualified, (std::vector<EventId>{{1, 7}}));
  ASSERT_EQ(state.qualifications.size(), 1U);
  EXPECT_EQ(state.qualifications[0].id, (EventId{1, 6}));
  const auto reader = LedgerReader::open(file_);
  ASSERT_TRUE(reader);
  const auto units = (*reader)->units({}, "", 10);
  ASSERT_TRUE(units && units->size() == 2);
  EXPECT_EQ(units->at(0).last_qualification, (EventId{1, 7}));
  EXPECT_EQ(units->at(1).last_qualification, EventId());
  const auto job = (*reader)->job({1, 8});
  ASSERT_TRUE(job);
  EXPECT_EQ(job->passed, 2U);
  EXPECT_EQ(job->passed_unqualified, 1U);
  EXPECT_TRUE(verify_ledger(file_, {}));
}

TEST_F(QualifiedLedger, NoAttemptIsQualifiedByNothing) {
  LedgerWriter opened = writer();
  AttemptEnded end = attempt_ended({1, 3}, Verdict::kPass);
  end.qualification = {1, 2};
  EXPECT_TRUE(opened.commit({job_started("r-1"), attempt_started({1, 2}, "aa", 7)}, kNow));
  EXPECT_TRUE(opened.commit({end}, kNow).failed_with(Code::kMismatch));
}

// What breaks: nobody can look into a ledger of an older gangd before the new one has run.
TEST_F(QualifiedLedger, OneThatKnewNoneIsReadAndGoesOn) {
  {
    LedgerWriter opened = writer();
    EXPECT_TRUE(opened.commit({job_started("r-1"), attempt_started({1, 2}, "aa", 7),
                               attempt_ended({1, 3}, Verdict::kPass)},
                              kNow));
    auto database = Database::open(file_, Database::Access::kWrite);
    ASSERT_TRUE(database);
    for (const char* table :
         {"qualification", "qualification_step", "qualified", "attempt_qualified"}) {
      EXPECT_TRUE(database->execute(std::string("DROP TABLE ") + table));
    }
  }
  EXPECT_TRUE(verify_ledger(file_, {}));
  const auto reader = LedgerReader::open(file_);
  ASSERT_TRUE(reader);
  const auto unit = (*reader)->unit("aa");
  ASSERT_TRUE(unit && *unit);
  EXPECT_EQ((*unit)->last_qualification, EventId());
  EXPECT_TRUE(writer().commit({began_in("1", "q-1")}, kNow));
}

TEST(QualificationSignature, IsOfAllThatItHoldsFor) {
  const SecretKey key(digest_of("key").bytes);
  Entry entry = {{1, 9}, "line-1", kNow, qualified_by({1, 2})};
  sign_qualification(key, entry);
  const auto qualified = std::get<BoardQualified>(entry.event);
  EXPECT_TRUE(is_signed_by(key.public_key(), entry, qualified));
  const std::vector<std::function<void(BoardQualified&)>> forgeries = {
      [](BoardQualified& each) { each.chip = "0x20036485"; },
      [](BoardQualified& each) { each.board += "x"; },
      [](BoardQualified& each) { each.flashes.push_back("c2853a"); },
      [](BoardQualified& each) { each.loader = digest_of("other").hex(); },
      [](BoardQualified& each) { each.uid = "bb"; },
      [](BoardQualified& each) { each.qualification = {1, 3}; },
      [](BoardQualified& each) { each.signature.clear(); }};
  for (const auto& forge : forgeries) {
    BoardQualified forged = qualified;
    forge(forged);
    EXPECT_FALSE(is_signed_by(key.public_key(), entry, forged));
  }
  EXPECT_FALSE(is_signed_by(SecretKey(digest_of("another").bytes).public_key(), entry, qualified));
}

}  // namespace
}  // namespace gangd
