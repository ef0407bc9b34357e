#include "tests/rig/vrack/topology.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include <fmt/core.h>

namespace gangd::rig {
namespace {

constexpr int kRootPorts = 15;
constexpr int kPortsMax = 31;         // of any hub, by the USB hub specification's bitmaps in Linux
constexpr std::size_t kDepthMax = 5;  // hubs between a root hub and a device (USB 2.0, 4.1.1)

std::optional<int> number(std::string_view digits) {
  int value = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), value);
  if (error != std::errc() || end != digits.end() || value < 1) return std::nullopt;
  return value;
}

bool is_root(std::string_view name) {
  return name.starts_with("usb");
}

// "1-2.3": every part a number, no hub deeper than USB allows.
bool is_name(std::string_view name) {
  if (is_root(name)) return number(name.substr(3)).has_value();
  const std::size_t dash = name.find('-');
  if (dash == name.npos || !number(name.substr(0, dash))) return false;
  std::size_t depth = 0;
  for (std::size_t at = dash + 1;; ++depth) {
    const std::size_t dot = name.find('.', at);
    const auto port = number(name.substr(at, dot == name.npos ? dot : dot - at));
    if (!port || *port > kPortsMax) return false;
    if (dot == name.npos) return depth < kDepthMax;
    at = dot + 1;
  }
}

std::string child_of(const Hub& hub, int port) {
  return is_root(hub.name) ? fmt::format("{}-{}", hub.bus, port)
                           : fmt::format("{}.{}", hub.name, port);
}

Result<Hub> parse_hub(std::string_view word) {
  const std::size_t colon = word.find(':');
  const std::string_view name = word.substr(0, colon);
  const auto ports = colon == word.npos ? std::nullopt : number(word.substr(colon + 1));
  if (!is_name(name) || !ports || *ports > kPortsMax) {
    return Error(Code::kInvalid, "'{}' is no hub; write it like 1-2:8 (name:ports)", word);
  }
  return Hub{std::string(name), bus_of(name), *ports};
}

std::string default_hubs(std::size_t boards) {
  std::string hubs;
  const std::size_t count = std::max<std::size_t>(1, (boards + 7) / 8);
  for (std::size_t i = 0; i < count; ++i) {
    hubs += fmt::format("{}{}-{}:8", i == 0 ? "" : ",", i % 2 + 1, i / 2 + 1);
  }
  return hubs;
}

// Adds the root hubs that are only implied, and checks that each hub is in a port that exists.
Status complete(std::vector<Hub>& hubs) {
  const auto find = [&](std::string_view name) {
    return std::ranges::find(hubs, name, &Hub::name);
  };
  std::set<std::uint32_t> buses;
  for (const Hub& hub : hubs) buses.insert(hub.bus);
  for (const std::uint32_t bus : buses) {
    const std::string root = fmt::format("usb{}", bus);
    if (find(root) == hubs.end()) hubs.insert(hubs.begin(), Hub{root, bus, kRootPorts});
  }
  std::ranges::sort(hubs, {}, [](const Hub& hub) {
    return std::pair(!is_root(hub.name), std::ranges::count(hub.name, '.'));
  });
  for (const Hub& hub : hubs) {
    if (is_root(hub.name)) continue;
    const auto parent = find(parent_of(hub.name));
    if (parent == hubs.end() || port_in_parent(hub.name) > parent->ports) {
      return Error(Code::kInvalid, "hub {} is in no port of any hub", hub.name);
    }
    if (std::ranges::count(hubs, hub.name, &Hub::name) > 1) {
      return Error(Code::kInvalid, "hub {} is there twice", hub.name);
    }
  }
  return {};
}

}  // namespace

std::uint32_t bus_of(std::string_view name) {
  const std::string_view digits =
      is_root(name) ? name.substr(3) : name.substr(0, std::min(name.find('-'), name.size()));
  return static_cast<std::uint32_t>(number(digits).value_or(0));
}

std::string parent_of(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  return dot == name.npos ? fmt::format("usb{}", bus_of(name)) : std::string(name.substr(0, dot));
}

int port_in_parent(std::string_view name) {
  return number(name.substr(name.find_last_of("-.") + 1)).value_or(0);
}

std::uint32_t Topology::buses() const {
  std::uint32_t most = 0;
  for (const Hub& hub : hubs) most = std::max(most, hub.bus);
  return most;
}

Result<Topology> make_topology(std::string_view hubs, std::size_t boards) {
  const std::string defaults = hubs.empty() ? default_hubs(boards) : "";
  std::string_view left = hubs.empty() ? std::string_view(defaults) : hubs;
  Topology topology;
  while (!left.empty()) {
    const std::size_t comma = std::min(left.find(','), left.size());
    TRY(Hub hub, parse_hub(left.substr(0, comma)));
    topology.hubs.push_back(std::move(hub));
    left.remove_prefix(std::min(comma + 1, left.size()));
  }
  const std::vector<Hub> places = topology.hubs;
  TRY_STATUS(complete(topology.hubs));
  for (const Hub& hub : places) {
    for (int port = 1; port <= hub.ports && topology.boards.size() < boards; ++port) {
      std::string name = child_of(hub, port);
      const bool is_hub = std::ranges::find(topology.hubs, name, &Hub::name) != topology.hubs.end();
      if (!is_hub) topology.boards.push_back(std::move(name));
    }
  }
  if (topology.boards.size() < boards) {
    return Error(Code::kInvalid, "{} boards, but only {} free ports; name more hubs", boards,
                 topology.boards.size());
  }
  return topology;
}

}  // namespace gangd::rig
