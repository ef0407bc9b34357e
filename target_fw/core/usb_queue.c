#include "target_fw/core/usb_queue.h"

/* The builtins of both compilers, not <stdatomic.h>: the struct is also read by C++, which has no
 * _Atomic. On the Cortex-M parts 32-bit accesses are single instructions; the orders below keep the
 * compiler, and a core with a store buffer, from telling of an event before it is written. */

void usb_queue_put(struct usb_queue* queue, const struct usb_bus_event* event) {
  uint32_t written = queue->written;
  if (written - __atomic_load_n(&queue->taken, __ATOMIC_ACQUIRE) == USB_QUEUE_SIZE) {
    __atomic_store_n(&queue->lost, 1, __ATOMIC_RELEASE);
    return;
  }
  queue->events[written % USB_QUEUE_SIZE] = *event;
  __atomic_store_n(&queue->written, written + 1, __ATOMIC_RELEASE);
}

bool usb_queue_take(struct usb_queue* queue, struct usb_bus_event* event) {
  uint32_t taken = queue->taken;
  if (taken == __atomic_load_n(&queue->written, __ATOMIC_ACQUIRE)) return false;
  *event = queue->events[taken % USB_QUEUE_SIZE];
  __atomic_store_n(&queue->taken, taken + 1, __ATOMIC_RELEASE);
  return true;
}

bool usb_queue_has_setup(const struct usb_queue* queue) {
  uint32_t written = __atomic_load_n(&queue->written, __ATOMIC_ACQUIRE);
  for (uint32_t i = queue->taken; i != written; ++i) {
    uint8_t kind = queue->events[i % USB_QUEUE_SIZE].kind;
    if (kind == USB_SETUP || kind == USB_RESET) return true;
  }
  return false;
}

bool usb_queue_overflowed(struct usb_queue* queue) {
  if (__atomic_load_n(&queue->lost, __ATOMIC_ACQUIRE) == 0) return false;
  __atomic_store_n(&queue->lost, 0, __ATOMIC_RELEASE);
  uint32_t written = __atomic_load_n(&queue->written, __ATOMIC_ACQUIRE);
  __atomic_store_n(&queue->taken, written, __ATOMIC_RELEASE);
  return true;
}
