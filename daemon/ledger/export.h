// The ledger as tables for other programs: a line of text for each event, or for each attempt.
// Reads one after another, whatever their number. Blocks.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace gangd {

enum class ExportFormat {
  kCsv,        // RFC 4180, with a line of names; a cell that a spreadsheet would take for a formula
               // has an apostrophe before it
  kJsonLines,  // one object a line
};
enum class ExportRows { kAttempts, kEvents };

// Each line comes with its end. Ends with the first error of the visitor.
Status export_ledger(const std::string& ledger, ExportRows rows, ExportFormat format,
                     const std::function<Status(std::string_view line)>& visit);

}  // namespace gangd
