// A page that Prometheus cannot read, or a metric that changes its name, blinds every dashboard and
// silences every alarm. dashboards/ is checked against the page that is kept in metrics.txt.
#include "web/metrics.h"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <sstream>

namespace gangd {
namespace {

using namespace std::chrono_literals;

class MetricsTest : public testing::Test {
 protected:
  MetricsTest() {
    station_.name = "line-1";
    station_.version = "1.2.3";
    station_.taking = true;
    slots_.resize(2);
    slots_[0].name = "1";
    slots_[1].name = "2";
    slots_[1].state = SlotState::kRunning;
    jobs_.resize(2);
    jobs_[1].running = true;
    counters_.began = UtcTime(1'800'000'000s + 250ms);
    counters_.count({"tone", "1", Verdict::kPass, Code::kCancelled, 42s, 4096, 100, 200});
    counters_.count({"tone", "2", Verdict::kFail, Code::kUnplugged, 3s, 512, 0, 0});
    counters_.ledger.commit.add(0.004);
    counters_.ledger.commit.add(60);
    counters_.ledger.failures = 2;
  }

  std::string page() const { return render_metrics(station_, slots_, jobs_, counters_); }
  bool shows(const std::string& line) const {
    return ("\n" + page()).find("\n" + line + "\n") != std::string::npos;
  }

  StationView station_;
  std::vector<SlotView> slots_;
  std::vector<JobView> jobs_;
  StationCounters counters_;
};

TEST_F(MetricsTest, ThePageIsTheOneThatIsKept) {
  std::ifstream file(GANGD_METRICS_PAGE);
  std::stringstream kept;
  kept << file.rdbuf();
  if (page() == kept.str()) return;
  const std::string now = testing::TempDir() + "metrics.txt";
  std::ofstream(now) << page();
  FAIL() << "the page is another; if that is right: cp " << now << " " << GANGD_METRICS_PAGE;
}

TEST_F(MetricsTest, ValuesAreTheStations) {
  EXPECT_TRUE(shows("process_start_time_seconds 1800000000"));
  EXPECT_TRUE(shows("gangd_taking_boards 1"));
  EXPECT_TRUE(shows("gangd_jobs_running 1"));
  EXPECT_TRUE(shows(R"(gangd_slot_state{slot="1",state="empty"} 1)"));
  EXPECT_TRUE(shows(R"(gangd_slot_state{slot="2",state="empty"} 0)"));
  EXPECT_TRUE(shows(R"(gangd_slot_state{slot="2",state="running"} 1)"));
  EXPECT_TRUE(shows(R"(gangd_slot_attempts_total{slot="2",verdict="fail"} 1)"));
  EXPECT_TRUE(shows(R"(gangd_attempts_total{product="tone",verdict="pass"} 1)"));
  EXPECT_TRUE(shows(R"(gangd_attempt_errors_total{product="tone",code="unplugged"} 1)"));
  EXPECT_TRUE(shows(R"(gangd_written_bytes_total{product="tone"} 4608)"));
  EXPECT_TRUE(shows("gangd_ledger_failures_total 2"));
}

TEST_F(MetricsTest, ABucketHoldsThoseBeforeIt) {
  EXPECT_TRUE(shows(R"(gangd_cycle_seconds_bucket{product="tone",le="30"} 0)"));
  EXPECT_TRUE(shows(R"(gangd_cycle_seconds_bucket{product="tone",le="45"} 1)"));
  EXPECT_TRUE(shows(R"(gangd_cycle_seconds_bucket{product="tone",le="+Inf"} 1)"));
  EXPECT_TRUE(shows(R"(gangd_ledger_commit_seconds_bucket{le="0.0025"} 0)"));
  EXPECT_TRUE(shows(R"(gangd_ledger_commit_seconds_bucket{le="10"} 1)"));
  EXPECT_TRUE(shows(R"(gangd_ledger_commit_seconds_bucket{le="+Inf"} 2)"));
  EXPECT_TRUE(shows("gangd_ledger_commit_seconds_count 2"));
}

// A rate begins with the second sample: what appears only when it happens is missed once.
TEST_F(MetricsTest, AJobShowsItsProductBeforeAnythingHappened) {
  counters_ = {};
  counters_.product("tune");
  EXPECT_TRUE(shows(R"(gangd_attempts_total{product="tune",verdict="fail"} 0)"));
  EXPECT_TRUE(shows(R"(gangd_attempt_errors_total{product="tune",code="cancelled"} 0)"));
  EXPECT_TRUE(shows(R"(gangd_attempt_errors_total{product="tune",code="io"} 0)"));
  EXPECT_TRUE(shows(R"(gangd_slot_attempts_total{slot="1",verdict="pass"} 0)"));
  EXPECT_TRUE(shows(R"(gangd_cycle_seconds_count{product="tune"} 0)"));
}

TEST_F(MetricsTest, NoNameBreaksThePage) {
  counters_ = {};
  counters_.product("a\"b\\c\nd\xff");
  EXPECT_TRUE(shows("gangd_written_bytes_total{product=\"a\\\"b\\\\c\\nd\xef\xbf\xbd\"} 0"));
}

}  // namespace
}  // namespace gangd
