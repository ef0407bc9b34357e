// The file as others meet it: an auditor, a second gangd, a careless hand, a power cut.
#include "ledger/ledger_file.h"

#include <fmt/core.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "ledger/database.h"
#include "ledger/head_file.h"
#include "ledger/ledger_reader.h"
#include "ledger/ledger_writer.h"
#include "tests/unit/ledger/folder.h"
#include "tests/unit/ledger/samples.h"

namespace gangd {
namespace {

const UtcTime kNow = sample_entry(LedgerBegan{}).at;

class LedgerFile : public testing::Test {
 protected:
  // Three units: aa passed, bb failed and passed, cc goes on.
  void write_some() {
    LedgerWriter writer(file_, "line-1", key_);
    ASSERT_TRUE(writer.open(kNow));
    ASSERT_TRUE(writer.commit({job_started("r-1")}, kNow));                     // 2
    ASSERT_TRUE(writer.commit({attempt_started({1, 2}, "aa", 7)}, kNow));       // 3
    ASSERT_TRUE(writer.commit({attempt_ended({1, 3}, Verdict::kPass)}, kNow));  // 4
    ASSERT_TRUE(writer.commit({attempt_started({1, 2}, "bb", 8)}, kNow));       // 5
    ASSERT_TRUE(writer.commit({attempt_ended({1, 5}, Verdict::kFail)}, kNow));  // 6
    ASSERT_TRUE(writer.commit({attempt_started({1, 2}, "bb", 8)}, kNow));       // 7
    ASSERT_TRUE(writer.commit({attempt_ended({1, 7}, Verdict::kPass)}, kNow));  // 8
    ASSERT_TRUE(writer.commit({attempt_started({1, 2}, "cc", 9)}, kNow));       // 9
  }
  // A hand with a database tool.
  Status execute(const std::string& sql) {
    TRY(Database database, Database::open(file_, Database::Access::kWrite));
    return database.execute(sql);
  }
  void tamper(const std::string& sql) {
    const Status done = execute(
        "DROP TRIGGER event_is_never_changed;"
        "DROP TRIGGER event_is_never_deleted;"
        "DROP TRIGGER event_follows_the_last;" +
        sql);
    ASSERT_TRUE(done) << done.error().message();
  }
  std::string fault() {
    const auto check = verify_ledger(file_);
    return check ? "" : check.error().message();
  }

  Folder folder_;
  const std::string file_ = folder_.file("ledger.db");
  const StationKey key_ = {folder_.file("station.key"), digest_of("a secret").bytes};
};

TEST_F(LedgerFile, IsVerifiedAndCounted) {
  write_some();
  const auto check = verify_ledger(file_);
  ASSERT_TRUE(check) << check.error().message();
  EXPECT_EQ(check->station, "line-1");
  EXPECT_EQ(check->events, 9U);
  EXPECT_EQ(check->newest, (EventId{1, 9}));
  EXPECT_EQ(check->heads, 9U);
  EXPECT_EQ(check->key, SecretKey(key_.seed).public_key());
  EXPECT_EQ(check->units, 3U);
  EXPECT_EQ(check->attempts, 4U);
}

// Python and openssl are all that an auditor needs.
TEST_F(LedgerFile, IsCheckedByPythonAlone) {
  write_some();
  const std::string key = SecretKey(key_.seed).public_key().hex();
  const auto verify = [&](const std::string& options) {
    return std::system(
        fmt::format("{} {} {} > {} 2>&1", GANGD_VERIFY_PY, options, file_, file_ + ".out").c_str());
  };
  ASSERT_EQ(verify("--key " + key), 0);
  std::string said;
  std::getline(std::ifstream(file_ + ".out"), said);
  EXPECT_EQ(said, "line-1, newest 1-9 " + verify_ledger(file_)->head.hex() + ", signed by " + key);
  EXPECT_NE(verify("--key " + digest_of("another").hex()), 0);
  tamper(
      "DROP TRIGGER head_is_never_deleted;"
      "DELETE FROM event WHERE seq = 9; DELETE FROM head WHERE seq = 9");
  EXPECT_NE(verify(""), 0);
  EXPECT_EQ(verify("--without-head"), 0);
}

TEST_F(LedgerFile, EventsRefuseToBeChanged) {
  write_some();
  EXPECT_FALSE(execute("UPDATE event SET bytes = '' WHERE seq = 3"));
  EXPECT_FALSE(execute("DELETE FROM event WHERE seq = 9"));
  EXPECT_FALSE(execute("INSERT OR REPLACE INTO event VALUES(3, 1, '', x'')"));
  EXPECT_FALSE(execute("INSERT INTO event VALUES(11, 1, '', x'')"));
  EXPECT_EQ(fault(), "");
}

TEST_F(LedgerFile, EveryChangeIsFound) {
  const std::vector<std::pair<std::string, std::string>> changes = {
      {"UPDATE event SET bytes = replace(bytes, 'FAIL', 'PASS') WHERE seq = 6", "event 1-6"},
      {"UPDATE event SET bytes = replace(bytes, '{\"at', '{ \"at') WHERE seq = 6", "event 6"},
      {"UPDATE event SET hash = zeroblob(32) WHERE seq = 6", "event 1-6"},
      {"UPDATE event SET hash = x'00' WHERE seq = 6", "event 1-6"},
      {"DELETE FROM event WHERE seq = 6", "event 1-7"},
      {"DELETE FROM event WHERE seq = 1", "event 1-2"},
      {"UPDATE event SET epoch = 2 WHERE seq = 6", "event 2-6"},
      {"DROP TRIGGER head_is_never_changed; UPDATE head SET signature = zeroblob(64) WHERE seq = 6",
       "event 1-6"},
      {"UPDATE unit SET last_verdict = 'FAIL' WHERE uid = 'aa'", "table unit"},
      {"DELETE FROM attempt WHERE n = 5", "table attempt"},
      {"INSERT INTO number VALUES('tone', 99, 'T1099', 'zz')", "table number"},
      {"UPDATE pool SET next = 1", "table pool"},
  };
  for (const auto& [sql, where] : changes) {
    write_some();
    tamper(sql);
    EXPECT_NE(fault().find(where), std::string::npos) << sql << ": " << fault();
    for (const char* suffix : {"", "-wal", "-shm", ".lock", ".head"}) {
      std::filesystem::remove(file_ + suffix);
    }
  }
}

// The newest events can be cut off, with their heads, without breaking the chain: the head that was
// noted beside the ledger shows it, or any that somebody has noted elsewhere.
TEST_F(LedgerFile, ACutEndIsFound) {
  write_some();
  const std::string head = HeadFile::beside(file_);
  const std::string noted = folder_.file("noted");
  std::filesystem::copy_file(head, noted);
  tamper(
      "DROP TRIGGER head_is_never_deleted;"
      "DELETE FROM event WHERE seq = 9; DELETE FROM head WHERE seq = 9;"
      "DELETE FROM attempt WHERE n = 9;"
      "DELETE FROM unit WHERE uid = 'cc'; DELETE FROM number WHERE uid = 'cc';"
      "UPDATE pool SET next = 9");
  EXPECT_NE(fault().find("ends at event 1-8, and a head was noted at 1-9"), std::string::npos);
  LedgerWriter writer(file_, "line-1", key_);
  EXPECT_TRUE(writer.open(kNow).failed_with(Code::kMismatch));

  std::filesystem::remove(head);
  EXPECT_NE(fault().find("is gone"), std::string::npos);
  EXPECT_TRUE(writer.open(kNow).failed_with(Code::kMismatch));
  EXPECT_TRUE(verify_ledger(file_, {noted, false, {}}).failed_with(Code::kMismatch));
  // What is left is whole in itself: this is why heads are noted elsewhere.
  EXPECT_TRUE(verify_ledger(file_, {"", true, {}}));
}

TEST_F(LedgerFile, ProjectionsAreMadeAgain) {
  write_some();
  tamper("DELETE FROM unit; DROP TABLE measured; UPDATE pool SET next = 1");
  EXPECT_NE(fault(), "");
  const auto rebuilt = rebuild_ledger(file_);
  ASSERT_TRUE(rebuilt) << rebuilt.error().message();
  EXPECT_EQ(rebuilt->units, 3U);
  EXPECT_EQ(fault(), "");
}

TEST_F(LedgerFile, WhatContradictsTheEventsIsNotAppended) {
  write_some();
  LedgerWriter writer(file_, "line-1", key_);
  const auto refused = [&](LedgerEvent event) {
    EXPECT_TRUE(writer.open(kNow));
    EXPECT_TRUE(writer.commit({event}, kNow).failed_with(Code::kMismatch));
  };
  refused(attempt_started({1, 2}, "dd", 7));       // a number of aa
  refused(attempt_ended({1, 3}, Verdict::kPass));  // has ended
  refused(attempt_ended({1, 2}, Verdict::kPass));  // is a job
  refused(JobEnded{{1, 3}, "", "", "stopped"});    // is an attempt
  refused(LedgerBegan{"line-1", {}});              // did
  AttemptStarted other_value = attempt_started({1, 2}, "dd", 50);
  other_value.numbers[0].value = number_at(7).value;
  refused(other_value);
  EXPECT_EQ(fault(), "");
  EXPECT_EQ(verify_ledger(file_)->events, 9U);
}

TEST_F(LedgerFile, HasOneGangdAtATime) {
  LedgerWriter first(file_, "line-1", key_);
  ASSERT_TRUE(first.open(kNow));
  LedgerWriter second(file_, "line-1", key_);
  const auto refused = second.open(kNow);
  ASSERT_TRUE(refused.failed_with(Code::kBusy));
  EXPECT_NE(refused.error().message().find(std::to_string(getpid())), std::string::npos);
  EXPECT_TRUE(rebuild_ledger(file_).failed_with(Code::kBusy));
  EXPECT_TRUE(verify_ledger(file_));
}

TEST_F(LedgerFile, BelongsToOneStation) {
  write_some();
  LedgerWriter other(file_, "line-2", key_);
  EXPECT_TRUE(other.open(kNow).failed_with(Code::kMismatch));
}

TEST_F(LedgerFile, OfABrokenChainIsNotOpened) {
  write_some();
  tamper("UPDATE event SET bytes = replace(bytes, 'FAIL', 'PASS') WHERE seq = 6");
  LedgerWriter writer(file_, "line-1", key_);
  EXPECT_TRUE(writer.open(kNow).failed_with(Code::kMismatch));
}

TEST_F(LedgerFile, OtherFilesAreRefusedWithWhatToDo) {
  std::ofstream(file_) << "This is no database, and long enough to be sure of that.\n"
                       << std::string(4096, '#');
  LedgerWriter writer(file_, "line-1", key_);
  EXPECT_TRUE(writer.open(kNow).failed_with(Code::kMismatch));
  EXPECT_TRUE(verify_ledger(file_).failed_with(Code::kMismatch));
  EXPECT_TRUE(verify_ledger(folder_.file("none")).failed_with(Code::kNotFound));
  EXPECT_FALSE(std::filesystem::exists(folder_.file("none")));

  const std::string foreign = folder_.file("foreign.db");
  ASSERT_TRUE(Database::open(foreign, Database::Access::kWrite)->execute("CREATE TABLE t(x)"));
  LedgerWriter into_foreign(foreign, "line-1", key_);
  EXPECT_TRUE(into_foreign.open(kNow).failed_with(Code::kMismatch));

  LedgerWriter nowhere(folder_.file("missing/ledger.db"), "line-1", key_);
  const auto refused = nowhere.open(kNow);
  ASSERT_TRUE(refused.failed_with(Code::kIo));
  EXPECT_NE(refused.error().message().find("folder must exist"), std::string::npos);
}

// A disk that takes no more, and then does again.
TEST_F(LedgerFile, AFailedCommitLeavesWhatWasThere) {
  LedgerWriter writer(file_, "line-1", key_);
  ASSERT_TRUE(writer.open(kNow));
  ASSERT_TRUE(writer.commit({job_started("r-1")}, kNow));
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old = signal(SIGXFSZ, SIG_IGN);
  const rlimit none = {4096, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &none), 0);
  const auto failed = writer.commit({DaemonStarted{"1"}}, kNow);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  signal(SIGXFSZ, old);
  EXPECT_TRUE(failed.failed_with(Code::kIo));
  EXPECT_TRUE(writer.commit({DaemonStarted{"1"}}, kNow).failed_with(Code::kClosed));
  const auto state = writer.open(kNow);
  ASSERT_TRUE(state) << state.error().message();
  EXPECT_EQ(state->open_jobs.size(), 1U);
  EXPECT_EQ(*writer.commit({DaemonStarted{"1"}}, kNow), (EventId{1, 3}));
  EXPECT_EQ(fault(), "");
}

TEST_F(LedgerFile, AnswersWhoCarriesAnImage) {
  write_some();
  const auto reader = *LedgerReader::open(file_);
  const auto uids = [&](const UnitFilter& filter) {
    std::vector<std::string> found;
    for (const UnitRow& unit : *reader->units(filter, "", 100)) found.push_back(unit.uid);
    return found;
  };
  using Uids = std::vector<std::string>;
  EXPECT_EQ(uids({}), (Uids{"aa", "bb", "cc"}));
  EXPECT_EQ(uids({Verdict::kPass, {}}), (Uids{"aa", "bb"}));
  EXPECT_EQ(uids({{}, digest_of("tone.bin")}), (Uids{"aa", "bb"}));
  EXPECT_EQ(uids({{}, digest_of("other.bin")}), Uids());
  EXPECT_EQ(reader->units({}, "aa", 1)->front().uid, "bb");
  EXPECT_EQ(*reader->uid_of_number("T1008"), "bb");
  EXPECT_FALSE(reader->uid_of_number("T1")->has_value());
  const auto attempts = *reader->attempts_of_unit("bb");
  ASSERT_EQ(attempts.size(), 2U);
  EXPECT_EQ(attempts[0].end->verdict, Verdict::kFail);
  EXPECT_EQ(attempts[1].end_event, (EventId{1, 8}));
  EXPECT_EQ(attempts[1].product, "tone");
  EXPECT_EQ(attempts[1].image_extents, job_started("").image_extents);
  EXPECT_FALSE(reader->attempt({1, 9})->end);
  EXPECT_TRUE(reader->attempt({1, 8}).failed_with(Code::kNotFound));
}

TEST_F(LedgerFile, CountsTheVerdictsOfAJob) {
  write_some();
  const auto reader = *LedgerReader::open(file_);
  const auto job = reader->job({1, 2});
  ASSERT_TRUE(job);
  EXPECT_EQ(job->started.request, "r-1");
  EXPECT_FALSE(job->end);
  EXPECT_EQ(job->passed, 2U);
  EXPECT_EQ(job->failed, 1U);
  EXPECT_EQ(job->unknown, 0U);
  EXPECT_TRUE(reader->job({1, 3}).failed_with(Code::kNotFound));
  EXPECT_TRUE(reader->job({1, 300}).failed_with(Code::kNotFound));
  EXPECT_EQ(reader->jobs(10)->size(), 1U);
}

// kill -9 at any moment: what was acknowledged is there, and the file is whole.
TEST_F(LedgerFile, SurvivesThePlugOfItsWriter) {
  for (int round = 0; round < 10; ++round) {
    int acknowledged[2];
    ASSERT_EQ(pipe(acknowledged), 0);
    const pid_t child = fork();
    if (child == 0) {
      LedgerWriter writer(file_, "line-1", key_);
      if (!writer.open(kNow)) _exit(1);
      while (true) {
        const auto id = writer.commit({DaemonStarted{"1"}}, kNow);
        if (!id || write(acknowledged[1], &id->n, sizeof id->n) < 0) _exit(1);
      }
    }
    close(acknowledged[1]);
    std::uint64_t last = 0;
    // Another number of commits in each round, so that the kill falls elsewhere.
    for (int i = 0; i <= round; ++i) {
      ASSERT_EQ(read(acknowledged[0], &last, sizeof last), static_cast<ssize_t>(sizeof last));
    }
    kill(child, SIGKILL);
    while (read(acknowledged[0], &last, sizeof last) > 0) {
    }
    close(acknowledged[0]);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    const auto check = verify_ledger(file_);
    ASSERT_TRUE(check) << check.error().message();
    EXPECT_GE(check->newest.n, last);
  }
}

}  // namespace
}  // namespace gangd
