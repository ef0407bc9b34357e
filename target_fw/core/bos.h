/* What a host learns beyond the configuration: the BOS descriptor (USB 2.0 link power management
 * addendum, 3.2), in it that XFP is here, and for Windows the Microsoft OS 2.0 descriptor set,
 * which gives both interfaces the driver WinUSB without an INF file. */
#ifndef GANGD_TARGET_FW_CORE_BOS_H
#define GANGD_TARGET_FW_CORE_BOS_H

#include <stdint.h>

#include "target_fw/core/usb_device.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BOS_DESCRIPTOR 15          /* its type, in GET_DESCRIPTOR */
#define MICROSOFT_VENDOR_CODE 0x47 /* bRequest that reads the set, with MICROSOFT_SET_INDEX */
#define MICROSOFT_SET_INDEX 7      /* wIndex, as Microsoft says */

/* Writes the BOS descriptor and returns its size. `bytes` has USB_DESCRIPTOR_MAX of room. */
uint32_t bos_put(uint8_t* bytes);

/* usb_descriptors.vendor: the answer to a vendor request, 0: there is none such. */
uint32_t bos_vendor(void* self, const struct usb_setup* setup, uint8_t* bytes);

#ifdef __cplusplus
}
#endif

#endif
