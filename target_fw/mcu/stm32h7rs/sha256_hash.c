/* SHA-256 by the HASH unit, for chips that have one. It has one message at a time: whoever begins
 * while another's is unfinished is hashed in software, with the same result. */
#include <stddef.h>
#include <string.h>

#include "target_fw/core/sha256.h"
#include "target_fw/mcu/reg.h"
#include "target_fw/mcu/stm32h7rs/registers.h"

/* core/sha256.c, compiled with other names. */
void sha256_soft_begin(struct sha256* hash);
void sha256_soft_update(struct sha256* hash, const uint8_t* bytes, uint32_t size);
void sha256_soft_end(struct sha256* hash, uint8_t digest[SHA256_SIZE]);

#define LOOKS 100000u /* at the end of a block, which takes some 100 clocks */

static const struct sha256* owner;

void sha256_begin(struct sha256* hash) {
  sha256_soft_begin(hash);
  if (owner != NULL && owner != hash) return;
  owner = hash;
  reg_set(RCC_AHB3ENR, RCC_AHB3_HASH);
  (void)reg_read(RCC_AHB3ENR);
  reg_write(HASH_CR, HASH_CR_ALGO_SHA256 | HASH_CR_DATATYPE_BYTES | HASH_CR_INIT);
}

static void put_words(const uint8_t* bytes, uint32_t size) {
  for (uint32_t i = 0; i < size; i += 4) {
    uint32_t word;
    memcpy(&word, bytes + i, 4);
    reg_write(HASH_DIN, word);
  }
}

/* The unit takes words: what is left of one waits in the struct. */
void sha256_update(struct sha256* hash, const uint8_t* bytes, uint32_t size) {
  if (owner != hash) {
    sha256_soft_update(hash, bytes, size);
    return;
  }
  const uint32_t kept = (uint32_t)(hash->size % 4);
  hash->size += size;
  if (kept > 0) {
    const uint32_t room = 4 - kept;
    const uint32_t part = room < size ? room : size;
    memcpy(hash->block + kept, bytes, part);
    if (part < room) return;
    put_words(hash->block, 4);
    bytes += part;
    size -= part;
  }
  put_words(bytes, size & ~3u);
  memcpy(hash->block, bytes + (size & ~3u), size % 4);
}

void sha256_end(struct sha256* hash, uint8_t digest[SHA256_SIZE]) {
  if (owner != hash) {
    sha256_soft_end(hash, digest);
    return;
  }
  owner = NULL;
  const uint32_t kept = (uint32_t)(hash->size % 4);
  if (kept > 0) {
    memset(hash->block + kept, 0, 4 - kept);
    put_words(hash->block, 4);
  }
  reg_write(HASH_STR, kept * 8);
  reg_write(HASH_STR, kept * 8 | HASH_STR_DCAL);
  /* A digest of nothing, if the unit does not answer: it equals none that is expected. */
  memset(digest, 0, SHA256_SIZE);
  if (!reg_wait(HASH_SR, HASH_SR_DCIS, HASH_SR_DCIS, LOOKS)) return;
  for (uint32_t i = 0; i < SHA256_SIZE; ++i) {
    digest[i] = (uint8_t)(reg_read(HASH_DIGEST + (i & ~3u)) >> (24 - 8 * (i % 4)));
  }
}
