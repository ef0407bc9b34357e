#include "target_fw/core/device.h"

#include "target_fw/core/bos.h"
#include "target_fw/core/descriptors.h"

void device_init(struct device* device, const struct device_identity* identity,
                 const struct clock_port* clock, const struct usb_port* usb,
                 const struct memory* memories, uint8_t memories_count) {
  device->identity = identity;
  device->clock = clock;
  device->memories = memories;
  device->memories_count = memories_count;
  device->away = false;
  device->away_since_us = 0;
  dfu_init(&device->dfu, clock, memories, memories_count, identity->leave);
  struct usb_descriptors descriptors = {
      .self = device, .get = descriptors_get, .vendor = bos_vendor};
  xfp_init(&device->xfp, clock, &device->usb, memories, memories_count, identity);
  const struct usb_interface interfaces[] = {dfu_interface(&device->dfu),
                                             xfp_interface(&device->xfp)};
  usb_device_init(&device->usb, usb, &descriptors, interfaces, 2);
  usb_device_show(&device->usb, true);
}

static void go_away(struct device* device) {
  usb_device_show(&device->usb, false);
  device->away = true;
  device->away_since_us = device->clock->now_us(device->clock->self);
}

/* Long enough for the hub to have noticed: to the host it is a new device. */
static void come_back(struct device* device) {
  struct dfu* dfu = &device->dfu;
  if (dfu_is_leaving(dfu)) {
    dfu->leave->jump(dfu->leave->self, dfu->job.pointer);
    dfu_stay(dfu);
  }
  device->away = false;
  usb_device_show(&device->usb, true);
}

/* Returns how long the device still stays away; UINT32_MAX: it does not. */
static uint32_t poll_away(struct device* device) {
  if (!device->away) return UINT32_MAX;
  uint32_t elapsed_us = device->clock->now_us(device->clock->self) - device->away_since_us;
  if (elapsed_us < DEVICE_AWAY_MS * 1000) return DEVICE_AWAY_MS * 1000 - elapsed_us;
  come_back(device);
  return UINT32_MAX;
}

/* DFU and XFP work on the same memories: while one has an operation there, the other waits. */
static uint32_t poll_memories(struct device* device) {
  struct flash_job* job = &device->dfu.job;
  job->chip_lent = xfp_has_chip(&device->xfp);
  uint32_t dfu_us = dfu_poll(&device->dfu);
  device->xfp.lent_ms = flash_job_chip_ms(job);
  uint32_t xfp_us = xfp_poll(&device->xfp);
  /* A request of DFU may come before the next time, and read at once. */
  job->chip_lent = xfp_has_chip(&device->xfp);
  return dfu_us < xfp_us ? dfu_us : xfp_us;
}

uint32_t device_poll(struct device* device) {
  uint32_t wait_us;
  bool has_more;
  do {
    if (usb_device_lost_events(&device->usb)) go_away(device);
    has_more = usb_device_poll(&device->usb);
    wait_us = poll_memories(device);
    if (!device->away && dfu_is_leaving(&device->dfu)) go_away(device);
  } while (has_more);
  uint32_t away_us = poll_away(device);
  return away_us < wait_us ? away_us : wait_us;
}
