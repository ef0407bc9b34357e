/* The DWC2 USB controller as a device: full speed with its own transceiver, or high speed. Polled,
 * through its FIFOs, without DMA. Implements struct usb_port.
 *
 * The chip's port has switched on its clocks and its supply before. */
#ifndef GANGD_TARGET_FW_MCU_DWC2_H
#define GANGD_TARGET_FW_MCU_DWC2_H

#include <stdbool.h>
#include <stdint.h>

#include "target_fw/core/usb_device.h"
#include "target_fw/port.h"

#define DWC2_ENDPOINTS 2 /* numbers 0 and 1, in each direction */

struct dwc2_config {
  uint32_t base;
  bool high_speed; /* the transceiver is one for high speed */
  /* Words of the memory for FIFOs: for all that is received, and for each endpoint that sends. */
  uint16_t receive_words;
  uint16_t send_words[DWC2_ENDPOINTS];
};

/* One direction of one endpoint. */
struct dwc2_transfer {
  const uint8_t* send;
  uint8_t* receive;
  uint32_t left;    /* bytes not in the FIFO yet, or not received */
  uint32_t done;    /* bytes received */
  uint32_t in_fifo; /* of the part that the controller was told of: bytes still to be put there */
  uint16_t packet_max;
  bool active;
};

struct dwc2 {
  struct usb_port port;
  struct dwc2_config config;
  struct usb_device* device;
  struct dwc2_transfer in[DWC2_ENDPOINTS];
  struct dwc2_transfer out[DWC2_ENDPOINTS];
  uint8_t setup[USB_SETUP_SIZE];
};

/* Starts the controller, hidden from the bus. Events go to `device`. False: it does not answer. */
bool dwc2_start(struct dwc2* usb, const struct dwc2_config* config, struct usb_device* device);
/* Tells what happened since the last time, and goes on with what is sent. */
void dwc2_poll(struct dwc2* usb);
/* Whether it must be polled although nothing interrupts: a FIFO waits to be filled. */
bool dwc2_is_filling(const struct dwc2* usb);

#endif
