// A station's configuration: station_cfg/station.toml.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "loop/clock.h"
#include "usb/usb.h"

namespace gangd {

struct SlotConfig {
  std::string name;  // as it is written on the fixture
  UsbPath path;
};

// Where the MES is, and what both show each other.
struct MesConfig {
  std::string address;  // HOST:PORT or unix:PATH
  std::string ca;       // files; empty: without TLS
  std::string cert;
  std::string key;
  Duration deadline{};  // for one answer
};

struct StationConfig {
  std::string name;
  std::string ledger;    // file
  std::string sockets;   // folder
  std::string products;  // folder
  std::vector<SlotConfig> slots;
  std::optional<MesConfig> mes;
};

// `file` is where the text is from: relative paths in it begin at its folder. Bytes from anywhere
// are safe.
Result<StationConfig> parse_station(std::string_view text, const std::string& file);

}  // namespace gangd
