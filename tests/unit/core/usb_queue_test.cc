#include "target_fw/core/usb_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <thread>

namespace gangd::model {
namespace {

usb_bus_event numbered(std::uint32_t number) {
  usb_bus_event event{};
  event.kind = USB_SENT;
  event.size = number;
  return event;
}

// A SENT that overtakes a SETUP would be taken for the answer to it.
TEST(UsbQueue, EventsComeOutInOrderAcrossTheEndOfTheRing) {
  usb_queue queue{};
  usb_bus_event event;
  EXPECT_FALSE(usb_queue_take(&queue, &event));
  std::uint32_t taken = 0;
  for (std::uint32_t i = 0; i < 100; ++i) {
    const usb_bus_event put = numbered(i);
    usb_queue_put(&queue, &put);
    if (i % 3 == 0) continue;
    ASSERT_TRUE(usb_queue_take(&queue, &event));
    EXPECT_EQ(event.size, taken++);
    if (i % 3 == 2) continue;
    while (usb_queue_take(&queue, &event)) EXPECT_EQ(event.size, taken++);
  }
  EXPECT_FALSE(usb_queue_overflowed(&queue));
}

// Half of a story is worse than none: what is left must not be acted on.
TEST(UsbQueue, AnEventTooManyEmptiesTheRingOnce) {
  usb_queue queue{};
  for (std::uint32_t i = 0; i <= USB_QUEUE_SIZE; ++i) {
    const usb_bus_event put = numbered(i);
    usb_queue_put(&queue, &put);
  }
  usb_bus_event event;
  EXPECT_TRUE(usb_queue_overflowed(&queue));
  EXPECT_FALSE(usb_queue_take(&queue, &event));
  EXPECT_FALSE(usb_queue_overflowed(&queue));
}

// The interrupt and the main loop as two threads: no event is torn, lost or doubled.
TEST(UsbQueue, OneProducerAndOneConsumerNeedNoLock) {
  constexpr std::uint32_t kEvents = 200'000;
  usb_queue queue{};
  std::atomic<std::uint32_t> taken = 0;
  std::thread producer([&] {
    for (std::uint32_t i = 0; i < kEvents; ++i) {
      while (i - taken.load() >= USB_QUEUE_SIZE) std::this_thread::yield();
      usb_bus_event put = numbered(i);
      for (std::uint8_t& byte : put.setup) byte = static_cast<std::uint8_t>(i);
      usb_queue_put(&queue, &put);
    }
  });
  usb_bus_event event;
  bool whole = true;
  while (taken < kEvents) {
    if (!usb_queue_take(&queue, &event)) {
      std::this_thread::yield();
      continue;
    }
    whole = whole && event.size == taken;
    for (std::uint8_t byte : event.setup) whole = whole && byte == static_cast<std::uint8_t>(taken);
    ++taken;
  }
  producer.join();
  EXPECT_TRUE(whole);
  EXPECT_FALSE(usb_queue_overflowed(&queue));
}

}  // namespace
}  // namespace gangd::model
