#include "station/station_config.h"

#include <charconv>
#include <chrono>
#include <filesystem>
#include <map>
#include <utility>

#include "base/toml_table.h"
#include "station/role.h"

namespace gangd {
namespace {

constexpr std::size_t kNameBytesMax = 64;
constexpr std::int64_t kLinesMax = 64;  // of a fixture
constexpr std::int64_t kPortMax = 65535;
constexpr std::int64_t kWebPort = 8484;

// Names go into the ledger, onto labels and into other systems: what prints everywhere is allowed.
Status check_name(const TomlTable& table, const std::string& key, const std::string& name) {
  const bool plain = name.find_first_not_of(
                         "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                         "0123456789._-") == std::string::npos;
  if (plain && name.size() <= kNameBytesMax) return {};
  return table.error_at(
      key,
      fmt::format("\"{}\" may have at most {} letters, digits, '.', '_', '-'", key, kNameBytesMax));
}

Result<UsbPath> parse_port(const TomlTable& table, const std::string& key,
                           const std::string& text) {
  auto path = UsbPath::parse(text);
  if (!path) return table.error_at(key, path.error().message());
  if (!path->ports.empty()) return *std::move(path);
  return table.error_at(key, fmt::format("\"{}\" must name a port, as 0000:00:14.0/2.4 does", key));
}

Result<SlotConfig> parse_slot(TomlTable& table) {
  SlotConfig slot;
  TRY(slot.name, table.text("name"));
  TRY_STATUS(check_name(table, "name", slot.name));
  TRY(const std::string path, table.text("path"));
  TRY(slot.path, parse_port(table, "path", path));
  TRY(const std::string loader_path, table.text_or("loader_path", ""));
  if (!loader_path.empty()) {
    TRY(slot.loader_path, parse_port(table, "loader_path", loader_path));
  }
  TRY(const std::int64_t row, table.integer_or("row", 1, kLinesMax, 0));
  TRY(const std::int64_t column, table.integer_or("column", 1, kLinesMax, 0));
  if ((row == 0) != (column == 0)) return table.error("\"row\" and \"column\" go together");
  slot.row = static_cast<int>(row);
  slot.column = static_cast<int>(column);
  TRY_STATUS(table.finish());
  return slot;
}

// `paths`: of the slots before, to their names.
Status take_path(const TomlTable& table, const std::string& key, const UsbPath& path,
                 const std::string& slot, std::map<std::string, std::string>& paths) {
  const auto [other, is_new] = paths.emplace(path.to_string(), slot);
  if (is_new) return {};
  return table.error_at(
      key, fmt::format("slot \"{}\" has this place on the bus already", other->second));
}

Result<std::vector<SlotConfig>> parse_slots(TomlTable& station) {
  TRY(std::vector<TomlTable> tables, station.tables("slot"));
  if (tables.empty()) return station.error("at least one [[slot]] with name and path is needed");
  std::vector<SlotConfig> slots;
  std::map<std::string, std::string> names;  // to the path
  std::map<std::string, std::string> paths;  // to the name
  std::map<std::pair<int, int>, std::string> places;
  for (TomlTable& table : tables) {
    TRY(SlotConfig slot, parse_slot(table));
    const std::string path = slot.path.to_string();
    TRY_STATUS(take_path(table, "path", slot.path, slot.name, paths));
    if (slot.loader_path) {
      TRY_STATUS(take_path(table, "loader_path", *slot.loader_path, slot.name, paths));
    }
    if (!names.emplace(slot.name, path).second) {
      return table.error_at("name", fmt::format("there are two slots \"{}\"", slot.name));
    }
    const auto [other, is_new] = places.emplace(std::pair(slot.row, slot.column), slot.name);
    if (!is_new && slot.row != 0) {
      return table.error_at(
          "row", fmt::format("slot \"{}\" lies at this row and column already", other->second));
    }
    slots.push_back(std::move(slot));
  }
  return slots;
}

// Whether this machine alone can be reached by it.
bool is_local(const std::string& address) {
  return address.starts_with("unix:") || address.starts_with("localhost:") ||
         address.starts_with("127.") || address.starts_with("[::1]:");
}

Status check_address(const TomlTable& table, const std::string& address) {
  if (address.starts_with("unix:") && address.size() > 5) return {};
  const std::size_t colon = address.rfind(':');
  const bool has_both = colon != std::string::npos && colon > 0 && colon + 1 < address.size();
  const bool has_port =
      has_both && address.find_first_not_of("0123456789", colon + 1) == std::string::npos;
  if (has_port && address.find('/') == std::string::npos) return {};
  return table.error_at("address", "\"address\" must be HOST:PORT or unix:PATH");
}

Status check_certificates(const TomlTable& table, const MesConfig& mes) {
  const bool has_all = !mes.ca.empty() && !mes.cert.empty() && !mes.key.empty();
  const bool has_none = mes.ca.empty() && mes.cert.empty() && mes.key.empty();
  if (has_all || (has_none && is_local(mes.address))) return {};
  if (has_none) {
    return table.error_at("address", "a MES on another machine needs \"ca\", \"cert\" and \"key\"");
  }
  return table.error("\"ca\", \"cert\" and \"key\" belong together: give all of them, or none");
}

Result<MesConfig> parse_mes(TomlTable& table, const std::filesystem::path& folder) {
  MesConfig mes;
  TRY(mes.address, table.text("address"));
  TRY_STATUS(check_address(table, mes.address));
  for (const auto& [key, file] :
       {std::pair{"ca", &mes.ca}, std::pair{"cert", &mes.cert}, std::pair{"key", &mes.key}}) {
    TRY(const std::string path, table.text_or(key, ""));
    if (!path.empty()) *file = (folder / path).lexically_normal().string();
  }
  TRY(const std::int64_t deadline_ms, table.integer_or("deadline_ms", 10, 30'000, 5000));
  mes.deadline = std::chrono::milliseconds(deadline_ms);
  TRY_STATUS(table.finish());
  TRY_STATUS(check_certificates(table, mes));
  if (mes.address.starts_with("unix:")) {
    mes.address = "unix:" + (folder / mes.address.substr(5)).lexically_normal().string();
  }
  return mes;
}

Result<std::map<std::string, std::string>> parse_groups(TomlTable& station) {
  std::map<std::string, std::string> groups;
  TRY(std::optional<TomlTable> table, station.table("socket_groups"));
  if (!table) return groups;
  for (const Role role : kRoles) {
    TRY(const std::string group, table->text_or(role_name(role), ""));
    if (!group.empty()) groups[role_name(role)] = group;
  }
  TRY_STATUS(table->finish());
  return groups;
}

// Whether the text ends with a port, behind a host: `line-1:7443`, `0.0.0.0:7443`, `[::]:7443`.
bool is_listen_address(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return false;
  const std::string host = text.substr(0, colon);
  const bool is_v6 = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (!is_v6 && host.find(':') != std::string::npos) return false;
  unsigned port = 0;
  const char* const end = text.data() + text.size();
  const auto number = std::from_chars(text.data() + colon + 1, end, port);
  return number.ec == std::errc() && number.ptr == end && port > 0 && port <= 65535;
}

Result<std::optional<TcpConfig>> parse_tcp(TomlTable& station,
                                           const std::filesystem::path& folder) {
  TRY(std::optional<TomlTable> table, station.table("tcp"));
  if (!table) return std::nullopt;
  TcpConfig tcp;
  TRY(tcp.listen, table->text("listen"));
  if (!is_listen_address(tcp.listen)) {
    return table->error_at(
        "listen", "\"listen\" must be HOST:PORT, such as 0.0.0.0:7443, line-1:7443 or [::1]:7443");
  }
  TRY(tcp.name, table->text_or("name", ""));
  TRY(tcp.ca, table->text("ca"));
  TRY(tcp.certificate, table->text("cert"));
  TRY(tcp.key, table->text("key"));
  TRY(tcp.revoked, table->text_or("crl", ""));
  TRY_STATUS(table->finish());
  for (std::string* path : {&tcp.ca, &tcp.certificate, &tcp.key, &tcp.revoked}) {
    if (!path->empty()) *path = (folder / *path).lexically_normal().string();
  }
  return tcp;
}

Result<bool> parse_acknowledge(TomlTable& station) {
  TRY(const std::string what, station.text_or("acknowledge", "nothing"));
  if (what == "fail" || what == "nothing") return what == "fail";
  return station.error_at("acknowledge", "\"acknowledge\" is \"fail\" or \"nothing\"");
}

Result<std::optional<WebConfig>> parse_web(TomlTable& station,
                                           const std::filesystem::path& folder) {
  TRY(std::optional<TomlTable> table, station.table("web"));
  if (!table) return std::optional<WebConfig>();
  WebConfig web;
  TRY(const std::int64_t port, table->integer_or("port", 0, kPortMax, kWebPort));
  web.port = static_cast<int>(port);
  TRY(const std::string pages, table->text_or("pages", "/usr/share/gangd/floor"));
  web.pages = (folder / pages).lexically_normal().string();
  TRY_STATUS(table->finish());
  return std::optional(std::move(web));
}

}  // namespace

Result<StationConfig> parse_station(std::string_view text, const std::string& file) {
  TRY(TomlTable table, TomlTable::parse(text, file));
  StationConfig config;
  TRY(config.name, table.text("name"));
  TRY_STATUS(check_name(table, "name", config.name));
  const std::filesystem::path folder = std::filesystem::path(file).parent_path();
  const auto path_of = [&](const std::string& key,
                           const std::string& otherwise) -> Result<std::string> {
    TRY(const std::string path, table.text_or(key, otherwise));
    return (folder / path).lexically_normal().string();
  };
  TRY(const std::string ledger, table.text_or("ledger", "/var/lib/gangd/ledger.db"));
  TRY(config.ledger, path_of("ledger", ledger));
  const std::filesystem::path beside = std::filesystem::path(ledger).parent_path();
  TRY(config.station_key, path_of("station_key", (beside / "station.key").string()));
  TRY(config.sockets, path_of("sockets", "/run/gangd"));
  TRY(config.products, path_of("products", "products"));
  TRY(config.socket_groups, parse_groups(table));
  TRY(config.tcp, parse_tcp(table, folder));
  TRY(config.slots, parse_slots(table));
  TRY(config.fails_are_acknowledged, parse_acknowledge(table));
  TRY(config.web, parse_web(table, folder));
  TRY(std::optional<TomlTable> mes, table.table("mes"));
  if (mes) {
    TRY(config.mes, parse_mes(*mes, folder));
  }
  TRY_STATUS(table.finish());
  return config;
}

}  // namespace gangd
