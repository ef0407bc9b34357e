/* The requests that every device answers (USB 2.0, 9.4). */
#ifndef GANGD_TARGET_FW_CORE_USB_STANDARD_H
#define GANGD_TARGET_FW_CORE_USB_STANDARD_H

#include "target_fw/core/usb_device.h"

/* For a request of the standard type. Small answers lie in device->reply. */
enum usb_answer usb_standard_setup(struct usb_device* device, const struct usb_setup* setup,
                                   struct usb_stage* stage);

#endif
