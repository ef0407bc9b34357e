#include "target_fw/core/usb_device.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "tests/model/virtual_usb.h"
#include "tests/unit/core/pattern.h"

namespace gangd::model {
namespace {

using Bytes = std::vector<std::uint8_t>;

// A class interface that does what the test says, with a bulk endpoint in each direction; beside it
// another with endpoint 3, which notes what it is told.
class Toy {
 public:
  Toy() : usb(device, true) {
    const usb_descriptors descriptors{
        this,
        [](void* self, std::uint8_t type, std::uint8_t, std::uint8_t* bytes) -> std::uint32_t {
          const auto size = static_cast<Toy*>(self)->descriptor_size;
          std::fill_n(bytes, size, type);
          return size;
        },
        [](void* self, const usb_setup* setup, std::uint8_t* bytes) -> std::uint32_t {
          const auto size = static_cast<Toy*>(self)->vendor_size;
          std::fill_n(bytes, size, setup->request);
          return size;
        }};
    usb_interface interface{};
    interface.self = this;
    interface.alternates = 3;
    interface.endpoints = 1 << 1 | 1 << 2;
    interface.setup = [](void* self, const usb_setup* setup, usb_stage* stage) {
      return static_cast<Toy*>(self)->on_setup(*setup, *stage);
    };
    interface.received = [](void* self, const usb_setup*) {
      return static_cast<Toy*>(self)->received_answer;
    };
    interface.select = [](void* self, std::uint8_t alternate) {
      Toy& toy = *static_cast<Toy*>(self);
      toy.events.push_back("select " + std::to_string(alternate));
      usb_endpoint_open(&toy.device, 0x81, 512);
      usb_endpoint_open(&toy.device, 0x02, 512);
    };
    interface.reset = [](void* self) { static_cast<Toy*>(self)->events.push_back("reset"); };
    interface.transferred = [](void* self, std::uint8_t endpoint, std::uint32_t size) {
      static_cast<Toy*>(self)->events.push_back("ended " + std::to_string(endpoint) + " " +
                                                std::to_string(size));
    };
    usb_interface other{};
    other.self = this;
    other.alternates = 2;
    other.endpoints = 1 << 3;
    other.setup = [](void* self, const usb_setup*, usb_stage*) {
      static_cast<Toy*>(self)->others.push_back("setup");
      return USB_OK;
    };
    other.received = [](void*, const usb_setup*) { return USB_STALL; };
    other.select = [](void* self, std::uint8_t alternate) {
      static_cast<Toy*>(self)->others.push_back("select " + std::to_string(alternate));
      usb_endpoint_open(&static_cast<Toy*>(self)->device, 0x83, 512);
    };
    other.reset = [](void* self) { static_cast<Toy*>(self)->others.push_back("reset"); };
    other.transferred = [](void* self, std::uint8_t endpoint, std::uint32_t) {
      static_cast<Toy*>(self)->others.push_back("ended " + std::to_string(endpoint));
    };
    const usb_interface interfaces[] = {interface, other};
    usb_device_init(&device, &usb.port(), &descriptors, interfaces, 2);
    usb_device_show(&device, true);
    usb.bus_reset();
    run();
    events.clear();
  }

  enum usb_answer on_setup(const usb_setup& setup, usb_stage& stage) {
    ++setups;
    stage.receive = buffer.data();
    stage.send = buffer.data();
    stage.size = reply_size;
    (void)setup;
    return setup_answer;
  }

  void run() {
    bool moved = true;
    while (moved) {
      moved = usb.step();
      moved |= usb_device_poll(&device);
    }
  }

  Transfer& start(std::array<std::uint8_t, 8> setup, Bytes data = {}) {
    transfer = {};
    transfer.setup = setup;
    transfer.data = std::move(data);
    transfer.data.resize(static_cast<std::size_t>(setup[6] | setup[7] << 8));
    ended = false;
    usb.on_complete = [this](Transfer&) { ended = true; };
    usb.submit(transfer);
    run();
    return transfer;
  }
  Outcome control(std::array<std::uint8_t, 8> setup, Bytes data = {}) {
    start(setup, std::move(data));
    EXPECT_TRUE(ended);
    transfer.data.resize(transfer.actual);
    return transfer.outcome;
  }
  void configure() {
    EXPECT_EQ(control({0x00, 5, 9, 0, 0, 0, 0, 0}), Outcome::kDone);
    EXPECT_EQ(control({0x00, 9, 1, 0, 0, 0, 0, 0}), Outcome::kDone);
  }

  usb_device device{};
  VirtualUsb usb;
  Transfer transfer;
  bool ended = false;
  int setups = 0;
  std::uint32_t descriptor_size = 18;
  std::uint32_t vendor_size = 0;
  std::uint32_t reply_size = 0;
  enum usb_answer setup_answer = USB_OK;
  enum usb_answer received_answer = USB_OK;
  Bytes buffer = pattern(1, 65536);
  std::vector<std::string> events;
  std::vector<std::string> others;
};

std::array<std::uint8_t, 8> class_in(std::uint32_t length) {
  return {0xa1,
          0,
          0,
          0,
          0,
          0,
          static_cast<std::uint8_t>(length),
          static_cast<std::uint8_t>(length >> 8)};
}
std::array<std::uint8_t, 8> class_out(std::uint32_t length) {
  auto setup = class_in(length);
  setup[0] = 0x21;
  return setup;
}

// An answer shorter than asked for whose last packet is full must be followed by an empty packet,
// or the host waits for more for ever; one of full length must not be. Every size around packets.
TEST(UsbDevice, TheDataStageEndsAsTheHostExpects) {
  Toy toy;
  toy.configure();
  for (std::uint32_t have : {0u, 1u, 63u, 64u, 65u, 127u, 128u, 129u, 4096u}) {
    for (std::uint32_t asked : {1u, 63u, 64u, 65u, 128u, 192u, 4096u, 4160u, 65535u}) {
      toy.reply_size = have;
      ASSERT_EQ(toy.control(class_in(asked)), Outcome::kDone) << have << " of " << asked;
      const std::uint32_t expected = std::min(have, asked);
      ASSERT_EQ(toy.transfer.actual, expected);
      ASSERT_TRUE(
          std::equal(toy.transfer.data.begin(), toy.transfer.data.end(), toy.buffer.begin()));
    }
  }
  EXPECT_TRUE(toy.usb.complaints().empty());
}

// 0 bytes asked for: there is no data stage, and the status stage is IN (8.5.3).
TEST(UsbDevice, ARequestWithoutDataHasItsStatusStageIn) {
  Toy toy;
  toy.configure();
  EXPECT_EQ(toy.control(class_in(0)), Outcome::kDone);
  EXPECT_EQ(toy.control(class_out(0)), Outcome::kDone);
  EXPECT_EQ(toy.setups, 2);
}

TEST(UsbDevice, DataToTheDeviceArriveWhole) {
  Toy toy;
  toy.configure();
  for (std::uint32_t size : {1u, 63u, 64u, 65u, 128u, 4095u, 4096u, 65535u}) {
    const Bytes sent = pattern(size, size);
    ASSERT_EQ(toy.control(class_out(size), sent), Outcome::kDone) << size;
    ASSERT_TRUE(std::equal(sent.begin(), sent.end(), toy.buffer.begin()));
  }
  toy.received_answer = USB_STALL;
  EXPECT_EQ(toy.control(class_out(64), pattern(3, 64)), Outcome::kStalled);
  EXPECT_EQ(toy.control({0x80, 6, 0, 1, 0, 0, 18, 0}), Outcome::kDone) << "and recovers";
}

// A read that must wait for the chip holds the host off; the host may give up and ask another
// thing.
TEST(UsbDevice, AnAnswerMayComeLaterAndASetupReplacesIt) {
  Toy toy;
  toy.configure();
  toy.setup_answer = USB_LATER;
  toy.reply_size = 10;
  toy.start(class_in(10));
  EXPECT_FALSE(toy.ended);
  toy.setup_answer = USB_OK;
  toy.run();
  EXPECT_TRUE(toy.ended);
  EXPECT_EQ(toy.transfer.actual, 10u);

  toy.setup_answer = USB_LATER;
  toy.start(class_out(0));
  EXPECT_FALSE(toy.ended);
  toy.usb.cancel(toy.transfer);
  EXPECT_EQ(toy.control({0x80, 6, 0, 1, 0, 0, 18, 0}), Outcome::kDone);
  const int setups = toy.setups;
  toy.run();
  EXPECT_EQ(toy.setups, setups) << "the class is not asked again for a request that is gone";

  toy.setup_answer = USB_OK;
  toy.received_answer = USB_LATER;
  toy.start(class_out(70), pattern(1, 70));
  EXPECT_FALSE(toy.ended);
  toy.received_answer = USB_OK;
  toy.run();
  EXPECT_TRUE(toy.ended);
}

// What a fuzzing host sends first.
TEST(UsbDevice, WhatIsNotUnderstoodIsStalledAndNothingElseHappens) {
  Toy toy;
  toy.configure();
  const std::array<std::uint8_t, 8> refused[] = {
      {0x40, 0, 0, 0, 0, 0, 0, 0},      // vendor
      {0x21, 0, 0, 0, 2, 0, 0, 0},      // class, an interface that is not there
      {0x20, 0, 0, 0, 0, 0, 0, 0},      // class, device
      {0x00, 7, 0, 1, 0, 0, 18, 0},     // SET_DESCRIPTOR
      {0x82, 12, 0, 0, 0x81, 0, 2, 0},  // SYNCH_FRAME
      {0x00, 3, 1, 0, 0, 0, 0, 0},      // remote wake-up
      {0x00, 3, 2, 0, 0, 4, 0, 0},      // test mode
      {0x00, 9, 2, 0, 0, 0, 0, 0},      // no such configuration
      {0x01, 11, 3, 0, 0, 0, 0, 0},     // no such alternate setting
      {0x01, 11, 0, 0, 2, 0, 0, 0},     // no such interface
      {0x81, 10, 0, 0, 2, 0, 1, 0},     // nor its setting
      {0x00, 5, 9, 0, 0, 0, 0, 0},      // SET_ADDRESS when configured
      {0x82, 0, 0, 0, 0x82, 0, 2, 0},   // status of an endpoint that is not open
      {0x82, 0, 0, 0, 0x0f, 0, 2, 0},   // or cannot exist
      {0x82, 0, 0, 0, 0x81, 1, 2, 0},   // or is not one
      {0x02, 3, 0, 0, 0x82, 0, 0, 0},   // halt of one that is not open
      {0x02, 3, 1, 0, 0x81, 0, 0, 0},   // another feature of one that is
      {0x83, 0, 0, 0, 0, 0, 2, 0},      // status of something else
      {0x00, 5, 0, 0, 0, 0, 2, 0},      // SET_ADDRESS with data
  };
  toy.events.clear();
  for (const auto& setup : refused) {
    EXPECT_EQ(toy.control(setup, Bytes(2)), Outcome::kStalled)
        << int{setup[0]} << " " << int{setup[1]};
  }
  EXPECT_EQ(toy.setups, 0);
  EXPECT_TRUE(toy.events.empty());
  toy.descriptor_size = 0;
  EXPECT_EQ(toy.control({0x80, 6, 0, 15, 0, 0, 5, 0}), Outcome::kStalled) << "BOS";
}

// Descriptors that no standard knows; an interface never hears of them.
TEST(UsbDevice, AVendorRequestReadsFromTheDeviceAndNothingElse) {
  Toy toy;
  toy.vendor_size = USB_DESCRIPTOR_MAX;
  EXPECT_EQ(toy.control({0xc0, 9, 1, 2, 7, 0, 0, 2}), Outcome::kDone) << "before it is configured";
  EXPECT_EQ(toy.transfer.data, Bytes(USB_DESCRIPTOR_MAX, 9));
  toy.configure();
  EXPECT_EQ(toy.control({0xc0, 9, 0, 0, 7, 0, 100, 0}), Outcome::kDone);
  EXPECT_EQ(toy.transfer.data, Bytes(100, 9));
  for (const std::uint8_t type : Bytes{0x40, 0x41, 0xc1, 0xc2, 0xdf}) {
    EXPECT_EQ(toy.control({type, 9, 0, 0, 0, 0, 8, 0}, Bytes(8)), Outcome::kStalled) << int{type};
  }
  toy.vendor_size = 0;
  EXPECT_EQ(toy.control({0xc0, 9, 0, 0, 7, 0, 100, 0}), Outcome::kStalled) << "none such";
  EXPECT_EQ(toy.setups, 0);
}

// Requests that need an address or a configuration, before there is one (9.4).
TEST(UsbDevice, TheStateOfTheDeviceDecidesWhatItAnswers) {
  Toy toy;
  EXPECT_EQ(toy.control({0x00, 9, 1, 0, 0, 0, 0, 0}), Outcome::kStalled) << "no address yet";
  EXPECT_EQ(toy.control({0x00, 5, 128, 0, 0, 0, 0, 0}), Outcome::kStalled);
  EXPECT_EQ(toy.control({0x00, 5, 9, 0, 0, 0, 0, 0}), Outcome::kDone);
  EXPECT_EQ(toy.usb.address(), 9);
  EXPECT_EQ(toy.control(class_in(6)), Outcome::kStalled) << "not configured";
  EXPECT_EQ(toy.control({0x01, 11, 0, 0, 0, 0, 0, 0}), Outcome::kStalled);
  EXPECT_EQ(toy.control({0x81, 10, 0, 0, 0, 0, 1, 0}), Outcome::kStalled);
  EXPECT_EQ(toy.control({0x81, 0, 0, 0, 0, 0, 2, 0}), Outcome::kStalled);
  EXPECT_EQ(toy.control({0x80, 8, 0, 0, 0, 0, 1, 0}), Outcome::kDone);
  EXPECT_EQ(toy.transfer.data, Bytes{0});
  EXPECT_EQ(toy.control({0x82, 0, 0, 0, 0, 0, 2, 0}), Outcome::kDone) << "endpoint 0 always is";

  EXPECT_EQ(toy.control({0x00, 9, 1, 0, 0, 0, 0, 0}), Outcome::kDone);
  EXPECT_EQ(toy.control({0x80, 8, 0, 0, 0, 0, 1, 0}), Outcome::kDone);
  EXPECT_EQ(toy.transfer.data, Bytes{1});
  EXPECT_EQ(toy.control({0x01, 11, 2, 0, 0, 0, 0, 0}), Outcome::kDone);
  EXPECT_EQ(toy.control({0x81, 10, 0, 0, 0, 0, 1, 0}), Outcome::kDone);
  EXPECT_EQ(toy.transfer.data, Bytes{2});
  EXPECT_EQ(toy.control({0x80, 0, 0, 0, 0, 0, 2, 0}), Outcome::kDone);
  EXPECT_EQ(toy.transfer.data, (Bytes{0, 0}));
  EXPECT_EQ(toy.control({0x00, 9, 0, 0, 0, 0, 0, 0}), Outcome::kDone) << "back to no configuration";
  EXPECT_EQ(toy.control(class_in(6)), Outcome::kStalled);
  EXPECT_EQ(toy.events, (std::vector<std::string>{"select 0", "select 2", "reset"}));
}

TEST(UsbDevice, BulkTransfersRunAndEndAtAShortPacket) {
  Toy toy;
  toy.configure();
  toy.events.clear();
  Bytes room(2048);
  EXPECT_TRUE(usb_endpoint_receive(&toy.device, 0x02, room.data(), 2048));
  EXPECT_TRUE(usb_endpoint_send(&toy.device, 0x81, toy.buffer.data(), 700));
  EXPECT_FALSE(usb_endpoint_send(&toy.device, 0x82, toy.buffer.data(), 1)) << "not open";
  EXPECT_FALSE(usb_endpoint_receive(&toy.device, 0x0f, room.data(), 1)) << "no such";

  Transfer out;
  out.endpoint = 0x02;
  out.data = pattern(5, 1100);
  Transfer in;
  in.endpoint = 0x81;
  in.data.resize(4096);
  toy.usb.submit(out);
  toy.usb.submit(in);
  toy.run();
  EXPECT_EQ(toy.events, (std::vector<std::string>{"ended 129 0", "ended 2 1100"}));
  EXPECT_EQ(in.actual, 700u);
  EXPECT_TRUE(std::equal(out.data.begin(), out.data.end(), room.begin()));
}

// Two programs of the host hold an interface each: what one does must not end what the other does.
TEST(UsbDevice, InterfacesDoNotDisturbEachOther) {
  Toy toy;
  toy.configure();
  toy.events.clear();
  toy.others.clear();
  EXPECT_TRUE(usb_endpoint_send(&toy.device, 0x81, toy.buffer.data(), 100));
  EXPECT_EQ(toy.control({0x01, 11, 1, 0, 1, 0, 0, 0}), Outcome::kDone);  // interface 1, setting 1
  EXPECT_EQ(toy.others, (std::vector<std::string>{"select 1"}));
  Transfer in;
  in.endpoint = 0x81;
  in.data.resize(4096);
  toy.usb.submit(in);
  toy.run();
  EXPECT_EQ(in.actual, 100u);
  EXPECT_EQ(toy.events, (std::vector<std::string>{"ended 129 0"}));

  EXPECT_TRUE(usb_endpoint_send(&toy.device, 0x83, toy.buffer.data(), 100));
  EXPECT_EQ(toy.control({0x01, 11, 2, 0, 0, 0, 0, 0}), Outcome::kDone);  // interface 0, setting 2
  in.endpoint = 0x83;
  in.data.resize(4096);
  toy.usb.submit(in);
  toy.run();
  EXPECT_EQ(toy.others, (std::vector<std::string>{"select 1", "ended 131"}));

  EXPECT_EQ(toy.control({0x81, 10, 0, 0, 0, 0, 1, 0}), Outcome::kDone);
  EXPECT_EQ(toy.transfer.data, (Bytes{2}));
  EXPECT_EQ(toy.control({0x81, 10, 0, 0, 1, 0, 1, 0}), Outcome::kDone);
  EXPECT_EQ(toy.transfer.data, (Bytes{1}));
  EXPECT_EQ(toy.control({0x21, 0, 0, 0, 1, 0, 0, 0}), Outcome::kDone);
  EXPECT_EQ(toy.others.back(), "setup");
}

// A host clears a halt to begin anew; until then each transfer must fail.
TEST(UsbDevice, AnEndpointStaysHaltedUntilTheHostClearsIt) {
  Toy toy;
  toy.configure();
  usb_endpoint_stall(&toy.device, 0x81);
  EXPECT_FALSE(usb_endpoint_send(&toy.device, 0x81, toy.buffer.data(), 1));
  Transfer in;
  in.endpoint = 0x81;
  in.data.resize(64);
  for (int i = 0; i < 2; ++i) {
    toy.usb.submit(in);
    toy.run();
    EXPECT_EQ(in.outcome, Outcome::kStalled);
  }
  EXPECT_EQ(toy.control({0x82, 0, 0, 0, 0x81, 0, 2, 0}), Outcome::kDone);
  EXPECT_EQ(toy.transfer.data, (Bytes{1, 0}));
  EXPECT_EQ(toy.control({0x02, 1, 0, 0, 0x81, 0, 0, 0}), Outcome::kDone);
  EXPECT_TRUE(usb_endpoint_send(&toy.device, 0x81, toy.buffer.data(), 1));
  toy.usb.submit(in);
  toy.run();
  EXPECT_EQ(in.outcome, Outcome::kDone);
  EXPECT_EQ(toy.control({0x02, 3, 0, 0, 0x81, 0, 0, 0}), Outcome::kDone) << "SET_FEATURE halts too";
  EXPECT_EQ(toy.control({0x82, 0, 0, 0, 0x81, 0, 2, 0}), Outcome::kDone);
  EXPECT_EQ(toy.transfer.data, (Bytes{1, 0}));
  EXPECT_EQ(toy.control({0x02, 3, 0, 0, 0x00, 0, 0, 0}), Outcome::kDone) << "endpoint 0 does not";
}

// The bus is reset after every number of steps of a read, of a write and of an answer put off.
TEST(UsbDevice, ABusResetAnywhereLeavesAFreshDevice) {
  for (enum usb_answer answer : {USB_OK, USB_LATER}) {
    for (auto setup : {class_in(300), class_out(300)}) {
      for (int steps = 0; steps < 12; ++steps) {
        Toy toy;
        toy.configure();
        toy.reply_size = 300;
        toy.setup_answer = answer;
        Transfer broken;
        broken.setup = setup;
        broken.data.resize(300);
        toy.usb.submit(broken);
        for (int i = 0; i < steps; ++i) {
          toy.usb.step();
          usb_device_poll(&toy.device);
        }
        toy.usb.bus_reset();
        toy.run();
        EXPECT_EQ(toy.usb.address(), 0);
        EXPECT_EQ(toy.device.configuration, 0);
        Transfer bulk;
        bulk.endpoint = 0x81;
        toy.usb.submit(bulk);
        EXPECT_EQ(bulk.outcome, Outcome::kStalled) << "closed";
        toy.configure();
        toy.setup_answer = USB_OK;
        EXPECT_EQ(toy.control(class_in(300)), Outcome::kDone);
        EXPECT_EQ(toy.transfer.actual, 300u);
      }
    }
  }
}

// A host that died in the middle of a request and came back.
TEST(UsbDevice, ASetupAnywhereEndsWhatWasGoingOn) {
  Toy toy;
  toy.configure();
  toy.reply_size = 64;  // with an empty packet due
  for (auto setup : {class_in(300), class_out(300), class_in(64), class_out(0)}) {
    toy.usb.setup_only(setup);
    toy.run();
    EXPECT_EQ(toy.control(class_in(300)), Outcome::kDone);
    EXPECT_EQ(toy.transfer.actual, 64u);
  }
  EXPECT_TRUE(toy.usb.complaints().empty());
}

// Nor may the answer to a request that was given up be taken for that to the next one.
TEST(UsbDevice, OnlyTheLastOfSeveralSetupsIsAnswered) {
  Toy toy;
  toy.configure();
  toy.reply_size = 64;
  for (auto setup : {class_in(300), class_out(300), class_in(64), class_out(0)}) {
    toy.usb.setup_only(setup);
    const int setups = toy.setups;
    EXPECT_EQ(toy.control({0x80, 6, 0, 1, 0, 0, 18, 0}), Outcome::kDone);
    EXPECT_EQ(toy.transfer.actual, 18u);
    EXPECT_EQ(toy.setups, setups) << "the class has not even been asked";
  }
  EXPECT_TRUE(toy.usb.complaints().empty());
}

TEST(UsbDevice, SuspendAndResumeChangeNothingElse) {
  Toy toy;
  toy.configure();
  toy.usb.suspend(true);
  toy.run();
  EXPECT_TRUE(toy.device.suspended);
  toy.usb.suspend(false);
  toy.run();
  EXPECT_FALSE(toy.device.suspended);
  EXPECT_EQ(toy.control(class_in(5)), Outcome::kDone);
}

// An announced length that the data fall short of: what came must not be acted on.
TEST(UsbDevice, AHostThatBreaksItsWordIsRefused) {
  Toy toy;
  toy.configure();
  toy.transfer = {};
  toy.transfer.setup = class_out(300);
  toy.transfer.data = pattern(1, 100);
  toy.received_answer = USB_LATER;
  toy.usb.submit(toy.transfer);
  toy.run();
  EXPECT_EQ(toy.transfer.outcome, Outcome::kStalled);
  EXPECT_EQ(toy.device.control, USB_CONTROL_IDLE);
}

}  // namespace
}  // namespace gangd::model
