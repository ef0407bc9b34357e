// One attempt on its way into the ledger, as the recipe sees it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "recipe/product.h"
#include "recipe/unit_record.h"
#include "station/mes_link.h"
#include "station/records.h"
#include "station/serial_supply.h"

namespace gangd {

class LedgerUnitRecord final : public UnitRecord {
 public:
  struct Place {
    EventId job;
    std::string slot;
    std::string path;
    std::string work_order = {};
    bool full = false;  // nothing that is there already counts
  };
  using OnProgress =
      std::function<void(std::string_view step, std::uint64_t done, std::uint64_t total)>;

  // All that is passed must outlive it.
  LedgerUnitRecord(Records& records, MesLink& mes, SerialSupply& serials, const Product& product,
                   Place place, OnProgress on_progress);
  ~LedgerUnitRecord() override;

  Task<Result<BegunUnit>> begin(std::string uid) override;
  // Passed on when a step begins or is done, and in between once a second.
  void progress(std::string_view step, std::uint64_t done, std::uint64_t total) override;

  // What the ledger has of it so far. `id` is nothing until the attempt is durable.
  const std::optional<EventId>& id() const { return id_; }
  const AttemptStarted& started() const { return started_; }
  // The ledger or the MES failed before anything was changed in the unit: it can be tried again.
  bool failed_to_begin() const { return failed_to_begin_; }

  // An attempt that could not begin is on record all the same.
  Task<Status> begin_late();

 private:
  // Whether the unit may be built here now.
  Task<Status> ask_mes();
  Task<Result<std::optional<UnitRow>>> find_unit(std::string uid);
  Task<Result<bool>> is_sound_unit(std::string uid);
  Result<UnitNumber> number_for(const std::optional<UnitRow>& unit);
  // One UID has one serial, and one serial one UID: kConflict says what is on record.
  Task<Status> bind(UnitNumber number, std::optional<UnitRow> unit);

  Records& records_;
  MesLink& mes_;
  SerialSupply& serials_;
  const Product& product_;
  const std::string work_order_;
  const bool full_;
  const OnProgress on_progress_;
  AttemptStarted started_;
  std::optional<EventId> id_;
  bool claimed_ = false;
  std::string claimed_number_;
  std::string step_told_;
  Instant told_;
  bool failed_to_begin_ = false;
};

}  // namespace gangd
