// Topology: which hubs the rack has, and where the boards are. Names are those of the kernel:
// `usb1` is the root hub of bus 1, `1-2` what is in its port 2, `1-2.3` what is in port 3 of that.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace gangd::rig {

struct Hub {
  std::string name;
  std::uint32_t bus = 0;
  int ports = 0;
};

struct Topology {
  std::vector<Hub> hubs;            // parents before children; root hubs are among them
  std::vector<std::string> boards;  // a name each, in the order of board numbers

  std::uint32_t buses() const;
};

// The bus in a name; 0 for what is none.
std::uint32_t bus_of(std::string_view name);
// "1-2" for "1-2.3", "usb1" for "1-2".
std::string parent_of(std::string_view name);
// The port of its parent that `name` is in: 3 for "1-2.3".
int port_in_parent(std::string_view name);

// `hubs` is a list like "usb1:4,1-1:8,1-1.8:8" (name:ports); a root hub that is not in it has 15
// ports. The boards fill the ports that no hub is in, hub after hub; root hubs only if `hubs` names
// them. Empty: hubs of 8 ports at two root hubs in turn, as many as it takes.
Result<Topology> make_topology(std::string_view hubs, std::size_t boards);

}  // namespace gangd::rig
