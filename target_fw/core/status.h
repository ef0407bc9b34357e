/* How an operation ended. The values are those of bStatus in DFU 1.1, 6.1.2, so that what the flash
 * driver says is what the host reads. */
#ifndef GANGD_TARGET_FW_CORE_STATUS_H
#define GANGD_TARGET_FW_CORE_STATUS_H

enum dfu_status {
  DFU_OK = 0x00,
  DFU_ERR_TARGET = 0x01,
  DFU_ERR_FILE = 0x02,
  DFU_ERR_WRITE = 0x03,        /* could not be written: protected, or the bus failed */
  DFU_ERR_ERASE = 0x04,        /* the chip reported that the erase failed */
  DFU_ERR_CHECK_ERASED = 0x05, /* not blank after the erase */
  DFU_ERR_PROG = 0x06,         /* the chip reported that the program failed */
  DFU_ERR_VERIFY = 0x07,       /* read back, it is not what was written */
  DFU_ERR_ADDRESS = 0x08,      /* outside the memory */
  DFU_ERR_NOTDONE = 0x09,
  DFU_ERR_FIRMWARE = 0x0a,
  DFU_ERR_VENDOR = 0x0b, /* the chip did not end in time, or does not answer */
  DFU_ERR_USBR = 0x0c,
  DFU_ERR_POR = 0x0d,
  DFU_ERR_UNKNOWN = 0x0e,
  DFU_ERR_STALLEDPKT = 0x0f,
};

#endif
