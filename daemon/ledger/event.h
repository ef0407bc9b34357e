// What the ledger holds: events, one after another, never changed. FORMAT.md says how each is
// written; everything else (units, attempts, pools) follows from them.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ed25519.h"
#include "base/extent.h"
#include "base/result.h"
#include "base/verdict.h"
#include "loop/clock.h"

namespace gangd {

// Where an event stands in its station's ledger, and so the name of what it began: jobs and
// attempts are called by the id of their first event. Written `1-17`.
struct EventId {
  std::uint32_t epoch = 0;  // counts the lives of the ledger: restored from a copy, it begins a new
  std::uint64_t n = 0;      // from 1, without a gap, through all epochs

  std::string to_string() const;
  // kInvalid, with what an id looks like.
  static Result<EventId> parse(std::string_view text);

  // {0, 0} stands before all events.
  auto operator<=>(const EventId&) const = default;
};

// A number that a unit has been given for ever.
struct UnitNumber {
  std::string pool;         // where it is from; no pool gives a value twice
  std::uint64_t index = 0;  // its place in the pool: the pool goes on after the highest
  std::string value;        // as it is written into the unit

  bool operator==(const UnitNumber&) const = default;
};

// Of which kind a board is, and what it runs: what a qualification holds for. As the board tells
// it; empty where it does not.
struct BoardKey {
  std::string chip;                  // `0x` and 8 hexadecimal digits: device and revision
  std::string board;                 // its name
  std::vector<std::string> flashes;  // JEDEC ids in hexadecimal digits, by their addresses
  std::string loader;                // SHA-256 of its program

  // Only then it can be qualified.
  bool is_whole() const {
    return !chip.empty() && !board.empty() && !flashes.empty() && !loader.empty();
  }
  // For a person: `virtual, chip 0x10000fff, flash c2853b, loader 0123…`.
  std::string text() const;
  auto operator<=>(const BoardKey&) const = default;
};

// --- the events

struct LedgerBegan {
  std::string station;
  PublicKey public_key;  // of the station's key, which signs heads from here on
  bool operator==(const LedgerBegan&) const = default;
};

struct DaemonStarted {
  std::string version;
  bool operator==(const DaemonStarted&) const = default;
};

// Another key signs from here on, this event included.
struct KeyReplaced {
  PublicKey public_key;
  std::string signature;  // of the key before, over key_text(); empty: it was lost
  std::string reason;     // for a person
  bool operator==(const KeyReplaced&) const = default;
};

// More than any station makes.
constexpr std::uint64_t kNumbersSkippedMax = 1'000'000'000;

// The ledger goes on from an older copy of itself: what came after the copy is lost. Its id is the
// first of the new epoch.
struct EpochBegan {
  std::string reason;         // for a person
  std::string lost;           // the id of the newest event that is known to be lost; or empty
  std::string lost_sha256;    // the chain's hash with it; or empty
  std::uint64_t skipped = 0;  // so many numbers of each pool are not given: lost units have them
  bool operator==(const EpochBegan&) const = default;
};

struct JobStarted {
  std::string request;  // who asks again with the same gets the same job
  std::string role;     // who asked
  std::string product;
  Sha256Digest product_digest;  // of the product's file
  std::vector<std::string> slots;
  bool once = false;                  // each slot takes one board, then the job ends
  std::vector<Extent> image_extents;  // the same in every unit
  std::string subject = {};           // of the certificate of who asked; empty for a socket
  std::string work_order = {};        // the MES's name for it; empty: it has none
  std::uint64_t quantity = 0;         // so many units are to pass, then the job ends; 0: any number
  EventId qualification = {};         // that it is part of; {0, 0}: none
  bool operator==(const JobStarted&) const = default;
};

struct JobEnded {
  EventId job;
  std::string request;  // empty: nobody asked
  std::string role;
  std::string reason;        // `stopped`, `finished`, `interrupted`
  std::string subject = {};  // of the certificate of who asked; empty for a socket
  bool operator==(const JobEnded&) const = default;
};

// Durable before anything in the unit is changed.
struct AttemptStarted {
  EventId job;
  std::string slot;
  std::string path;
  std::string uid;                   // empty: the board could not say
  std::vector<UnitNumber> numbers;   // the unit's; the same ones at each attempt
  std::vector<Extent> unit_extents;  // what is this unit's alone
  std::string nonce;                 // hexadecimal; a device's proof of this attempt carries it
  // Who allowed it: `mes`; `lease`: the MES could not be asked, and had given numbers beforehand.
  // Empty: nobody was asked.
  std::string allowed_by = {};
  bool operator==(const AttemptStarted&) const = default;
};

struct AttemptEnded {
  EventId attempt;
  Verdict verdict = Verdict::kUnknown;
  std::string code;    // name(Code) of what ended it; empty with PASS
  std::string reason;  // for a person; empty with PASS
  std::string step;    // where it ended; empty with PASS
  std::uint64_t duration_us = 0;
  std::uint64_t bytes_found_same = 0;   // that were to be written, and were there
  std::uint64_t bytes_found_blank = 0;  // that were to be erased, and were not
  std::vector<Extent> measured;         // what was measured, with the digests that it had
  std::string proof;   // how: `device`, `readback` or `both`; empty if nothing was measured
  std::string loader;  // SHA-256 of the program of the device that has measured; or empty
  // The rest of its key(), and the BoardQualified that was in force for it; {0, 0}: UNQUALIFIED.
  std::string chip = {};
  std::string board = {};
  std::vector<std::string> flashes = {};
  EventId qualification = {};
  // What was measured once more, as the application that runs from it in place will read it.
  std::vector<Extent> measured_as_booted = {};

  BoardKey key() const { return {chip, board, flashes, loader}; }
  bool operator==(const AttemptEnded&) const = default;
};

// The MES has given this station numbers. Durable before the first of them is used.
struct SerialsLeased {
  std::string pool;
  std::string request;  // who asks again with the same gets the same numbers
  std::uint64_t first = 0;
  std::uint64_t count = 0;
  bool operator==(const SerialsLeased&) const = default;
};

// Somebody was refused. What was refused more often is told once, with its count.
struct AccessDenied {
  std::string role;     // empty: nobody knows
  std::string subject;  // of the certificate; empty for a socket, or if there was none
  std::string method;   // such as `gang.v1.Jobs/StartJob`; empty: none that there is, or no call
  std::string reason;   // for a person
  std::uint64_t count = 1;
  bool operator==(const AccessDenied&) const = default;
};

// Somebody has seen that a unit failed, and has said so.
struct AttemptAcknowledged {
  EventId attempt;
  std::string request;
  std::string role;     // who said so
  std::string subject;  // of the certificate; empty for a socket or the page
  bool operator==(const AttemptAcknowledged&) const = default;
};

// Somebody begins to go through the procedure that qualifies a kind of board. Ends what was going
// on in the slot before.
struct QualificationStarted {
  std::string request;
  std::string role;
  std::string subject;  // of the certificate; empty for a socket
  std::string person;   // who does it, in their own words
  std::string product;
  Sha256Digest product_digest;  // of the product's file
  std::string slot;
  bool operator==(const QualificationStarted&) const = default;
};

// A step of the procedure was done: well, or not; then it is done again.
struct QualificationStep {
  EventId qualification;
  std::string step;  // `program`
  bool passed = false;
  std::string reason;  // why not; empty when it passed
  std::string note;    // what the person saw, in their own words; or empty
  std::string role;
  std::string subject;
  EventId attempt = {};             // of a step that gangd does
  std::vector<Extent> dumped = {};  // what the dump held
  bool operator==(const QualificationStep&) const = default;
};

// The procedure was gone through to its end: units of this key are no longer UNQUALIFIED.
struct BoardQualified {
  EventId qualification;
  std::string chip;
  std::string board;
  std::vector<std::string> flashes;
  std::string loader;
  std::string uid;             // of the board that it was done with
  std::uint64_t failures = 0;  // steps that had to be done again
  std::string person;
  std::string role;
  std::string subject;
  std::string signature;  // of the station's key over qualification_text()

  BoardKey key() const { return {chip, board, flashes, loader}; }
  bool operator==(const BoardQualified&) const = default;
};

// Not to be taken for Event, which the loop is woken by. How one of so many kinds is copied, moved,
// destroyed and compared is compiled in event.cc, and not again wherever there is an event.
class LedgerEvent
    : public std::variant<LedgerBegan, DaemonStarted, KeyReplaced, EpochBegan, JobStarted, JobEnded,
                          AttemptStarted, AttemptEnded, AccessDenied, AttemptAcknowledged,
                          SerialsLeased, QualificationStarted, QualificationStep, BoardQualified> {
 public:
  using Kinds = variant;

  using Kinds::Kinds;
  LedgerEvent() = default;
  LedgerEvent(const LedgerEvent& other);
  LedgerEvent(LedgerEvent&& other) noexcept;
  LedgerEvent& operator=(const LedgerEvent& other);
  LedgerEvent& operator=(LedgerEvent&& other) noexcept;
  ~LedgerEvent();

  bool operator==(const LedgerEvent& other) const;
};

// What stands beside every verdict: the id of the BoardQualified, or UNQUALIFIED.
std::string qualification_word(EventId qualification);

// As records have it: `2026-11-21T08:15:00.000250Z`.
std::string utc_text(UtcTime time);

// The `type` in the record: `attempt_started`.
std::string_view event_type(const LedgerEvent& event);

// An event with its place. What the canonical bytes hold.
struct Entry {
  EventId id;
  std::string station;
  UtcTime at;
  LedgerEvent event;
  bool operator==(const Entry&) const = default;
};

// An event as it is in a ledger's file.
struct StoredEvent {
  EventId id;
  std::string bytes;  // canonical
  Sha256Digest hash;  // of the chain up to and with it
};

// The canonical bytes, and back. Decoding takes canonical bytes only: kInvalid for anything that
// encode_entry() would not have written. Bytes from anywhere are safe.
std::string encode_entry(const Entry& entry);
Result<Entry> decode_entry(std::string_view bytes);

// What the key before signs when `id` brings another.
std::string key_text(const std::string& station, EventId id, const PublicKey& key);

// What the station signs when a kind of board is qualified.
std::string qualification_text(const std::string& station, EventId id,
                               const BoardQualified& qualified);

// SHA-256 over the hash before and the record's own SHA-256: what makes the events a chain. Before
// the first stand 32 zero bytes. A record that must not be shown takes part by its SHA-256 alone.
Sha256Digest chain(const Sha256Digest& before, const Sha256Digest& record);
Sha256Digest chain(const Sha256Digest& before, std::string_view bytes);

}  // namespace gangd
