// The USB controllers as a host meets them: what the bus needs, and what comes over it.
#include "usb_steps.h"

#define HS(offset) REG(0x40040000u + (offset))
#define STALL (1u << 21)
#define SD1PID (1u << 29)

RULE(usb_is_a_host, "OTG_FS: connected to the bus, but the controller is a host") {
  power();
  pins();
  start();
  GUSBCFG |= 1u << 29;
  connect();
}

RULE(usb_other_phy,
     "OTG_FS: connected to the bus, but GUSBCFG does not choose its own PHY (PHYSEL)") {
  power();
  pins();
  start();
  GUSBCFG &= ~(1u << 6);
  connect();
}

RULE(usb_transceiver_off,
     "OTG_FS: connected to the bus, but GCCFG keeps its transceiver off (PWRDWN)") {
  power();
  pins();
  start();
  GCCFG = 0;
  connect();
}

RULE(usb_without_vbus,
     "OTG_FS: connected to the bus, but neither GCCFG nor GOTGCTL says that VBUS is there") {
  power();
  pins();
  start();
  OTG(0x000u) &= ~(3u << 6);
  connect();
}

// --- the controller of high speed

static void power_hs(uint32_t regulators, bool crystal, uint32_t clocks) {
  run_fast();
  PWR_CSR2 |= regulators;
  if ((regulators & 1u << 24) != 0) {
    while ((PWR_CSR2 & 1u << 26) == 0) continue;
  }
  if (crystal) {
    RCC_CR |= RCC_HSEON;
    while ((RCC_CR & RCC_HSEON << 1) == 0) continue;
  }
  RCC_AHB1ENR |= clocks;
}

static void connect_hs(uint32_t gccfg) {
  HS(0x010u) = 1u;
  while ((HS(0x010u) & 1u) != 0) continue;
  HS(0x038u) = gccfg;
  HS(0x00cu) = (HS(0x00cu) & ~0x3c00u) | 1u << 30 | 9u << 10;
  HS(0x804u) &= ~2u;
}

#define HS_SUPPLY (1u << 24 | 1u << 27)
#define HS_CLOCKS (1u << 25 | 1u << 26)
#define HS_VBUS (1u << 23 | 1u << 24)

RULE(usb_hs_without_supply,
     "OTG_HS: connected to the bus, but PWR_CSR2 gives its PHY no supply (USB33DEN, USB33RDY, "
     "USBHSREGEN)") {
  power_hs(1u << 24, true, HS_CLOCKS);
  connect_hs(HS_VBUS);
}

RULE(usb_hs_phy_without_clock,
     "OTG_HS: connected to the bus, but its PHY has no clock from the bus in RCC") {
  power_hs(HS_SUPPLY, true, 1u << 25);
  connect_hs(HS_VBUS);
}

RULE(usb_hs_without_reference,
     "OTG_HS: connected to the bus, but its PHY's reference clock is not what USBREFCKSEL says") {
  power_hs(HS_SUPPLY, false, HS_CLOCKS);
  connect_hs(HS_VBUS);
}

RULE(usb_hs_without_vbus,
     "OTG_HS: connected to the bus, but GCCFG says nothing of VBUS (VBDEN, or the override)") {
  power_hs(HS_SUPPLY, true, HS_CLOCKS);
  connect_hs(0);
}

// --- endpoints and FIFOs

RULE(usb_fifo_half_written, "OTG_FS: a FIFO written in other than whole words") {
  begin();
  open_bulk();
  enable_in(4);
  HALF(0x40082000u) = 0;
}

RULE(usb_out_size_changed, "OTG_FS: DOEPTSIZ1 written while the endpoint is enabled") {
  begin();
  open_bulk();
  DOEPTSIZ(1) = PACKETS(1) | 64u;
  DOEPCTL(1) |= EPENA | CNAK;
  DOEPTSIZ(1) = 0;
}

RULE(usb_stops_what_is_not_receiving,
     "OTG_FS: EPDIS in DOEPCTL1 of an endpoint that is not enabled") {
  begin();
  open_bulk();
  DOEPCTL(1) |= EPDIS | SNAK;
}

RULE(usb_other_fifo, "OTG_FS: endpoint 81h is enabled with a FIFO that is not its own (TXFNUM)") {
  begin();
  open_bulk();
  DIEPCTL(1) |= 3u << 22;
  enable_in(4);
}

RULE(usb_in_no_packets,
     "OTG_FS: endpoint 81h is enabled for no packet, or for packets of no size") {
  begin();
  open_bulk();
  DIEPTSIZ(1) = 0;
  DIEPCTL(1) |= EPENA | CNAK;
}

RULE(usb_fifo_not_there, "OTG_FS: a FIFO written that is not there") {
  begin();
  FIFO(12) = 0;
}

RULE(usb_fifo_beyond_the_memory, "OTG_FS: a FIFO behind the end of their memory") {
  begin();
  DIEPTXF1 = 200u << 16 | 192u;
  open_bulk();
  enable_in(4);
}

// --- what the host sends

BOARD(usb_setups_not_read, "host-asks-again")
RULE(usb_setups_not_read, "OTG_FS: no room for a SETUP in the receive FIFO") {
  power();
  pins();
  start();
  GRXFSIZ = 16u;
  DIEPTXF0 = 64u << 16 | 128u;
  meet_the_host();
  for (uint32_t i = 0; i < 10u; ++i) {
    DIEPCTL(0) |= STALL;
    pause_us(3000);
  }
}

BOARD(usb_no_room_for_a_packet, "host-sends")
RULE(usb_no_room_for_a_packet, "OTG_FS: a receive FIFO that no packet of 64 bytes fits into") {
  power();
  pins();
  start();
  GRXFSIZ = 20u;
  meet_the_host();
  open_bulk();
  DOEPTSIZ(1) = PACKETS(1) | 64u;
  DOEPCTL(1) |= EPENA | CNAK;
  pause_us(30000);
}

static void expect_packet(uint32_t size, uint32_t more) {
  begin();
  open_bulk();
  DOEPTSIZ(1) = PACKETS(1) | size;
  DOEPCTL(1) |= EPENA | CNAK | more;
  pause_us(30000);
}

BOARD(usb_other_toggle, "host-sends")
RULE(usb_other_toggle,
     "OTG_FS: a packet to endpoint 01h with DATA0 where the controller expects the other: it is "
     "lost") {
  expect_packet(64u, SD1PID);
}

BOARD(usb_packet_too_long, "host-sends")
RULE(usb_packet_too_long,
     "OTG_FS: a packet of 64 bytes to endpoint 01h, which was set up for packets of 64 and has "
     "room for 32") {
  expect_packet(32u, 0);
}

BOARD(usb_status_with_data, "host-configures")
RULE(usb_status_with_data, "OTG_FS: a status stage that is not an empty packet with DATA1") {
  begin();
  take_setup();
  DIEPTSIZ(0) = PACKETS(1) | 4u;
  DIEPCTL(0) |= EPENA | CNAK;
  FIFO(0) = 0;
  pause_us(5000);
}
