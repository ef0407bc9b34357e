#include "tests/rig/vrack/control.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/bytes.h"
#include "loop/scope.h"

namespace gangd::rig {
namespace {

constexpr std::size_t kLineMax = std::size_t{4} << 20;  // a `poke` of a megabyte
// For a device to show itself or to go. Of real time: a board at speed 1 boots in one second, if
// the machine has time for it.
constexpr Duration kChangeTimeout = std::chrono::seconds(120);

std::vector<std::string> split(std::string_view line) {
  std::vector<std::string> words;
  for (std::size_t at = line.find_first_not_of(' '); at < line.size();) {
    const std::size_t end = std::min(line.find(' ', at), line.size());
    words.emplace_back(line.substr(at, end - at));
    at = std::min(line.find_first_not_of(' ', end), line.size());
  }
  return words;
}

// An endpoint address in hexadecimal, with or without 0x, as lsusb prints them.
std::optional<std::uint8_t> endpoint_of(std::string_view word) {
  if (word.starts_with("0x")) word.remove_prefix(2);
  std::uint8_t endpoint = 0;
  const auto [end, error] = std::from_chars(word.begin(), word.end(), endpoint, 16);
  if (error != std::errc() || end != word.end()) return std::nullopt;
  return endpoint;
}

std::string quoted(std::string_view text) {
  std::string json = "\"";
  for (const char character : text) {
    if (character == '"' || character == '\\') json += '\\';
    json += character;
  }
  return json + '"';
}

}  // namespace

Task<void> Control::run(Loop& loop) {
  Scope clients(loop, "control");
  for (;;) {
    const Result<int> fd = co_await listener_.accept();
    if (!fd) break;
    clients.spawn("client", serve(*fd));
  }
  co_await clients.join();
}

Task<Status> Control::wait_quit() {
  while (!quit_) CO_TRY_STATUS(co_await quit_changed_.wait());
  co_return Status();
}

Task<void> Control::serve(int fd) {
  SocketStream stream(port_, fd);
  for (;;) {
    auto line = co_await stream.read_line(kLineMax);
    if (!line) co_return;
    const auto answer = co_await execute(*std::move(line));
    std::string text = answer ? "ok" : "error " + answer.error().message();
    if (answer && !answer->empty()) text += " " + *answer;
    stream.write(as_bytes(text + "\n"));
  }
}

Task<Result<std::string>> Control::execute(std::string line) {
  Words words = split(line);
  if (words.empty()) co_return Error(Code::kInvalid, "an empty line");
  if (words[0] == "list") co_return list();
  if (words[0] == "memory") co_return std::to_string(memory_.used());
  if (words[0] == "quit") {
    quit_ = true;
    quit_changed_.notify();
    co_return std::string();
  }
  if (words.size() < 2) co_return Error(Code::kInvalid, "{}: which port?", words[0]);
  Rack::Place* const place = rack_.place(words[1]);
  if (place == nullptr) co_return Error(Code::kNotFound, "no port {}; try list", words[1]);
  words.erase(words.begin() + 1);
  co_return co_await execute_at(*place, std::move(words));
}

Task<Result<std::string>> Control::execute_at(Rack::Place& place, Words words) {
  const std::string& verb = words[0];
  const bool plugs = verb == "replug" || verb == "plug";
  if (verb == "unplug" || verb == "replug") {
    place.unplug();
    CO_TRY_STATUS(co_await place.until(false, kChangeTimeout));
  }
  if (plugs) place.plug();
  if (verb == "reenumerate") {
    if (place.device() == nullptr) co_return Error(Code::kNotFound, "no device is there");
    place.reenumerate();
  }
  if (plugs || verb == "reenumerate") {
    CO_TRY_STATUS(co_await place.until(true, kChangeTimeout));
    co_return std::to_string(place.device()->number());
  }
  if (verb == "unplug") co_return std::string();
  co_return fault(place, words);
}

// Of the bus here; of the chip there.
Result<std::string> Control::fault(Rack::Place& place, const Words& words) {
  UsbPort& port = place.port();
  const auto endpoint = words.size() == 2 ? endpoint_of(words[1]) : std::nullopt;
  if (words[0] == "stall") {
    if (!endpoint) return Error(Code::kInvalid, "stall PORT ENDPOINT, an address like 81");
    port.stall(*endpoint);
  } else if (words[0] == "hang") {
    if (words.size() > 1 && !endpoint) return Error(Code::kInvalid, "hang PORT [ENDPOINT]");
    port.hang(endpoint ? *endpoint : UsbPort::kAllEndpoints);
  } else if (words[0] == "resume") {
    port.resume();
  } else {
    return port.chip_command(words);
  }
  return "";
}

std::string Control::list() const {
  std::string json = "[";
  for (const auto& place : rack_.places()) {
    if (json.size() > 1) json += ",";
    json +=
        fmt::format("{{\"port\":{},\"powered\":{}", quoted(place->name()), place->port().powered());
    if (const UsbDevice* device = place->device()) {
      const Identity& identity = device->identity();
      json += fmt::format(",\"bus\":{},\"device\":{},\"id\":\"{:04x}:{:04x}\",\"serial\":{}",
                          device->bus(), device->number(), identity.vendor(), identity.product_id(),
                          quoted(identity.serial));
      json += fmt::format(",\"mbit\":{}", place->port().high_speed() ? 480 : 12);
    } else if (!place->failure().empty()) {
      json += fmt::format(",\"failure\":{}", quoted(place->failure()));
    }
    json += "}";
  }
  return json + "]";
}

}  // namespace gangd::rig
