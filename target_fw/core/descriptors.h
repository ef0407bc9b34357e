/* What the device says it is: all descriptors, made from its identity and its memories. */
#ifndef GANGD_TARGET_FW_CORE_DESCRIPTORS_H
#define GANGD_TARGET_FW_CORE_DESCRIPTORS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define USB_STRING_CHARACTERS_MAX 126 /* 2 + 2 * 126 fit into bLength */

struct device;
struct memory;

/* usb_descriptors.get of a struct device. */
uint32_t descriptors_get(void* device, uint8_t type, uint8_t index, uint8_t* bytes);

/* The text of an alternate setting in the form of DfuSe, `@Name /0xADDRESS/COUNT*SIZE...`, ended by
 * a zero; returns its length. DfuSe hosts parse it to learn what may be erased and written where;
 * the form is in target_fw/core/descriptors.c. */
uint32_t descriptors_layout(const struct memory* memory, char text[USB_STRING_CHARACTERS_MAX + 1]);

#ifdef __cplusplus
}
#endif

#endif
