/* What happened on the bus, from the interrupt to the main loop: a ring with one producer and one
 * consumer, without locks and without masking interrupts. */
#ifndef GANGD_TARGET_FW_CORE_USB_QUEUE_H
#define GANGD_TARGET_FW_CORE_USB_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A well-behaved host has at most one transfer on each endpoint, so four or five events wait. Must
 * be a power of two. */
#define USB_QUEUE_SIZE 16
#define USB_SETUP_SIZE 8

enum usb_event_kind {
  USB_RESET,    /* the bus was reset; `high_speed` has what was agreed on */
  USB_SETUP,    /* `setup` has come on endpoint 0; ends what was going on there */
  USB_SENT,     /* all of send() has left, and was acknowledged */
  USB_RECEIVED, /* receive() has ended with `size` bytes */
  USB_SUSPENDED,
  USB_RESUMED,
};

struct usb_bus_event {
  uint8_t kind;     /* enum usb_event_kind */
  uint8_t endpoint; /* address, of USB_SENT and USB_RECEIVED */
  bool high_speed;
  uint8_t setup[USB_SETUP_SIZE];
  uint32_t size;
};

struct usb_queue {
  struct usb_bus_event events[USB_QUEUE_SIZE];
  uint32_t written; /* counted by the producer alone, modulo 2^32 */
  uint32_t taken;   /* by the consumer alone */
  uint32_t lost;    /* set by the producer, cleared by the consumer */
};

/* Producer. When the ring is full the event is dropped, and the consumer is told so. */
void usb_queue_put(struct usb_queue* queue, const struct usb_bus_event* event);

/* Consumer. False: nothing is there. */
bool usb_queue_take(struct usb_queue* queue, struct usb_bus_event* event);

/* Consumer. Whether a SETUP or a reset waits, so that what came before it is of no matter any more.
 */
bool usb_queue_has_setup(const struct usb_queue* queue);

/* Consumer. Whether an event was dropped since the last call; if so the ring is emptied, for what
 * is in it makes no sense without the one that is missing. */
bool usb_queue_overflowed(struct usb_queue* queue);

#ifdef __cplusplus
}
#endif

#endif
