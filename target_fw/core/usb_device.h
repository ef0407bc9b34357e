/* A USB 2.0 device above a controller (struct usb_port): endpoint 0 with the standard requests, one
 * configuration with a few interfaces, whose class requests and bulk endpoints go to a table of
 * functions each.
 *
 * Only usb_event() may be called from an interrupt. */
#ifndef GANGD_TARGET_FW_CORE_USB_DEVICE_H
#define GANGD_TARGET_FW_CORE_USB_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "target_fw/core/usb_queue.h"
#include "target_fw/port.h"

#ifdef __cplusplus
extern "C" {
#endif

#define USB_CONTROL_PACKET 64  /* bMaxPacketSize0; the only size that high speed allows (5.5.3) */
#define USB_DESCRIPTOR_MAX 352 /* the longest is the set of core/bos.c */
#define USB_ENDPOINTS_MAX 4    /* numbers 0 to 3, in each direction */
#define USB_INTERFACES_MAX 2
#define USB_IN 0x80            /* of an endpoint's address, and of bmRequestType */
#define USB_REQUEST_CLASS 0x20 /* bmRequestType (9.3.1): class, to an interface */
#define USB_REQUEST_VENDOR 0x40
#define USB_REQUEST_INTERFACE 1

/* A SETUP packet (USB 2.0, 9.3). */
struct usb_setup {
  uint8_t request_type;
  uint8_t request;
  uint16_t value;
  uint16_t index;
  uint16_t length;
};

/* How a control request goes on. */
enum usb_answer {
  USB_STALL, /* refused, until the next SETUP */
  USB_OK,    /* data as the stage says, or the status stage */
  USB_LATER, /* not yet: the host is held off, and the same function is asked at the next poll */
};

/* The data stage that USB_OK begins. Both pointers stay valid until the next request. */
struct usb_stage {
  const uint8_t* send; /* for a request with USB_IN: `size` bytes, cut to what the host asked for */
  uint32_t size;
  uint8_t* receive; /* for one without: room for as many bytes as the request announces */
};

/* What an interface does. Called from usb_device_poll(). */
struct usb_interface {
  void* self;
  uint8_t alternates; /* alternate settings 0 ... alternates - 1 */
  uint8_t endpoints;  /* bit n: the bulk endpoints of number n, both directions, are its own */
  /* A class request. */
  enum usb_answer (*setup)(void* self, const struct usb_setup* setup, struct usb_stage* stage);
  /* All data of a class request without USB_IN are where its stage said. */
  enum usb_answer (*received)(void* self, const struct usb_setup* setup);
  /* The alternate setting was selected; also 0 when the device is configured. All its bulk
   * endpoints are closed before it. */
  void (*select)(void* self, uint8_t alternate);
  /* The bus was reset or the device is no longer configured. */
  void (*reset)(void* self);
  /* A transfer on one of its bulk endpoints has ended: `size` is of what was received. NULL for an
   * interface without any. */
  void (*transferred)(void* self, uint8_t endpoint, uint32_t size);
};

struct usb_descriptors {
  void* self;
  /* Writes the descriptor to `bytes`, which has USB_DESCRIPTOR_MAX of room, and returns its size;
   * 0: there is none such. */
  uint32_t (*get)(void* self, uint8_t type, uint8_t index, uint8_t* bytes);
  /* The same for a vendor request to the device that reads. */
  uint32_t (*vendor)(void* self, const struct usb_setup* setup, uint8_t* bytes);
};

enum usb_control_state {
  USB_CONTROL_IDLE,
  USB_CONTROL_SETUP_LATER,
  USB_CONTROL_DATA_IN,
  USB_CONTROL_STATUS_OUT,
  USB_CONTROL_DATA_OUT,
  USB_CONTROL_RECEIVED_LATER,
  USB_CONTROL_STATUS_IN,
};

struct usb_endpoint {
  bool open;
  bool halted;
};

struct usb_device {
  const struct usb_port* port;
  struct usb_descriptors descriptors;
  struct usb_interface interfaces[USB_INTERFACES_MAX];
  uint8_t interfaces_count;
  struct usb_queue queue;

  bool high_speed;
  bool suspended;
  uint8_t address;
  uint8_t configuration;                  /* 0: not configured */
  uint8_t alternates[USB_INTERFACES_MAX]; /* selected, by interface */
  struct usb_endpoint in[USB_ENDPOINTS_MAX];
  struct usb_endpoint out[USB_ENDPOINTS_MAX];

  enum usb_control_state control;
  struct usb_setup setup;            /* of the request that is being answered */
  bool empty_packet_due;             /* the data stage must end with one (5.5.3) */
  uint8_t reply[USB_DESCRIPTOR_MAX]; /* of standard and vendor requests */
};

/* The device is hidden until usb_device_show(). Interfaces 0 ... `interfaces_count` - 1; 1 to
 * USB_INTERFACES_MAX of them. */
void usb_device_init(struct usb_device* device, const struct usb_port* port,
                     const struct usb_descriptors* descriptors,
                     const struct usb_interface* interfaces, uint8_t interfaces_count);

/* Shows the device on the bus, or hides it and forgets all that the host has set. */
void usb_device_show(struct usb_device* device, bool shown);

/* Tells what happened on the bus; the only function for interrupts. A controller that finds several
 * things at once tells them in the order of the bus: what ended before the SETUP that followed. */
void usb_event(struct usb_device* device, const struct usb_bus_event* event);

/* Acts on one event, or asks again for an answer that was put off. False: there was nothing to do.
 * Between two calls the interface may go on with its own work. */
bool usb_device_poll(struct usb_device* device);

/* Whether events were lost, because a host sent SETUP after SETUP faster than they were polled.
 * Nothing is known of the bus then: hide and show again. */
bool usb_device_lost_events(struct usb_device* device);

/* Bulk endpoints; numbers 1 to USB_ENDPOINTS_MAX - 1. */
void usb_endpoint_open(struct usb_device* device, uint8_t endpoint, uint16_t packet_max);
/* Halts it, until the host clears that (9.4.1). */
void usb_endpoint_stall(struct usb_device* device, uint8_t endpoint);
/* False: it is not open or is halted. The bytes stay as they are until transferred(). */
bool usb_endpoint_send(struct usb_device* device, uint8_t endpoint, const uint8_t* bytes,
                       uint32_t size);
bool usb_endpoint_receive(struct usb_device* device, uint8_t endpoint, uint8_t* bytes,
                          uint32_t size);

/* The entry of an endpoint's address, endpoint 0 too; NULL: no such number. */
struct usb_endpoint* usb_endpoint_find(struct usb_device* device, uint8_t endpoint);
#define USB_ALL_ENDPOINTS 0xfe
/* Closes the bulk endpoints of these numbers: bit n is number n. */
void usb_endpoints_close(struct usb_device* device, uint8_t endpoints);
/* Tells each interface that the host has forgotten it. */
void usb_interfaces_reset(struct usb_device* device);

#ifdef __cplusplus
}
#endif

#endif
