// An auditor finds every change, wherever it is: in the bytes, in the order, and in a history that
// somebody has written anew with all its hashes.
#include "ledger/signed_chain.h"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "ledger/database.h"
#include "ledger/head_file.h"
#include "ledger/ledger_file.h"
#include "ledger/ledger_writer.h"
#include "tests/unit/ledger/folder.h"
#include "tests/unit/ledger/samples.h"

namespace gangd {
namespace {

struct Row {
  StoredEvent event;
  std::optional<Signature> signature;
};
using Rows = std::vector<Row>;

// More events than two transactions of the ledger below have.
constexpr std::size_t kTail = 8;
const UtcTime kNow = sample_entry(LedgerBegan{}).at;

// 300 events of 99 boards on 3 slots, in groups as a station commits them: of 1, 3 and 3 events.
class SignedChain : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = new Folder();
    write(folder_->file("ledger.db"));
    read(folder_->file("ledger.db"));
  }
  static void TearDownTestSuite() {
    delete folder_;
    folder_ = nullptr;
    rows_.clear();
    before_.clear();
  }

  static void write(const std::string& file) {
    LedgerWriter writer(file, "line-1",
                        {folder_->file("station.key"), digest_of("a secret").bytes});
    ASSERT_TRUE(writer.open(kNow));
    ASSERT_TRUE(writer.commit({DaemonStarted{"1.0"}}, kNow));
    ASSERT_TRUE(writer.commit({job_started("r-1")}, kNow));
    for (std::uint64_t board = 0; writer.newest().n < 297; board += 3) {
      std::vector<LedgerEvent> starts;
      std::vector<LedgerEvent> ends;
      const std::uint64_t first = writer.newest().n + 1;
      for (std::uint64_t i = 0; i < 3; ++i) {
        // Names that are no ASCII, and text with all kinds of escapes.
        const std::string uid = fmt::format("Ä\"\n{:04}", board + i);
        starts.push_back(attempt_started({1, 3}, uid, board + i));
        const bool passes = (board + i) % 5 != 0;
        ends.push_back(attempt_ended({1, first + i}, passes ? Verdict::kPass : Verdict::kFail));
      }
      ASSERT_TRUE(writer.commit(starts, kNow));
      ASSERT_TRUE(writer.commit(ends, kNow));
    }
    ASSERT_TRUE(writer.commit({JobEnded{{1, 3}, "r-2", "operator", "stopped"}}, kNow));
    while (writer.newest().n < 300) {
      const std::string version = fmt::format("1.{}", writer.newest().n);
      ASSERT_TRUE(writer.commit({DaemonStarted{version}}, kNow));
    }
  }
  static void read(const std::string& file) {
    Database database = *Database::open(file, Database::Access::kRead);
    ASSERT_TRUE(visit_signed_events(
        database, [](const StoredEvent& event, const std::optional<Signature>& signature) {
          rows_.push_back({event, signature});
          return Status();
        }));
    ASSERT_EQ(rows_.size(), 300U);
    SignedChainCheck check({{*HeadFile::read(HeadFile::beside(file))}, {}});
    for (const Row& row : rows_) {
      before_.push_back(check);
      const auto entry = check.next(row.event, row.signature);
      ASSERT_TRUE(entry) << entry.error().message();
    }
    ASSERT_TRUE(check.finish());
    ASSERT_GT(check.heads(), 100U);
    ASSERT_LT(check.heads(), 200U);
  }

  // The rows from `first` on; so many that a head is among them, or the end.
  static Rows tail(std::size_t first) {
    const std::size_t last = std::min(rows_.size(), first + kTail);
    return {rows_.begin() + static_cast<std::ptrdiff_t>(first),
            rows_.begin() + static_cast<std::ptrdiff_t>(last)};
  }
  // Whether the audit finds something in a tail that was changed.
  static bool finds(const Rows& tail, std::size_t first) {
    SignedChainCheck check = before_[first];
    for (const Row& row : tail) {
      const auto entry = check.next(row.event, row.signature);
      if (!entry) return entry.failed_with(Code::kMismatch);
    }
    const bool is_end = first + kTail >= rows_.size();
    return is_end && check.finish().failed_with(Code::kMismatch);
  }
  // With numbers and hashes made again.
  static Rows forged(Rows tail, std::size_t first) {
    Sha256Digest before = before_[first].head().hash;
    std::uint64_t n = first;
    for (Row& row : tail) {
      if (auto entry = decode_entry(row.event.bytes)) {
        entry->id = row.event.id = {1, ++n};
        row.event.bytes = encode_entry(*entry);
      }
      row.event.hash = before = chain(before, row.event.bytes);
    }
    return tail;
  }

  static Folder* folder_;
  static Rows rows_;
  static std::vector<SignedChainCheck> before_;  // each of them
};
Folder* SignedChain::folder_ = nullptr;
Rows SignedChain::rows_;
std::vector<SignedChainCheck> SignedChain::before_;

TEST_F(SignedChain, EveryByteOfEveryRecordCounts) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    Row row = rows_[i];
    for (std::size_t at = 0; at < row.event.bytes.size(); ++at, ++bytes) {
      const char whole = row.event.bytes[at];
      // Each bit has its turn.
      row.event.bytes[at] = static_cast<char>(whole ^ (1 << (bytes % 8)));
      SignedChainCheck check = before_[i];
      EXPECT_TRUE(check.next(row.event, row.signature).failed_with(Code::kMismatch))
          << "event " << i + 1 << ", byte " << at;
      row.event.bytes[at] = whole;
    }
  }
  EXPECT_GT(bytes, 100'000U);
}

// The hashes behind it are made again, too: only the signatures tell.
TEST_F(SignedChain, AForgedByteIsFoundWhereTheRecordStaysOne) {
  int forgeries = 0;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    int of_this = 0;
    for (std::size_t at = i % 7; at < rows_[i].event.bytes.size() && of_this < 2; ++at) {
      Rows rows = tail(i);
      char& byte = rows[0].event.bytes[at];
      byte = static_cast<char>(byte ^ 1);
      const auto entry = decode_entry(rows[0].event.bytes);
      if (!entry || entry->id.n != i + 1) continue;
      ++of_this;
      EXPECT_TRUE(finds(forged(rows, i), i)) << "event " << i + 1 << ", byte " << at;
    }
    forgeries += of_this;
  }
  EXPECT_GT(forgeries, 500);
}

TEST_F(SignedChain, EveryRemovedRecordIsFound) {
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    Rows rows = tail(i);
    rows.erase(rows.begin());
    EXPECT_TRUE(finds(rows, i)) << "event " << i + 1;
    EXPECT_TRUE(finds(forged(rows, i), i)) << "event " << i + 1;
    EXPECT_TRUE(before_[i].finish().failed_with(Code::kMismatch)) << "all from event " << i + 1;
    // With the signature of the head handed to the event before.
    if (i == 0 || !rows_[i].signature) continue;
    rows.insert(rows.begin(), rows_[i - 1]);
    rows[0].signature = rows_[i].signature;
    EXPECT_TRUE(finds(rows, i - 1)) << "event " << i + 1;
    EXPECT_TRUE(finds(forged(rows, i - 1), i - 1)) << "event " << i + 1;
  }
}

TEST_F(SignedChain, EveryInsertedRecordIsFound) {
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    Row foreign;
    foreign.event.id = {1, i + 1};
    foreign.event.bytes =
        encode_entry({foreign.event.id, "line-1", kNow, attempt_ended({1, 4}, Verdict::kPass)});
    foreign.event.hash = chain(before_[i].head().hash, foreign.event.bytes);
    for (const Row& row : {foreign, rows_[i]}) {
      Rows rows = tail(i);
      rows.insert(rows.begin(), row);
      EXPECT_TRUE(finds(rows, i)) << "before event " << i + 1;
      EXPECT_TRUE(finds(forged(rows, i), i)) << "before event " << i + 1;
    }
  }
  SignedChainCheck check = before_.back();
  ASSERT_TRUE(check.next(rows_.back().event, rows_.back().signature));
  const Head end = check.head();
  Row added = {{{1, 301}, encode_entry({{1, 301}, "line-1", kNow, DaemonStarted{"2"}}), {}}, {}};
  added.event.hash = chain(end.hash, added.event.bytes);
  ASSERT_TRUE(check.next(added.event, added.signature));
  EXPECT_TRUE(check.finish().failed_with(Code::kMismatch)) << "behind the last event";
}

TEST_F(SignedChain, EveryPairThatChangedPlacesIsFound) {
  for (std::size_t i = 0; i + 1 < rows_.size(); ++i) {
    Rows rows = tail(i);
    std::swap(rows[0].event, rows[1].event);
    EXPECT_TRUE(finds(rows, i)) << "event " << i + 1;
    EXPECT_TRUE(finds(forged(rows, i), i)) << "event " << i + 1;
    std::swap(rows[0].signature, rows[1].signature);
    EXPECT_TRUE(finds(forged(rows, i), i)) << "event " << i + 1;
  }
}

// A key of somebody's own signs a history of somebody's own: only the key that was noted tells.
TEST_F(SignedChain, AnotherKeyIsFoundByTheOneThatWasNoted) {
  const SecretKey theirs(digest_of("theirs").bytes);
  Rows rows = rows_;
  LedgerBegan began{"line-1", theirs.public_key()};
  rows[0].event.bytes = encode_entry({{1, 1}, "line-1", kNow, began});
  rows = forged(rows, 0);
  SignedChainCheck alone({{}, {}});
  SignedChainCheck pinned({{}, SecretKey(digest_of("a secret").bytes).public_key()});
  for (Row& row : rows) {
    row.signature = sign_head(theirs, "line-1", row.event.id, row.event.hash).signature;
    ASSERT_TRUE(alone.next(row.event, row.signature));
    ASSERT_TRUE(pinned.next(row.event, row.signature));
  }
  EXPECT_TRUE(alone.finish());
  EXPECT_TRUE(pinned.finish().failed_with(Code::kMismatch));
}

// The same in Python, which reads the file itself.
TEST_F(SignedChain, PythonFindsTheSame) {
  ASSERT_TRUE(verify_ledger(folder_->file("ledger.db")));
  const std::string command = fmt::format("{} {}", GANGD_VERIFY_TEST, folder_->file("ledger.db"));
  EXPECT_EQ(std::system(command.c_str()), 0);
}

}  // namespace
}  // namespace gangd
