// SETUP packets, data and XFP frames of a hostile host, against the whole core.
//
// The input is a list of steps: a byte that says what happens, then what it needs. Most requests
// are given bmRequestType, bRequest and wIndex that lead somewhere, or the fuzzer would learn for
// hours what one line of this file can say; so are frames their magic, their CRC and their place in
// the session. Whatever comes, GETSTATUS and HELLO must be answered afterwards, and memory and
// controller must have nothing to complain about.

#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <utility>

#include "target_fw/core/bytes.h"
#include "target_fw/core/crc32c.h"
#include "target_fw/core/device.h"
#include "tests/model/virtual_usb.h"
#include "tests/unit/core/fake_memory.h"

namespace gangd::model {
namespace {

struct World {
  std::uint64_t now_us = 0;
  // Two sizes of blocks, and two blocks of digests.
  FakeMemory nor{{.geometry = {.address = 0x90000000,
                               .size = 0x20000,
                               .erase_size = 0x8000,
                               .write_size = 2,
                               .erase_min = 0x1000,
                               .bank_size = 0x20000},
                  .erase_all_ms = 100},
                 now_us};
  FakeMemory ram{{.name = "RAM", .geometry = flash(0xffff8000, 32768, 1024), .erasable = false},
                 now_us};
  struct device device{};
  VirtualUsb usb{device.usb, true};
  std::array<memory, 2> memories{nor.as_memory(), ram.as_memory()};
  clock_port clock{this, [](void* self) {
                     return static_cast<std::uint32_t>(static_cast<World*>(self)->now_us);
                   }};
  dfu_leave leave{
      this,
      [](void*, std::uint32_t address) { return address % 4 == 0 ? DFU_OK : DFU_ERR_FIRMWARE; },
      [](void*, std::uint32_t) {}, nullptr};
  device_identity identity{};
  std::deque<Transfer> transfers;
  bool ended = false;
  // Of XFP, as a host that keeps to it would count.
  std::uint32_t session = 1;
  std::uint32_t sequence = 0;

  explicit World(bool can_leave) {
    identity.manufacturer = "gangd";
    identity.product = "fuzz";
    identity.high_speed = true;
    identity.leave = can_leave ? &leave : nullptr;
    usb.on_complete = [this](Transfer&) { ended = true; };
    device_init(&device, &identity, &clock, &usb.port(), memories.data(), 2);
  }

  void run(std::uint64_t us) {
    const std::uint64_t until = now_us + us;
    while (true) {
      std::uint32_t wait_us = 0;
      bool moved = true;
      while (moved) {
        moved = usb.step();
        wait_us = device_poll(&device);
        moved |= usb.step();
      }
      if (now_us >= until) return;
      now_us += std::clamp<std::uint64_t>(wait_us, 1, until - now_us);
    }
  }

  // A host waits only so long, and then gives up.
  Outcome control(const std::array<std::uint8_t, 8>& setup, std::vector<std::uint8_t> data) {
    Transfer& transfer = transfers.emplace_back();
    transfer.setup = setup;
    transfer.data = std::move(data);
    ended = false;
    usb.submit(transfer);
    if (!ended) run(200);
    if (!ended) usb.cancel(transfer);
    return transfer.outcome;
  }

  Transfer& bulk(std::uint8_t endpoint, std::vector<std::uint8_t> data) {
    Transfer& transfer = transfers.emplace_back();
    transfer.endpoint = endpoint;
    transfer.data = std::move(data);
    usb.submit(transfer);
    return transfer;
  }

  void enumerate() {
    if (!usb.shown()) run(1'000'000);
    usb.bus_reset();
    run(0);
    if (!usb.shown()) run(1'000'000);  // the reset was the one that starts the firmware
    control({0x00, 5, 3, 0, 0, 0, 0, 0}, {});
    control({0x00, 9, 1, 0, 0, 0, 0, 0}, {});
  }
};

bool rarely(FuzzedDataProvider& input) {
  return input.ConsumeIntegral<std::uint8_t>() >= 240;  // no bytes left: never
}

std::uint16_t block(FuzzedDataProvider& input) {
  return input.ConsumeBool() ? input.ConsumeIntegralInRange<std::uint16_t>(0, 5)
                             : input.ConsumeIntegral<std::uint16_t>();
}

std::uint32_t address(FuzzedDataProvider& input) {
  if (rarely(input)) return 0xffff8000 + input.ConsumeIntegral<std::uint16_t>();
  if (rarely(input)) return input.ConsumeIntegral<std::uint32_t>();
  return 0x90000000 + input.ConsumeIntegralInRange<std::uint32_t>(0, 0x20010);
}

struct Request {
  std::uint8_t op = XFP_HELLO;
  std::uint8_t mode = 0;
  std::uint32_t at = 0;
  std::uint32_t span = 0;
  std::vector<std::uint8_t> payload;
};

std::vector<std::uint8_t> frame_of(const Request& request, std::uint32_t session,
                                   std::uint32_t sequence) {
  std::vector<std::uint8_t> frame(XFP_HEADER_SIZE);
  frame.insert(frame.end(), request.payload.begin(), request.payload.end());
  store_le32(frame.data() + XFP_AT_MAGIC, XFP_MAGIC);
  store_le32(frame.data() + XFP_AT_SESSION, session);
  store_le32(frame.data() + XFP_AT_SEQUENCE, sequence);
  frame[XFP_AT_OP] = request.op;
  frame[XFP_AT_MODE] = request.mode;
  store_le32(frame.data() + XFP_AT_ADDRESS, request.at);
  store_le32(frame.data() + XFP_AT_SPAN, request.span);
  store_le32(frame.data() + XFP_AT_SIZE, static_cast<std::uint32_t>(request.payload.size()));
  const auto size = static_cast<std::uint32_t>(frame.size()) - XFP_AT_SESSION;
  store_le32(frame.data() + XFP_AT_CRC, crc32c_update(0, frame.data() + XFP_AT_SESSION, size));
  if (frame.size() % XFP_PACKET_UNIT == 0) frame.push_back(0);
  return frame;
}

// Many of one byte, or a few of any.
std::vector<std::uint8_t> payload(FuzzedDataProvider& input) {
  const std::size_t size = input.ConsumeBool()
                               ? input.ConsumeIntegralInRange<std::size_t>(0, XFP_PAYLOAD_MAX)
                               : input.ConsumeIntegralInRange<std::size_t>(0, 40);
  std::vector<std::uint8_t> bytes(size, 0x41);
  const auto some =
      input.ConsumeBytes<std::uint8_t>(input.ConsumeIntegralInRange<std::size_t>(0, 24));
  std::copy_n(some.begin(), std::min(some.size(), size), bytes.begin());
  return bytes;
}

// What leads deeper for its op: a span that goes with the payload, a nonce for a hash.
Request request(FuzzedDataProvider& input) {
  Request request;
  request.op = input.ConsumeIntegralInRange<std::uint8_t>(1, 9);
  request.mode = input.ConsumeIntegralInRange<std::uint8_t>(0, 3);
  request.at = address(input);
  request.payload = payload(input);
  if (request.op == XFP_HASH && input.ConsumeBool()) request.payload.resize(XFP_NONCE_SIZE);
  switch (input.ConsumeIntegralInRange(0, 3)) {
    case 0:
    case 1:
      request.span = static_cast<std::uint32_t>(request.payload.size());
      break;
    case 2:
      request.span = input.ConsumeIntegralInRange<std::uint32_t>(0, 0x20010);
      break;
    default:
      request.span = input.ConsumeIntegral<std::uint32_t>();
      break;
  }
  return request;
}

std::vector<std::uint8_t> frame(World& world, FuzzedDataProvider& input) {
  if (rarely(input)) {
    return input.ConsumeBytes<std::uint8_t>(input.ConsumeIntegralInRange<std::size_t>(0, 80));
  }
  // Now and then of another session, or out of its turn.
  const std::uint32_t session = world.session + (rarely(input) ? 1 : 0);
  const std::uint32_t sequence = world.sequence + (rarely(input) ? 1 : 0);
  ++world.sequence;
  std::vector<std::uint8_t> bytes = frame_of(request(input), session, sequence);
  if (rarely(input)) {  // damaged on its way
    bytes[input.ConsumeIntegralInRange<std::size_t>(0, bytes.size() - 1)] ^= 1;
  }
  if (rarely(input)) {  // cut short
    bytes.resize(input.ConsumeIntegralInRange<std::size_t>(0, bytes.size()));
  }
  return bytes;
}

// Several frames at once, as a host sends them, and reads of the answers.
void talk_xfp(World& world, FuzzedDataProvider& input) {
  if (input.ConsumeBool()) {
    world.session += 1;
    world.bulk(XFP_ENDPOINT, frame_of({}, world.session, 0));
    world.sequence = 1;
  }
  for (int i = input.ConsumeIntegralInRange(1, 6); i > 0; --i) {
    world.bulk(XFP_ENDPOINT, frame(world, input));
  }
  const std::size_t room = rarely(input) ? 512 : XFP_ROOM;
  for (int i = input.ConsumeIntegralInRange(0, 9); i > 0; --i) {
    world.bulk(XFP_ENDPOINT | USB_IN, std::vector<std::uint8_t>(room));
  }
  world.run(input.ConsumeIntegral<std::uint16_t>());
  // The host gives up what has not ended.
  for (Transfer& transfer : world.transfers) world.usb.cancel(transfer);
}

std::array<std::uint8_t, 8> setup_of(std::uint8_t type, std::uint8_t request, std::uint16_t value,
                                     std::size_t length) {
  return {type, request, static_cast<std::uint8_t>(value),  static_cast<std::uint8_t>(value >> 8),
          0,    0,       static_cast<std::uint8_t>(length), static_cast<std::uint8_t>(length >> 8)};
}

void ask_anything(World& world, FuzzedDataProvider& input) {
  std::array<std::uint8_t, 8> setup{};
  for (std::uint8_t& byte : setup) byte = input.ConsumeIntegral<std::uint8_t>();
  const std::size_t length = static_cast<std::size_t>(setup[6] | setup[7] << 8);
  std::vector<std::uint8_t> data(length, 0x5a);
  if (input.ConsumeBool() && length > 0) data.pop_back();  // the host breaks its word
  world.control(setup, std::move(data));
}

void step(World& world, FuzzedDataProvider& input) {
  switch (input.ConsumeIntegralInRange(0, 13)) {
    case 0:
      ask_anything(world, input);
      break;
    case 1: {  // a download
      std::vector<std::uint8_t> data(input.ConsumeIntegralInRange<std::size_t>(0, 4100), 0x41);
      const auto setup = setup_of(0x21, DFU_DNLOAD, block(input), data.size());
      world.control(setup, std::move(data));
      break;
    }
    case 2: {  // a command
      const std::uint32_t at = address(input);
      std::vector<std::uint8_t> data = {
          input.PickValueInArray<std::uint8_t>({0x21, 0x41, 0x92}), static_cast<std::uint8_t>(at),
          static_cast<std::uint8_t>(at >> 8), static_cast<std::uint8_t>(at >> 16),
          static_cast<std::uint8_t>(at >> 24)};
      data.resize(input.ConsumeBool() ? 5 : input.ConsumeIntegralInRange<std::size_t>(1, 5));
      world.control(setup_of(0x21, DFU_DNLOAD, 0, data.size()), std::move(data));
      break;
    }
    case 3: {
      const auto length = input.ConsumeIntegralInRange<std::uint16_t>(0, 4100);
      world.control(setup_of(0xa1, DFU_UPLOAD, block(input), length),
                    std::vector<std::uint8_t>(length));
      break;
    }
    case 4:
    case 5:
      world.control(setup_of(0xa1, DFU_GETSTATUS, 0, 6), std::vector<std::uint8_t>(6));
      break;
    case 6: {
      const auto request = input.PickValueInArray<std::uint8_t>({DFU_CLRSTATUS, DFU_ABORT});
      world.control(setup_of(0x21, request, 0, 0), {});
      break;
    }
    case 7:
      world.run(input.ConsumeIntegral<std::uint16_t>() * 10u);
      if (rarely(input)) world.nor.outcomes.push_back(DFU_ERR_PROG);
      world.nor.read_outcome = rarely(input) ? DFU_ERR_VENDOR : DFU_OK;
      break;
    case 8: {
      auto setup = setup_of(0x01, 11, input.ConsumeIntegralInRange<std::uint16_t>(0, 2), 0);
      setup[4] = input.ConsumeIntegralInRange<std::uint8_t>(0, 2);
      world.control(setup, {});
      break;
    }
    case 9:
      world.control(setup_of(0x00, 9, input.ConsumeIntegralInRange<std::uint16_t>(0, 2), 0), {});
      break;
    case 10:
    case 11:
    case 12:
      talk_xfp(world, input);
      break;
    default:
      if (input.ConsumeBool()) {
        world.enumerate();
      } else {  // SETUP after SETUP, faster than the firmware is polled
        for (int i = input.ConsumeIntegralInRange(1, 20); i > 0; --i) {
          world.usb.setup_only(setup_of(0xa1, DFU_UPLOAD, 2, 64));
        }
      }
      break;
  }
}

void demand(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "%s\n", what);
  std::abort();
}

void demand_hello(World& world) {
  world.bulk(XFP_ENDPOINT, frame_of({}, 0xfeed, 0));
  const Transfer& answer = world.bulk(XFP_ENDPOINT | USB_IN, std::vector<std::uint8_t>(XFP_ROOM));
  world.run(100'000);
  demand(answer.actual >= XFP_HEADER_SIZE, "HELLO is not answered");
  const std::uint8_t* bytes = answer.data.data();
  demand(load_le32(bytes + XFP_AT_MAGIC) == XFP_MAGIC, "HELLO is answered with something else");
  demand(load_le32(bytes + XFP_AT_SESSION) == 0xfeed, "HELLO is answered in another session");
  demand(bytes[XFP_AT_OP] == XFP_HELLO && bytes[XFP_AT_STATUS] == XFP_OK, "HELLO is refused");
}

void run_all(FuzzedDataProvider& input) {
  World world(input.ConsumeBool());
  world.enumerate();
  while (input.remaining_bytes() > 0) {
    step(world, input);
    // As long as it lives the deque would grow without end.
    world.transfers.clear();
  }
  world.run(3'000'000);
  world.enumerate();
  const auto status = setup_of(0xa1, DFU_GETSTATUS, 0, 6);
  demand(world.control(status, std::vector<std::uint8_t>(6)) == Outcome::kDone,
         "GETSTATUS is not answered");
  demand(world.transfers.back().data[4] == DFU_IDLE, "not in dfuIDLE after a bus reset");
  demand_hello(world);
  for (const auto& complaint : world.usb.complaints()) demand(false, complaint.c_str());
  for (const auto& complaint : world.nor.complaints) demand(false, complaint.c_str());
  for (const auto& complaint : world.ram.complaints) demand(false, complaint.c_str());
}

}  // namespace
}  // namespace gangd::model

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider input(data, size);
  gangd::model::run_all(input);
  return 0;
}
