// A station's configuration: station_cfg/station.toml.
#pragma once

#include <map>
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
  // Of a second connector of the same board, where what is loaded into it is seen; nothing: it
  // comes back at the first.
  std::optional<UsbPath> loader_path = {};
  // Where it lies in the fixture, from 1 at the top left; 0: nobody said.
  int row = 0;
  int column = 0;
};

struct WebConfig {
  int port = 0;       // on 127.0.0.1; 0: any that is free
  std::string pages;  // folder with the built floor page
};

// Where the MES is, and what both show each other.
struct MesConfig {
  std::string address;  // HOST:PORT or unix:PATH
  std::string ca;       // files; empty: without TLS
  std::string cert;
  std::string key;
  Duration deadline{};  // for one answer
};

// The way in over the network. Paths are files.
struct TcpConfig {
  std::string listen;       // HOST:PORT
  std::string name;         // by which clients call this machine; empty: the HOST of `listen`
  std::string ca;           // who must have signed a client's certificate
  std::string certificate;  // gangd's own
  std::string key;          // of it
  std::string revoked;      // a CRL of `ca`; empty: none
};

struct StationConfig {
  std::string name;
  std::string ledger;       // file
  std::string station_key;  // file
  std::string sockets;      // folder
  // By the role's name: who may open its socket, beside gangd's own user.
  std::map<std::string, std::string> socket_groups;
  std::optional<TcpConfig> tcp;
  std::string products;  // folder
  std::vector<SlotConfig> slots;
  bool fails_are_acknowledged = false;  // a FAIL stands until somebody has seen it
  std::optional<WebConfig> web;         // nothing: no floor page
  std::optional<MesConfig> mes;
};

// `file` is where the text is from: relative paths in it begin at its folder. Bytes from anywhere
// are safe.
Result<StationConfig> parse_station(std::string_view text, const std::string& file);

}  // namespace gangd
