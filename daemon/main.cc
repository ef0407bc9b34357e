// gangd: builds every object in order, and takes them apart in the other. The table of contents of
// the program.
#include <fmt/core.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "api/api.h"
#include "image/image.h"
#include "ledger/sqlite_ledger.h"
#include "loop/async_log.h"
#include "loop/deadline.h"
#include "loop/epoll_port.h"
#include "loop/loop.h"
#include "loop/stop_signals.h"
#include "loop/systemd_supervisor.h"
#include "mes/grpc_mes.h"
#include "recipe/product_files.h"
#include "station/fixture.h"
#include "station/heartbeat.h"
#include "station/station.h"
#include "station/station_config.h"
#include "usb/libusb_bus.h"
#include "web/web.h"

namespace gangd {
namespace {

constexpr std::string_view kUsage =
    "gangd --config FILE   programs the boards of the station that FILE describes\n"
    "gangd --show-usb      prints what is plugged in where: PATH VENDOR:PRODUCT\n"
    "gangd --version\n";
constexpr int kUsageStatus = 2;
constexpr std::size_t kConfigBytesMax = 1 << 20;
// The first look at the bus is over long before.
constexpr Duration kLookLimit = std::chrono::seconds(5);

Task<Status> work(Loop& loop, Station& station, Api& api, Web& web, Heartbeat& heartbeat,
                  std::unique_ptr<StopSignals> signals) {
  CO_TRY_STATUS(co_await station.start());
  CO_TRY_STATUS(co_await api.start());
  CO_TRY_STATUS(co_await web.start());
  heartbeat.start();
  loop.log(Severity::kInfo, "gangd {} is ready", GANGD_VERSION);
  CO_TRY_STATUS(co_await signals->wait());
  heartbeat.announce_stop();
  loop.log(Severity::kInfo, "stopping: running attempts end as UNKNOWN");
  co_return Status();
}

Task<Status> serve(Loop& loop, EpollPort& port, StationConfig config) {
  CO_TRY(const auto mes, open_mes(loop, config));
  CO_TRY(const Supervision supervision, find_supervision(std::getenv));
  CO_TRY(auto signals, StopSignals::open(port));
  CO_TRY(const auto bus, LibusbBus::open(loop, port));
  SqliteLedger ledger(loop, config.ledger, config.name, config.station_key);
  BareFixture fixture;
  const auto product_worker = port.start_workers("products", 1);
  ProductFiles products(*product_worker, config.products);
  Station station(loop, *bus, ledger, *mes, fixture, products, config, GANGD_VERSION);
  Api api(loop, station, ledger, config);
  Web web(loop, station, ledger, config.ledger, config.web);
  Heartbeat heartbeat(loop, station, *supervision.supervisor, supervision.patience);

  Status status = co_await work(loop, station, api, web, heartbeat, std::move(signals));
  co_await web.stop();
  co_await api.stop();
  co_await station.stop();
  co_await heartbeat.stop();
  co_await ledger.close();
  co_await bus->stop();
  co_return status;
}

Task<Status> show_usb(Loop& loop, EpollPort& port) {
  CO_TRY(const auto bus, LibusbBus::open(loop, port));
  const Status seen = co_await with_timeout(kLookLimit, bus->changed(0));
  for (const UsbDevice& device : bus->devices()) {
    if (device.is_hub) continue;
    fmt::print("{} {:04x}:{:04x}\n", device.path.to_string(), device.vendor, device.product);
  }
  co_await bus->stop();
  // An empty bus never changes.
  co_return seen.failed_with(Code::kTimeout) ? Status() : seen;
}

Result<StationConfig> read_config(const std::string& file) {
  TRY(const ByteVector bytes, read_file(file, kConfigBytesMax));
  return parse_station({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, file);
}

Status run(std::optional<StationConfig> config) {
  if (config) StopSignals::block();
  AsyncLog log(stderr, Severity::kInfo);
  TRY(const auto port, EpollPort::open(log));
  Loop loop(*port);
  if (config) return loop.run(serve(loop, *port, *std::move(config)));
  return loop.run(show_usb(loop, *port));
}

int report(const Status& status) {
  if (status) return 0;
  fmt::print(stderr, "gangd: {}\n", status.error().message());
  return 1;
}

int start(int count, char** words) {
  const std::string_view verb = count > 1 ? words[1] : "";
  if (verb == "--version" && count == 2) {
    fmt::print("gangd {}\n", GANGD_VERSION);
    return 0;
  }
  if (verb == "--show-usb" && count == 2) return report(run(std::nullopt));
  if (verb == "--config" && count == 3) {
    auto config = read_config(words[2]);
    if (!config) return report(std::move(config).error());
    return report(run(*std::move(config)));
  }
  const bool helps = verb == "--help" && count == 2;
  fmt::print(helps ? stdout : stderr, "{}", kUsage);
  return helps ? 0 : kUsageStatus;
}

}  // namespace
}  // namespace gangd

int main(int count, char** words) {
  return gangd::start(count, words);
}
