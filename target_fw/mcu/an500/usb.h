/* A USB device controller without wires: the host's transfers lie in shared memory, and are cut
 * into packets here. It forgives nothing, and counts. */
#ifndef GANGD_TARGET_FW_MCU_AN500_USB_H
#define GANGD_TARGET_FW_MCU_AN500_USB_H

#include <stdbool.h>
#include <stdint.h>

#include "target_fw/core/usb_device.h"
#include "target_fw/port.h"

struct usb_wire_endpoint {
  bool open;
  bool stalled;
  bool armed;
  uint16_t packet_max;
  const uint8_t* send;
  uint8_t* receive;
  uint32_t size;
  uint32_t done;
};

enum usb_wire_stage { WIRE_SETUP, WIRE_DATA, WIRE_STATUS };

struct usb_wire {
  struct usb_device* device;
  struct usb_wire_endpoint in[USB_ENDPOINTS_MAX];
  struct usb_wire_endpoint out[USB_ENDPOINTS_MAX];
  enum usb_wire_stage stage;
  uint32_t resets;
};

struct usb_port usb_wire_port(struct usb_wire* wire, struct usb_device* device);

/* Moves at most one packet on each endpoint. True: something has moved. */
bool usb_wire_step(struct usb_wire* wire);

#endif
