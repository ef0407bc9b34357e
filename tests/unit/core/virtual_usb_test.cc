#include "tests/model/virtual_usb.h"

#include <gtest/gtest.h>

namespace gangd::model {
namespace {

// The model is what all conclusions about USB rest on; what it must notice, it notices here.
struct Bare {
  usb_device device{};
  VirtualUsb usb{device, false};
  std::vector<Transfer*> ended;
  Bare() {
    usb.on_complete = [this](Transfer& transfer) { ended.push_back(&transfer); };
    usb.port().connect(usb.port().self, true);
  }
  usb_bus_event next() {
    usb_bus_event event{};
    EXPECT_TRUE(usb_queue_take(&device.queue, &event));
    return event;
  }
  void send(std::uint8_t endpoint, const std::vector<std::uint8_t>& bytes) {
    usb.port().send(usb.port().self, endpoint, bytes.data(),
                    static_cast<std::uint32_t>(bytes.size()));
  }
};

TEST(VirtualUsb, ATransferIsNakedUntilTheFirmwareIsReady) {
  Bare bare;
  Transfer read;
  read.setup = {0x80, 6, 0, 1, 0, 0, 18, 0};
  read.data.resize(18);
  bare.usb.submit(read);
  EXPECT_TRUE(bare.usb.step());
  EXPECT_EQ(bare.next().kind, USB_SETUP);
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(bare.usb.step());
  const std::vector<std::uint8_t> reply(18, 0x12);
  bare.send(0x80, reply);
  EXPECT_TRUE(bare.usb.step());
  EXPECT_EQ(bare.next().kind, USB_SENT);
  EXPECT_FALSE(bare.usb.step()) << "the status stage is naked, too";
  EXPECT_TRUE(bare.ended.empty());
  bare.usb.port().receive(bare.usb.port().self, 0, nullptr, 0);
  EXPECT_TRUE(bare.usb.step());
  EXPECT_EQ(bare.next().kind, USB_RECEIVED);
  EXPECT_EQ(bare.ended, std::vector{&read});
  EXPECT_EQ(read.data, reply);
}

TEST(VirtualUsb, TransfersOfAnEndpointArePlayedInOrder) {
  Bare bare;
  bare.usb.port().open(bare.usb.port().self, 0x81, 64);
  Transfer first, second;
  first.endpoint = second.endpoint = 0x81;
  first.data.resize(64);
  second.data.resize(64);
  bare.usb.submit(first);
  bare.usb.submit(second);
  const std::vector<std::uint8_t> reply(64, 7);
  bare.send(0x81, reply);
  EXPECT_TRUE(bare.usb.step());
  EXPECT_EQ(bare.ended, std::vector{&first});
  EXPECT_FALSE(bare.usb.step());
  bare.usb.cancel(second);
  EXPECT_EQ(second.outcome, Outcome::kCancelled);
  bare.usb.cancel(second);
  EXPECT_EQ(bare.ended.size(), 2u) << "completed once";
}

// Babble: the host's buffer is protected and the firmware is told on.
TEST(VirtualUsb, MoreThanWasAskedForIsAnOverflow) {
  Bare bare;
  bare.usb.port().open(bare.usb.port().self, 0x81, 64);
  Transfer read;
  read.endpoint = 0x81;
  read.data.resize(10);
  bare.usb.submit(read);
  const std::vector<std::uint8_t> reply(11, 7);
  bare.send(0x81, reply);
  bare.usb.step();
  EXPECT_EQ(read.outcome, Outcome::kOverflow);
  EXPECT_EQ(bare.usb.complaints().size(), 1u);
}

TEST(VirtualUsb, WhatTheContractForbidsIsComplainedAbout) {
  Bare bare;
  const std::vector<std::uint8_t> bytes(4);
  bare.send(0x83, bytes);
  EXPECT_EQ(bare.usb.complaints().back(), "a transfer on a closed endpoint: endpoint 131");
  bare.send(0x80, bytes);
  bare.send(0x80, bytes);
  EXPECT_EQ(bare.usb.complaints().back(), "a second transfer while one runs: endpoint 128");
  bare.send(0x00, bytes);
  EXPECT_EQ(bare.usb.complaints().back(), "a transfer in the wrong direction: endpoint 0");
}

TEST(VirtualUsb, HidingAndResettingEndEveryTransfer) {
  Bare bare;
  bare.usb.port().open(bare.usb.port().self, 0x81, 64);
  Transfer control, bulk, late, unknown;
  bulk.endpoint = 0x81;
  unknown.endpoint = 0x85;
  bare.usb.submit(unknown);
  EXPECT_EQ(unknown.outcome, Outcome::kStalled);
  bare.usb.submit(control);
  bare.usb.submit(bulk);
  bare.usb.bus_reset();
  EXPECT_EQ(control.outcome, Outcome::kCancelled);
  EXPECT_EQ(bulk.outcome, Outcome::kCancelled);
  EXPECT_EQ(bare.next().kind, USB_RESET);
  bare.usb.submit(control);
  bare.usb.port().connect(bare.usb.port().self, false);
  EXPECT_EQ(control.outcome, Outcome::kUnplugged);
  bare.usb.submit(late);
  EXPECT_EQ(late.outcome, Outcome::kUnplugged);
  EXPECT_FALSE(bare.usb.step());
}

}  // namespace
}  // namespace gangd::model
