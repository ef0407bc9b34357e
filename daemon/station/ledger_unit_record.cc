#include "station/ledger_unit_record.h"

#include <chrono>

#include "loop/deadline.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

// An operator who sees nothing happen for longer pulls the board.
constexpr Duration kMesLimit = 30s;
// An answer that was lost comes when it is asked for again.
constexpr int kAsksMax = 2;
// A person sees no more, and each is a message to everyone who watches.
constexpr Duration kProgressPause = 1s;

}  // namespace

LedgerUnitRecord::LedgerUnitRecord(Records& records, MesLink& mes, SerialSupply& serials,
                                   const Product& product, Place place, OnProgress on_progress)
    : records_(records),
      mes_(mes),
      serials_(serials),
      product_(product),
      work_order_(std::move(place.work_order)),
      full_(place.full),
      on_progress_(std::move(on_progress)),
      started_{place.job, std::move(place.slot), std::move(place.path), "", {}, {}, ""} {}

LedgerUnitRecord::~LedgerUnitRecord() {
  if (claimed_) records_.release_unit(started_.uid);
  if (!claimed_number_.empty()) records_.release_number(claimed_number_);
}

Task<Result<BegunUnit>> LedgerUnitRecord::begin(std::string uid) {
  started_.uid = uid;
  CO_TRY_STATUS(records_.claim_unit(uid, started_.slot));
  claimed_ = true;
  CO_TRY_STATUS(co_await ask_mes());
  CO_TRY(const std::optional<UnitRow> unit, co_await find_unit(uid));
  BegunUnit begun;
  if (full_) {
    begun.cells = Cells::kUnknown;
  } else if (!unit) {
    begun.cells = product_.incoming_fresh ? Cells::kFresh : Cells::kUnknown;
  } else {
    CO_TRY(const bool is_sound, co_await is_sound_unit(uid));
    if (is_sound) begun.cells = Cells::kSound;
  }
  begun.nonce = records_.make_nonce();
  started_.nonce = to_hex(begun.nonce);
  if (product_.serial) {
    CO_TRY(const UnitNumber number, number_for(unit));
    CO_TRY_STATUS(co_await bind(number, unit));
    begun.serial = number.value;
    started_.numbers = {number};
    started_.unit_extents = {product_.serial->extent(begun.serial)};
  }
  const auto id = co_await records_.append(started_);
  if (!id) {
    failed_to_begin_ = !id.failed_with(Code::kCancelled);
    co_return id.error();
  }
  id_ = *id;
  co_return begun;
}

Task<Status> LedgerUnitRecord::ask_mes() {
  if (!mes_.is_there()) co_return Status();
  const MesUnit unit = {started_.uid, product_.name, started_.slot, started_.job, work_order_};
  Status answer;
  for (int asks = 0; asks < kAsksMax; ++asks) {
    answer = co_await with_timeout(kMesLimit, mes_.authorize(unit));
    if (!answer.failed_with(Code::kTimeout)) break;
  }
  if (answer) {
    started_.allowed_by = "mes";
  } else if (!answer.failed_with(Code::kTimeout)) {
    co_return std::move(answer).with_context("MES");
  } else if (product_.serial && product_.serial->from_mes) {
    // It gave the numbers for units that are built while it cannot be asked.
    started_.allowed_by = "lease";
  } else {
    failed_to_begin_ = true;
    co_return std::move(answer).with_context("MES");
  }
  co_return Status();
}

Task<Result<std::optional<UnitRow>>> LedgerUnitRecord::find_unit(std::string uid) {
  auto unit = co_await records_.ledger().unit(std::move(uid));
  failed_to_begin_ = !unit && !unit.failed_with(Code::kCancelled);
  co_return unit;
}

Task<Result<bool>> LedgerUnitRecord::is_sound_unit(std::string uid) {
  auto is_sound = co_await records_.ledger().is_sound(std::move(uid));
  failed_to_begin_ = !is_sound && !is_sound.failed_with(Code::kCancelled);
  co_return is_sound;
}

Result<UnitNumber> LedgerUnitRecord::number_for(const std::optional<UnitRow>& unit) {
  const ProductSerial& serial = *product_.serial;
  if (unit) {
    for (const UnitNumber& number : unit->numbers) {
      if (number.pool != serial.pool) continue;
      // The field was another when it was given.
      if (number.value.size() <= serial.size) return number;
      return Error(Code::kInvalid,
                   "the unit's number \"{}\" does not fit into the product's field of {} bytes",
                   number.value, serial.size);
    }
  }
  TRY_STATUS(records_.check_pool(serial.pool, serial.from_mes));
  UnitNumber number;
  number.pool = serial.pool;
  if (serial.from_mes) {
    auto index = serials_.take(serial.pool);
    failed_to_begin_ = !index;
    TRY(number.index, std::move(index));
  } else {
    number.index = records_.take_index(serial.pool, serial.first);
  }
  TRY(number.value, serial.text(number.index));
  return number;
}

Task<Status> LedgerUnitRecord::bind(UnitNumber number, std::optional<UnitRow> unit) {
  CO_TRY_STATUS(records_.claim_number(number.value, started_.uid));
  claimed_number_ = number.value;
  for (const UnitNumber& own : unit ? unit->numbers : std::vector<UnitNumber>()) {
    if (own.value == number.value) continue;
    co_return Error(Code::kConflict,
                    "unit {} has serial {} of pool {}, and {} would give it {} of pool {}: take "
                    "the board aside; if it is right, let the product use pool {}",
                    started_.uid, own.value, own.pool, product_.name, number.value, number.pool,
                    own.pool);
  }
  auto other = co_await records_.ledger().other_holder(number.value, started_.uid);
  failed_to_begin_ = !other && !other.failed_with(Code::kCancelled);
  if (!other) co_return std::move(other).error();
  if (*other) {
    co_return Error(Code::kConflict,
                    "serial {} is unit {}'s, and this is unit {}: take the board aside, and give "
                    "the products' serials other prefixes, or one pool",
                    number.value, **other, started_.uid);
  }
  co_return Status();
}

void LedgerUnitRecord::progress(std::string_view step, std::uint64_t done, std::uint64_t total) {
  const Instant now = records_.loop().now();
  const bool is_news = step != step_told_ || done == total;
  if (!is_news && now - told_ < kProgressPause) return;
  if (is_news) step_told_ = step;
  told_ = now;
  on_progress_(step, done, total);
}

Task<Status> LedgerUnitRecord::begin_late() {
  // Numbers that were meant for it are still free: it never had them.
  started_.numbers.clear();
  started_.unit_extents.clear();
  started_.nonce.clear();
  started_.allowed_by.clear();
  CO_TRY(id_, co_await records_.append_surely(started_));
  co_return Status();
}

}  // namespace gangd
