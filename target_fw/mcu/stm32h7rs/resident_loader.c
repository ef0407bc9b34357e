/* The resident loader: the first 40 KB of the flash. Boots the application, or stays in DFU. */
#include <stddef.h>
#include <string.h>

#include "target_fw/boot/boot.h"
#include "target_fw/mcu/armv7m/armv7m.h"
#include "target_fw/mcu/startup/startup.h"
#include "target_fw/mcu/stm32h7rs/boot_flag.h"
#include "target_fw/mcu/stm32h7rs/clocks.h"
#include "target_fw/mcu/stm32h7rs/loader.h"
#include "target_fw/mcu/stm32h7rs/pins.h"
#include "target_fw/mcu/stm32h7rs/registers.h"

#define OWN_SIZE 0xa000u /* five sectors, which no host may touch */
#define COUNTER_ADDRESS (INTERNAL_FLASH + INTERNAL_FLASH_SIZE - FLASH_SECTOR)
#define NOR_TRIES 2u
#define WINDOW_SIZE 0x10000000u
#define PSRAM_WINDOW_OF(board) ((board)->psram.controller == 1 ? XSPI1_WINDOW : XSPI2_WINDOW)

enum {
  RANGE_NOR,
  RANGE_FLASH,
  RANGE_ITCM,
  RANGE_DTCM,
  RANGE_AXI_1,
  RANGE_AXI_2,
  RANGE_AXI_3,
  RANGE_AHB,
  RANGE_PSRAM,
  RANGES
};
static struct boot_range ranges[RANGES];
static struct boot_rules rules;
static bool decides; /* or has decided */

/* Started by a reset, or by another loader. */
void startup_early(void) {
  arm_quiet();
  arm_caches_off();
  arm_mpu_off();
}

/* The next start is to know that this one was no restart which somebody asked for. */
void startup_fault(void) {
  boot_flag_start();
  boot_flag_set(decides ? BOOT_FLAG_FAULT : BOOT_FLAG_EARLY_FAULT);
  arm_reset();
}

/* --- what boot.h wants of a chip */

/* An option bit may have started the watchdog, and a large image takes longer to hash than that
 * waits. A read that does not end is still its. */
static void feed_watchdog(void) {
  reg_write(IWDG_KR, IWDG_KEY_RELOAD);
}

static bool port_read(void* self, uint32_t address, uint8_t* bytes, uint32_t size) {
  (void)self;
  feed_watchdog();
  return loader_read(address, bytes, size);
}

/* What runs in place from the external flash is hashed in the mode and with the clock that it will
 * run in: pads that manage one may not manage the other. */
static bool read_to_hash(uint32_t address, uint8_t* bytes, uint32_t size) {
  feed_watchdog();
  if (loader.has_nor && address - loader.nor_bus.window < WINDOW_SIZE)
    return loader_read_booted(address, bytes, size);
  if (address - INTERNAL_FLASH < INTERNAL_FLASH_SIZE) return loader_read(address, bytes, size);
  memcpy(bytes, (const uint8_t*)(uintptr_t)address, size);
  return true;
}

static bool port_sha256(void* self, uint32_t address, uint32_t size, uint8_t digest[SHA256_SIZE]) {
  (void)self;
  struct sha256 hash;
  uint8_t bytes[BOOT_PIECE_MAX];
  sha256_begin(&hash);
  while (size > 0) {
    const uint32_t piece = size < sizeof bytes ? size : (uint32_t)sizeof bytes;
    if (!read_to_hash(address, bytes, piece)) return false;
    sha256_update(&hash, bytes, piece);
    address += piece;
    size -= piece;
  }
  sha256_end(&hash, digest);
  return true;
}

static uint8_t* port_ram(void* self, uint32_t address, uint32_t size) {
  (void)self, (void)size;
  return (uint8_t*)(uintptr_t)address;
}

static bool port_program(void* self, uint32_t address, const uint8_t* bytes) {
  (void)self;
  return flash_program(address, bytes);
}

static uint32_t port_load_marker(void* self) {
  (void)self;
  return boot_marker_load();
}

static void port_store_marker(void* self, uint32_t marker) {
  (void)self;
  boot_marker_store(marker);
}

static const struct boot_port port = {
    .read = port_read,
    .sha256 = port_sha256,
    .ram = port_ram,
    .program = port_program,
    .load_marker = port_load_marker,
    .store_marker = port_store_marker,
};

/* --- the rules of this board */

/* How much a TCM has; 64 KB come with it, up to 128 KB of the AXI SRAM may have been added. */
static uint32_t tcm_size(uint32_t share) {
  return share == 1 || share == 2 ? DTCM_SIZE * (1 + share) : DTCM_SIZE;
}

static void set_range(uint32_t number, uint32_t address, uint32_t size, uint8_t uses) {
  ranges[number] = (struct boot_range){.address = address, .size = size, .uses = uses};
}

/* The loader's own RAM, AXI SRAM2, takes no copies, but it is free when the image starts. */
static void make_rules(void) {
  const uint32_t options = reg_read(FLASH_OBW2SR);
  const uint32_t itcm = tcm_size(options & FLASH_OBW2_ITCM_AXI_SHARE);
  const uint32_t dtcm =
      tcm_size((options & FLASH_OBW2_DTCM_AXI_SHARE) >> FLASH_OBW2_DTCM_AXI_SHARE_AT);
  const bool release = board.keys_count > 0;
  const uint32_t flash_end = release ? COUNTER_ADDRESS : INTERNAL_FLASH + INTERNAL_FLASH_SIZE;
  const uint8_t flash_uses = BOOT_HOLDS_IMAGES | BOOT_RUNS_IN_PLACE;
  const uint8_t ram_uses = BOOT_TAKES_COPIES | BOOT_TAKES_STACKS;
  if (loader.has_nor) {
    set_range(RANGE_NOR, loader.nor.config.address, loader.nor.part.size, flash_uses);
  }
  set_range(RANGE_FLASH, INTERNAL_FLASH + OWN_SIZE, flash_end - INTERNAL_FLASH - OWN_SIZE,
            flash_uses);
  set_range(RANGE_ITCM, 0, itcm, BOOT_TAKES_COPIES);
  set_range(RANGE_DTCM, DTCM, dtcm, ram_uses);
  if (itcm == DTCM_SIZE) set_range(RANGE_AXI_1, AXI_SRAM, 0x20000, ram_uses);
  set_range(RANGE_AXI_2, AXI_SRAM + 0x20000, 0x20000, BOOT_TAKES_STACKS);
  set_range(RANGE_AHB, AHB_SRAM, AHB_SRAM_SIZE, BOOT_TAKES_STACKS);
  if (dtcm == DTCM_SIZE) set_range(RANGE_AXI_3, AXI_SRAM + 0x40000, 0x32000, ram_uses);
  if (loader.has_psram) {
    set_range(RANGE_PSRAM, PSRAM_WINDOW_OF(&board), board.psram_size, BOOT_TAKES_STACKS);
  }
  rules = (struct boot_rules){
      .board = board.name,
      .header_address = board.header_address,
      .ranges = ranges,
      .ranges_count = RANGES,
      .keys = board.keys,
      .keys_count = board.keys_count,
      .counter_address = COUNTER_ADDRESS,
      .counter_size = release ? FLASH_SECTOR : 0,
      .faults_max = BOOT_FAULTS_MAX,
      .restarts_max = BOOT_RESTARTS_MAX,
  };
}

static enum boot_cause cause_of(uint32_t flags, bool own_fault) {
  if ((flags & (BOOT_RESET_POWER | BOOT_RESET_BROWN_OUT)) != 0) return BOOT_BY_POWER;
  if (own_fault || (flags & (BOOT_RESET_IWDG | BOOT_RESET_WWDG | BOOT_RESET_LOW_POWER)) != 0) {
    return BOOT_BY_FAULT;
  }
  return (flags & BOOT_RESET_SOFTWARE) != 0 ? BOOT_BY_RESTART : BOOT_BY_PIN;
}

/* --- leaving: through a reset, which decides anew */

static enum dfu_status check(void* self, uint32_t address) {
  (void)self, (void)address;
  struct boot_image image;
  return boot_dfu_status(boot_check(&rules, &port, &image));
}

static void jump(void* self, uint32_t address) {
  (void)self, (void)address;
  boot_forget_faults(&port);
  if (loader.has_nor) nor_release(&loader.nor);
  arm_reset();
}

static bool find_header(void* self, uint32_t address, uint32_t size, uint32_t* header) {
  (void)self;
  *header = rules.header_address;
  return boot_vouches(&rules, &port, address, size);
}

static const struct flash_voucher voucher = {NULL, find_header};
static const struct dfu_leave leave = {NULL, check, jump, &voucher};

static void decide(uint32_t flag) {
  struct boot_image image;
  const bool stays =
      pins_pressed(&board.stay) || flag == BOOT_FLAG_STAY || flag == BOOT_FLAG_EARLY_FAULT;
  const enum boot_cause cause = cause_of(boot_reset_flags(), flag == BOOT_FLAG_FAULT);
  decides = true;
  if (boot_decide(&rules, &port, cause, stays, &image) != BOOT_GOES) return;
  loader_start_program(image.vectors);
}

void loader_main(void) {
  loader_start_chip();
  boot_flag_start();
  const uint32_t flag = boot_flag_take();
  /* What may have been in the way is left alone then. */
  if (flag != BOOT_FLAG_EARLY_FAULT) {
    loader_start_nor(NOR_TRIES);
    loader_start_psram();
  }
  make_rules();
  loader_start_flash(ranges[RANGE_FLASH].address, ranges[RANGE_FLASH].size, true);
  decide(flag);
  loader_run(NULL, &leave);
}
