/* The whole device: USB, DFU with one alternate setting for each memory, XFP, and what polls them.
 *
 * All state is in struct device; sixty-four of them run in one test program. Nothing is allocated.
 * device_poll() is the main loop's body; interrupts only call usb_event(). */
#ifndef GANGD_TARGET_FW_CORE_DEVICE_H
#define GANGD_TARGET_FW_CORE_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "target_fw/core/device_identity.h"
#include "target_fw/core/dfu.h"
#include "target_fw/core/memory.h"
#include "target_fw/core/usb_device.h"
#include "target_fw/core/xfp.h"
#include "target_fw/port.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DEVICE_MEMORIES_MAX 4
/* How long the device hides before it comes back as another one. The port of a hub is asked every
 * 256 ms at most (bInterval of its status endpoint at high speed, USB 2.0, 11.12.1, gives 255 ms at
 * full speed); less might go unnoticed. */
#define DEVICE_AWAY_MS 300

struct device {
  const struct device_identity* identity;
  const struct clock_port* clock;
  const struct memory* memories;
  uint8_t memories_count;
  struct usb_device usb;
  struct dfu dfu; /* interface 0 */
  struct xfp xfp; /* interface 1 */
  bool away;      /* hidden from the bus for a moment */
  uint32_t away_since_us;
};

/* The memories are an array of 1 to DEVICE_MEMORIES_MAX that outlives the device. Ends with the
 * device shown on the bus. */
void device_init(struct device* device, const struct device_identity* identity,
                 const struct clock_port* clock, const struct usb_port* usb,
                 const struct memory* memories, uint8_t memories_count);

/* Does what there is to do. Returns after how many microseconds it wants to be called again if no
 * event comes before: 0 at once, UINT32_MAX only for an event. */
uint32_t device_poll(struct device* device);

#ifdef __cplusplus
}
#endif

#endif
