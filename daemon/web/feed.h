// Feed: what one page is told, as server-sent events: the newest of what is shown, every event of
// the ledger, and a beat, so that a page knows when it hears nothing any more.
//
//   station  the station, its jobs and the names of its slots in order, when they change
//   slot     a slot, when it changes; older ones are skipped
//   ledger   an event of the ledger, with its token as id: none is skipped, also after a pause
//   reset    the token that the page went on from is of another ledger: it begins anew
//   beat     at least twice a second
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "ledger/ledger.h"
#include "station/station.h"
#include "web/web_calls.h"

namespace gangd {

class Feed {
 public:
  // `after` is the token of the last event that the page has; empty: it has none, and begins with
  // the last few hundred. All that is passed by reference must outlive it.
  Feed(WebCalls& calls, Station& station, Ledger& ledger, std::string after);

  // Waits up to half a second for news. Loop thread; one at a time.
  Task<Result<std::string>> next();

 private:
  struct Events {
    std::string text;
    EventId cursor;
    bool is_last = false;  // none follows yet
  };

  Task<Status> wait_for_news();
  Task<Status> find_cursor();
  static Result<Events> read_events(LedgerReader& reader, EventId cursor);
  std::string shown();

  WebCalls& calls_;
  Station& station_;
  Ledger& ledger_;
  std::string after_;
  bool began_ = false;
  std::string head_;  // to be sent first
  EventId cursor_;
  bool has_more_ = true;  // events behind the cursor
  std::uint64_t revision_ = 0;
  std::string station_sent_;
  std::map<std::string, std::uint64_t> slots_sent_;  // their revisions
};

}  // namespace gangd
