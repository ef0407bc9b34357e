// The small files beside a ledger: its key, its last head. Blocks.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/result.h"

namespace gangd {

bool is_there(const std::string& file);

// kNotFound; kInvalid: it is longer than `bytes_max`; kIo.
Result<std::string> read_small_file(const std::string& file, std::size_t bytes_max);

// Makes a file that was not there, and returns when it survives a power cut. kBusy: it is there.
Status make_small_file(const std::string& file, std::string_view text, mode_t mode);

// A file is found again after a power cut only if its folder was written, too.
Status sync_folder_of(const std::string& file);

}  // namespace gangd
