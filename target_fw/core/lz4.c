#include "target_fw/core/lz4.h"

#include <stdbool.h>
#include <string.h>

#include "target_fw/core/bytes.h"

#define LENGTH_GOES_ON 15u /* of a length in a token; 255 in a byte behind it */
#define MATCH_MIN 4u

void lz4_begin(struct lz4* lz4, const uint8_t* in, uint32_t in_size, uint8_t* out,
               uint32_t out_size) {
  *lz4 = (struct lz4){
      .state = LZ4_TOKEN, .in = in, .in_left = in_size, .out = out, .out_size = out_size};
}

static bool take_byte(struct lz4* lz4, uint8_t* byte) {
  if (lz4->in_left == 0) return false;
  *byte = *lz4->in++;
  --lz4->in_left;
  return true;
}

/* The rest of a length. False: the block ends in it, or it is longer than all that may come. */
static bool take_length(struct lz4* lz4, uint32_t* length) {
  if (*length < LENGTH_GOES_ON) return true;
  uint8_t byte = 0;
  do {
    if (!take_byte(lz4, &byte)) return false;
    *length += byte;
    if (*length > lz4->out_size) return false;
  } while (byte == 255);
  return true;
}

static uint32_t out_left(const struct lz4* lz4) {
  return lz4->out_size - lz4->out_at;
}

static enum lz4_state take_token(struct lz4* lz4) {
  uint8_t token = 0;
  if (!take_byte(lz4, &token)) return LZ4_BROKEN;
  lz4->run = token >> 4;
  lz4->match = token & 15u;
  if (!take_length(lz4, &lz4->run)) return LZ4_BROKEN;
  return lz4->run > lz4->in_left || lz4->run > out_left(lz4) ? LZ4_BROKEN : LZ4_LITERALS;
}

/* The last sequence has literals only. */
static enum lz4_state take_offset(struct lz4* lz4) {
  if (lz4->in_left == 0) return out_left(lz4) == 0 ? LZ4_DONE : LZ4_BROKEN;
  if (lz4->in_left < 2) return LZ4_BROKEN;
  lz4->offset = load_le16(lz4->in);
  lz4->in += 2;
  lz4->in_left -= 2;
  lz4->run = lz4->match;
  if (lz4->offset == 0 || lz4->offset > lz4->out_at || !take_length(lz4, &lz4->run)) {
    return LZ4_BROKEN;
  }
  lz4->run += MATCH_MIN;
  return lz4->run > out_left(lz4) ? LZ4_BROKEN : LZ4_MATCH;
}

static uint32_t copy_literals(struct lz4* lz4, uint32_t size) {
  memcpy(lz4->out + lz4->out_at, lz4->in, size);
  lz4->in += size;
  lz4->in_left -= size;
  return size;
}

/* What is copied may be what this copy has written. */
static uint32_t copy_match(struct lz4* lz4, uint32_t size) {
  uint8_t* to = lz4->out + lz4->out_at;
  if (lz4->offset >= size) {
    memcpy(to, to - lz4->offset, size);
  } else {
    for (uint32_t i = 0; i < size; ++i) to[i] = *(to + i - lz4->offset);
  }
  return size;
}

enum lz4_state lz4_step(struct lz4* lz4, uint32_t bytes_max) {
  uint32_t left = bytes_max;
  while (left > 0 && lz4->state < LZ4_DONE) {
    uint32_t some = lz4->run < left ? lz4->run : left;
    uint32_t copied = 1; /* a sequence costs time, too */
    switch (lz4->state) {
      case LZ4_TOKEN:
        lz4->state = take_token(lz4);
        break;
      case LZ4_OFFSET:
        lz4->state = take_offset(lz4);
        break;
      case LZ4_LITERALS:
        copied = copy_literals(lz4, some);
        lz4->out_at += copied;
        lz4->run -= copied;
        if (lz4->run == 0) lz4->state = LZ4_OFFSET;
        break;
      case LZ4_MATCH:
        copied = copy_match(lz4, some);
        lz4->out_at += copied;
        lz4->run -= copied;
        if (lz4->run == 0) lz4->state = LZ4_TOKEN;
        break;
      default:
        break;
    }
    left -= copied < left ? copied : left;
  }
  return lz4->state;
}
