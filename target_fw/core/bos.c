#include "target_fw/core/bos.h"

#include <string.h>

#include "target_fw/core/bytes.h"
#include "target_fw/xfp.h"

/* --- the BOS descriptor */

#define DEVICE_CAPABILITY 16
enum { CAPABILITY_USB_2_0_EXTENSION = 2, CAPABILITY_PLATFORM = 5 };

#define BOS_SIZE 5
#define EXTENSION_SIZE 7
#define UUID_SIZE 16
#define PLATFORM_SIZE (4 + UUID_SIZE) /* without what the platform adds */
#define MICROSOFT_VALUES_SIZE 8
#define XFP_VALUES_SIZE 5

/* {D8DD60DF-4589-4CC7-9CD2-659D9E648A9F} */
static const uint8_t microsoft_uuid[UUID_SIZE] = {0xdf, 0x60, 0xdd, 0xd8, 0x89, 0x45, 0xc7, 0x4c,
                                                  0x9c, 0xd2, 0x65, 0x9d, 0x9e, 0x64, 0x8a, 0x9f};
static const uint8_t xfp_uuid[UUID_SIZE] = XFP_PLATFORM_UUID;

#define WINDOWS_8_1 0x06030000u /* the first that reads the set */

/* --- the Microsoft OS 2.0 descriptor set */

enum {
  SET_HEADER = 0,
  SUBSET_CONFIGURATION = 1,
  SUBSET_FUNCTION = 2,
  COMPATIBLE_ID = 3,
  REGISTRY_PROPERTY = 4,
};

#define REG_MULTI_SZ 7
#define PROPERTY_NAME "DeviceInterfaceGUIDs"
#define GUID_CHARACTERS 38 /* with its braces */

#define SET_HEADER_SIZE 10
#define SUBSET_HEADER_SIZE 8
#define COMPATIBLE_ID_SIZE 20
#define PROPERTY_NAME_SIZE (2 * sizeof PROPERTY_NAME) /* UTF-16, with the zero */
#define PROPERTY_VALUE_SIZE                                            \
  (2 * (GUID_CHARACTERS + 1 + 1)) /* one text, and the end of the list \
                                   */
#define PROPERTY_SIZE (2 + 2 + 2 + 2 + PROPERTY_NAME_SIZE + 2 + PROPERTY_VALUE_SIZE)
#define FUNCTION_SIZE (SUBSET_HEADER_SIZE + COMPATIBLE_ID_SIZE + PROPERTY_SIZE)
#define FUNCTIONS 2
#define SET_SIZE (SET_HEADER_SIZE + SUBSET_HEADER_SIZE + FUNCTIONS * FUNCTION_SIZE)

_Static_assert(SET_SIZE <= USB_DESCRIPTOR_MAX, "the set has room in an answer");

/* Of the functions, by the number of their interface: DFU and XFP. */
static const char* const interface_guids[FUNCTIONS] = {
    "{5EB465D9-67F2-4817-8FA6-73348D6EDB38}",
    "{3505E5CD-DA1F-4631-9A03-CA287FD863E0}",
};

static uint8_t* put_le16(uint8_t* at, uint32_t value) {
  store_le16(at, (uint16_t)value);
  return at + 2;
}

static uint8_t* put_le32(uint8_t* at, uint32_t value) {
  store_le32(at, value);
  return at + 4;
}

/* ASCII, in UTF-16, with the zero behind it. */
static uint8_t* put_utf16(uint8_t* at, const char* text) {
  for (; *text != '\0'; ++text) at = put_le16(at, (uint8_t)*text);
  return put_le16(at, 0);
}

static uint8_t* put_subset(uint8_t* at, uint32_t type, uint8_t number, uint32_t size) {
  at = put_le16(at, SUBSET_HEADER_SIZE);
  at = put_le16(at, type);
  *at++ = number;
  *at++ = 0;
  return put_le16(at, size);
}

static uint8_t* put_function(uint8_t* at, uint8_t interface) {
  at = put_subset(at, SUBSET_FUNCTION, interface, FUNCTION_SIZE);
  at = put_le16(at, COMPATIBLE_ID_SIZE);
  at = put_le16(at, COMPATIBLE_ID);
  memcpy(at, "WINUSB\0\0\0\0\0\0\0\0\0", 16); /* 8 characters; none of the sub-ID's 8 */
  at = put_le16(at + 16, PROPERTY_SIZE);
  at = put_le16(at, REGISTRY_PROPERTY);
  at = put_le16(at, REG_MULTI_SZ);
  at = put_le16(at, PROPERTY_NAME_SIZE);
  at = put_utf16(at, PROPERTY_NAME);
  at = put_le16(at, PROPERTY_VALUE_SIZE);
  at = put_utf16(at, interface_guids[interface]);
  return put_le16(at, 0);
}

/* bConfigurationValue of its subset is 0: whatever its name says, devices that work with Windows
 * give the index of the configuration there. */
static uint32_t put_set(uint8_t* bytes) {
  uint8_t* at = put_le16(bytes, SET_HEADER_SIZE);
  at = put_le16(at, SET_HEADER);
  at = put_le32(at, WINDOWS_8_1);
  at = put_le16(at, SET_SIZE);
  at = put_subset(at, SUBSET_CONFIGURATION, 0, SET_SIZE - SET_HEADER_SIZE);
  for (uint8_t i = 0; i < FUNCTIONS; ++i) at = put_function(at, i);
  return (uint32_t)(at - bytes);
}

static uint8_t* put_platform(uint8_t* at, const uint8_t* uuid, uint32_t values_size) {
  *at++ = (uint8_t)(PLATFORM_SIZE + values_size);
  *at++ = DEVICE_CAPABILITY;
  *at++ = CAPABILITY_PLATFORM;
  *at++ = 0;
  memcpy(at, uuid, UUID_SIZE);
  return at + UUID_SIZE;
}

uint32_t bos_put(uint8_t* bytes) {
  uint8_t* at = bytes + BOS_SIZE;
  *at++ = EXTENSION_SIZE;
  *at++ = DEVICE_CAPABILITY;
  *at++ = CAPABILITY_USB_2_0_EXTENSION;
  at = put_le32(at, 0); /* no link power management: boards that are programmed do not sleep */

  at = put_platform(at, microsoft_uuid, MICROSOFT_VALUES_SIZE);
  at = put_le32(at, WINDOWS_8_1);
  at = put_le16(at, SET_SIZE);
  *at++ = MICROSOFT_VENDOR_CODE;
  *at++ = 0; /* the device has no other face for Windows */

  at = put_platform(at, xfp_uuid, XFP_VALUES_SIZE);
  *at++ = XFP_INTERFACE_PROTOCOL;
  at = put_le32(at, XFP_FEATURES);

  bytes[0] = BOS_SIZE;
  bytes[1] = BOS_DESCRIPTOR;
  store_le16(bytes + 2, (uint16_t)(at - bytes));
  bytes[4] = 3; /* capabilities */
  return (uint32_t)(at - bytes);
}

uint32_t bos_vendor(void* self, const struct usb_setup* setup, uint8_t* bytes) {
  (void)self;
  bool is_set = setup->request == MICROSOFT_VENDOR_CODE && setup->index == MICROSOFT_SET_INDEX;
  return is_set ? put_set(bytes) : 0;
}
