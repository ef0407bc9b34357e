#include "target_fw/boot/boot_counter.h"

#include <stddef.h>
#include <string.h>

#include "target_fw/core/blank.h"
#include "target_fw/core/bytes.h"
#include "target_fw/core/crc32c.h"

/* A record: what it says, the value, the value again with each bit turned, CRC-32C of all that. */
enum { AT_KIND = 0, AT_VALUE = 4, AT_TURNED = 8, AT_CRC = 12 };

enum record_kind {
  RECORD_NONE = 0,
  RECORD_VALUE = 0x56434447, /* "GDCV" */
  RECORD_HOLDS = 0x48434447, /* "GDCH": the value before it has been written whole */
};

struct record {
  enum record_kind kind;
  uint32_t value;
};

struct counter_log {
  uint32_t value; /* the highest that is there */
  uint32_t held;  /* the highest that will stay */
  uint32_t end;   /* words, up to the last one that does not read erased */
};

static void put_record(uint8_t word[BOOT_WORD_SIZE], enum record_kind kind, uint32_t value) {
  store_le32(word + AT_KIND, (uint32_t)kind);
  store_le32(word + AT_VALUE, value);
  store_le32(word + AT_TURNED, ~value);
  store_le32(word + AT_CRC, crc32c_update(0, word, AT_CRC));
}

static struct record record_of(const uint8_t word[BOOT_WORD_SIZE]) {
  uint32_t kind = load_le32(word + AT_KIND);
  uint32_t value = load_le32(word + AT_VALUE);
  if ((kind != RECORD_VALUE && kind != RECORD_HOLDS) || load_le32(word + AT_TURNED) != ~value ||
      load_le32(word + AT_CRC) != crc32c_update(0, word, AT_CRC)) {
    return (struct record){RECORD_NONE, 0};
  }
  return (struct record){(enum record_kind)kind, value};
}

static uint32_t words_of(const struct boot_rules* rules) {
  return rules->counter_size / BOOT_WORD_SIZE;
}

static struct counter_log read_log(const struct boot_rules* rules, const struct boot_port* port) {
  struct counter_log log = {0, 0, 0};
  struct record before = {RECORD_NONE, 0};
  for (uint32_t i = 0; i < words_of(rules); ++i) {
    uint8_t word[BOOT_WORD_SIZE];
    struct record record = {RECORD_NONE, 0};
    bool reads =
        port->read(port->self, rules->counter_address + i * BOOT_WORD_SIZE, word, BOOT_WORD_SIZE);
    if (reads) record = record_of(word);
    if (!reads || !is_blank(word, BOOT_WORD_SIZE)) log.end = i + 1;
    if (record.kind != RECORD_NONE && record.value > log.value) log.value = record.value;
    if (record.kind == RECORD_HOLDS && before.kind == RECORD_VALUE &&
        before.value == record.value && record.value > log.held) {
      log.held = record.value;
    }
    before = record;
  }
  return log;
}

static bool append(const struct boot_rules* rules, const struct boot_port* port,
                   const struct counter_log* log, uint32_t value) {
  static const enum record_kind kinds[BOOT_COUNTER_WORDS] = {RECORD_VALUE, RECORD_VALUE,
                                                             RECORD_HOLDS};
  if (port->program == NULL || words_of(rules) - log->end < BOOT_COUNTER_WORDS) return false;
  uint32_t address = rules->counter_address + log->end * BOOT_WORD_SIZE;
  for (uint32_t i = 0; i < BOOT_COUNTER_WORDS; ++i, address += BOOT_WORD_SIZE) {
    uint8_t word[BOOT_WORD_SIZE], read[BOOT_WORD_SIZE];
    put_record(word, kinds[i], value);
    bool programmed = port->program(port->self, address, word);
    /* The first one may lie where a cut has left a word in doubt. */
    if (i == 0) continue;
    if (!programmed || !port->read(port->self, address, read, BOOT_WORD_SIZE) ||
        memcmp(read, word, BOOT_WORD_SIZE) != 0) {
      return false;
    }
  }
  return true;
}

bool boot_counter_read(const struct boot_rules* rules, const struct boot_port* port,
                       uint32_t* value) {
  struct counter_log log = read_log(rules, port);
  *value = log.value;
  return log.held == log.value || append(rules, port, &log, log.value);
}

bool boot_counter_raise(const struct boot_rules* rules, const struct boot_port* port,
                        uint32_t value) {
  struct counter_log log = read_log(rules, port);
  if (log.held >= value) return true;
  return append(rules, port, &log, value > log.value ? value : log.value);
}
