#include "target_fw/boot/boot.h"

#include <stddef.h>
#include <string.h>

#include "target_fw/boot/boot_counter.h"
#include "target_fw/core/bytes.h"

/* --- where things may be */

static bool lies_in(const struct boot_range* range, uint32_t address, uint32_t size) {
  return address >= range->address && size <= range->size &&
         address - range->address <= range->size - size;
}

static bool is_allowed(const struct boot_rules* rules, uint8_t uses, uint32_t address,
                       uint32_t size) {
  for (uint8_t i = 0; i < rules->ranges_count; ++i) {
    const struct boot_range* range = &rules->ranges[i];
    if ((range->uses & uses) == uses && lies_in(range, address, size)) return true;
  }
  return false;
}

static bool is_copy(const struct boot_header* header) {
  return (header->flags & BOOT_COPY) != 0;
}

static bool overlap(uint32_t a, uint32_t a_size, uint32_t b, uint32_t b_size) {
  return a < b ? b - a < a_size : a - b < b_size;
}

/* A stack pointer, a reset vector. */
#define VECTORS_MIN 8u
/* VTOR of an ARMv7-M keeps no bits below this one. */
#define VECTORS_ALIGNMENT 128u

static enum boot_verdict check_places(const struct boot_rules* rules,
                                      const struct boot_header* header) {
  if (header->size < VECTORS_MIN ||
      overlap(header->address, header->size, rules->header_address, BOOT_HEADER_SIZE)) {
    return BOOT_OUTSIDE;
  }
  if (is_copy(header)) {
    bool may = is_allowed(rules, BOOT_HOLDS_IMAGES, header->address, header->size) &&
               is_allowed(rules, BOOT_TAKES_COPIES, header->run_address, header->size);
    return may ? BOOT_GOES : BOOT_OUTSIDE;
  }
  bool may =
      header->run_address == header->address &&
      is_allowed(rules, BOOT_HOLDS_IMAGES | BOOT_RUNS_IN_PLACE, header->address, header->size);
  return may ? BOOT_GOES : BOOT_OUTSIDE;
}

/* --- whose it is */

/* Both names fill up with NUL, and are as long as that leaves them. */
static bool is_of_board(const struct boot_header* header, const char* board) {
  static const char any[BOOT_NAME_SIZE] = {0};
  if (memcmp(header->board, any, sizeof any) == 0) return true;
  char name[BOOT_NAME_SIZE] = {0};
  for (int i = 0; i < BOOT_NAME_SIZE && board[i] != '\0'; ++i) name[i] = board[i];
  return memcmp(header->board, name, sizeof name) == 0;
}

static bool is_signed(const struct boot_rules* rules, const struct boot_header* header,
                      const uint8_t bytes[BOOT_HEADER_SIZE]) {
  if (rules->keys_count == 0) return true;
  for (uint8_t i = 0; i < rules->keys_count; ++i) {
    if (ed25519_verify(header->signature, rules->keys[i], bytes, BOOT_AT_SIGNATURE)) return true;
  }
  return false;
}

static enum boot_verdict check_header(const struct boot_rules* rules, const struct boot_port* port,
                                      struct boot_header* header) {
  uint8_t bytes[BOOT_HEADER_SIZE];
  if (!port->read(port->self, rules->header_address, bytes, BOOT_HEADER_SIZE)) {
    return BOOT_HEADER_UNREADABLE;
  }
  switch (boot_header_parse(bytes, header)) {
    case BOOT_HEADER_GOOD:
      break;
    case BOOT_HEADER_BLANK:
      return BOOT_NO_HEADER;
    case BOOT_HEADER_FOREIGN:
      return BOOT_HEADER_UNKNOWN;
    case BOOT_HEADER_BROKEN:
    default:
      return BOOT_HEADER_DAMAGED;
  }
  if (!is_of_board(header, rules->board)) return BOOT_OTHER_BOARD;
  enum boot_verdict verdict = check_places(rules, header);
  if (verdict != BOOT_GOES) return verdict;
  return is_signed(rules, header, bytes) ? BOOT_GOES : BOOT_NOT_SIGNED;
}

bool boot_vouches(const struct boot_rules* rules, const struct boot_port* port, uint32_t address,
                  uint32_t size) {
  uint8_t bytes[BOOT_HEADER_SIZE];
  struct boot_header header;
  return port->read(port->self, rules->header_address, bytes, BOOT_HEADER_SIZE) &&
         boot_header_parse(bytes, &header) == BOOT_HEADER_GOOD &&
         overlap(header.address, header.size, address, size);
}

/* --- the image */

static uint32_t piece_of(uint32_t left) {
  return left < BOOT_PIECE_MAX ? left : BOOT_PIECE_MAX;
}

/* The run address may be 0, which as a pointer no driver takes. */
static bool copy_image(const struct boot_port* port, const struct boot_header* header) {
  uint8_t bytes[BOOT_PIECE_MAX];
  for (uint32_t done = 0; done < header->size;) {
    uint32_t piece = piece_of(header->size - done);
    if (!port->read(port->self, header->address + done, bytes, piece)) return false;
    memcpy(port->ram(port->self, header->run_address + done, piece), bytes, piece);
    done += piece;
  }
  return true;
}

static bool hash_flash(const struct boot_port* port, const struct boot_header* header,
                       uint8_t digest[SHA256_SIZE]) {
  uint8_t bytes[BOOT_PIECE_MAX];
  struct sha256 hash;
  sha256_begin(&hash);
  for (uint32_t done = 0; done < header->size;) {
    uint32_t piece = piece_of(header->size - done);
    if (!port->read(port->self, header->address + done, bytes, piece)) return false;
    sha256_update(&hash, bytes, piece);
    done += piece;
  }
  sha256_end(&hash, digest);
  return true;
}

/* Of the bytes that will run: those of a copy are in RAM already. */
static bool hash_image(const struct boot_port* port, const struct boot_header* header,
                       uint8_t digest[SHA256_SIZE]) {
  if (port->sha256 != NULL) {
    return port->sha256(port->self, header->run_address, header->size, digest);
  }
  if (!is_copy(header)) return hash_flash(port, header, digest);
  struct sha256 hash;
  sha256_begin(&hash);
  sha256_update(&hash, port->ram(port->self, header->run_address, header->size), header->size);
  sha256_end(&hash, digest);
  return true;
}

static bool read_image(const struct boot_port* port, const struct boot_header* header,
                       uint32_t offset, uint8_t* bytes, uint32_t size) {
  if (!is_copy(header)) return port->read(port->self, header->address + offset, bytes, size);
  memcpy(bytes, port->ram(port->self, header->run_address, header->size) + offset, size);
  return true;
}

/* A stack grows down from its first pointer, so that may be the end of the RAM, and not its begin.
 */
static bool may_be_stack(const struct boot_rules* rules, uint32_t stack) {
  return stack % 4 == 0 && stack >= 4 && is_allowed(rules, BOOT_TAKES_STACKS, stack - 4, 4);
}

static enum boot_verdict check_vectors(const struct boot_rules* rules, const struct boot_port* port,
                                       struct boot_image* image) {
  const struct boot_header* header = &image->header;
  uint8_t bytes[VECTORS_MIN];
  if (header->vectors > header->size - VECTORS_MIN) return BOOT_BAD_VECTORS;
  if (!read_image(port, header, header->vectors, bytes, VECTORS_MIN)) return BOOT_IMAGE_UNREADABLE;
  image->vectors = header->run_address + header->vectors;
  image->stack = load_le32(bytes);
  image->entry = load_le32(bytes + 4);
  uint32_t offset = (image->entry & ~1u) - header->run_address;
  bool good = image->vectors % VECTORS_ALIGNMENT == 0 && may_be_stack(rules, image->stack) &&
              (image->entry & 1) != 0 && offset < header->size;
  return good ? BOOT_GOES : BOOT_BAD_VECTORS;
}

static enum boot_verdict check_image(const struct boot_rules* rules, const struct boot_port* port,
                                     struct boot_image* image) {
  const struct boot_header* header = &image->header;
  uint8_t digest[SHA256_SIZE];
  if (is_copy(header) && !copy_image(port, header)) return BOOT_IMAGE_UNREADABLE;
  if (!hash_image(port, header, digest)) return BOOT_IMAGE_UNREADABLE;
  if (memcmp(digest, header->sha256, SHA256_SIZE) != 0) return BOOT_OTHER_IMAGE;
  return check_vectors(rules, port, image);
}

enum boot_verdict boot_check(const struct boot_rules* rules, const struct boot_port* port,
                             struct boot_image* image) {
  enum boot_verdict verdict = check_header(rules, port, &image->header);
  if (verdict != BOOT_GOES) return verdict;
  if (rules->counter_size != 0) {
    uint32_t least;
    if (!boot_counter_read(rules, port, &least)) return BOOT_COUNTER_UNUSABLE;
    if (image->header.security_version < least) return BOOT_TOO_OLD;
  }
  return check_image(rules, port, image);
}

/* --- how often it was tried */

static uint32_t faults_of(uint32_t marker) {
  return marker >> BOOT_MARKER_FAULTS_AT & 0x7f;
}

static uint32_t restarts_of(uint32_t marker) {
  return marker >> BOOT_MARKER_RESTARTS_AT & 0xff;
}

/* The marker of this life, and not running yet. */
static uint32_t count(uint32_t marker, enum boot_cause cause, bool stays) {
  bool is_ours = (marker & 0xffff0000) == BOOT_MARKER_MAGIC;
  if (!is_ours || cause == BOOT_BY_POWER || cause == BOOT_BY_PIN) return BOOT_MARKER_MAGIC;
  uint32_t faults = faults_of(marker);
  uint32_t restarts = restarts_of(marker);
  /* Whoever asks for DFU and restarts is well. */
  bool counts = (marker & BOOT_MARKER_RUNS) != 0 && !stays;
  if (counts && cause == BOOT_BY_FAULT && faults < 0x7f) ++faults;
  if (counts && cause == BOOT_BY_RESTART && restarts < 0xff) ++restarts;
  return BOOT_MARKER_MAGIC | faults << BOOT_MARKER_FAULTS_AT | restarts << BOOT_MARKER_RESTARTS_AT;
}

static bool too_often(const struct boot_rules* rules, uint32_t marker) {
  return (rules->faults_max != 0 && faults_of(marker) >= rules->faults_max) ||
         (rules->restarts_max != 0 && restarts_of(marker) >= rules->restarts_max);
}

void boot_forget_faults(const struct boot_port* port) {
  port->store_marker(port->self, BOOT_MARKER_MAGIC);
}

enum boot_verdict boot_decide(const struct boot_rules* rules, const struct boot_port* port,
                              enum boot_cause cause, bool stays, struct boot_image* image) {
  uint32_t marker = count(port->load_marker(port->self), cause, stays);
  port->store_marker(port->self, marker);
  if (stays) return BOOT_STAYS;
  if (too_often(rules, marker)) return BOOT_FAULTS_TOO_OFTEN;
  /* From here on, so that a fault in the look at the image counts as one of the image. */
  port->store_marker(port->self, marker | BOOT_MARKER_RUNS);
  enum boot_verdict verdict = boot_check(rules, port, image);
  if (verdict == BOOT_GOES && rules->counter_size != 0 &&
      !boot_counter_raise(rules, port, image->header.security_version)) {
    verdict = BOOT_COUNTER_UNUSABLE;
  }
  if (verdict != BOOT_GOES) port->store_marker(port->self, marker);
  return verdict;
}

/* --- what people are told */

/* Apart, for most loaders want only these. */
static const uint8_t statuses[] = {
    [BOOT_GOES] = DFU_OK,
    [BOOT_STAYS] = DFU_OK,
    [BOOT_FAULTS_TOO_OFTEN] = DFU_ERR_FIRMWARE,
    [BOOT_NO_HEADER] = DFU_ERR_FIRMWARE,
    [BOOT_HEADER_UNREADABLE] = DFU_ERR_FIRMWARE,
    [BOOT_HEADER_DAMAGED] = DFU_ERR_FIRMWARE,
    [BOOT_HEADER_UNKNOWN] = DFU_ERR_FILE,
    [BOOT_OTHER_BOARD] = DFU_ERR_FILE,
    [BOOT_OUTSIDE] = DFU_ERR_ADDRESS,
    [BOOT_IMAGE_UNREADABLE] = DFU_ERR_FIRMWARE,
    [BOOT_OTHER_IMAGE] = DFU_ERR_VERIFY,
    [BOOT_BAD_VECTORS] = DFU_ERR_FIRMWARE,
    [BOOT_NOT_SIGNED] = DFU_ERR_FILE,
    [BOOT_TOO_OLD] = DFU_ERR_FILE,
    [BOOT_COUNTER_UNUSABLE] = DFU_ERR_WRITE,
};

static const char* const texts[] = {
    [BOOT_GOES] = "firmware is good",
    [BOOT_STAYS] = "asked to stay in DFU",
    [BOOT_FAULTS_TOO_OFTEN] = "firmware ended in too many resets",
    [BOOT_NO_HEADER] = "no boot header",
    [BOOT_HEADER_UNREADABLE] = "boot header cannot be read",
    [BOOT_HEADER_DAMAGED] = "boot header is damaged",
    [BOOT_HEADER_UNKNOWN] = "boot header is of an unknown format",
    [BOOT_OTHER_BOARD] = "firmware is for another board",
    [BOOT_OUTSIDE] = "firmware lies where none may",
    [BOOT_IMAGE_UNREADABLE] = "firmware cannot be read",
    [BOOT_OTHER_IMAGE] = "firmware is not what its header says",
    [BOOT_BAD_VECTORS] = "firmware has no valid vectors",
    [BOOT_NOT_SIGNED] = "firmware is not signed by a known key",
    [BOOT_TOO_OLD] = "firmware is older than this board accepts",
    [BOOT_COUNTER_UNUSABLE] = "rollback counter cannot be written",
};

enum dfu_status boot_dfu_status(enum boot_verdict verdict) {
  return (enum dfu_status)statuses[verdict];
}

const char* boot_verdict_text(enum boot_verdict verdict) {
  return texts[verdict];
}
