#include "target_fw/boot/ed25519.h"

#include <stddef.h>
#include <string.h>

#include "target_fw/boot/sha512.h"
#include "target_fw/core/bytes.h"

/* --- numbers modulo p = 2^255 - 19
 *
 * Eight words, the lowest first, of any value below 2^256: 2^256 is 38 modulo p, so what is carried
 * out at the top comes back as that many times 38. canonical() makes the only one below p. */

#define WORDS 8

typedef uint32_t number[WORDS];

static const number edwards_d = {0x135978a3, 0x75eb4dca, 0x4141d8ab, 0x00700a4d,
                                 0x7779e898, 0x8cc74079, 0x2b6ffe73, 0x52036cee};
static const number edwards_2d = {0x26b2f159, 0xebd69b94, 0x8283b156, 0x00e0149a,
                                  0xeef3d130, 0x198e80f2, 0x56dffce7, 0x2406d9dc};
static const number root_of_minus_1 = {0x4a0ea0b0, 0xc4ee1b27, 0xad2fe478, 0x2f431806,
                                       0x3dfbd7a7, 0x2b4d0099, 0x4fc1df0b, 0x2b832480};
static const number zero = {0};
static const number one = {1};

/* Adds what was carried out at the top. */
static void fold(number a, uint64_t carry) {
  while (carry != 0) {
    carry *= 38;
    for (int i = 0; i < WORDS; ++i) {
      carry += a[i];
      a[i] = (uint32_t)carry;
      carry >>= 32;
    }
  }
}

static void add(number sum, const number a, const number b) {
  uint64_t carry = 0;
  for (int i = 0; i < WORDS; ++i) {
    carry += (uint64_t)a[i] + b[i];
    sum[i] = (uint32_t)carry;
    carry >>= 32;
  }
  fold(sum, carry);
}

/* Returns the borrow, 0 or 1: then the difference is 2^256 too large. */
static uint32_t subtract_words(number difference, const number a, const number b) {
  uint64_t borrow = 0;
  for (int i = 0; i < WORDS; ++i) {
    borrow = (uint64_t)a[i] - b[i] - borrow;
    difference[i] = (uint32_t)borrow;
    borrow = borrow >> 32 & 1;
  }
  return (uint32_t)borrow;
}

static void subtract(number difference, const number a, const number b) {
  static const number thirty_eight = {38};
  uint32_t borrow = subtract_words(difference, a, b);
  while (borrow != 0) borrow = subtract_words(difference, difference, thirty_eight);
}

static void multiply(number product, const number a, const number b) {
  uint32_t wide[2 * WORDS] = {0};
  for (int i = 0; i < WORDS; ++i) {
    uint64_t carry = 0;
    for (int j = 0; j < WORDS; ++j) {
      carry += (uint64_t)a[i] * b[j] + wide[i + j];
      wide[i + j] = (uint32_t)carry;
      carry >>= 32;
    }
    wide[i + WORDS] = (uint32_t)carry;
  }
  uint64_t carry = 0;
  for (int i = 0; i < WORDS; ++i) {
    carry += (uint64_t)wide[i + WORDS] * 38 + wide[i];
    product[i] = (uint32_t)carry;
    carry >>= 32;
  }
  fold(product, carry);
}

static void square(number product, const number a) {
  multiply(product, a, a);
}

/* a to the power of an exponent of `bits` bits, which are all 1 but for the lowest eight. */
static void power(number result, const number a, int bits, uint32_t lowest) {
  number base;
  memcpy(base, a, sizeof base);
  memcpy(result, one, sizeof one);
  for (int i = bits - 1; i >= 0; --i) {
    square(result, result);
    if (i >= 8 || (lowest >> i & 1) != 0) multiply(result, result, base);
  }
}

static void canonical(number a) {
  for (int twice = 0; twice < 2; ++twice) {
    /* Bit 255 and above are 19 each; and so is the whole of what is p or more. */
    number more;
    static const number nineteen = {19};
    uint32_t top = a[WORDS - 1] >> 31;
    a[WORDS - 1] &= 0x7fffffff;
    if (top != 0) add(a, a, nineteen);
    add(more, a, nineteen);
    if (more[WORDS - 1] >> 31 != 0) {
      more[WORDS - 1] &= 0x7fffffff;
      memcpy(a, more, sizeof more);
    }
  }
}

static bool equals(const number a, const number b) {
  number difference;
  subtract(difference, a, b);
  canonical(difference);
  return memcmp(difference, zero, sizeof zero) == 0;
}

static void load(number a, const uint8_t bytes[4 * WORDS]) {
  for (int i = 0; i < WORDS; ++i) a[i] = load_le32(bytes + 4 * i);
}

static void store(uint8_t bytes[4 * WORDS], const number a) {
  for (int i = 0; i < WORDS; ++i) store_le32(bytes + 4 * i, a[i]);
}

/* --- points of the curve, in the extended coordinates of 5.1.4: x = X/Z, y = Y/Z, xy = T/Z */

struct point {
  number x, y, z, t;
};

static const struct point base_point = {{0x8f25d51a, 0xc9562d60, 0x9525a7b2, 0x692cc760, 0xfdd6dc5c,
                                         0xc0a4e231, 0xcd6e53fe, 0x216936d3},
                                        {0x66666658, 0x66666666, 0x66666666, 0x66666666, 0x66666666,
                                         0x66666666, 0x66666666, 0x66666666},
                                        {1},
                                        {0xa5b7dda3, 0x6dde8ab3, 0x775152f5, 0x20f09f80, 0x64abe37d,
                                         0x66ea4e8e, 0xd78b7665, 0x67875f0f}};

/* Right for any two points, also for a point and itself: d is not a square. */
static void add_points(struct point* sum, const struct point* p, const struct point* q) {
  number a, b, c, d, e, f;
  subtract(a, p->y, p->x);
  subtract(e, q->y, q->x);
  multiply(a, a, e);
  add(b, p->y, p->x);
  add(e, q->y, q->x);
  multiply(b, b, e);
  multiply(c, p->t, q->t);
  multiply(c, c, edwards_2d);
  multiply(d, p->z, q->z);
  add(d, d, d);
  subtract(e, b, a);
  subtract(f, d, c);
  add(d, d, c); /* G of the RFC */
  add(b, b, a); /* H */
  multiply(sum->x, e, f);
  multiply(sum->y, d, b);
  multiply(sum->t, e, b);
  multiply(sum->z, f, d);
}

/* 5.1.3, but of the point's negative, which is what the equation needs. */
static bool load_negative(struct point* p, const uint8_t bytes[ED25519_KEY_SIZE]) {
  uint32_t sign = bytes[31] >> 7;
  number u, v, x, check;
  load(p->y, bytes);
  p->y[WORDS - 1] &= 0x7fffffff;
  memcpy(check, p->y, sizeof check);
  canonical(check);
  if (memcmp(check, p->y, sizeof check) != 0) return false;
  square(u, p->y);
  multiply(v, u, edwards_d);
  subtract(u, u, one);
  add(v, v, one);
  /* x = u v^3 (u v^7)^((p-5)/8); the exponent is 2^252 - 3. */
  square(check, v);
  multiply(check, check, v); /* v^3 */
  multiply(p->t, check, u);  /* u v^3 */
  square(check, check);
  multiply(check, check, v); /* v^7 */
  multiply(check, check, u);
  power(x, check, 252, 0xfd);
  multiply(x, x, p->t);
  square(check, x);
  multiply(check, check, v);
  if (!equals(check, u)) {
    subtract(u, zero, u);
    if (!equals(check, u)) return false;
    multiply(x, x, root_of_minus_1);
  }
  canonical(x);
  if (sign != 0 && memcmp(x, zero, sizeof zero) == 0) return false;
  if ((x[0] & 1) == sign) subtract(x, zero, x);
  memcpy(p->x, x, sizeof x);
  memcpy(p->z, one, sizeof one);
  multiply(p->t, p->x, p->y);
  return true;
}

static void store_point(uint8_t bytes[ED25519_KEY_SIZE], const struct point* p) {
  number inverse, x, y;
  power(inverse, p->z, 255, 0xeb); /* p - 2 */
  multiply(x, p->x, inverse);
  multiply(y, p->y, inverse);
  canonical(x);
  canonical(y);
  store(bytes, y);
  bytes[31] = (uint8_t)(bytes[31] | (x[0] & 1) << 7);
}

/* --- numbers modulo the order of the base point */

static const number order = {0x5cf5d3ed, 0x5812631a, 0xa2f79cd6, 0x14def9de,
                             0x00000000, 0x00000000, 0x00000000, 0x10000000};

static bool is_below_order(const number a) {
  number difference;
  return subtract_words(difference, a, order) != 0;
}

/* Of 64 bytes, bit by bit. */
static void reduce(number result, const uint8_t bytes[SHA512_SIZE]) {
  memcpy(result, zero, sizeof zero);
  for (int i = 8 * SHA512_SIZE - 1; i >= 0; --i) {
    uint32_t in = bytes[i / 8] >> (i % 8) & 1;
    for (int j = 0; j < WORDS; ++j) {
      uint32_t out = result[j] >> 31;
      result[j] = result[j] << 1 | in;
      in = out;
    }
    if (!is_below_order(result)) subtract_words(result, result, order);
  }
}

static uint32_t bit(const number a, int i) {
  return a[i / 32] >> (i % 32) & 1;
}

/* sum = s B + h A, both scalars at once. */
static void combine(struct point* sum, const number s, const number h, const struct point* a) {
  struct point both;
  add_points(&both, &base_point, a);
  memset(sum, 0, sizeof *sum);
  sum->y[0] = sum->z[0] = 1;
  for (int i = 255; i >= 0; --i) {
    add_points(sum, sum, sum);
    const struct point* const terms[4] = {NULL, &base_point, a, &both};
    const struct point* term = terms[bit(s, i) | bit(h, i) << 1];
    if (term != NULL) add_points(sum, sum, term);
  }
}

/* 5.1.7, as R = s B - h A. */
bool ed25519_verify(const uint8_t signature[ED25519_SIGNATURE_SIZE],
                    const uint8_t key[ED25519_KEY_SIZE], const uint8_t* message, uint32_t size) {
  number s, h;
  load(s, signature + 32);
  if (!is_below_order(s)) return false;
  struct point minus_a;
  if (!load_negative(&minus_a, key)) return false;

  uint8_t bytes[SHA512_SIZE];
  struct sha512 hash;
  sha512_begin(&hash);
  sha512_update(&hash, signature, 32);
  sha512_update(&hash, key, ED25519_KEY_SIZE);
  sha512_update(&hash, message, size);
  sha512_end(&hash, bytes);
  reduce(h, bytes);

  struct point sum;
  combine(&sum, s, h, &minus_a);
  store_point(bytes, &sum);
  return memcmp(bytes, signature, 32) == 0;
}
