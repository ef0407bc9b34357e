/* XFP: how gangd programs flash at the chip's own speed, beside DFU. target_fw/PROTOCOL.md explains
 * it byte by byte; this header is what both ends share. */
#ifndef GANGD_TARGET_FW_XFP_H
#define GANGD_TARGET_FW_XFP_H

/* The interface: vendor class, with one bulk endpoint in each direction. */
#define XFP_INTERFACE_CLASS 0xff
#define XFP_INTERFACE_SUBCLASS 0x47 /* 'G' */
#define XFP_INTERFACE_PROTOCOL 0x01 /* version 1 */

/* A frame: a header, then up to XFP_PAYLOAD_MAX bytes. Little-endian. */
#define XFP_MAGIC 0x31504658u /* "XFP1" */
#define XFP_HEADER_SIZE 24
#define XFP_PAYLOAD_MAX 4096
/* Its longest form: a frame that would end with a full packet has one zero byte more. */
#define XFP_FRAME_MAX (XFP_HEADER_SIZE + XFP_PAYLOAD_MAX + 1)
#define XFP_PACKET_UNIT 64 /* divides every size of a bulk packet */

/* Offsets in the header. */
enum {
  XFP_AT_MAGIC = 0,     /* u32 */
  XFP_AT_CRC = 4,       /* u32: CRC-32C of all that follows it, without the extra byte */
  XFP_AT_SESSION = 8,   /* u32: the host's, not 0 */
  XFP_AT_SEQUENCE = 12, /* u32: 0 for HELLO, then one more for each request */
  XFP_AT_OP = 16,       /* u8 */
  XFP_AT_STATUS = 17,   /* u8: of an answer; 0 in a request */
  XFP_AT_SIZE = 18,     /* u16: of the payload */
  XFP_AT_ADDRESS = 20,  /* u32 */
};

enum xfp_op {
  XFP_HELLO = 1,  /* begins a session; answered with capabilities */
  XFP_ERASE = 2,  /* begins a job: u32 size, u32 flags */
  XFP_WRITE = 3,  /* the payload goes to `address`; answered when it is in the chip */
  XFP_HASH = 4,   /* begins a job: u32 size */
  XFP_STATUS = 5, /* of the job; answered at once */
  XFP_READ = 6,   /* u32 size, at most XFP_PAYLOAD_MAX; answered with the bytes */
};

/* Flags of XFP_ERASE. */
#define XFP_ERASE_FORCE 1u /* also what reads as blank */

/* Statuses of answers: those of DFU (core/status.h) below 0x80, and of the protocol itself. */
enum {
  XFP_OK = 0,
  XFP_LOST = 0x80, /* a frame was missing or damaged: nothing is heard any more before HELLO */
};

/* The answer to XFP_STATUS. */
enum xfp_job_state { XFP_JOB_NONE, XFP_JOB_RUNNING, XFP_JOB_DONE, XFP_JOB_FAILED };
enum {
  XFP_JOB_AT_STATE = 0,    /* u8: enum xfp_job_state */
  XFP_JOB_AT_OP = 1,       /* u8: XFP_ERASE or XFP_HASH */
  XFP_JOB_AT_STATUS = 2,   /* u8: why it failed */
  XFP_JOB_AT_DONE = 4,     /* u32: bytes */
  XFP_JOB_AT_TOTAL = 8,    /* u32: bytes */
  XFP_JOB_AT_SKIPPED = 12, /* u32: bytes of an erase that were blank already */
  XFP_JOB_AT_POLL_MS = 16, /* u32: asking before that is of no use */
  XFP_JOB_SIZE = 20,       /* then the 32 bytes of a hash that is done */
};

/* Capabilities: fields of u8 type, u8 size, bytes. What is not known is skipped. */
enum xfp_field {
  XFP_FIELD_UID = 1,    /* 12 bytes of the chip */
  XFP_FIELD_SLOTS = 2,  /* u8: requests that may be unanswered at once */
  XFP_FIELD_REGION = 3, /* u32 address, u32 size, u32 erase size, u8 flags, then the name */
};
#define XFP_REGION_SIZE 13 /* without the name */
enum { XFP_REGION_READABLE = 1, XFP_REGION_ERASABLE = 2, XFP_REGION_WRITABLE = 4 };

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
