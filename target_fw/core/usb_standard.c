#include "target_fw/core/usb_standard.h"

#include <stddef.h>

/* bRequest (USB 2.0, table 9-4). */
enum {
  GET_STATUS = 0,
  CLEAR_FEATURE = 1,
  SET_FEATURE = 3,
  SET_ADDRESS = 5,
  GET_DESCRIPTOR = 6,
  GET_CONFIGURATION = 8,
  SET_CONFIGURATION = 9,
  GET_INTERFACE = 10,
  SET_INTERFACE = 11,
};

/* bmRequestType without its bit 7 (table 9-2): the recipient. */
enum { TO_DEVICE = 0, TO_INTERFACE = 1, TO_ENDPOINT = 2 };

#define ENDPOINT_HALT 0 /* table 9-6 */
#define ADDRESS_MAX 127
#define CONFIGURATION 1

static enum usb_answer reply(struct usb_device* device, struct usb_stage* stage, uint32_t size) {
  stage->send = device->reply;
  stage->size = size;
  return USB_OK;
}

/* The endpoint that wIndex names, if a request may mean it now: others than 0 exist only in a
 * device that is configured. */
static struct usb_endpoint* endpoint_of(struct usb_device* device, const struct usb_setup* setup) {
  if (setup->index > 0xff) return NULL;
  struct usb_endpoint* endpoint = usb_endpoint_find(device, (uint8_t)setup->index);
  if (endpoint == NULL) return NULL;
  bool is_control = (setup->index & 0x7f) == 0;
  return is_control || endpoint->open ? endpoint : NULL;
}

/* Whether wIndex names an interface, which exist only in a device that is configured. */
static bool is_interface(const struct usb_device* device, const struct usb_setup* setup) {
  return device->configuration != 0 && setup->index < device->interfaces_count;
}

/* 9.4.5. Neither self-powered nor remote wake-up, so that bit 0 of an endpoint is all there is. */
static enum usb_answer get_status(struct usb_device* device, const struct usb_setup* setup,
                                  struct usb_stage* stage) {
  device->reply[0] = device->reply[1] = 0;
  switch (setup->request_type & ~USB_IN) {
    case TO_DEVICE:
      return reply(device, stage, 2);
    case TO_INTERFACE:
      if (!is_interface(device, setup)) return USB_STALL;
      return reply(device, stage, 2);
    case TO_ENDPOINT: {
      const struct usb_endpoint* endpoint = endpoint_of(device, setup);
      if (endpoint == NULL) return USB_STALL;
      device->reply[0] = endpoint->halted;
      return reply(device, stage, 2);
    }
    default:
      return USB_STALL;
  }
}

/* 9.4.1, 9.4.9. The only feature is an endpoint's halt. */
static enum usb_answer set_feature(struct usb_device* device, const struct usb_setup* setup,
                                   bool on) {
  if (setup->request_type != TO_ENDPOINT || setup->value != ENDPOINT_HALT) return USB_STALL;
  struct usb_endpoint* endpoint = endpoint_of(device, setup);
  if (endpoint == NULL) return USB_STALL;
  /* Endpoint 0 halts itself and recovers with the next SETUP; there is nothing to keep. */
  if ((setup->index & 0x7f) == 0) return USB_OK;
  endpoint->halted = on;
  /* Cleared even if it was not halted: the host has reset its data toggle. */
  if (on) {
    device->port->stall(device->port->self, (uint8_t)setup->index);
  } else {
    device->port->unstall(device->port->self, (uint8_t)setup->index);
  }
  return USB_OK;
}

/* 9.4.6. */
static enum usb_answer set_address(struct usb_device* device, const struct usb_setup* setup) {
  if (setup->value > ADDRESS_MAX || setup->index != 0 || device->configuration != 0) {
    return USB_STALL;
  }
  device->address = (uint8_t)setup->value;
  device->port->set_address(device->port->self, device->address);
  return USB_OK;
}

/* 9.4.3. Any language is answered in the one there is: some hosts ask for language 0. */
static enum usb_answer get_descriptor(struct usb_device* device, const struct usb_setup* setup,
                                      struct usb_stage* stage) {
  uint32_t size = device->descriptors.get(device->descriptors.self, (uint8_t)(setup->value >> 8),
                                          (uint8_t)setup->value, device->reply);
  return size == 0 ? USB_STALL : reply(device, stage, size);
}

static void select_alternate(struct usb_device* device, uint8_t interface, uint8_t alternate) {
  device->alternates[interface] = alternate;
  device->interfaces[interface].select(device->interfaces[interface].self, alternate);
}

/* 9.4.7. The same configuration once more is a fresh start as well. */
static enum usb_answer set_configuration(struct usb_device* device, const struct usb_setup* setup) {
  if (setup->value > CONFIGURATION || device->address == 0) return USB_STALL;
  usb_endpoints_close(device, USB_ALL_ENDPOINTS);
  device->configuration = (uint8_t)setup->value;
  if (device->configuration == 0) {
    usb_interfaces_reset(device);
    return USB_OK;
  }
  for (uint8_t i = 0; i < device->interfaces_count; ++i) select_alternate(device, i, 0);
  return USB_OK;
}

/* 9.4.10. */
static enum usb_answer set_interface(struct usb_device* device, const struct usb_setup* setup) {
  if (!is_interface(device, setup)) return USB_STALL;
  const struct usb_interface* interface = &device->interfaces[setup->index];
  if (setup->value >= interface->alternates) return USB_STALL;
  usb_endpoints_close(device, interface->endpoints);
  select_alternate(device, (uint8_t)setup->index, (uint8_t)setup->value);
  return USB_OK;
}

static enum usb_answer answer_in(struct usb_device* device, const struct usb_setup* setup,
                                 struct usb_stage* stage) {
  uint8_t recipient = setup->request_type & (uint8_t)~USB_IN;
  if (setup->request == GET_STATUS) return get_status(device, setup, stage);
  if (setup->request == GET_DESCRIPTOR && recipient == TO_DEVICE) {
    return get_descriptor(device, setup, stage);
  }
  if (setup->request == GET_CONFIGURATION && recipient == TO_DEVICE) {
    device->reply[0] = device->configuration;
    return reply(device, stage, 1);
  }
  if (setup->request == GET_INTERFACE && recipient == TO_INTERFACE) {
    if (!is_interface(device, setup)) return USB_STALL;
    device->reply[0] = device->alternates[setup->index];
    return reply(device, stage, 1);
  }
  return USB_STALL;
}

enum usb_answer usb_standard_setup(struct usb_device* device, const struct usb_setup* setup,
                                   struct usb_stage* stage) {
  if (setup->request_type & USB_IN) return answer_in(device, setup, stage);
  /* The only one with data to the device would be SET_DESCRIPTOR. */
  if (setup->length != 0) return USB_STALL;
  switch (setup->request) {
    case CLEAR_FEATURE:
      return set_feature(device, setup, false);
    case SET_FEATURE:
      return set_feature(device, setup, true);
    case SET_ADDRESS:
      return setup->request_type == TO_DEVICE ? set_address(device, setup) : USB_STALL;
    case SET_CONFIGURATION:
      return setup->request_type == TO_DEVICE ? set_configuration(device, setup) : USB_STALL;
    case SET_INTERFACE:
      return setup->request_type == TO_INTERFACE ? set_interface(device, setup) : USB_STALL;
    default:
      return USB_STALL;
  }
}
