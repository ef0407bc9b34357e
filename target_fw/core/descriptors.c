#include "target_fw/core/descriptors.h"

#include <stddef.h>
#include <string.h>

#include "target_fw/core/bos.h"
#include "target_fw/core/bytes.h"
#include "target_fw/core/device.h"

/* Descriptor types (USB 2.0, table 9-5; DFU 1.1, 4.1.3). */
enum {
  TYPE_DEVICE = 1,
  TYPE_CONFIGURATION = 2,
  TYPE_STRING = 3,
  TYPE_INTERFACE = 4,
  TYPE_ENDPOINT = 5,
  TYPE_DEVICE_QUALIFIER = 6,
  TYPE_OTHER_SPEED = 7,
  TYPE_DFU_FUNCTIONAL = 0x21,
};

/* Indexes of strings. The texts of DFU statuses begin at DFU_STATUS_STRING. */
enum {
  STRING_LANGUAGES = 0,
  STRING_MANUFACTURER = 1,
  STRING_PRODUCT = 2,
  STRING_SERIAL = 3,
  STRING_ALTERNATES = 4,
};

enum {
  CAN_DOWNLOAD = 1,
  CAN_UPLOAD = 2,
  MANIFESTATION_TOLERANT = 4, /* stays in DFU mode after it */
  WILL_DETACH = 8,
};

#define USB_VERSION 0x0210 /* 2.1: Windows and Linux ask for the BOS descriptor then */
#define LANGUAGE_ENGLISH_US 0x0409
#define CONFIGURATION_SIZE 9
#define INTERFACE_SIZE 9
#define ENDPOINT_SIZE 7
#define DFU_FUNCTIONAL_SIZE 9
#define BUS_POWERED 0x80
#define CURRENT_100_MA 50 /* what every port gives, a hub's without a supply of its own as well */

static uint32_t put_device(const struct device* device, uint8_t* bytes) {
  const struct device_identity* identity = device->identity;
  memset(bytes, 0, 18);
  bytes[0] = 18;
  bytes[1] = TYPE_DEVICE;
  store_le16(bytes + 2, USB_VERSION);
  bytes[7] = USB_CONTROL_PACKET;
  store_le16(bytes + 8, identity->usb_vendor);
  store_le16(bytes + 10, identity->usb_product);
  store_le16(bytes + 12, identity->usb_release);
  bytes[14] = STRING_MANUFACTURER;
  bytes[15] = STRING_PRODUCT;
  bytes[16] = STRING_SERIAL;
  bytes[17] = 1;
  return 18;
}

/* What the device would be at the other speed: the same. */
static uint32_t put_qualifier(uint8_t* bytes) {
  memset(bytes, 0, 10);
  bytes[0] = 10;
  bytes[1] = TYPE_DEVICE_QUALIFIER;
  store_le16(bytes + 2, USB_VERSION);
  bytes[7] = USB_CONTROL_PACKET;
  bytes[8] = 1;
  return 10;
}

static uint8_t* put_bulk_endpoint(uint8_t* bytes, uint8_t endpoint, bool high_speed) {
  memset(bytes, 0, ENDPOINT_SIZE);
  bytes[0] = ENDPOINT_SIZE;
  bytes[1] = TYPE_ENDPOINT;
  bytes[2] = endpoint;
  bytes[3] = 2; /* bulk */
  store_le16(bytes + 4, high_speed ? 512 : 64);
  return bytes + ENDPOINT_SIZE;
}

/* Interface 1: XFP. */
static uint8_t* put_xfp(uint8_t* bytes, bool high_speed) {
  memset(bytes, 0, INTERFACE_SIZE);
  bytes[0] = INTERFACE_SIZE;
  bytes[1] = TYPE_INTERFACE;
  bytes[2] = 1;
  bytes[4] = 2; /* endpoints */
  bytes[5] = XFP_INTERFACE_CLASS;
  bytes[6] = XFP_INTERFACE_SUBCLASS;
  bytes[7] = XFP_INTERFACE_PROTOCOL;
  uint8_t* at = put_bulk_endpoint(bytes + INTERFACE_SIZE, XFP_ENDPOINT, high_speed);
  return put_bulk_endpoint(at, XFP_ENDPOINT | USB_IN, high_speed);
}

static void put_interface(uint8_t* bytes, uint8_t alternate) {
  memset(bytes, 0, INTERFACE_SIZE);
  bytes[0] = INTERFACE_SIZE;
  bytes[1] = TYPE_INTERFACE;
  bytes[3] = alternate;
  bytes[5] = 0xfe; /* application specific */
  bytes[6] = 0x01; /* DFU */
  bytes[7] = 0x02; /* in DFU mode */
  bytes[8] = (uint8_t)(STRING_ALTERNATES + alternate);
}

static bool can_upload(const struct device* device) {
  for (uint8_t i = 0; i < device->memories_count; ++i) {
    if (device->memories[i].readable) return true;
  }
  return false;
}

static void put_dfu_functional(const struct device* device, uint8_t* bytes) {
  bytes[0] = DFU_FUNCTIONAL_SIZE;
  bytes[1] = TYPE_DFU_FUNCTIONAL;
  bytes[2] = CAN_DOWNLOAD | WILL_DETACH;
  if (can_upload(device)) bytes[2] |= CAN_UPLOAD;
  if (device->identity->leave == NULL) bytes[2] |= MANIFESTATION_TOLERANT;
  store_le16(bytes + 3, 255); /* wDetachTimeOut, ms: of use to an application only */
  store_le16(bytes + 5, DFU_BLOCK_MAX);
  store_le16(bytes + 7, 0x011a); /* DfuSe */
}

static uint32_t put_configuration(const struct device* device, uint8_t type, uint8_t* bytes) {
  bool high_speed = device->usb.high_speed == (type == TYPE_CONFIGURATION);
  uint32_t at = CONFIGURATION_SIZE;
  for (uint8_t i = 0; i < device->memories_count; ++i) {
    put_interface(bytes + at, i);
    at += INTERFACE_SIZE;
  }
  put_dfu_functional(device, bytes + at);
  at += DFU_FUNCTIONAL_SIZE;
  at = (uint32_t)(put_xfp(bytes + at, high_speed) - bytes);
  bytes[0] = CONFIGURATION_SIZE;
  bytes[1] = type;
  store_le16(bytes + 2, (uint16_t)at);
  bytes[4] = 2; /* interfaces */
  bytes[5] = 1; /* its number */
  bytes[6] = 0;
  bytes[7] = BUS_POWERED;
  bytes[8] = CURRENT_100_MA;
  return at;
}

/* --- texts */

static char hex_digit(uint32_t value) {
  return "0123456789ABCDEF"[value & 15];
}

static char* put_text(char* at, const char* text, uint32_t size_max) {
  while (*text != '\0' && size_max-- > 0) *at++ = *text++;
  return at;
}

static char* put_hex32(char* at, uint32_t value) {
  for (int shift = 28; shift >= 0; shift -= 4) *at++ = hex_digit(value >> shift);
  return at;
}

static char* put_decimal(char* at, uint32_t value, int digits_min) {
  char reversed[10];
  int count = 0;
  do {
    reversed[count++] = (char)('0' + value % 10);
    value /= 10;
  } while (value != 0 || count < digits_min);
  while (count > 0) *at++ = reversed[--count];
  return at;
}

/* fwupd 2.0.20 shows no device with a COUNT above this ("invalid number of sectors"). */
#define LAYOUT_COUNT_MAX 999u
/* Enough for 8192 blocks, and leaves 23 characters for the name. */
#define LAYOUT_SEGMENTS_MAX 9u
/* " /0x12345678/", and "999*064Kg" with a comma after all but the last */
#define LAYOUT_TAIL_MAX (13u + LAYOUT_SEGMENTS_MAX * 10u - 1u)

static char* put_segment(char* at, const struct memory* memory, uint32_t count) {
  uint32_t size = memory->geometry.erase_size;
  char unit = 'B';
  if (size % (1024u * 1024u) == 0) {
    size /= 1024u * 1024u;
    unit = 'M';
  } else if (size % 1024u == 0) {
    size /= 1024u;
    unit = 'K';
  }
  at = put_decimal(at, count, 1);
  *at++ = '*';
  at = put_decimal(at, size, 3);
  *at++ = unit;
  *at++ = (char)(0x60 + memory->readable + 2 * memory->erasable + 4 * memory->writable);
  return at;
}

/* ` /0xADDRESS/COUNT*SIZE`, then the unit of SIZE and a letter that adds readable 1, erasable 2 and
 * writable 4 to 0x60. More than LAYOUT_COUNT_MAX blocks are several segments behind one address, as
 * fwupd sets its pointer only once for each address. Where they are too many for the string, COUNT
 * takes the digits that it needs, which dfu-util reads. */
static char* put_layout_tail(char* at, const struct memory* memory) {
  uint32_t count = memory->geometry.size / memory->geometry.erase_size;
  at = put_text(at, " /0x", 4);
  at = put_hex32(at, memory->geometry.address);
  *at++ = '/';
  if (count > LAYOUT_COUNT_MAX * LAYOUT_SEGMENTS_MAX) return put_segment(at, memory, count);
  while (count > LAYOUT_COUNT_MAX) {
    at = put_segment(at, memory, LAYOUT_COUNT_MAX);
    *at++ = ',';
    count -= LAYOUT_COUNT_MAX;
  }
  return put_segment(at, memory, count);
}

/* The hosts disagree in what they forgive, so: the prefix is 0x in lower case, the unit B, K or M
 * and never a space, no space before a slash but the one that ends the name, and one address. */
uint32_t descriptors_layout(const struct memory* memory, char text[USB_STRING_CHARACTERS_MAX + 1]) {
  char tail[LAYOUT_TAIL_MAX + 1];
  char* const tail_end = put_layout_tail(tail, memory);
  *tail_end = '\0';
  const uint32_t tail_size = (uint32_t)(tail_end - tail);
  char* at = text;
  *at++ = '@';
  at = put_text(at, memory->name, USB_STRING_CHARACTERS_MAX - 1 - tail_size);
  at = put_text(at, tail, tail_size);
  *at = '\0';
  return (uint32_t)(at - text);
}

/* What an operator can do about it. */
static const char* const status_texts[] = {
    [DFU_ERR_TARGET] = "This memory has no such command or block",
    [DFU_ERR_FILE] = "The file is not for this device",
    [DFU_ERR_WRITE] = "The memory is protected, or its bus failed",
    [DFU_ERR_ERASE] = "The chip reports that it could not erase",
    [DFU_ERR_CHECK_ERASED] = "The chip is not blank after the erase",
    [DFU_ERR_PROG] = "The chip reports that it could not program",
    [DFU_ERR_VERIFY] = "Read back, it is not what was written",
    [DFU_ERR_ADDRESS] = "The address is outside this memory, or unaligned",
    [DFU_ERR_NOTDONE] = "The download was not complete",
    [DFU_ERR_FIRMWARE] = "There is no firmware that can be started",
    [DFU_ERR_VENDOR] = "The chip does not answer in time",
    [DFU_ERR_USBR] = "Unexpected USB reset",
    [DFU_ERR_POR] = "Unexpected power-on reset",
    [DFU_ERR_UNKNOWN] = "Something went wrong",
    [DFU_ERR_STALLEDPKT] = "The host sent a request that was not expected",
};

static uint32_t put_serial(const struct device* device, char* text) {
  for (uint32_t i = 0; i < DEVICE_UID_SIZE; ++i) {
    text[2 * i] = hex_digit(device->identity->uid[i] >> 4);
    text[2 * i + 1] = hex_digit(device->identity->uid[i]);
  }
  return 2 * DEVICE_UID_SIZE;
}

static uint32_t string_text(const struct device* device, uint8_t index, char* text) {
  if (index == STRING_SERIAL) return put_serial(device, text);
  const char* source = NULL;
  if (index == STRING_MANUFACTURER) {
    source = device->identity->manufacturer;
  } else if (index == STRING_PRODUCT) {
    source = device->identity->product;
  } else if (index >= STRING_ALTERNATES && index - STRING_ALTERNATES < device->memories_count) {
    return descriptors_layout(&device->memories[index - STRING_ALTERNATES], text);
  } else if (index > DFU_STATUS_STRING && index <= DFU_STATUS_STRING + DFU_ERR_STALLEDPKT) {
    source = status_texts[index - DFU_STATUS_STRING];
  }
  if (source == NULL) return 0;
  return (uint32_t)(put_text(text, source, USB_STRING_CHARACTERS_MAX) - text);
}

static uint32_t put_string(const struct device* device, uint8_t index, uint8_t* bytes) {
  char text[USB_STRING_CHARACTERS_MAX + 1];
  bytes[1] = TYPE_STRING;
  if (index == STRING_LANGUAGES) {
    bytes[0] = 4;
    store_le16(bytes + 2, LANGUAGE_ENGLISH_US);
    return 4;
  }
  uint32_t length = string_text(device, index, text);
  if (length == 0) return 0;
  for (uint32_t i = 0; i < length; ++i) store_le16(bytes + 2 + 2 * i, (uint8_t)text[i]);
  bytes[0] = (uint8_t)(2 + 2 * length);
  return bytes[0];
}

uint32_t descriptors_get(void* self, uint8_t type, uint8_t index, uint8_t* bytes) {
  const struct device* device = self;
  if (type == TYPE_STRING) return put_string(device, index, bytes);
  if (index != 0) return 0;
  bool has_other_speed = device->identity->high_speed;
  switch (type) {
    case TYPE_DEVICE:
      return put_device(device, bytes);
    case TYPE_CONFIGURATION:
      return put_configuration(device, TYPE_CONFIGURATION, bytes);
    case BOS_DESCRIPTOR:
      return bos_put(bytes);
    case TYPE_DEVICE_QUALIFIER:
      return has_other_speed ? put_qualifier(bytes) : 0;
    case TYPE_OTHER_SPEED:
      return has_other_speed ? put_configuration(device, TYPE_OTHER_SPEED, bytes) : 0;
    default:
      return 0;
  }
}
