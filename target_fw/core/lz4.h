/* One LZ4 block (the format that the LZ4 project documents), unpacked in steps, so that whoever has
 * something to poll need not wait. Any bytes may be given. */
#ifndef GANGD_TARGET_FW_CORE_LZ4_H
#define GANGD_TARGET_FW_CORE_LZ4_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum lz4_state { LZ4_TOKEN, LZ4_LITERALS, LZ4_OFFSET, LZ4_MATCH, LZ4_DONE, LZ4_BROKEN };

struct lz4 {
  enum lz4_state state;
  const uint8_t* in;
  uint32_t in_left;
  uint8_t* out;
  uint32_t out_size;
  uint32_t out_at;
  uint32_t run;    /* literals or bytes of a match that are to be copied still */
  uint32_t match;  /* length of the match behind the literals, as the token says */
  uint32_t offset; /* of the match */
};

/* The block must unpack to exactly `out_size` bytes. Both areas outlive the steps. */
void lz4_begin(struct lz4* lz4, const uint8_t* in, uint32_t in_size, uint8_t* out,
               uint32_t out_size);

/* Unpacks some `bytes_max` more. LZ4_DONE, LZ4_BROKEN: that was all; anything else: go on. */
enum lz4_state lz4_step(struct lz4* lz4, uint32_t bytes_max);

#ifdef __cplusplus
}
#endif

#endif
