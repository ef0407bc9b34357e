/* USB Device Firmware Upgrade 1.1 in DFU mode, with the commands that DfuSe adds (bcdDFUVersion
 * 0x011A): the state machine between the host's requests and the memories.
 *
 * Each alternate setting is one memory. GETSTATUS and GETSTATE are answered in every state. */
#ifndef GANGD_TARGET_FW_CORE_DFU_H
#define GANGD_TARGET_FW_CORE_DFU_H

#include <stdbool.h>
#include <stdint.h>

#include "target_fw/core/flash_job.h"
#include "target_fw/core/memory.h"
#include "target_fw/core/status.h"
#include "target_fw/core/usb_device.h"
#include "target_fw/port.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DFU_BLOCK_MAX FLASH_BLOCK_MAX /* wTransferSize; Linux passes no more in one request */
#define DFU_STATUS_SIZE 6
/* iString of a status other than OK: the index of its text in words. */
#define DFU_STATUS_STRING 0x10
/* From the GETSTATUS that says dfuMANIFEST until the device goes: the host ends that request. */
#define DFU_LEAVE_MS 50

/* bState (DFU 1.1, 6.1.2). */
enum dfu_state {
  DFU_APP_IDLE,
  DFU_APP_DETACH,
  DFU_IDLE,
  DFU_DNLOAD_SYNC,
  DFU_DNBUSY,
  DFU_DNLOAD_IDLE,
  DFU_MANIFEST_SYNC,
  DFU_MANIFEST,
  DFU_MANIFEST_WAIT_RESET,
  DFU_UPLOAD_IDLE,
  DFU_ERROR,
  DFU_STATES,
};

/* bRequest (DFU 1.1, 3). */
enum dfu_request {
  DFU_DETACH,
  DFU_DNLOAD,
  DFU_UPLOAD,
  DFU_GETSTATUS,
  DFU_CLRSTATUS,
  DFU_GETSTATE,
  DFU_ABORT,
  DFU_REQUESTS,
};

/* How to start the firmware that was written. Constant; outlives the device. */
struct dfu_leave {
  void* self;
  /* Whether what is at `address` can be started; if not, what the host is told. */
  enum dfu_status (*check)(void* self, uint32_t address);
  /* Starts it, while the device is hidden from the bus. If it returns, the device shows itself
   * again. */
  void (*jump)(void* self, uint32_t address);
  const struct flash_voucher* voucher; /* NULL: it starts whatever passes the check */
};

struct dfu {
  const struct clock_port* clock;
  const struct memory* memories;
  uint8_t memories_count;
  const struct dfu_leave* leave; /* NULL: there is nothing to start, the device stays */

  enum dfu_state state;
  enum dfu_status status;
  uint8_t alternate;
  uint16_t block; /* wValue of the download that is being received */
  bool manifested;
  uint32_t manifest_us; /* when dfuMANIFEST began */
  uint8_t reply[DFU_STATUS_SIZE];
  struct flash_job job;
};

void dfu_init(struct dfu* dfu, const struct clock_port* clock, const struct memory* memories,
              uint8_t memories_count, const struct dfu_leave* leave);

/* What the USB device calls. */
struct usb_interface dfu_interface(struct dfu* dfu);

/* Goes on with what runs. Returns in how many microseconds it should be called again. */
uint32_t dfu_poll(struct dfu* dfu);

/* Whether it is time to hide the device and jump to dfu->job.pointer. */
bool dfu_is_leaving(const struct dfu* dfu);

/* The device has come back from the jump: dfuIDLE. */
void dfu_stay(struct dfu* dfu);

#ifdef __cplusplus
}
#endif

#endif
