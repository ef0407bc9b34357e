// What gangctl can do: a function for each verb.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ctl/client.h"

namespace gangd {

// Named as on the command line.
struct Arguments {
  Place place;
  bool json = false;

  std::string product;
  std::vector<std::string> slots;
  bool once = false;
  bool watch = false;
  std::string request;
  std::string work_order;
  std::uint64_t quantity = 0;
  std::string job;
  std::string slot;
  std::string unit;
  std::string verdict;
  std::string image;
  std::string after;
  bool follow = false;

  std::string ledger;
  std::string head;
  bool without_head = false;
  std::string key;
  std::string uid;
  std::string serial;
  std::string format;
  bool all_events = false;
  std::string to;
  std::string reason;
  std::string skip;

  std::string person;
  std::string qualification;
  std::string power;
  bool hub_power = false;
  std::uint32_t off_seconds = 10;
  std::vector<std::string> dumps;
};

Exit show_station(const Arguments& arguments);
Exit list_slots(const Arguments& arguments);
Exit start_job(const Arguments& arguments);
Exit stop_job(const Arguments& arguments);
Exit watch_job(const Arguments& arguments);
Exit acknowledge_slot(const Arguments& arguments);
Exit list_jobs(const Arguments& arguments);
Exit show_unit(const Arguments& arguments);
Exit list_units(const Arguments& arguments);
Exit list_events(const Arguments& arguments);
Exit audit_verify(const Arguments& arguments);
Exit audit_recall(const Arguments& arguments);
Exit audit_evidence(const Arguments& arguments);
Exit audit_export(const Arguments& arguments);
Exit audit_backup(const Arguments& arguments);
Exit go_on_ledger(const Arguments& arguments);
Exit replace_station_key(const Arguments& arguments);
Exit qualify(const Arguments& arguments);
Exit list_qualifications(const Arguments& arguments);
Exit rebuild_ledger(const Arguments& arguments);

}  // namespace gangd
