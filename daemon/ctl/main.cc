// gangctl: gangd from a command line.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>
#include <system_error>

#include "ctl/verbs.h"
#include "ledger/event.h"

namespace gangd {
namespace {

constexpr const char* kSocket = "/run/gangd/operator.sock";
constexpr const char* kLedger = "/var/lib/gangd/ledger.db";
constexpr const char* kFooter =
    "Exit status: 0 good, 1 what was asked about is not, 2 usage, 3 gangd cannot be reached or "
    "refuses.";

using Verb = Exit (*)(const Arguments&);

// CLI11 wants what is wrong; nothing if all is well.
std::string is_address(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  const bool has_both = colon != std::string::npos && colon > 0 && colon + 1 < text.size();
  return has_both ? "" : "give HOST:PORT, such as line-1:7443";
}

class CommandLine {
 public:
  CommandLine() {
    app_.footer(kFooter);
    app_.require_subcommand(1);
    add_place();
    app_.add_flag("--json", arguments_.json, "JSON, one object a line");
    app_.fallthrough();
    verb(app_, "station", "the station, and whether it takes boards", show_station);
    verb(app_, "slots", "the slots, and what is in them", list_slots);
    CLI::App* seen =
        verb(app_, "acknowledge", "say that you have seen the FAIL of a slot", acknowledge_slot);
    seen->add_option("SLOT", arguments_.slot, "see gangctl slots")->required();
    seen->add_option("--request", arguments_.request, "a name of your own for this order");
    add_jobs();
    add_units();
    add_qualifications();
    add_ledger();
    add_audit();
  }

  int run(int count, char** words) {
    try {
      app_.parse(count, words);
    } catch (const CLI::ParseError& error) {
      const bool asked_for_help = app_.exit(error) == 0;
      return static_cast<int>(asked_for_help ? Exit::kGood : Exit::kUsage);
    }
    try {
      const Exit exit = chosen_(arguments_);
      if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return static_cast<int>(exit);
    } catch (const std::system_error&) {
      // fmt's, when standard output takes no more.
    }
    fmt::print(stderr, "gangctl: the output could not be written: is its disk full?\n");
    return static_cast<int>(Exit::kRefused);
  }

 private:
  CLI::App* verb(CLI::App& parent, const char* name, const char* what, Verb function) {
    CLI::App* app = parent.add_subcommand(name, what);
    app->fallthrough();
    app->callback([this, function] { chosen_ = function; });
    return app;
  }
  CLI::App* group(const char* name, const char* what) {
    CLI::App* app = app_.add_subcommand(name, what);
    app->fallthrough();
    app->require_subcommand(1);
    return app;
  }

  void add_place() {
    Place& place = arguments_.place;
    app_.add_option("--socket", place.socket, "gangd's socket: the role is that of its name")
        ->envname("GANGD_SOCKET")
        ->default_str(kSocket);
    place.socket = kSocket;
    CLI::Option* address =
        app_.add_option("--address", place.address, "HOST:PORT: gangd over the network")
            ->envname("GANGD_ADDRESS")
            ->check(is_address);
    for (CLI::Option* file :
         {app_.add_option("--ca", place.ca, "of the CA that signed gangd's certificate")
              ->envname("GANGD_CA"),
          app_.add_option("--cert", place.certificate, "your certificate, which has your role")
              ->envname("GANGD_CERT"),
          app_.add_option("--key", place.key, "the key of it")->envname("GANGD_KEY")}) {
      address->needs(file);
    }
  }

  void add_jobs() {
    CLI::App* job = group("job", "orders to program boards");
    CLI::App* start = verb(*job, "start", "program what is plugged into the slots", start_job);
    start->add_option("PRODUCT", arguments_.product, "see gangctl station")->required();
    start->add_option("--slot", arguments_.slots, "this slot only; may be repeated");
    start->add_flag("--once", arguments_.once, "each slot takes one board, then the job ends");
    start->add_option("--work-order", arguments_.work_order, "the MES's name for this work");
    start->add_option("--quantity", arguments_.quantity, "end when so many units have passed");
    start->add_flag("--watch", arguments_.watch, "stay until the job has ended");
    start->add_option("--request", arguments_.request,
                      "a name of your own for this order: given again, it leads to the same job");
    CLI::App* stop = verb(*job, "stop", "end a job, and the attempts in it", stop_job);
    stop->add_option("JOB", arguments_.job, "such as 1-3")->required();
    stop->add_option("--request", arguments_.request, "a name of your own for this order");
    verb(*job, "watch", "stay until a job has ended", watch_job)
        ->add_option("JOB", arguments_.job, "such as 1-3")
        ->required();
    verb(*job, "list", "the newest jobs", list_jobs);
  }

  void add_units() {
    CLI::App* unit = group("unit", "what was programmed");
    verb(*unit, "show", "a unit and all its attempts", show_unit)
        ->add_option("UNIT", arguments_.unit, "its UID or a serial")
        ->required();
    CLI::App* list = verb(*unit, "list", "all units", list_units);
    list->add_option("--verdict", arguments_.verdict, "of the newest attempt")
        ->check(CLI::IsMember({"pass", "fail", "unknown"}));
    list->add_option("--image", arguments_.image, "that carry the image of this SHA-256");
  }

  void add_qualifications() {
    CLI::App* app = verb(app_, "qualify",
                         "go through the procedure after which a kind of board is no longer "
                         "UNQUALIFIED, step by step with one real board",
                         qualify);
    app->add_option("PRODUCT", arguments_.product, "see gangctl station");
    app->add_option("--slot", arguments_.slots, "where the board is")->expected(1);
    app->add_option("--person", arguments_.person, "your name, as it goes on record");
    app->add_option("--continue", arguments_.qualification, "go on with this one, such as 1-17");
    app->add_option("--request", arguments_.request, "a name of your own for this order");
    app->add_option("--power", arguments_.power,
                    "a command that switches all power of the board: run with `off` or `on` behind "
                    "it. Without it you are asked");
    app->add_flag("--hub-power", arguments_.hub_power,
                  "the hub switches the power of the slot's port: of a board that has no other");
    app->add_option("--off-seconds", arguments_.off_seconds, "how long that power stays away")
        ->capture_default_str()
        ->check(CLI::Range(0, 3600));
    app->add_option("--dump", arguments_.dumps,
                    "FILE@ADDRESS: the memory from ADDRESS on, as a debugger read it; may be "
                    "repeated. Without it you are asked");
    verb(app_, "qualifications", "those that go on", list_qualifications);
  }

  void add_ledger() {
    CLI::App* events = verb(app_, "events", "the station's record", list_events);
    events->add_option("--after", arguments_.after, "the token of the last event you have");
    events->add_flag("--follow", arguments_.follow, "stay for those that come");
    CLI::App* ledger = ledger_group("ledger", "mends a ledger's file while gangd does not run");
    verb(*ledger, "rebuild", "make the projections again", rebuild_ledger);
    CLI::App* go_on = verb(*ledger, "go-on", "go on from an older copy of it", go_on_ledger);
    CLI::App* new_key =
        verb(*ledger, "new-key", "give the station another key", replace_station_key);
    for (CLI::App* verb : {go_on, new_key}) {
      verb->add_option("--key", arguments_.key, "the station's secret key, as in station.toml")
          ->required();
      verb->add_option("--reason", arguments_.reason, "why, for who reads the record")->required();
    }
    go_on
        ->add_option("--skip", arguments_.skip,
                     "so many serials of each pool are never given: at least the boards that may "
                     "have been begun since the copy; without it, as many as events are lost")
        ->check(CLI::Range(std::uint64_t{0}, kNumbersSkippedMax));
  }

  void add_audit() {
    CLI::App* audit = ledger_group("audit", "a ledger's file, with or without gangd");
    CLI::App* verify =
        verb(*audit, "verify", "check every event, chain, signed heads, projections", audit_verify);
    verify->add_option("--head", arguments_.head,
                       "a file with a signed head that was noted elsewhere, instead of the one "
                       "beside the ledger");
    verify->add_flag("--without-head", arguments_.without_head,
                     "ask for none: that the end was cut off will not be found");
    verify->add_option("--key", arguments_.key,
                       "the station's public key that you noted: 64 digits, or a PEM file");
    verb(*audit, "recall", "which units carry, or may carry, an image", audit_recall)
        ->add_option("--image", arguments_.image, "its SHA-256")
        ->required();
    CLI::App* evidence = verb(*audit, "evidence",
                              "what proves a unit's history without the ledger: for "
                              "deploy/audit/verify.py",
                              audit_evidence);
    CLI::Option_group* unit = evidence->add_option_group("unit");
    unit->add_option("--serial", arguments_.serial, "of the unit");
    unit->add_option("--uid", arguments_.uid, "of the unit");
    unit->require_option(1);
    CLI::App* table = verb(*audit, "export", "all attempts as a table", audit_export);
    table->add_option("--format", arguments_.format, "csv or jsonl")
        ->check(CLI::IsMember({"csv", "jsonl"}))
        ->required();
    table->add_flag("--events", arguments_.all_events, "all events instead");
    verb(*audit, "backup", "copy the ledger while gangd goes on, and verify the copy", audit_backup)
        ->add_option("--to", arguments_.to, "the copy, a file that is not there")
        ->required();
  }

  CLI::App* ledger_group(const char* name, const char* what) {
    CLI::App* app = group(name, what);
    app->add_option("--ledger", arguments_.ledger, "the ledger's file")
        ->envname("GANGD_LEDGER")
        ->default_str(kLedger);
    arguments_.ledger = kLedger;
    return app;
  }

  CLI::App app_{"Programs boards through gangd.", "gangctl"};
  Arguments arguments_;
  Verb chosen_ = nullptr;
};

}  // namespace
}  // namespace gangd

int main(int count, char** words) {
  return gangd::CommandLine().run(count, words);
}
