/* XFP: how gangd programs flash at the chip's own speed, beside DFU. target_fw/PROTOCOL.md explains
 * it byte by byte; this header is what both ends share. */
#ifndef GANGD_TARGET_FW_XFP_H
#define GANGD_TARGET_FW_XFP_H

/* The interface: vendor class, with one bulk endpoint in each direction. */
#define XFP_INTERFACE_CLASS 0xff
#define XFP_INTERFACE_SUBCLASS 0x47 /* 'G' */
#define XFP_INTERFACE_PROTOCOL 0x01 /* version 1 */

/* A frame: a header, then a payload. Little-endian. */
#define XFP_MAGIC 0x31504658u /* "XFP1" */
#define XFP_HEADER_SIZE 32
#define XFP_PACKET_UNIT 64  /* divides every size of a bulk packet */
#define XFP_CREDIT_UNIT 512 /* a frame occupies whole ones of the device's buffer */

/* Offsets in the header. */
enum {
  XFP_AT_MAGIC = 0,     /* u32 */
  XFP_AT_CRC = 4,       /* u32: CRC-32C of all that follows it, without the extra byte */
  XFP_AT_SESSION = 8,   /* u32: the host's, not 0 */
  XFP_AT_SEQUENCE = 12, /* u32: 0 for HELLO, then one more for each request */
  XFP_AT_OP = 16,       /* u8 */
  XFP_AT_STATUS = 17,   /* u8: of an answer; 0 in a request */
  XFP_AT_MODE = 18,     /* u8: how, by op */
  XFP_AT_FLAGS = 19,    /* u8: of a request; those that the device knows */
  XFP_AT_ADDRESS = 20,  /* u32: of the memory that is meant */
  XFP_AT_SPAN = 24,     /* u32: how many bytes of it */
  XFP_AT_SIZE = 28,     /* u32: of the payload */
};

enum xfp_op {
  XFP_HELLO = 1,   /* begins a session; answered with capabilities */
  XFP_ERASE = 2,   /* begins a job */
  XFP_WRITE = 3,   /* the payload goes to the chip */
  XFP_HASH = 4,    /* begins a job: the SHA-256 of what the cells hold */
  XFP_DIGESTS = 5, /* begins a job: a short digest of each block */
  XFP_STATUS = 6,  /* of the job; answered at once */
  XFP_READ = 7,    /* answered with the bytes */
  XFP_TRACE = 8,   /* answered with how long the flash took: core/flash_trace.h */
};

/* Modes of XFP_ERASE. */
#define XFP_ERASE_NOT_BLANK 0 /* what reads as blank is left out */
#define XFP_ERASE_ALL 1

/* Modes of XFP_HASH: how the memory is read. */
#define XFP_HASH_AS_PROGRAMMED 0
#define XFP_HASH_AS_BOOTED 1 /* with the clock and in the mode of a program that runs in place */

/* Modes of XFP_TRACE. */
#define XFP_TRACE_KEEP 0
#define XFP_TRACE_FORGET 1

/* Modes of XFP_WRITE: what the payload is. */
enum xfp_codec {
  XFP_RAW = 0,
  XFP_LZ4 = 1,  /* one LZ4 block, of `span` bytes when unpacked */
  XFP_FILL = 2, /* repeated until there are `span` bytes */
};

/* A flag of a request: a WRITE that goes well needs no answer of its own. */
#define XFP_QUIET 1u

/* Statuses of answers: those of DFU (core/status.h) below 0x80, and of the protocol itself. */
enum {
  XFP_OK = 0,
  XFP_ERR_VERIFY = 7, /* DFU's errVERIFY: read back, it is not what was written */
  XFP_LOST = 0x80,    /* a frame was missing or damaged: nothing is heard any more before HELLO */
};

/* The answer to XFP_STATUS; behind it the result of a HASH or DIGESTS job that is done. */
enum xfp_job_state { XFP_JOB_NONE, XFP_JOB_RUNNING, XFP_JOB_DONE, XFP_JOB_FAILED };
enum {
  XFP_JOB_AT_STATE = 0,    /* u8: enum xfp_job_state */
  XFP_JOB_AT_OP = 1,       /* u8 */
  XFP_JOB_AT_STATUS = 2,   /* u8: why it failed */
  XFP_JOB_AT_DONE = 4,     /* u32: bytes */
  XFP_JOB_AT_TOTAL = 8,    /* u32: bytes */
  XFP_JOB_AT_SKIPPED = 12, /* u32: bytes of an erase that were blank already */
  XFP_JOB_AT_LEFT_MS = 16, /* u32: what the job is expected to take still */
  XFP_JOB_SIZE = 20,
};

/* The result of a HASH. */
#define XFP_NONCE_SIZE 16
enum {
  XFP_PROOF_AT_HASH = 0,    /* 32 bytes */
  XFP_PROOF_AT_UID = 32,    /* 12 bytes */
  XFP_PROOF_AT_NONCE = 44,  /* 16 bytes: the request's payload */
  XFP_PROOF_AT_LOADER = 60, /* 32 bytes: the SHA-256 of the device's own program */
  XFP_PROOF_SIZE = 92,
};

/* The result of DIGESTS: a CRC-32C, u32, of each block of this size; at most so many at once. */
#define XFP_DIGEST_BLOCK 65536u
#define XFP_DIGESTS_MAX 1024u

/* Capabilities: fields of u8 type, u8 size, bytes. What is not known is skipped. */
enum xfp_field {
  XFP_FIELD_UID = 1,    /* 12 bytes of the chip */
  XFP_FIELD_BUFFER = 2, /* u32: bytes that requests without an answer may occupy */
  XFP_FIELD_REGION = 3, /* below; then the name */
  XFP_FIELD_FRAME = 4,  /* u32: the largest payload and span of a WRITE or READ */
  XFP_FIELD_CODECS = 5, /* u8: bit n is codec n */
  XFP_FIELD_START = 6,  /* the nonce that was left in the RAM for this program, if one was */
  XFP_FIELD_CHIP = 7,   /* u32: as DBGMCU_IDCODE reads, device below, revision above */
  XFP_FIELD_BOARD = 8,  /* its name in ASCII */
  XFP_FIELD_FLASH = 9,  /* u32: the address of a region; then its JEDEC id */
  XFP_FIELD_FLAGS = 10, /* u8: the flags of requests that it knows */
};
#define XFP_START_NONCE_SIZE 16
enum {
  XFP_REGION_AT_ADDRESS = 0,    /* u32 */
  XFP_REGION_AT_SIZE = 4,       /* u32 */
  XFP_REGION_AT_ERASE = 8,      /* u32: bytes of the block that suits most erases */
  XFP_REGION_AT_ERASE_MIN = 12, /* u32: of the smallest */
  XFP_REGION_AT_WRITE = 16,     /* u32: writes begin and end at multiples of it */
  XFP_REGION_AT_BANK = 20,      /* u32: one such part can be read while another is worked on */
  XFP_REGION_AT_RATE = 24,      /* u32: bytes that it programs in a second, as measured */
  XFP_REGION_AT_FLAGS = 28,     /* u8 */
  XFP_REGION_SIZE = 29,         /* without the name */
};
/* The most bytes of a board's name and of a JEDEC id. */
#define XFP_BOARD_MAX 64
#define XFP_JEDEC_MAX 8
enum {
  XFP_REGION_READABLE = 1,
  XFP_REGION_ERASABLE = 2,
  XFP_REGION_WRITABLE = 4,
  XFP_REGION_BOOTS = 8, /* XFP_HASH_AS_BOOTED is known there */
};

/* Told in the BOS descriptor, in a platform capability with this UUID: u8 version (that of the
 * interface), u32 features. {09216854-0F30-4433-8651-A9B986D1AFE7} */
#define XFP_PLATFORM_UUID \
  {0x54, 0x68, 0x21, 0x09, 0x30, 0x0f, 0x33, 0x44, 0x86, 0x51, 0xa9, 0xb9, 0x86, 0xd1, 0xaf, 0xe7}
#define XFP_FEATURE_LZ4 1u               /* blocks that come compressed */
#define XFP_FEATURE_FILL 2u              /* blocks of one byte again and again */
#define XFP_FEATURE_DIGESTS 4u           /* lists of digests of what the memory holds */
#define XFP_FEATURE_HASH 8u              /* the SHA-256 of what the memory holds */
#define XFP_FEATURE_READ_WHILE_WRITE 16u /* receives while the chip works */
#define XFP_FEATURES                                                             \
  (XFP_FEATURE_LZ4 | XFP_FEATURE_FILL | XFP_FEATURE_DIGESTS | XFP_FEATURE_HASH | \
   XFP_FEATURE_READ_WHILE_WRITE)

#endif
