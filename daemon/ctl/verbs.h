// What gangctl can do: a function for each verb.
#pragma once

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
Exit rebuild_ledger(const Arguments& arguments);

}  // namespace gangd
