// What DFU 1.1 gives names and numbers to, and where a device offers it.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace gangd {

enum class DfuState : std::uint8_t {
  kAppIdle = 0,
  kAppDetach = 1,
  kIdle = 2,
  kDownloadSync = 3,
  kDownloadBusy = 4,
  kDownloadIdle = 5,
  kManifestSync = 6,
  kManifest = 7,
  kManifestWaitReset = 8,
  kUploadIdle = 9,
  kError = 10,
};

// As in the standard: `dfuDNBUSY`, `errERASE`; "unknown" for another number.
std::string_view dfu_state_name(DfuState state);
std::string_view dfu_status_name(std::uint8_t status);

constexpr std::uint16_t kDfuseVersion = 0x011a;

// One alternate setting that speaks DFU: one memory.
struct DfuAlternate {
  std::uint8_t interface = 0;
  std::uint8_t alternate = 0;
  std::uint8_t name_index = 0;  // the string that holds the layout
  bool in_dfu_mode = false;     // and not the application, which must first detach
  std::uint8_t attributes = 0;  // bmAttributes
  std::uint16_t transfer_size = 0;
  std::uint16_t version = 0;

  bool is_dfuse() const { return version == kDfuseVersion; }
};

// Every alternate setting of a configuration descriptor that speaks DFU; empty if none does.
// kDevice if the descriptor is broken. Bytes from anywhere are safe.
Result<std::vector<DfuAlternate>> find_dfu(ByteView configuration);

}  // namespace gangd
