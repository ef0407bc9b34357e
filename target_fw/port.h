/* What a chip provides to the core: a clock, a USB device controller, a serial-flash controller.
 * Each is a table of functions and a `self`, so that a test runs many devices in one process.
 *
 * The core calls these from its poll functions only, never from an interrupt. None may block for
 * longer than it says; none may call back into the core.
 *
 * A chip may also bring its own sha256_blocks() (core/sha256.h): a Cortex-M3, M4 or M7 has that of
 * mcu/armv7m/sha256_blocks.S. It, crc32c.c, blank.c and swap_pairs.c belong, with what they read,
 * in memory without wait states; with such their cost is counted (tests/bench/cycles). */
#ifndef GANGD_TARGET_FW_PORT_H
#define GANGD_TARGET_FW_PORT_H

#include <stdbool.h>
#include <stdint.h>

/* Microseconds since power-on; wraps. Differences up to half an hour are meant. Some 10 cycles. */
struct clock_port {
  void* self;
  uint32_t (*now_us)(void* self);
};

/* USB device controller.
 *
 * An endpoint is named by its address: bit 7 is set for IN. What happens on the bus is told through
 * usb_event() of core/usb_device.h, which may be called from an interrupt; in the order of the bus,
 * even if the controller finds several things at once. All functions only write registers, except
 * that send() may copy into a FIFO.
 *
 * A SETUP is taken at any time. It ends what endpoint 0 was told to send or to receive and lifts
 * its stall; a bus reset does so on all endpoints, and closes those but 0. The core may ask
 * something of them until it has heard of that; such a transfer never ends. */
struct usb_port {
  void* self;
  /* Shows the device to the host (pull-up), or hides it. */
  void (*connect)(void* self, bool shown);
  /* From the status stage of SET_ADDRESS on. Called before that stage is sent. */
  void (*set_address)(void* self, uint8_t address);
  /* A bulk endpoint becomes usable: its toggle is reset, its halt cleared. Endpoint 0 always is. */
  void (*open)(void* self, uint8_t endpoint, uint16_t packet_max);
  /* It answers nothing more; a transfer on it is forgotten. */
  void (*close)(void* self, uint8_t endpoint);
  /* Answers STALL until unstall(); for endpoint 0, both directions until the next SETUP. */
  void (*stall)(void* self, uint8_t endpoint);
  void (*unstall)(void* self, uint8_t endpoint);
  /* Starts a transfer of `size` bytes, in packets; 0 is one empty packet. `bytes` stays untouched
   * until USB_SENT. One at a time on an endpoint. */
  void (*send)(void* self, uint8_t endpoint, const uint8_t* bytes, uint32_t size);
  /* Ready to receive up to `size` bytes: USB_RECEIVED comes when they are there, or at a short
   * packet. For endpoint 0 the core asks for the size that the SETUP announced; 0 is the status
   * stage of a control read. */
  void (*receive)(void* self, uint8_t endpoint, uint8_t* bytes, uint32_t size);
};

/* Lanes and edges of one phase of a flash command. */
enum xspi_lanes { XSPI_NONE = 0, XSPI_1 = 1, XSPI_2 = 2, XSPI_4 = 4, XSPI_8 = 8 };

struct xspi_phase {
  uint8_t lanes; /* enum xspi_lanes; XSPI_NONE: the phase is left out */
  bool ddr;      /* both clock edges (DTR) */
};

/* One command on the serial-flash bus: instruction, address, dummy cycles, data. */
struct xspi_command {
  struct xspi_phase instruction_phase;
  struct xspi_phase address_phase;
  struct xspi_phase data_phase;
  uint16_t instruction;     /* 16 bits in octal modes: the code, then its extension */
  uint8_t instruction_size; /* bytes: 1 or 2 */
  uint8_t address_size;     /* bytes: 3 or 4 */
  uint8_t dummy_cycles;
  uint32_t address;
  uint8_t* read;        /* filled from the chip, or NULL */
  const uint8_t* write; /* sent to the chip, or NULL; not both */
  uint32_t size;
};

/* How a chip is seen in the memory map, by a program that runs in place. */
struct xspi_map {
  struct xspi_command read; /* but for its address, its size and its bytes */
  uint32_t size;            /* of the chip, or of the pair */
  bool
      swapped; /* of each two bytes the chip sends the second first; in the map they are in order */
  uint32_t hz_max;
};

/* Serial-flash controller. */
struct xspi_port {
  void* self;
  /* Runs one command and returns when the bus is idle again; takes as long as its clocks do: some
   * 100 us for 4096 bytes on four lanes at 80 MHz. False: the controller failed (time-out). */
  bool (*run)(void* self, const struct xspi_command* command);
  /* The same of a command that reads, by DMA: begin_read() returns while the bus works, end_read()
   * waits for it, and nothing else is asked of the bus in between. Both NULL: it cannot. */
  bool (*begin_read)(void* self, const struct xspi_command* command);
  bool (*end_read)(void* self);
  /* Reads from the memory map, where the chip stays until something else is asked of the bus; that
   * finds the clock as set_clock() has left it. False as with run(). NULL: there is no map. */
  bool (*read_mapped)(void* self, const struct xspi_map* map, uint32_t address, uint8_t* bytes,
                      uint32_t size);
  /* The fastest clock allowed from now on, in Hz; the chip's own limit in its present mode. */
  void (*set_clock)(void* self, uint32_t hz_max);
  /* How many data lanes the board has wired: 1, 2, 4 or 8. */
  uint8_t lanes_max;
  /* Two equal chips side by side, driven as one (dual-flash mode of the controller): each has half
   * of the lanes and every second byte, the first chip those at even addresses. A command goes to
   * both: its phases name the lanes of one chip, its address and size are even and those of the
   * pair, of which each chip gets half. What is read from a register is a byte of each chip in
   * turn. */
  bool dual;
};

#endif
