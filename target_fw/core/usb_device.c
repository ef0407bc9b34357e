#include "target_fw/core/usb_device.h"

#include <stddef.h>
#include <string.h>

#include "target_fw/core/bytes.h"
#include "target_fw/core/usb_standard.h"

#define CONTROL_OUT 0x00
#define CONTROL_IN USB_IN
#define TYPE_MASK 0x60
#define RECIPIENT_MASK 0x1f

void usb_device_init(struct usb_device* device, const struct usb_port* port,
                     const struct usb_descriptors* descriptors,
                     const struct usb_interface* interfaces, uint8_t interfaces_count) {
  memset(device, 0, sizeof *device);
  device->port = port;
  device->descriptors = *descriptors;
  device->interfaces_count = interfaces_count;
  for (uint8_t i = 0; i < interfaces_count; ++i) device->interfaces[i] = interfaces[i];
}

void usb_interfaces_reset(struct usb_device* device) {
  for (uint8_t i = 0; i < device->interfaces_count; ++i) {
    device->alternates[i] = 0;
    device->interfaces[i].reset(device->interfaces[i].self);
  }
}

/* To the default state (9.1.1.3), from anything. */
static void forget_host(struct usb_device* device) {
  usb_endpoints_close(device, USB_ALL_ENDPOINTS);
  device->address = 0;
  device->configuration = 0;
  device->suspended = false;
  device->control = USB_CONTROL_IDLE;
  usb_interfaces_reset(device);
}

void usb_device_show(struct usb_device* device, bool shown) {
  if (!shown) forget_host(device);
  device->port->connect(device->port->self, shown);
}

void usb_event(struct usb_device* device, const struct usb_bus_event* event) {
  usb_queue_put(&device->queue, event);
}

bool usb_device_lost_events(struct usb_device* device) {
  return usb_queue_overflowed(&device->queue);
}

static void send_control(struct usb_device* device, const uint8_t* bytes, uint32_t size) {
  device->port->send(device->port->self, CONTROL_IN, bytes, size);
}

static void begin_data_in(struct usb_device* device, const struct usb_stage* stage) {
  uint32_t size = stage->size < device->setup.length ? stage->size : device->setup.length;
  /* Less than was asked for ends with a short packet; if the last one is full, with an empty one
   * (5.5.3). An answer of nothing is that empty packet itself. */
  device->empty_packet_due =
      size > 0 && size < device->setup.length && size % USB_CONTROL_PACKET == 0;
  device->control = USB_CONTROL_DATA_IN;
  send_control(device, stage->send, size);
}

static void begin_status_in(struct usb_device* device) {
  device->control = USB_CONTROL_STATUS_IN;
  send_control(device, NULL, 0);
}

static void refuse(struct usb_device* device) {
  device->control = USB_CONTROL_IDLE;
  device->port->stall(device->port->self, CONTROL_OUT);
}

/* Only reads, and only of the device: descriptors that other systems have thought of. */
static enum usb_answer ask_vendor(struct usb_device* device, struct usb_stage* stage) {
  if (device->setup.request_type != (USB_IN | USB_REQUEST_VENDOR)) return USB_STALL;
  stage->send = device->reply;
  stage->size = device->descriptors.vendor(device->descriptors.self, &device->setup, device->reply);
  return stage->size == 0 ? USB_STALL : USB_OK;
}

static enum usb_answer ask_setup(struct usb_device* device, struct usb_stage* stage) {
  const struct usb_setup* setup = &device->setup;
  uint8_t type = setup->request_type & TYPE_MASK;
  if (type == 0) return usb_standard_setup(device, setup, stage);
  if (type == USB_REQUEST_VENDOR) return ask_vendor(device, stage);
  uint8_t recipient = setup->request_type & RECIPIENT_MASK;
  bool is_for_interface = type == USB_REQUEST_CLASS && recipient == USB_REQUEST_INTERFACE &&
                          setup->index < device->interfaces_count && device->configuration != 0;
  if (!is_for_interface) return USB_STALL;
  const struct usb_interface* interface = &device->interfaces[setup->index];
  return interface->setup(interface->self, setup, stage);
}

static enum usb_answer answer_setup(struct usb_device* device) {
  struct usb_stage stage = {0};
  enum usb_answer answer = ask_setup(device, &stage);
  if (answer == USB_STALL) {
    refuse(device);
  } else if (answer == USB_LATER) {
    device->control = USB_CONTROL_SETUP_LATER;
  } else if (device->setup.length == 0) {
    /* Without data the status stage is IN, whatever bit 7 of bmRequestType says (8.5.3). */
    begin_status_in(device);
  } else if (device->setup.request_type & USB_IN) {
    begin_data_in(device, &stage);
  } else if (stage.receive == NULL) {
    refuse(device);
  } else {
    device->control = USB_CONTROL_DATA_OUT;
    device->port->receive(device->port->self, CONTROL_OUT, stage.receive, device->setup.length);
  }
  return answer;
}

static enum usb_answer answer_received(struct usb_device* device) {
  /* answer_setup() has found it to be there. */
  const struct usb_interface* interface = &device->interfaces[device->setup.index];
  enum usb_answer answer = interface->received(interface->self, &device->setup);
  if (answer == USB_STALL) {
    refuse(device);
  } else if (answer == USB_LATER) {
    device->control = USB_CONTROL_RECEIVED_LATER;
  } else {
    begin_status_in(device);
  }
  return answer;
}

static void on_setup(struct usb_device* device, const uint8_t* bytes) {
  device->setup = (struct usb_setup){
      .request_type = bytes[0],
      .request = bytes[1],
      .value = load_le16(bytes + 2),
      .index = load_le16(bytes + 4),
      .length = load_le16(bytes + 6),
  };
  answer_setup(device);
}

static void on_control_sent(struct usb_device* device) {
  if (device->control == USB_CONTROL_DATA_IN && device->empty_packet_due) {
    device->empty_packet_due = false;
    send_control(device, NULL, 0);
  } else if (device->control == USB_CONTROL_DATA_IN) {
    device->control = USB_CONTROL_STATUS_OUT;
    device->port->receive(device->port->self, CONTROL_OUT, NULL, 0);
  } else if (device->control == USB_CONTROL_STATUS_IN) {
    device->control = USB_CONTROL_IDLE;
  }
}

static void on_control_received(struct usb_device* device, uint32_t size) {
  if (device->control == USB_CONTROL_STATUS_OUT) {
    device->control = USB_CONTROL_IDLE;
  } else if (device->control == USB_CONTROL_DATA_OUT) {
    if (size == device->setup.length) {
      answer_received(device);
    } else {
      /* The host broke its own word of how much would come. */
      refuse(device);
    }
  }
}

static const struct usb_interface* owner_of(const struct usb_device* device, uint8_t endpoint) {
  for (uint8_t i = 0; i < device->interfaces_count; ++i) {
    const struct usb_interface* interface = &device->interfaces[i];
    if ((interface->endpoints >> (endpoint & (uint8_t)~USB_IN) & 1) != 0) return interface;
  }
  return NULL;
}

static void on_transferred(struct usb_device* device, const struct usb_bus_event* event) {
  if (event->endpoint == CONTROL_IN) {
    on_control_sent(device);
  } else if (event->endpoint == CONTROL_OUT) {
    on_control_received(device, event->size);
  } else {
    struct usb_endpoint* endpoint = usb_endpoint_find(device, event->endpoint);
    /* It may have been closed or halted while the event waited. */
    if (endpoint == NULL || !endpoint->open || endpoint->halted) return;
    const struct usb_interface* owner = owner_of(device, event->endpoint);
    if (owner != NULL) owner->transferred(owner->self, event->endpoint, event->size);
  }
}

static bool is_of_control(const struct usb_bus_event* event) {
  if (event->kind == USB_SETUP) return true;
  bool is_transfer = event->kind == USB_SENT || event->kind == USB_RECEIVED;
  return is_transfer && (event->endpoint & (uint8_t)~USB_IN) == 0;
}

static void act_on(struct usb_device* device, const struct usb_bus_event* event) {
  /* The host has given the request up and sent another: an answer now would be taken for the answer
   * to that one. */
  if (is_of_control(event) && usb_queue_has_setup(&device->queue)) {
    device->control = USB_CONTROL_IDLE;
    return;
  }
  switch (event->kind) {
    case USB_RESET:
      forget_host(device);
      device->high_speed = event->high_speed;
      break;
    case USB_SETUP:
      on_setup(device, event->setup);
      break;
    case USB_SENT:
    case USB_RECEIVED:
      on_transferred(device, event);
      break;
    case USB_SUSPENDED:
    case USB_RESUMED:
      device->suspended = event->kind == USB_SUSPENDED;
      break;
    default:
      break;
  }
}

bool usb_device_poll(struct usb_device* device) {
  struct usb_bus_event event;
  /* Events first: a new SETUP ends a request that was put off. */
  if (usb_queue_take(&device->queue, &event)) {
    act_on(device, &event);
    return true;
  }
  if (device->control == USB_CONTROL_SETUP_LATER) return answer_setup(device) != USB_LATER;
  if (device->control == USB_CONTROL_RECEIVED_LATER) return answer_received(device) != USB_LATER;
  return false;
}

struct usb_endpoint* usb_endpoint_find(struct usb_device* device, uint8_t endpoint) {
  uint8_t number = endpoint & (uint8_t)~USB_IN;
  if (number >= USB_ENDPOINTS_MAX) return NULL;
  return endpoint & USB_IN ? &device->in[number] : &device->out[number];
}

void usb_endpoints_close(struct usb_device* device, uint8_t endpoints) {
  for (uint8_t i = 1; i < USB_ENDPOINTS_MAX; ++i) {
    if ((endpoints >> i & 1) == 0) continue;
    if (device->out[i].open) device->port->close(device->port->self, i);
    if (device->in[i].open) device->port->close(device->port->self, (uint8_t)(i | USB_IN));
    device->out[i] = device->in[i] = (struct usb_endpoint){.open = false};
  }
}

void usb_endpoint_open(struct usb_device* device, uint8_t endpoint, uint16_t packet_max) {
  struct usb_endpoint* entry = usb_endpoint_find(device, endpoint);
  if (entry == NULL || (endpoint & (uint8_t)~USB_IN) == 0) return;
  *entry = (struct usb_endpoint){.open = true};
  device->port->open(device->port->self, endpoint, packet_max);
}

void usb_endpoint_stall(struct usb_device* device, uint8_t endpoint) {
  struct usb_endpoint* entry = usb_endpoint_find(device, endpoint);
  if (entry == NULL || !entry->open) return;
  entry->halted = true;
  device->port->stall(device->port->self, endpoint);
}

bool usb_endpoint_send(struct usb_device* device, uint8_t endpoint, const uint8_t* bytes,
                       uint32_t size) {
  struct usb_endpoint* entry = usb_endpoint_find(device, endpoint | USB_IN);
  if (entry == NULL || !entry->open || entry->halted) return false;
  device->port->send(device->port->self, endpoint | USB_IN, bytes, size);
  return true;
}

bool usb_endpoint_receive(struct usb_device* device, uint8_t endpoint, uint8_t* bytes,
                          uint32_t size) {
  struct usb_endpoint* entry = usb_endpoint_find(device, endpoint);
  if (entry == NULL || !entry->open || entry->halted) return false;
  device->port->receive(device->port->self, endpoint, bytes, size);
  return true;
}
