#include "tests/rig/vrack/usbip_server.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

#include "tests/rig/vrack/device_session.h"

namespace gangd::rig {
namespace {

template <class T>
ByteView bytes_of(const T& record) {
  return {reinterpret_cast<const std::uint8_t*>(&record), sizeof record};
}

template <class T>
std::span<std::uint8_t> space_of(T& record) {
  return {reinterpret_cast<std::uint8_t*>(&record), sizeof record};
}

DeviceRecord record_of(const UsbDevice& device) {
  const Identity& identity = device.identity();
  DeviceRecord record;
  const std::string path = "/sys/bus/usb/devices/" + device.name();
  path.copy(record.path.data(), record.path.size() - 1);
  device.name().copy(record.bus_id.data(), record.bus_id.size() - 1);
  record.bus = device.bus();
  record.device = device.number();
  record.speed = device.speed();
  record.vendor = identity.vendor();
  record.product = identity.product_id();
  record.release = identity.release();
  record.device_class = identity.device[4];
  record.subclass = identity.device[5];
  record.protocol = identity.device[6];
  record.configuration = device.configuration();
  record.configurations = identity.device[17];
  std::set<std::uint8_t> interfaces;
  for (const InterfaceSetting& setting : device.settings()) interfaces.insert(setting.interface);
  record.interfaces = static_cast<std::uint8_t>(interfaces.size());
  return record;
}

OpHeader answer_to(std::uint16_t code, std::uint32_t status) {
  OpHeader answer;
  answer.code = code;
  answer.status = status;
  return answer;
}

}  // namespace

Task<void> UsbipServer::run(Loop& loop) {
  Scope connections(loop, "connections");
  for (;;) {
    const Result<int> fd = co_await listener_.accept();
    if (fd) {
      connections.spawn("connection", serve(*fd));
    } else if (fd.failed_with(Code::kCancelled)) {
      break;
    } else {
      // Out of descriptors, most likely: the program that waits is refused by its own time-out.
      loop.log(Severity::kError, "{}", fd.error().message());
      break;
    }
  }
  co_await connections.join();
}

Task<void> UsbipServer::serve(int fd) {
  SocketStream stream(port_, fd);
  (void)co_await begin(stream);
}

Task<Status> UsbipServer::begin(SocketStream& stream) {
  OpHeader header;
  CO_TRY_STATUS(co_await stream.read(space_of(header)));
  if (header.version != kUsbipVersion) co_return Error(Code::kInvalid, "another version");
  switch (header.code) {
    case kReqDevlist:
      list_devices(stream);
      co_return Status();
    case kReqImport:
      co_return co_await import(stream);
    case kReqOpen:
      co_return co_await open(stream);
  }
  co_return Error(Code::kInvalid, "unknown operation");
}

void UsbipServer::list_devices(SocketStream& stream) const {
  std::uint32_t count = 0;
  ByteWriter records;
  for (const auto& place : rack_.places()) {
    const UsbDevice* const device = place->device();
    if (device == nullptr) continue;
    ++count;
    records.bytes(bytes_of(record_of(*device)));
    std::set<std::uint8_t> seen;
    for (const InterfaceSetting& setting : device->settings()) {
      if (!seen.insert(setting.interface).second) continue;
      const InterfaceRecord interface{setting.interface_class, setting.subclass, setting.protocol};
      records.bytes(bytes_of(interface));
    }
  }
  ByteWriter head;
  head.bytes(bytes_of(answer_to(kRepDevlist, kStatusOk))).u32_be(count);
  stream.write(head.view(), records.view());
}

Task<Status> UsbipServer::import(SocketStream& stream) {
  BusId id;
  CO_TRY_STATUS(co_await stream.read(space_of(id)));
  Rack::Place* const place = rack_.place({id.data(), strnlen(id.data(), id.size())});
  const UsbDevice* const device = place != nullptr ? place->device() : nullptr;
  if (device == nullptr || place->is_used()) {
    const std::uint32_t status = device == nullptr ? kStatusNoDevice : kStatusBusy;
    stream.write(bytes_of(answer_to(kRepImport, status)));
    co_return Status();
  }
  DeviceSession session = DeviceSession::for_importer(*place, stream);
  stream.write(bytes_of(answer_to(kRepImport, kStatusOk)), bytes_of(record_of(*device)));
  place->port().bus_reset();
  co_await session.run();
  // What the importer made of it (address, configuration) is not what vrack knew.
  place->reenumerate();
  co_return Status();
}

Task<Status> UsbipServer::open(SocketStream& stream) {
  OpenRequest request;
  CO_TRY_STATUS(co_await stream.read(space_of(request)));
  const int pipe = stream.take_descriptor();
  const int answers = stream.take_descriptor();
  Rack::Place* const place = rack_.device_at(request.bus, request.device);
  const auto slot = memory_.take_slot();
  int refused = 0;
  if (pipe < 0 || answers < 0) refused = EPROTO;
  if (place == nullptr) refused = ENODEV;
  if (!slot) refused = ENOMEM;
  if (refused != 0) {
    for (const int descriptor : {pipe, answers}) {
      if (descriptor >= 0) close(descriptor);
    }
    if (slot) memory_.free_slot(*slot);
    stream.write(bytes_of(answer_to(kRepOpen, static_cast<std::uint32_t>(refused))));
    co_return Status();
  }
  SocketStream calls(port_, answers);
  co_await serve_file(*place, stream, pipe, calls, *slot);
  // The device may have gone before the program closes the file. Until then what the program has
  // lent to usbfs and not reaped counts.
  calls.finish_writing();
  std::uint8_t ignored = 0;
  (void)co_await calls.read(std::span(&ignored, 1));
  memory_.free_slot(*slot);
  co_return Status();
}

Task<void> UsbipServer::serve_file(Rack::Place& place, SocketStream& stream, int pipe,
                                   SocketStream& calls, std::uint32_t slot) {
  const UsbDevice& device = *place.device();
  DeviceSession session = DeviceSession::for_file(place, stream, pipe, calls);
  const Identity& identity = device.identity();
  OpenReply reply;
  reply.slot = slot;
  reply.speed = device.speed();
  reply.configuration = device.configuration();
  reply.descriptors_size =
      static_cast<std::uint32_t>(identity.device.size() + identity.configurations.size());
  // If the program has died meanwhile, the session sees the end of its stream.
  (void)stream.write_with_descriptor(bytes_of(answer_to(kRepOpen, 0)), memory_.descriptor());
  stream.write(bytes_of(reply), identity.device);
  stream.write(identity.configurations);
  co_await session.run();
}

}  // namespace gangd::rig
