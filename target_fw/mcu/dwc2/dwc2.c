#include "target_fw/mcu/dwc2/dwc2.h"

#include <stddef.h>
#include <string.h>

#include "target_fw/mcu/dwc2/dwc2_registers.h"
#include "target_fw/mcu/reg.h"

#define LOOKS 200000u /* at a bit that changes within microseconds */
/* At the mode, which the controller takes up to 25 ms for (the makers' drivers wait 50). */
#define MODE_LOOKS 4000000u
#define NUMBER(endpoint) ((uint8_t)((endpoint) & (uint8_t)~USB_IN))

static uint32_t at(const struct dwc2* usb, uint32_t offset) {
  return usb->config.base + offset;
}

static uint32_t of(const struct dwc2* usb, uint32_t offset, uint8_t number) {
  return usb->config.base + offset + number * (uint32_t)DWC2_ENDPOINT_STEP;
}

static void tell(struct dwc2* usb, const struct usb_bus_event* event) {
  usb_event(usb->device, event);
}

static void tell_transfer(struct dwc2* usb, uint8_t kind, uint8_t endpoint, uint32_t size) {
  const struct usb_bus_event event = {.kind = kind, .endpoint = endpoint, .size = size};
  tell(usb, &event);
}

/* --- FIFOs */

static void flush_send_fifo(struct dwc2* usb, uint32_t number_bits) {
  reg_write(at(usb, DWC2_GRSTCTL), DWC2_GRSTCTL_TXFFLSH | number_bits);
  reg_wait(at(usb, DWC2_GRSTCTL), DWC2_GRSTCTL_TXFFLSH, 0, LOOKS);
}

static void flush_receive_fifo(struct dwc2* usb) {
  reg_write(at(usb, DWC2_GRSTCTL), DWC2_GRSTCTL_RXFFLSH);
  reg_wait(at(usb, DWC2_GRSTCTL), DWC2_GRSTCTL_RXFFLSH, 0, LOOKS);
}

static void divide_fifos(struct dwc2* usb) {
  const struct dwc2_config* config = &usb->config;
  uint32_t begin = config->receive_words;
  reg_write(at(usb, DWC2_GRXFSIZ), config->receive_words);
  for (uint32_t i = 0; i < DWC2_ENDPOINTS; ++i) {
    const uint32_t offset = i == 0 ? DWC2_DIEPTXF0 : DWC2_DIEPTXF1 + 4 * (i - 1);
    reg_write(at(usb, offset), (uint32_t)config->send_words[i] << 16 | begin);
    begin += config->send_words[i];
  }
}

/* Whole packets, as long as there is room for one. */
static void fill(struct dwc2* usb, uint8_t number) {
  struct dwc2_transfer* in = &usb->in[number];
  const uint32_t fifo = at(usb, DWC2_FIFO + number * (uint32_t)DWC2_FIFO_STEP);
  while (in->in_fifo > 0) {
    const uint32_t size = in->in_fifo < in->packet_max ? in->in_fifo : in->packet_max;
    const uint32_t room = reg_read(of(usb, DWC2_DTXFSTS, number)) & DWC2_DTXFSTS_WORDS;
    if (room < (size + 3) / 4) return;
    for (uint32_t i = 0; i < size; i += 4) {
      uint32_t word = 0;
      memcpy(&word, in->send + i, size - i < 4 ? size - i : 4);
      reg_write(fifo, word);
    }
    in->send += size;
    in->left -= size;
    in->in_fifo -= size;
  }
}

/* What has no place is lost, as it would be on any device that was sent too much. */
static void drain(struct dwc2* usb, uint8_t number, uint32_t size) {
  struct dwc2_transfer* out = number < DWC2_ENDPOINTS ? &usb->out[number] : NULL;
  uint32_t room = out != NULL && out->active ? out->left : 0;
  for (uint32_t i = 0; i < size; i += 4) {
    const uint32_t word = reg_read(at(usb, DWC2_FIFO));
    uint32_t part = size - i < 4 ? size - i : 4;
    if (part > room) part = room;
    if (part > 0) memcpy(out->receive + out->done, &word, part);
    room -= part;
    if (out != NULL && out->active) {
      out->done += part;
      out->left -= part;
    }
  }
}

/* --- transfers */

/* A reset of the bus closes all but endpoint 0 before anybody here hears of it: what is begun then
 * is void, and forgotten when we do. */
static bool enable(uint32_t control, uint32_t bits) {
  const uint32_t value = reg_read(control);
  if ((value & DWC2_EPCTL_USBAEP) == 0) return false;
  reg_write(control, value | bits | DWC2_EPCTL_EPENA);
  return true;
}

/* Endpoint 0 has room for the count of one packet. */
static void arm_in(struct dwc2* usb, uint8_t number) {
  struct dwc2_transfer* in = &usb->in[number];
  uint32_t size = in->left;
  if (number == 0 && size > in->packet_max) size = in->packet_max;
  const uint32_t packets = size == 0 ? 1 : (size + in->packet_max - 1) / (uint32_t)in->packet_max;
  reg_write(of(usb, DWC2_DIEPTSIZ, number), packets << DWC2_TSIZ_PKTCNT_AT | size);
  const uint32_t control = of(usb, DWC2_DIEPCTL, number);
  if (size == 0) {
    /* ES0596 2.21.3: it may send something else than nothing, unless it answers NAK for 15 clocks
     * of its bus first; each look takes one or more. */
    if (!enable(control, DWC2_EPCTL_SNAK)) return;
    for (uint32_t looks = 0; looks < 16; ++looks) (void)reg_read(control);
    reg_set(control, DWC2_EPCTL_CNAK);
    return;
  }
  if (!enable(control, DWC2_EPCTL_CNAK)) return;
  in->in_fifo = size;
  fill(usb, number);
}

static void arm_out(struct dwc2* usb, uint8_t number) {
  const struct dwc2_transfer* out = &usb->out[number];
  uint32_t packets = (out->left + out->packet_max - 1) / (uint32_t)out->packet_max;
  if (packets == 0 || number == 0) packets = 1;
  const uint32_t setups = number == 0 ? DWC2_TSIZ_STUPCNT_3 : 0;
  reg_write(of(usb, DWC2_DOEPINT, number), DWC2_EPINT_XFRC);
  reg_write(of(usb, DWC2_DOEPTSIZ, number),
            setups | packets << DWC2_TSIZ_PKTCNT_AT | packets * out->packet_max);
  enable(of(usb, DWC2_DOEPCTL, number), DWC2_EPCTL_CNAK);
}

static void in_ended(struct dwc2* usb, uint8_t number) {
  struct dwc2_transfer* in = &usb->in[number];
  if (!in->active) return;
  if (in->left > 0) {
    arm_in(usb, number);
    return;
  }
  in->active = false;
  tell_transfer(usb, USB_SENT, number | USB_IN, 0);
}

/* Of endpoint 0 a packet has ended, of the others all that was asked for or a short packet. */
static void out_ended(struct dwc2* usb, uint8_t number) {
  if (number >= DWC2_ENDPOINTS) return;
  struct dwc2_transfer* out = &usb->out[number];
  if (!out->active) return;
  if (number == 0 && out->left > 0 && out->done > 0 && out->done % out->packet_max == 0) {
    arm_out(usb, number);
    return;
  }
  out->active = false;
  tell_transfer(usb, USB_RECEIVED, number, out->done);
}

/* --- ending what runs */

static void stop_in(struct dwc2* usb, uint8_t number) {
  const uint32_t control = of(usb, DWC2_DIEPCTL, number);
  usb->in[number].active = false;
  usb->in[number].in_fifo = 0;
  if ((reg_read(control) & DWC2_EPCTL_EPENA) == 0) {
    reg_write(of(usb, DWC2_DIEPINT, number), DWC2_EPINT_XFRC); /* it may have just ended */
    return;
  }
  reg_set(control, DWC2_EPCTL_SNAK);
  reg_wait(of(usb, DWC2_DIEPINT, number), DWC2_DIEPINT_INEPNE, DWC2_DIEPINT_INEPNE, LOOKS);
  reg_set(control, DWC2_EPCTL_SNAK | DWC2_EPCTL_EPDIS);
  reg_wait(of(usb, DWC2_DIEPINT, number), DWC2_EPINT_EPDISD, DWC2_EPINT_EPDISD, LOOKS);
  reg_write(of(usb, DWC2_DIEPINT, number), DWC2_EPINT_EPDISD | DWC2_EPINT_XFRC);
  flush_send_fifo(usb, (uint32_t)number << DWC2_GRSTCTL_TXFNUM_AT);
}

static void receive_all(struct dwc2* usb);

/* An endpoint that receives is only disabled while all of them answer NAK, which takes effect when
 * what has been received before is read. */
static void stop_out(struct dwc2* usb, uint8_t number) {
  const uint32_t control = of(usb, DWC2_DOEPCTL, number);
  usb->out[number].active = false;
  if ((reg_read(control) & DWC2_EPCTL_EPENA) == 0) return;
  reg_set(at(usb, DWC2_DCTL), DWC2_DCTL_SGONAK);
  for (uint32_t i = 0; i < LOOKS; ++i) {
    const uint32_t status = reg_read(at(usb, DWC2_GINTSTS));
    if ((status & DWC2_GINT_GONAKEFF) != 0) break;
    if ((status & DWC2_GINT_RXFLVL) != 0) receive_all(usb);
  }
  /* What came in the meantime may have ended it. Endpoint 0 cannot be disabled. */
  if (number != 0 && (reg_read(control) & DWC2_EPCTL_EPENA) != 0) {
    reg_set(control, DWC2_EPCTL_SNAK | DWC2_EPCTL_EPDIS);
    reg_wait(of(usb, DWC2_DOEPINT, number), DWC2_EPINT_EPDISD, DWC2_EPINT_EPDISD, LOOKS);
    reg_write(of(usb, DWC2_DOEPINT, number), DWC2_EPINT_EPDISD);
  }
  reg_set(at(usb, DWC2_DCTL), DWC2_DCTL_CGONAK);
}

/* --- what happens on the bus */

/* The controller answers NAK to both directions from the SETUP on, and has lifted the stall. */
static void on_setup(struct dwc2* usb) {
  struct usb_bus_event event = {.kind = USB_SETUP};
  stop_in(usb, 0);
  usb->out[0].active = false;
  reg_write(of(usb, DWC2_DOEPTSIZ, 0),
            DWC2_TSIZ_STUPCNT_3 | 1u << DWC2_TSIZ_PKTCNT_AT | USB_CONTROL_PACKET);
  memcpy(event.setup, usb->setup, sizeof usb->setup);
  tell(usb, &event);
}

static void receive_one(struct dwc2* usb) {
  const uint32_t entry = reg_read(at(usb, DWC2_GRXSTSP));
  const uint8_t number = (uint8_t)(entry & DWC2_RX_ENDPOINT);
  const uint32_t size = entry >> DWC2_RX_SIZE_AT & DWC2_RX_SIZE;
  switch (entry >> DWC2_RX_KIND_AT & DWC2_RX_KIND) {
    case DWC2_RX_SETUP:
      for (uint32_t i = 0; i < size; i += 4) {
        const uint32_t word = reg_read(at(usb, DWC2_FIFO));
        if (i < USB_SETUP_SIZE) memcpy(usb->setup + i, &word, 4);
      }
      break;
    case DWC2_RX_SETUP_ENDED:
      on_setup(usb);
      break;
    case DWC2_RX_DATA:
      drain(usb, number, size);
      break;
    case DWC2_RX_ENDED:
      out_ended(usb, number);
      break;
    default: /* all endpoints answer NAK now */
      break;
  }
}

static void receive_all(struct dwc2* usb) {
  while ((reg_read(at(usb, DWC2_GINTSTS)) & DWC2_GINT_RXFLVL) != 0) receive_one(usb);
}

static void forget_all(struct dwc2* usb) {
  for (uint8_t i = 0; i < DWC2_ENDPOINTS; ++i) {
    usb->out[i].active = false;
    reg_set(of(usb, DWC2_DOEPCTL, i), DWC2_EPCTL_SNAK);
    stop_in(usb, i);
  }
  for (uint8_t i = 1; i < DWC2_ENDPOINTS; ++i) {
    stop_out(usb, i);
    reg_write(of(usb, DWC2_DIEPCTL, i), 0);
    reg_write(of(usb, DWC2_DOEPCTL, i), 0);
  }
}

static void on_reset(struct dwc2* usb) {
  forget_all(usb);
  flush_send_fifo(usb, DWC2_GRSTCTL_TXFNUM_ALL);
  flush_receive_fifo(usb);
  reg_change(at(usb, DWC2_DCFG), DWC2_DCFG_DAD, 0);
}

/* The clocks that an answer takes: the makers' figures for buses of 32 MHz or more. */
static void set_turnaround(struct dwc2* usb, bool high) {
  reg_change(at(usb, DWC2_GUSBCFG), DWC2_GUSBCFG_TRDT, (high ? 9u : 6u) << DWC2_GUSBCFG_TRDT_AT);
}

/* The speed is agreed on: endpoint 0 is there from now on, with packets of 64 bytes. */
static void on_enumerated(struct dwc2* usb) {
  const bool high = (reg_read(at(usb, DWC2_DSTS)) & DWC2_DSTS_ENUMSPD) == DWC2_DSTS_ENUMSPD_HIGH;
  set_turnaround(usb, high);
  usb->in[0].packet_max = usb->out[0].packet_max = USB_CONTROL_PACKET;
  reg_clear(of(usb, DWC2_DIEPCTL, 0), 3);
  reg_write(of(usb, DWC2_DOEPTSIZ, 0),
            DWC2_TSIZ_STUPCNT_3 | 1u << DWC2_TSIZ_PKTCNT_AT | USB_CONTROL_PACKET);
  const struct usb_bus_event event = {.kind = USB_RESET, .high_speed = high};
  tell(usb, &event);
}

static void clear_and_tell(struct dwc2* usb, uint32_t bit, uint8_t kind) {
  reg_write(at(usb, DWC2_GINTSTS), bit);
  const struct usb_bus_event event = {.kind = kind};
  tell(usb, &event);
}

/* What was sent before what was received: the answer to a SETUP ends before the next one comes. */
void dwc2_poll(struct dwc2* usb) {
  const uint32_t status = reg_read(at(usb, DWC2_GINTSTS));
  if ((status & DWC2_GINT_USBRST) != 0) {
    reg_write(at(usb, DWC2_GINTSTS), DWC2_GINT_USBRST);
    on_reset(usb);
  }
  if ((status & DWC2_GINT_ENUMDNE) != 0) {
    reg_write(at(usb, DWC2_GINTSTS), DWC2_GINT_ENUMDNE);
    on_enumerated(usb);
  }
  if ((status & DWC2_GINT_WKUPINT) != 0) clear_and_tell(usb, DWC2_GINT_WKUPINT, USB_RESUMED);
  for (uint8_t i = 0; i < DWC2_ENDPOINTS; ++i) {
    if ((status & DWC2_GINT_IEPINT) != 0 &&
        (reg_read(of(usb, DWC2_DIEPINT, i)) & DWC2_EPINT_XFRC) != 0) {
      reg_write(of(usb, DWC2_DIEPINT, i), DWC2_EPINT_XFRC);
      in_ended(usb, i);
    } else if (usb->in[i].in_fifo > 0) {
      fill(usb, i);
    }
  }
  if ((status & DWC2_GINT_RXFLVL) != 0) receive_all(usb);
  if ((status & DWC2_GINT_USBSUSP) != 0) clear_and_tell(usb, DWC2_GINT_USBSUSP, USB_SUSPENDED);
}

bool dwc2_is_filling(const struct dwc2* usb) {
  for (uint32_t i = 0; i < DWC2_ENDPOINTS; ++i) {
    if (usb->in[i].in_fifo > 0) return true;
  }
  return false;
}

/* --- struct usb_port */

static void port_connect(void* self, bool shown) {
  struct dwc2* usb = self;
  if (shown) {
    reg_clear(at(usb, DWC2_DCTL), DWC2_DCTL_SDIS);
  } else {
    reg_set(at(usb, DWC2_DCTL), DWC2_DCTL_SDIS);
    on_reset(usb);
  }
}

static void port_set_address(void* self, uint8_t address) {
  struct dwc2* usb = self;
  reg_change(at(usb, DWC2_DCFG), DWC2_DCFG_DAD, (uint32_t)address << DWC2_DCFG_DAD_AT);
}

static void port_open(void* self, uint8_t endpoint, uint16_t packet_max) {
  struct dwc2* usb = self;
  const uint8_t number = NUMBER(endpoint);
  if (number == 0 || number >= DWC2_ENDPOINTS) return;
  const uint32_t common =
      packet_max | DWC2_EPCTL_USBAEP | DWC2_EPCTL_EPTYP_BULK | DWC2_EPCTL_SD0PID | DWC2_EPCTL_SNAK;
  if ((endpoint & USB_IN) != 0) {
    stop_in(usb, number);
    usb->in[number].packet_max = packet_max;
    reg_write(of(usb, DWC2_DIEPCTL, number), common | (uint32_t)number << DWC2_EPCTL_TXFNUM_AT);
  } else {
    stop_out(usb, number);
    usb->out[number].packet_max = packet_max;
    reg_write(of(usb, DWC2_DOEPCTL, number), common);
  }
  reg_set(at(usb, DWC2_DAINTMSK), 1u << number);
}

static void port_close(void* self, uint8_t endpoint) {
  struct dwc2* usb = self;
  const uint8_t number = NUMBER(endpoint);
  if (number == 0 || number >= DWC2_ENDPOINTS) return;
  if ((endpoint & USB_IN) != 0) {
    stop_in(usb, number);
    reg_write(of(usb, DWC2_DIEPCTL, number), 0);
  } else {
    stop_out(usb, number);
    reg_write(of(usb, DWC2_DOEPCTL, number), 0);
  }
}

static void port_stall(void* self, uint8_t endpoint) {
  struct dwc2* usb = self;
  const uint8_t number = NUMBER(endpoint);
  if (number >= DWC2_ENDPOINTS) return;
  if (number == 0 || (endpoint & USB_IN) != 0) {
    stop_in(usb, number);
    reg_set(of(usb, DWC2_DIEPCTL, number), DWC2_EPCTL_STALL);
  }
  if (number == 0 || (endpoint & USB_IN) == 0) {
    stop_out(usb, number);
    reg_set(of(usb, DWC2_DOEPCTL, number), DWC2_EPCTL_STALL);
  }
}

static void port_unstall(void* self, uint8_t endpoint) {
  struct dwc2* usb = self;
  const uint8_t number = NUMBER(endpoint);
  if (number == 0 || number >= DWC2_ENDPOINTS) return;
  const uint32_t offset = (endpoint & USB_IN) != 0 ? DWC2_DIEPCTL : DWC2_DOEPCTL;
  reg_change(of(usb, offset, number), DWC2_EPCTL_STALL, DWC2_EPCTL_SD0PID);
}

static void port_send(void* self, uint8_t endpoint, const uint8_t* bytes, uint32_t size) {
  struct dwc2* usb = self;
  const uint8_t number = NUMBER(endpoint);
  if (number >= DWC2_ENDPOINTS) return;
  struct dwc2_transfer* in = &usb->in[number];
  in->send = bytes;
  in->left = size;
  in->active = true;
  arm_in(usb, number);
}

static void port_receive(void* self, uint8_t endpoint, uint8_t* bytes, uint32_t size) {
  struct dwc2* usb = self;
  if (endpoint >= DWC2_ENDPOINTS) return;
  struct dwc2_transfer* out = &usb->out[endpoint];
  out->receive = bytes;
  out->left = size;
  out->done = 0;
  out->active = true;
  arm_out(usb, endpoint);
}

/* --- the start */

static bool reset_core(struct dwc2* usb) {
  const uint32_t control = at(usb, DWC2_GRSTCTL);
  return reg_wait(control, DWC2_GRSTCTL_AHBIDL, DWC2_GRSTCTL_AHBIDL, LOOKS) &&
         (reg_set(control, DWC2_GRSTCTL_CSRST), true) &&
         reg_wait(control, DWC2_GRSTCTL_CSRST, 0, LOOKS) &&
         reg_wait(control, DWC2_GRSTCTL_AHBIDL, DWC2_GRSTCTL_AHBIDL, LOOKS);
}

/* The device has its supply from the bus, so VBUS is there, whatever its pin says. */
static void choose_transceiver(struct dwc2* usb) {
  if (usb->config.high_speed) {
    reg_change(at(usb, DWC2_GCCFG), DWC2_GCCFG_VBDEN,
               DWC2_GCCFG_VBVALEXTOEN | DWC2_GCCFG_VBVALOVAL);
  } else {
    reg_change(at(usb, DWC2_GCCFG), DWC2_GCCFG_VBDEN, DWC2_GCCFG_PWRDWN);
    reg_set(at(usb, DWC2_GOTGCTL), DWC2_GOTGCTL_BVALOEN | DWC2_GOTGCTL_BVALOVAL);
  }
}

bool dwc2_start(struct dwc2* usb, const struct dwc2_config* config, struct usb_device* device) {
  memset(usb, 0, sizeof *usb);
  usb->config = *config;
  usb->device = device;
  usb->port = (struct usb_port){
      .self = usb,
      .connect = port_connect,
      .set_address = port_set_address,
      .open = port_open,
      .close = port_close,
      .stall = port_stall,
      .unstall = port_unstall,
      .send = port_send,
      .receive = port_receive,
  };
  reg_write(at(usb, DWC2_GAHBCFG), 0);
  if (!config->high_speed) reg_set(at(usb, DWC2_GUSBCFG), DWC2_GUSBCFG_PHYSEL);
  if (!reset_core(usb)) return false;
  choose_transceiver(usb);
  reg_change(at(usb, DWC2_GUSBCFG), DWC2_GUSBCFG_FHMOD, DWC2_GUSBCFG_FDMOD);
  set_turnaround(usb, config->high_speed);
  if (!reg_wait(at(usb, DWC2_GINTSTS), DWC2_GINT_CMOD, 0, MODE_LOOKS)) return false;
  reg_write(at(usb, DWC2_PCGCCTL), 0);
  reg_set(at(usb, DWC2_DCTL), DWC2_DCTL_SDIS);
  reg_change(at(usb, DWC2_DCFG), DWC2_DCFG_DSPD,
             config->high_speed ? DWC2_DCFG_DSPD_HIGH : DWC2_DCFG_DSPD_FULL);
  divide_fifos(usb);
  flush_send_fifo(usb, DWC2_GRSTCTL_TXFNUM_ALL);
  flush_receive_fifo(usb);
  reg_write(at(usb, DWC2_DIEPMSK), DWC2_EPINT_XFRC);
  reg_write(at(usb, DWC2_DOEPMSK), 0);
  reg_write(at(usb, DWC2_DIEPEMPMSK), 0);
  reg_write(at(usb, DWC2_DAINTMSK), 1);
  reg_write(at(usb, DWC2_GINTSTS), UINT32_MAX);
  /* They only end the sleep of the main loop. */
  reg_write(at(usb, DWC2_GINTMSK), DWC2_GINT_RXFLVL | DWC2_GINT_USBSUSP | DWC2_GINT_USBRST |
                                       DWC2_GINT_ENUMDNE | DWC2_GINT_IEPINT | DWC2_GINT_WKUPINT);
  reg_write(at(usb, DWC2_GAHBCFG), DWC2_GAHBCFG_GINT);
  return true;
}
