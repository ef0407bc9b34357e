// Events as a station writes them.
#pragma once

#include <chrono>
#include <vector>

#include "ledger/event.h"

namespace gangd {

inline Sha256Digest digest_of(std::string_view text) {
  return sha256(as_bytes(text));
}

inline Extent extent_named(const std::string& name) {
  return {name, 0x9000'0000, 200'000, digest_of(name)};
}

inline UnitNumber number_at(std::uint64_t index) {
  return {"tone", index, "T" + std::to_string(1000 + index)};
}

inline JobStarted job_started(const std::string& request) {
  return {request,
          "operator",
          "tone",
          digest_of("tone.toml"),
          {"1", "2"},
          false,
          {extent_named("tone.bin")}};
}

inline AttemptStarted attempt_started(EventId job, const std::string& uid, std::uint64_t index) {
  return {job,
          "1",
          "1-1.4",
          uid,
          {number_at(index)},
          {extent_named("serial")},
          "00112233445566778899aabbccddeeff"};
}

inline AttemptEnded attempt_ended(EventId attempt, Verdict verdict) {
  if (verdict == Verdict::kPass) {
    return {attempt,
            verdict,
            "",
            "",
            "",
            1'250'000,
            4'096,
            65'536,
            {extent_named("tone.bin"), extent_named("serial")},
            "device",
            digest_of("loader").hex()};
  }
  return {attempt, verdict, "stalled", "write 0x90000000: stalled", "write", 750'000, 0, 0,
          {},      "",      ""};
}

inline std::vector<LedgerEvent> sample_events() {
  const SecretKey key(digest_of("key").bytes);
  const SecretKey other(digest_of("other").bytes);
  return {LedgerBegan{"line-1", key.public_key()},
          DaemonStarted{"0.1.0"},
          KeyReplaced{other.public_key(), key.sign("x").hex(), "the disk was lost"},
          EpochBegan{"restored", "1-99", digest_of("lost").hex(), 12},
          job_started("r-1"),
          attempt_started({1, 2}, "00aa", 7),
          attempt_ended({1, 3}, Verdict::kPass),
          attempt_ended({1, 3}, Verdict::kUnknown),
          AttemptAcknowledged{{1, 3}, "r-2", "operator", ""},
          JobEnded{{1, 2}, "", "gangd", "interrupted"},
          JobEnded{{1, 2}, "s-1", "quality", "stopped", "CN=anna,O=line-1"},
          AccessDenied{"auditor", "CN=leo", "gang.v1.Jobs/StartJob", "not for auditor", 3},
          SerialsLeased{"tone", "tone/1/1", 100, 50},
          QualificationStarted{"q-1", "quality", "", "Anna", "tone", digest_of("tone.toml"), "1"},
          QualificationStep{{1, 2}, "program", false, "no board", "", "quality", ""},
          QualificationStep{{1, 2},
                            "dump",
                            true,
                            "",
                            "as it is",
                            "quality",
                            "CN=anna",
                            {1, 3},
                            {extent_named("tone.bin")}},
          BoardQualified{{1, 2},
                         "0x10036485",
                         "board",
                         {"c2853a"},
                         digest_of("loader").hex(),
                         "aa",
                         1,
                         "Anna",
                         "quality",
                         "",
                         ""}};
}

inline Entry sample_entry(LedgerEvent event) {
  using namespace std::chrono;
  const UtcTime at = sys_days(year(2026) / 11 / 21) + 8h + 15min + 250us;
  return {{1, 17}, "line-1", at, std::move(event)};
}

}  // namespace gangd
