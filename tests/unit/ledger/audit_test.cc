// What is handed out of a ledger, and what a technician does to it: an evidence that others
// believe, a recall that forgets no unit, a backup that can be gone on from without giving a serial
// twice.
#include <fmt/core.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>

#include "ledger/canonical_json.h"
#include "ledger/database.h"
#include "ledger/evidence.h"
#include "ledger/export.h"
#include "ledger/head_file.h"
#include "ledger/ledger_file.h"
#include "ledger/ledger_writer.h"
#include "ledger/mend.h"
#include "ledger/recall.h"
#include "tests/unit/ledger/folder.h"
#include "tests/unit/ledger/samples.h"

namespace gangd {
namespace {

const UtcTime kNow = sample_entry(LedgerBegan{}).at;

JobStarted job_of(const std::string& request, const std::string& image) {
  JobStarted job = job_started(request);
  job.image_extents = {extent_named(image)};
  return job;
}

class Audit : public testing::Test {
 protected:
  Audit() {
    LedgerWriter writer = open_writer();
    const std::vector<LedgerEvent> first = {job_of("r-1", "tone.bin"),               // 2
                                            attempt_started({1, 2}, "aa", 7),        // 3
                                            attempt_started({1, 2}, "bb", 8),        // 4
                                            attempt_started({1, 2}, "cc", 9),        // 5
                                            attempt_ended({1, 3}, Verdict::kPass),   // 6
                                            attempt_ended({1, 4}, Verdict::kPass),   // 7
                                            attempt_ended({1, 5}, Verdict::kFail)};  // 8
    EXPECT_TRUE(writer.commit(first, kNow));
    AttemptEnded other = attempt_ended({1, 10}, Verdict::kPass);
    other.measured[0] = extent_named("other.bin");
    EXPECT_TRUE(writer.commit({job_of("r-2", "other.bin")}, kNow));         // 9
    EXPECT_TRUE(writer.commit({attempt_started({1, 9}, "bb", 8)}, kNow));   // 10
    EXPECT_TRUE(writer.commit({other}, kNow));                              // 11
    EXPECT_TRUE(writer.commit({attempt_started({1, 9}, "dd", 10)}, kNow));  // 12
  }

  LedgerWriter open_writer() {
    LedgerWriter writer(file_, "line-1", key_);
    const auto state = writer.open(kNow);
    EXPECT_TRUE(state) << (state ? "" : state.error().message());
    return writer;
  }
  std::string public_key() const { return SecretKey(key_.seed).public_key().hex(); }

  // What verify.py says of a text in a file; empty when it is good.
  std::string fault_by_python(const std::string& text, const std::string& options) {
    const std::string file = folder_.file("evidence.json");
    std::ofstream(file) << text;
    const std::string out = folder_.file("out");
    const int status =
        std::system(fmt::format("{} {} {} > {} 2>&1", GANGD_VERIFY_PY, options, file, out).c_str());
    std::getline(std::ifstream(out), said_, '\0');
    return status == 0 ? "" : said_;
  }

  Folder folder_;
  const std::string file_ = folder_.file("ledger.db");
  const StationKey key_ = {folder_.file("station.key"), digest_of("a secret").bytes};
  std::string said_;
};

TEST_F(Audit, EvidenceIsBelievedWithoutTheLedger) {
  for (const std::string unit : {"bb", "T1008"}) {
    const auto evidence = evidence_of(file_, unit);
    ASSERT_TRUE(evidence) << evidence.error().message();
    EXPECT_EQ(fault_by_python(*evidence, "--key " + public_key()), "");
    EXPECT_NE(said_.find("UID bb\nattempt 1-4 "), std::string::npos) << said_;
    EXPECT_NE(said_.find("PASS UNQUALIFIED, serial T1008"), std::string::npos) << said_;
    EXPECT_NE(said_.find(digest_of("other.bin").hex()), std::string::npos) << said_;
    // Other units take part by their hashes alone, although they are of the same transaction.
    EXPECT_EQ(evidence->find("\"aa\""), std::string::npos);
    EXPECT_EQ(evidence->find("T1007"), std::string::npos);
    EXPECT_EQ(evidence->find("T1009"), std::string::npos);
  }
  const auto running = evidence_of(file_, "dd");
  ASSERT_TRUE(running);
  EXPECT_EQ(fault_by_python(*running, ""), "");
  EXPECT_NE(said_.find("no end"), std::string::npos) << said_;
  EXPECT_TRUE(evidence_of(file_, "zz").failed_with(Code::kNotFound));
  EXPECT_TRUE(evidence_of(folder_.file("none"), "bb").failed_with(Code::kNotFound));
}

TEST_F(Audit, EvidenceThatWasChangedIsNot) {
  const std::string evidence = *evidence_of(file_, "bb");
  EXPECT_NE(fault_by_python(evidence, "--key " + digest_of("another").hex()), "");
  const auto changed = [&evidence](std::string_view from, std::string_view to) {
    std::string text = evidence;
    const std::size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  };
  EXPECT_NE(fault_by_python(changed("PASS", "FAIL"), ""), "");
  EXPECT_NE(fault_by_python(changed("T1008", "T1009"), ""), "");
  EXPECT_NE(fault_by_python(changed("\"uid\":\"bb\"", "\"uid\":\"aa\""), ""), "");
  EXPECT_NE(fault_by_python(changed("\"before\":\"0", "\"before\":\"1"), ""), "");
  EXPECT_NE(fault_by_python(changed("\"after\":[\"", "\"after\":[\"00\",\""), ""), "");
  EXPECT_NE(fault_by_python(changed("\"records\":[", "\"records\":[17,"), ""), "");
  EXPECT_NE(fault_by_python("{}", ""), "");
  EXPECT_NE(fault_by_python("", ""), "");
}

TEST_F(Audit, RecallForgetsNoUnit) {
  const auto recalled = [this](const std::string& image) {
    std::vector<std::string> found;
    EXPECT_TRUE(recall(file_, digest_of(image), [&found](const RecalledUnit& unit) {
      found.push_back(fmt::format("{} {} {}", unit.uid, unit.numbers.front().value,
                                  carries_word(unit.carries)));
      return Status();
    }));
    return found;
  };
  using Found = std::vector<std::string>;
  // cc: its attempt failed, and nobody knows how far it had come.
  EXPECT_EQ(recalled("tone.bin"),
            (Found{"aa T1007 carries", "bb T1008 replaced", "cc T1009 may carry"}));
  EXPECT_EQ(recalled("other.bin"), (Found{"bb T1008 carries", "dd T1010 may carry"}));
  const auto none = [](const RecalledUnit&) { return Status(); };
  EXPECT_TRUE(recall(file_, digest_of("none"), none).failed_with(Code::kNotFound));
  // Streamed: who has enough is not given more.
  int seen = 0;
  const auto first = [&seen](const RecalledUnit&) {
    ++seen;
    return Status(Error(Code::kClosed, "enough"));
  };
  EXPECT_TRUE(recall(file_, digest_of("tone.bin"), first).failed_with(Code::kClosed));
  EXPECT_EQ(seen, 1);
}

TEST_F(Audit, ExportsAreTables) {
  {
    LedgerWriter writer = open_writer();
    AttemptEnded formula = attempt_ended({1, 12}, Verdict::kFail);
    formula.reason = "=cmd|' /C calc'!A0,\"x\"\n";
    ASSERT_TRUE(writer.commit({formula}, kNow));
  }
  const auto lines = [this](ExportRows rows, ExportFormat format) {
    std::vector<std::string> found;
    EXPECT_TRUE(export_ledger(file_, rows, format, [&found](std::string_view line) {
      found.emplace_back(line);
      return Status();
    }));
    return found;
  };
  const auto csv = lines(ExportRows::kAttempts, ExportFormat::kCsv);
  ASSERT_EQ(csv.size(), 6U);
  EXPECT_TRUE(
      csv[0].starts_with("attempt,station,started_at,job,product,slot,uid,serials,verdict"));
  EXPECT_TRUE(
      csv[1].starts_with("1-3,line-1,2026-11-21T08:15:00.000250Z,1-2,tone,1,aa,"
                         "\"[\"\"T1007\"\"]\",PASS,"));
  EXPECT_NE(csv[5].find("\"'=cmd|' /C calc'!A0,\"\"x\"\"\n\""), std::string::npos) << csv[5];
  const auto attempts = lines(ExportRows::kAttempts, ExportFormat::kJsonLines);
  ASSERT_EQ(attempts.size(), 5U);
  ASSERT_TRUE(parse_json(attempts[2]));
  EXPECT_NE(attempts[2].find("\"uid\":\"cc\""), std::string::npos) << attempts[2];
  const auto events = lines(ExportRows::kEvents, ExportFormat::kJsonLines);
  ASSERT_EQ(events.size(), 13U);
  EXPECT_NE(events[12].find("\"record\":{\"at\":"), std::string::npos);
  EXPECT_EQ(lines(ExportRows::kEvents, ExportFormat::kCsv).size(), 14U);
}

TEST_F(Audit, ABackupIsMadeWhileGangdWrites) {
  LedgerWriter writer = open_writer();
  ASSERT_TRUE(writer.commit({DaemonStarted{"1"}}, kNow));
  const std::string copy = folder_.file("copy.db");
  const auto made = back_up_ledger(file_, copy);
  ASSERT_TRUE(made) << made.error().message();
  EXPECT_EQ(made->newest, (EventId{1, 13}));
  ASSERT_TRUE(writer.commit({DaemonStarted{"2"}}, kNow));
  EXPECT_EQ(verify_ledger(copy)->newest, (EventId{1, 13}));
  EXPECT_FALSE(std::filesystem::exists(copy + "-wal"));
  EXPECT_EQ(std::system(fmt::format("{} {} > /dev/null", GANGD_VERIFY_PY, copy).c_str()), 0);
  EXPECT_TRUE(back_up_ledger(file_, copy).failed_with(Code::kBusy));
  // One that is not whole is not kept.
  ASSERT_TRUE(Database::open(file_, Database::Access::kWrite)->execute("DELETE FROM pool"));
  EXPECT_TRUE(back_up_ledger(file_, copy + "2").failed_with(Code::kMismatch));
  EXPECT_FALSE(std::filesystem::exists(copy + "2"));
  EXPECT_FALSE(std::filesystem::exists(copy + "2.half"));
}

TEST_F(Audit, FromABackupNoSerialIsGivenTwice) {
  const std::string copy = folder_.file("copy.db");
  ASSERT_TRUE(back_up_ledger(file_, copy));
  {
    LedgerWriter writer = open_writer();
    ASSERT_TRUE(writer.commit({attempt_started({1, 9}, "ee", 11)}, kNow));
    ASSERT_TRUE(writer.commit({attempt_started({1, 9}, "ff", 12)}, kNow));
  }
  std::filesystem::remove(file_);
  std::filesystem::copy_file(copy, file_);
  {
    // As it is it would give 11 and 12 again.
    LedgerWriter writer(file_, "line-1", key_);
    const auto refused = writer.open(kNow);
    ASSERT_TRUE(refused.failed_with(Code::kMismatch));
    EXPECT_NE(refused.error().message().find("ledger go-on"), std::string::npos);
  }
  const auto id = go_on_from_copy(file_, key_.file, {"the disk was lost", {}}, kNow);
  ASSERT_TRUE(id) << id.error().message();
  EXPECT_EQ(*id, (EventId{2, 13}));
  LedgerWriter writer(file_, "line-1", key_);
  const auto state = writer.open(kNow);
  ASSERT_TRUE(state) << state.error().message();
  EXPECT_EQ(state->pool_next.at("tone"), 13U);
  EXPECT_EQ(*writer.commit({DaemonStarted{"1"}}, kNow), (EventId{2, 14}));
  const auto check = verify_ledger(file_);
  ASSERT_TRUE(check) << check.error().message();
  EXPECT_EQ(std::system(fmt::format("{} {} > /dev/null", GANGD_VERIFY_PY, file_).c_str()), 0);
}

// With the head of the copy beside it nothing says how much is lost: a person must.
TEST_F(Audit, WhoKnowsNotWhatIsLostMustSayHowManySerialsToSkip) {
  const std::string copy = folder_.file("copy.db");
  ASSERT_TRUE(back_up_ledger(file_, copy));
  EXPECT_TRUE(go_on_from_copy(copy, key_.file, {"moved", {}}, kNow).failed_with(Code::kInvalid));
  EXPECT_TRUE(go_on_from_copy(copy, key_.file, {"moved", 100}, kNow));
  LedgerWriter writer(copy, "line-1", key_);
  const auto state = writer.open(kNow);
  ASSERT_TRUE(state) << state.error().message();
  EXPECT_EQ(state->pool_next.at("tone"), 111U);
}

TEST_F(Audit, TheKeyIsTheStationsAloneAndIsNeverReplacedSilently) {
  struct stat facts{};
  ASSERT_EQ(stat(key_.file.c_str(), &facts), 0);
  EXPECT_EQ(facts.st_mode & 0777, 0600U);
  LedgerWriter writer(file_, "line-1", key_);
  const auto fault = [&writer] {
    const auto state = writer.open(kNow);
    return state ? "" : state.error().message();
  };
  ASSERT_EQ(chmod(key_.file.c_str(), 0640), 0);
  EXPECT_NE(fault().find("chmod 600"), std::string::npos);
  std::filesystem::rename(key_.file, key_.file + ".away");
  EXPECT_NE(fault().find("is gone: put it back"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(key_.file));
  ASSERT_TRUE(make_station_key({key_.file, digest_of("another").bytes}));
  EXPECT_NE(fault().find("was not signed with the key"), std::string::npos);
  std::filesystem::remove(key_.file);
  std::filesystem::rename(key_.file + ".away", key_.file);
  ASSERT_EQ(chmod(key_.file.c_str(), 0600), 0);
  EXPECT_EQ(fault(), "");
}

TEST_F(Audit, AKeyIsReplacedOnRecord) {
  const SecretKey::Seed second = digest_of("second").bytes;
  const auto id = replace_key(file_, key_.file, second, "yearly", kNow);
  ASSERT_TRUE(id) << id.error().message();
  {
    open_writer();
  }
  // Who has noted the first key follows it to the second: it signed for that.
  LedgerWitness witness;
  witness.key = SecretKey(key_.seed).public_key();
  auto check = verify_ledger(file_, witness);
  ASSERT_TRUE(check) << check.error().message();
  EXPECT_EQ(check->key, SecretKey(second).public_key());
  const auto python = [&] {
    return std::system(
        fmt::format("{} --key {} {} > /dev/null 2>&1", GANGD_VERIFY_PY, public_key(), file_)
            .c_str());
  };
  EXPECT_EQ(python(), 0);
  EXPECT_EQ(fault_by_python(*evidence_of(file_, "bb"), "--key " + public_key()), "");
  // A lost key signs for nobody.
  std::filesystem::remove(key_.file);
  ASSERT_TRUE(replace_key(file_, key_.file, digest_of("third").bytes, "lost", kNow));
  {
    open_writer();
  }
  EXPECT_TRUE(verify_ledger(file_));
  EXPECT_TRUE(verify_ledger(file_, witness).failed_with(Code::kMismatch));
  EXPECT_NE(python(), 0);
  witness.key = SecretKey(digest_of("third").bytes).public_key();
  EXPECT_TRUE(verify_ledger(file_, witness));
}

// What the head file is made for: also when gangd was killed between commit and note.
TEST_F(Audit, AHeadFileMayBeBehindAndNeverAhead) {
  const std::string heads = HeadFile::beside(file_);
  std::filesystem::copy_file(heads, heads + ".old");
  {
    LedgerWriter writer = open_writer();
    ASSERT_TRUE(writer.commit({DaemonStarted{"1"}}, kNow));
  }
  std::filesystem::copy_file(heads, heads + ".new");
  std::filesystem::copy_file(heads + ".old", heads,
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_TRUE(verify_ledger(file_));
  {
    open_writer();
  }
  EXPECT_EQ(HeadFile::read(heads)->id, HeadFile::read(heads + ".new")->id);
  // Rubbish is no head.
  std::ofstream(heads) << "{}\n";
  EXPECT_TRUE(verify_ledger(file_).failed_with(Code::kMismatch));
  LedgerWriter writer(file_, "line-1", key_);
  EXPECT_TRUE(writer.open(kNow).failed_with(Code::kMismatch));
}

TEST(SignedHead, RubbishIsRefused) {
  const SecretKey key(digest_of("key").bytes);
  const SignedHead head = sign_head(key, "line-1", {1, 17}, digest_of("x"));
  EXPECT_EQ(parse_head(head_line(head)), head);
  for (const std::string text : {"", "{}", "[]", "x", "{\"head\":1}"}) {
    EXPECT_TRUE(parse_head(text).failed_with(Code::kInvalid)) << text;
  }
  std::string line = head_line(head);
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char whole = line[i];
    line[i] ^= 1;
    const auto changed = parse_head(line);
    EXPECT_FALSE(changed && is_signed_by(key.public_key(), *changed)) << i;
    line[i] = whole;
  }
}

}  // namespace
}  // namespace gangd
