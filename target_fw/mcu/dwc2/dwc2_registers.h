/* Registers of the DWC2 USB controller as a device, as offsets from its base, and their bits.
 * Figures: CMSIS headers of the STM32 devices. */
#ifndef GANGD_TARGET_FW_MCU_DWC2_REGISTERS_H
#define GANGD_TARGET_FW_MCU_DWC2_REGISTERS_H

enum {
  DWC2_GOTGCTL = 0x000,
  DWC2_GAHBCFG = 0x008,
  DWC2_GUSBCFG = 0x00c,
  DWC2_GRSTCTL = 0x010,
  DWC2_GINTSTS = 0x014,
  DWC2_GINTMSK = 0x018,
  DWC2_GRXSTSP = 0x020,
  DWC2_GRXFSIZ = 0x024,
  DWC2_DIEPTXF0 = 0x028,
  DWC2_GCCFG = 0x038,
  DWC2_DIEPTXF1 = 0x104, /* of endpoint 1; each further one 4 behind */
  DWC2_DCFG = 0x800,
  DWC2_DCTL = 0x804,
  DWC2_DSTS = 0x808,
  DWC2_DIEPMSK = 0x810,
  DWC2_DOEPMSK = 0x814,
  DWC2_DAINT = 0x818,
  DWC2_DAINTMSK = 0x81c,
  DWC2_DIEPEMPMSK = 0x834,
  /* Of endpoint 0; each further one 0x20 behind. */
  DWC2_DIEPCTL = 0x900,
  DWC2_DIEPINT = 0x908,
  DWC2_DIEPTSIZ = 0x910,
  DWC2_DTXFSTS = 0x918,
  DWC2_DOEPCTL = 0xb00,
  DWC2_DOEPINT = 0xb08,
  DWC2_DOEPTSIZ = 0xb10,
  DWC2_ENDPOINT_STEP = 0x20,
  DWC2_PCGCCTL = 0xe00,
  DWC2_FIFO = 0x1000, /* of endpoint 0, which is also where all is received */
  DWC2_FIFO_STEP = 0x1000,
};

#define DWC2_GOTGCTL_BVALOEN (1u << 6)
#define DWC2_GOTGCTL_BVALOVAL (1u << 7)
#define DWC2_GAHBCFG_GINT (1u << 0)
#define DWC2_GUSBCFG_PHYSEL (1u << 6)
#define DWC2_GUSBCFG_TRDT_AT 10
#define DWC2_GUSBCFG_TRDT (0xfu << 10)
#define DWC2_GUSBCFG_FHMOD (1u << 29)
#define DWC2_GUSBCFG_FDMOD (1u << 30)
#define DWC2_GRSTCTL_CSRST (1u << 0)
#define DWC2_GRSTCTL_RXFFLSH (1u << 4)
#define DWC2_GRSTCTL_TXFFLSH (1u << 5)
#define DWC2_GRSTCTL_TXFNUM_AT 6
#define DWC2_GRSTCTL_TXFNUM_ALL (0x10u << 6)
#define DWC2_GRSTCTL_AHBIDL (1u << 31)
#define DWC2_GINT_CMOD (1u << 0)
#define DWC2_GINT_RXFLVL (1u << 4)
#define DWC2_GINT_GONAKEFF (1u << 7)
#define DWC2_GINT_USBSUSP (1u << 11)
#define DWC2_GINT_USBRST (1u << 12)
#define DWC2_GINT_ENUMDNE (1u << 13)
#define DWC2_GINT_IEPINT (1u << 18)
#define DWC2_GINT_WKUPINT (1u << 31)
#define DWC2_GCCFG_PWRDWN (1u << 16)      /* full speed: 1 is power on */
#define DWC2_GCCFG_VBDEN (1u << 21)       /* looks at VBUS */
#define DWC2_GCCFG_VBVALOVAL (1u << 23)   /* high speed: VBUS is there ... */
#define DWC2_GCCFG_VBVALEXTOEN (1u << 24) /* ... whatever the pin says */
#define DWC2_DCFG_DSPD_FULL 3u
#define DWC2_DCFG_DSPD_HIGH 0u
#define DWC2_DCFG_DSPD 3u
#define DWC2_DCFG_DAD_AT 4
#define DWC2_DCFG_DAD (0x7fu << 4)
#define DWC2_DCTL_SDIS (1u << 1)
#define DWC2_DCTL_SGONAK (1u << 9)
#define DWC2_DCTL_CGONAK (1u << 10)
#define DWC2_DSTS_ENUMSPD (3u << 1)
#define DWC2_DSTS_ENUMSPD_HIGH (0u << 1)
#define DWC2_EPINT_XFRC (1u << 0)
#define DWC2_EPINT_EPDISD (1u << 1)
#define DWC2_DIEPINT_INEPNE (1u << 6)
#define DWC2_EPCTL_USBAEP (1u << 15)
#define DWC2_EPCTL_EPTYP_BULK (2u << 18)
#define DWC2_EPCTL_STALL (1u << 21)
#define DWC2_EPCTL_TXFNUM_AT 22
#define DWC2_EPCTL_CNAK (1u << 26)
#define DWC2_EPCTL_SNAK (1u << 27)
#define DWC2_EPCTL_SD0PID (1u << 28)
#define DWC2_EPCTL_EPDIS (1u << 30)
#define DWC2_EPCTL_EPENA (1u << 31)
#define DWC2_TSIZ_PKTCNT_AT 19
#define DWC2_TSIZ_STUPCNT_3 (3u << 29)
#define DWC2_DTXFSTS_WORDS 0xffffu

/* What GRXSTSP gives. */
#define DWC2_RX_ENDPOINT 0xfu
#define DWC2_RX_SIZE_AT 4
#define DWC2_RX_SIZE 0x7ffu
#define DWC2_RX_KIND_AT 17
#define DWC2_RX_KIND 0xfu
enum { DWC2_RX_DATA = 2, DWC2_RX_ENDED = 3, DWC2_RX_SETUP_ENDED = 4, DWC2_RX_SETUP = 6 };

#endif
