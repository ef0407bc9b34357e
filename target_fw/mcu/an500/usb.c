#include "target_fw/mcu/an500/usb.h"

#include <stddef.h>
#include <string.h>

#include "target_fw/mcu/an500/shared.h"

#define BULK 1 /* the number of the endpoints that the core has */

static volatile struct shared* shared(void) {
  return (volatile struct shared*)SHARED_ADDRESS;
}

/* What is written before it is seen before it. */
static void barrier(void) {
  __asm__ volatile("dmb" ::: "memory");
}

static void complain(void) {
  shared()->complaints++;
}

static struct usb_wire_endpoint* at(struct usb_wire* wire, uint8_t address) {
  uint8_t number = address & 0x0f;
  if (number >= USB_ENDPOINTS_MAX) {
    complain();
    number = 0;
  }
  return (address & USB_IN) != 0 ? &wire->in[number] : &wire->out[number];
}

/* --- transfers of the host */

static struct shared_transfer* first(enum shared_endpoint endpoint) {
  uint32_t place = shared()->next[endpoint] % SHARED_PLACES;
  volatile struct shared_transfer* transfer = &shared()->transfers[endpoint][place];
  if (transfer->state != SHARED_GIVEN && transfer->state != SHARED_CANCEL) return NULL;
  barrier();
  return (struct shared_transfer*)transfer;
}

static void finish(struct usb_wire* wire, enum shared_endpoint endpoint, uint32_t outcome) {
  volatile struct shared_transfer* transfer = first(endpoint);
  if (endpoint == SHARED_CONTROL) wire->stage = WIRE_SETUP;
  transfer->outcome = outcome;
  shared()->next[endpoint]++;
  barrier();
  transfer->state = SHARED_DONE;
}

static void finish_all(struct usb_wire* wire, uint32_t outcome) {
  for (int endpoint = 0; endpoint < SHARED_ENDPOINTS; ++endpoint) {
    while (first((enum shared_endpoint)endpoint) != NULL) {
      finish(wire, (enum shared_endpoint)endpoint, outcome);
    }
  }
}

/* --- what the core does to the controller */

/* Endpoint 0 always is there. */
static void forget_all(struct usb_wire* wire) {
  memset(wire->in, 0, sizeof wire->in);
  memset(wire->out, 0, sizeof wire->out);
  wire->in[0] = wire->out[0] = (struct usb_wire_endpoint){.open = true, .packet_max = 64};
  wire->stage = WIRE_SETUP;
}

static void port_connect(void* self, bool shown) {
  struct usb_wire* wire = self;
  forget_all(wire);
  shared()->shown = shown;
  if (!shown) finish_all(wire, SHARED_AWAY);
}

static void port_set_address(void* self, uint8_t address) {
  (void)self, (void)address;
}

static void port_open(void* self, uint8_t address, uint16_t packet_max) {
  *at(self, address) = (struct usb_wire_endpoint){.open = true, .packet_max = packet_max};
}

static void port_close(void* self, uint8_t address) {
  memset(at(self, address), 0, sizeof(struct usb_wire_endpoint));
}

static void set_stalled(struct usb_wire* wire, uint8_t address, bool stalled) {
  at(wire, address)->stalled = stalled;
  if ((address & 0x0f) == 0) wire->in[0].stalled = wire->out[0].stalled = stalled;
}

static void port_stall(void* self, uint8_t address) {
  set_stalled(self, address, true);
}

static void port_unstall(void* self, uint8_t address) {
  set_stalled(self, address, false);
}

static void arm(struct usb_wire* wire, uint8_t address, const uint8_t* send, uint8_t* receive,
                uint32_t size) {
  struct usb_wire_endpoint* endpoint = at(wire, address);
  if (!endpoint->open || endpoint->armed) complain();
  endpoint->armed = true;
  endpoint->send = send;
  endpoint->receive = receive;
  endpoint->size = size;
  endpoint->done = 0;
}

static void port_send(void* self, uint8_t address, const uint8_t* bytes, uint32_t size) {
  if ((address & USB_IN) == 0) complain();
  arm(self, address, bytes, NULL, size);
}

static void port_receive(void* self, uint8_t address, uint8_t* bytes, uint32_t size) {
  if ((address & USB_IN) != 0) complain();
  arm(self, address, NULL, bytes, size);
}

struct usb_port usb_wire_port(struct usb_wire* wire, struct usb_device* device) {
  memset(wire, 0, sizeof *wire);
  wire->device = device;
  wire->resets = shared()->resets;
  shared()->resets_done = wire->resets;
  forget_all(wire);
  return (struct usb_port){.self = wire,
                           .connect = port_connect,
                           .set_address = port_set_address,
                           .open = port_open,
                           .close = port_close,
                           .stall = port_stall,
                           .unstall = port_unstall,
                           .send = port_send,
                           .receive = port_receive};
}

/* --- the bus */

static void tell(struct usb_wire* wire, uint8_t kind, uint8_t endpoint, uint32_t size) {
  struct usb_bus_event event = {.kind = kind, .endpoint = endpoint, .high_speed = true};
  event.size = size;
  usb_event(wire->device, &event);
}

/* One packet from the board into the transfer, which has `room` bytes. */
static bool take_packet(struct usb_wire* wire, enum shared_endpoint of, uint8_t address,
                        uint32_t room, bool* ended) {
  struct usb_wire_endpoint* endpoint = at(wire, address);
  struct shared_transfer* transfer = first(of);
  if (!endpoint->armed) return false;
  uint32_t size = endpoint->size - endpoint->done;
  if (size > endpoint->packet_max) size = endpoint->packet_max;
  if (size > room - transfer->actual) {
    finish(wire, of, SHARED_OVERFLOW);
    return true;
  }
  if (size > 0) memcpy(transfer->bytes + transfer->actual, endpoint->send + endpoint->done, size);
  endpoint->done += size;
  transfer->actual += size;
  *ended = size < endpoint->packet_max || transfer->actual == room;
  if (endpoint->done < endpoint->size) return true;
  endpoint->armed = false;
  tell(wire, USB_SENT, address, 0);
  return true;
}

/* One packet of the transfer, which has `length` bytes, to the board. */
static bool give_packet(struct usb_wire* wire, enum shared_endpoint of, uint8_t address,
                        uint32_t length, bool* ended) {
  struct usb_wire_endpoint* endpoint = at(wire, address);
  struct shared_transfer* transfer = first(of);
  if (!endpoint->armed) return false;
  uint32_t size = length - transfer->actual;
  if (size > endpoint->packet_max) size = endpoint->packet_max;
  if (size > endpoint->size - endpoint->done) {
    complain();
    finish(wire, of, SHARED_OVERFLOW);
    return true;
  }
  if (size > 0)
    memcpy(endpoint->receive + endpoint->done, transfer->bytes + transfer->actual, size);
  endpoint->done += size;
  transfer->actual += size;
  *ended = transfer->actual == length;
  if (endpoint->done < endpoint->size && size == endpoint->packet_max) return true;
  endpoint->armed = false;
  tell(wire, USB_RECEIVED, address, endpoint->done);
  return true;
}

static void send_setup(struct usb_wire* wire, const struct shared_transfer* transfer) {
  struct usb_bus_event event = {.kind = USB_SETUP};
  wire->in[0].armed = wire->out[0].armed = false;
  wire->in[0].stalled = wire->out[0].stalled = false;
  memcpy(event.setup, transfer->setup, sizeof event.setup);
  usb_event(wire->device, &event);
}

/* An empty packet in the direction opposite to the data, IN without data. */
static bool step_status(struct usb_wire* wire, bool is_read) {
  uint8_t address = is_read ? 0 : USB_IN;
  struct usb_wire_endpoint* endpoint = at(wire, address);
  if (!endpoint->armed) return false;
  endpoint->armed = false;
  if (endpoint->size != 0) complain();
  tell(wire, is_read ? USB_RECEIVED : USB_SENT, address, 0);
  finish(wire, SHARED_CONTROL, SHARED_OK);
  return true;
}

static bool step_control(struct usb_wire* wire) {
  struct shared_transfer* transfer = first(SHARED_CONTROL);
  if (transfer == NULL) return false;
  uint32_t length = (uint32_t)(transfer->setup[6] | transfer->setup[7] << 8);
  bool is_read = length != 0 && (transfer->setup[0] & USB_IN) != 0;
  if (wire->stage == WIRE_SETUP) {
    wire->stage = length == 0 ? WIRE_STATUS : WIRE_DATA;
    send_setup(wire, transfer);
    return true;
  }
  if (wire->out[0].stalled) {
    finish(wire, SHARED_CONTROL, SHARED_STALLED);
    return true;
  }
  if (wire->stage == WIRE_STATUS) return step_status(wire, is_read);
  bool ended = false;
  bool moved = is_read ? take_packet(wire, SHARED_CONTROL, USB_IN, length, &ended)
                       : give_packet(wire, SHARED_CONTROL, 0, length, &ended);
  if (ended) wire->stage = WIRE_STATUS;
  return moved;
}

static bool step_bulk(struct usb_wire* wire, enum shared_endpoint of) {
  struct shared_transfer* transfer = first(of);
  if (transfer == NULL) return false;
  uint8_t address = of == SHARED_IN ? BULK | USB_IN : BULK;
  struct usb_wire_endpoint* endpoint = at(wire, address);
  if (!endpoint->open || endpoint->stalled) {
    finish(wire, of, SHARED_STALLED);
    return true;
  }
  bool ended = false;
  bool moved = of == SHARED_IN ? take_packet(wire, of, address, transfer->size, &ended)
                               : give_packet(wire, of, address, transfer->size, &ended);
  if (ended) finish(wire, of, SHARED_OK);
  return moved;
}

/* What the host wants back. */
static void cancel(struct usb_wire* wire) {
  for (int endpoint = 0; endpoint < SHARED_ENDPOINTS; ++endpoint) {
    const struct shared_transfer* transfer = first((enum shared_endpoint)endpoint);
    if (transfer != NULL && transfer->state == SHARED_CANCEL) {
      finish(wire, (enum shared_endpoint)endpoint, SHARED_CANCELLED);
    }
  }
}

bool usb_wire_step(struct usb_wire* wire) {
  cancel(wire);
  if (!shared()->shown) {
    finish_all(wire, SHARED_AWAY);
    return false;
  }
  if (shared()->resets != wire->resets) {
    wire->resets = shared()->resets;
    forget_all(wire);
    tell(wire, USB_RESET, 0, 0);
    finish_all(wire, SHARED_CANCELLED);
    shared()->resets_done = wire->resets;
    return true;
  }
  bool moved = step_control(wire);
  moved |= step_bulk(wire, SHARED_OUT);
  moved |= step_bulk(wire, SHARED_IN);
  return moved;
}
