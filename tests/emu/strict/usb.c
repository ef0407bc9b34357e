// The USB controller of full speed: its FIFOs and endpoints.
#include "usb_steps.h"

RULE(usb_without_supply,
     "OTG_FS: connected to the bus, but PWR_CSR2 gives its PHY no supply (USB33DEN, USB33RDY)") {
  power();
  pins();
  start();
  PWR_CSR2 &= ~(1u << 24);
  connect();
}

RULE(usb_without_clock, "OTG_FS: connected to the bus, but its clock is not of 48 MHz") {
  power();
  RCC_CR &= ~RCC_HSI48ON;
  pins();
  start();
  connect();
}

RULE(usb_without_pins, "OTG_FS: connected to the bus, but pin 11 of GPIOM is not connected to it") {
  power();
  RCC_AHB4ENR |= 1u << 12;
  start();
  connect();
}

RULE(usb_too_early_after_reset,
     "OTG_FS: an access at offset 38h before CSRST in GRSTCTL has ended") {
  power();
  pins();
  GRSTCTL = 1u;
  GCCFG = 1u << 16;
}

RULE(usb_turnaround, "OTG_FS: TRDT in GUSBCFG is 5 at full speed") {
  power();
  pins();
  start();
  GUSBCFG = (GUSBCFG & ~0x3c00u) | 5u << 10;
  meet_the_host();
  take_setup();
}

RULE(usb_wrong_address, "OTG_FS: the host calls address 0, DCFG has 5") {
  begin();
  DCFG |= 5u << 4;
  take_setup();
}

RULE(usb_no_room, "OTG_FS: a FIFO of less than 16 words") {
  power();
  pins();
  start();
  GRXFSIZ = 4u;
  meet_the_host();
  take_setup();
}

RULE(usb_register_of_a_host, "OTG_FS: a read at offset 440h, where no register is") {
  power();
  (void)OTG(0x440u);
}

RULE(usb_nothing_received, "OTG_FS: GRXSTSP read while nothing is received") {
  begin();
  (void)GRXSTSP;
}

RULE(usb_fifo_read_for_nothing, "OTG_FS: the receive FIFO read behind the end of a packet") {
  begin();
  (void)FIFO(0);
}

RULE(usb_packet_not_read, "OTG_FS: GRXSTSP read while 1 words of the packet before are unread") {
  begin();
  wait_for(RXFLVL);
  (void)GRXSTSP;
  (void)FIFO(0);
  (void)GRXSTSP;
}

RULE(usb_fifo_half_read, "OTG_FS: a FIFO read in other than whole words") {
  begin();
  wait_for(RXFLVL);
  (void)GRXSTSP;
  (void)HALF(0x40081000u);
}

RULE(usb_fifo_without_transfer, "OTG_FS: FIFO 1 written while its endpoint is not enabled") {
  begin();
  open_bulk();
  FIFO(1) = 0;
}

RULE(usb_fifo_too_much, "OTG_FS: more written to FIFO 1 than DIEPTSIZ announces") {
  begin();
  open_bulk();
  enable_in(4);
  FIFO(1) = 0;
  FIFO(1) = 0;
}

RULE(usb_fifo_full, "OTG_FS: FIFO 1 written while it is full") {
  power();
  pins();
  start();
  DIEPTXF1 = 16u << 16 | 192u;
  meet_the_host();
  open_bulk();
  DIEPTSIZ(1) = PACKETS(2) | 128u;
  DIEPCTL(1) |= EPENA | CNAK;
  for (uint32_t i = 0; i < 17; ++i) FIFO(1) = i;
}

RULE(usb_fifos_overlap, "OTG_FS: FIFOs that overlap") {
  begin();
  DIEPTXF1 = 100u << 16 | 100u;
  open_bulk();
  enable_in(4);
}

RULE(usb_size_changed, "OTG_FS: DIEPTSIZ1 written while the endpoint is enabled") {
  begin();
  open_bulk();
  enable_in(4);
  DIEPTSIZ(1) = 0;
}

RULE(usb_counts, "OTG_FS: endpoint 81h is enabled with a packet count that does not fit its size") {
  begin();
  open_bulk();
  enable_in(65);
}

RULE(usb_no_packets, "OTG_FS: endpoint 01h is enabled for no packet") {
  begin();
  open_bulk();
  DOEPCTL(1) |= EPENA | CNAK;
}

RULE(usb_endpoint_closed, "OTG_FS: endpoint 81h is enabled without USBAEP") {
  begin();
  enable_in(4);
}

RULE(usb_stopped_without_nak, "OTG_FS: EPDIS in DIEPCTL1 without NAK (SNAK) before it") {
  begin();
  open_bulk();
  enable_in(4);
  DIEPCTL(1) |= EPDIS;
}

RULE(usb_nothing_sent_at_once,
     "OTG_FS: the NAK of endpoint 81h lifted less than 15 clocks of the bus after it was enabled "
     "for a packet of no bytes (ES0596 2.21.3)") {
  begin();
  open_bulk();
  enable_in(0);
}

RULE(usb_nothing_sent_too_early,
     "OTG_FS: the NAK of endpoint 81h lifted less than 15 clocks of the bus after it was enabled "
     "for a packet of no bytes (ES0596 2.21.3)") {
  begin();
  open_bulk();
  DIEPTSIZ(1) = PACKETS(1);
  DIEPCTL(1) |= EPENA | SNAK;
  DIEPCTL(1) |= CNAK;
}

ALLOWED(usb_nothing_sent) {
  begin();
  open_bulk();
  DIEPTSIZ(1) = PACKETS(1);
  DIEPCTL(1) |= EPENA | SNAK;
  pause_us(1);
  DIEPCTL(1) |= CNAK;
}

RULE(usb_old_data, "OTG_FS: endpoint 81h is enabled while its FIFO still holds an older transfer") {
  begin();
  open_bulk();
  enable_in(4);
  FIFO(1) = 0;
  DIEPCTL(1) |= SNAK;
  DIEPCTL(1) |= EPDIS;
  enable_in(8);
}

RULE(usb_stops_what_is_not_sending,
     "OTG_FS: EPDIS in DIEPCTL1 of an endpoint that is not enabled") {
  begin();
  open_bulk();
  DIEPCTL(1) |= EPDIS | SNAK;
}

RULE(usb_stops_the_first, "OTG_FS: EPDIS in DOEPCTL0: it cannot be disabled") {
  begin();
  DOEPCTL(0) |= EPENA | CNAK;
  DOEPCTL(0) |= EPDIS;
}

RULE(usb_wrong_toggle,
     "OTG_FS: a packet of endpoint 80h with DATA0 where the host expects DATA1: it takes it for a "
     "repetition") {
  begin();
  take_setup();
  DIEPCTL(0) |= 1u << 28;
  DIEPTSIZ(0) = PACKETS(1) | 8u;
  DIEPCTL(0) |= EPENA | CNAK;
  FIFO(0) = 0;
  FIFO(0) = 0;
  pause_us(5000);
}

RULE(usb_access_size, "OTG_FS: a write of 1 bytes at offset 8h of GAHBCFG") {
  power();
  BYTE(0x40080008u) = 0;
}

RULE(usb_with_dma, "OTG_FS: its DMA is not modelled") {
  power();
  GAHBCFG = 1u << 5;
}
