// /metrics: the station's views and counters in Prometheus' text format (version 0.0.4).
// Values in, text out; to be called on the loop thread, where the views belong. Labels are bounded:
// slots and states by the configuration and the code, products by StationCounters::kProductsMax.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "station/counters.h"
#include "station/view.h"

namespace gangd {

inline constexpr std::string_view kMetricsType = "text/plain; version=0.0.4; charset=utf-8";

std::string render_metrics(const StationView& station, const std::vector<SlotView>& slots,
                           const std::vector<JobView>& jobs, const StationCounters& counters);

}  // namespace gangd
