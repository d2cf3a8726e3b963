/* The journal's files for readers in any language: layouts and constants, no code, no dependency.
   Little-endian, no padding holes. docs/reference/journal_format.md explains each field. */
#ifndef GATEWAY_JOURNAL_H
#define GATEWAY_JOURNAL_H

#include <stdint.h>

#define GATEWAY_JOURNAL_FORMAT_VERSION 1u
#define GATEWAY_JOURNAL_RECORD_VERSION 1u
#define GATEWAY_JOURNAL_PAGE_BYTES 4096u
#define GATEWAY_JOURNAL_RECORD_ALIGN 64u
#define GATEWAY_JOURNAL_RECORD_BYTES_MAX 4096u
#define GATEWAY_JOURNAL_GROUP_LAST 1u
#define GATEWAY_JOURNAL_SUPERBLOCK_COPIES 4u

#define GATEWAY_JOURNAL_SEGMENT_MAGIC "GWSEGMT1"
#define GATEWAY_JOURNAL_SEAL_MAGIC "GWSEAL01"
#define GATEWAY_JOURNAL_SUPERBLOCK_MAGIC "GWSUPER1"
#define GATEWAY_JOURNAL_SNAPSHOT_MAGIC "GWSNAP01"
#define GATEWAY_JOURNAL_RING_MAGIC "GWRING01"

/* printf formats of the file names; snapshots carry their sequence. */
#define GATEWAY_JOURNAL_SEGMENT_NAME "segment-%010u.journal"
#define GATEWAY_JOURNAL_SEAL_NAME "segment-%010u.seal"
#define GATEWAY_JOURNAL_SNAPSHOT_NAME "snapshot-%020llu.state"
#define GATEWAY_JOURNAL_RING_NAME "journal.ring"

struct gateway_journal_record {
  uint32_t length; /* with this header, multiple of 64 */
  uint16_t type;
  uint8_t version;
  uint8_t flags;
  uint64_t sequence;
  uint64_t cause;
  int64_t time_ns;
  uint64_t origin_sequence;
  uint32_t epoch;
  uint32_t actor;
  uint32_t origin_port;
  uint32_t previous_crc;
  uint32_t crc;
  uint32_t instance;
};

/* What was done to the gateway: configuration, plugins, logins, the clock. Behind the header. */
#define GATEWAY_JOURNAL_OPERATION_NOTED 4u

struct gateway_journal_operation_noted {
  uint32_t operation;  /* 1 configuration loaded, 2 reloaded, 3 refused; 4 plugin loaded,
                          5 unloaded, 6 refused; 7 logged in, 8 login refused, 9 logged out;
                          10 clock quality; 11 control command;
                          12 margin called */
  uint32_t unnoted;    /* operations left out before this one, for they came too fast */
  int64_t bound_ns;    /* clock quality, -1 = not known: error bound, */
  int64_t estimate_ns; /* estimated error */
  int64_t offset_ns;   /* and offset */
  uint8_t digest[32];  /* SHA-256 of what it is about, zeros = none */
  char actor[40];      /* texts: ASCII, zero-padded */
  char subject[88];
  char detail[64];
  char reason[64];
};

/* Payloads of the records of FIX sessions, behind the header of 64 bytes. */
#define GATEWAY_JOURNAL_FIX_SESSION_DEFINED 26u
#define GATEWAY_JOURNAL_FIX_NUMBERS_SET 27u
#define GATEWAY_JOURNAL_FIX_MESSAGE_SENT 28u
#define GATEWAY_JOURNAL_FIX_PART_BYTES 3968u

struct gateway_journal_fix_session_defined {
  uint32_t id;
  uint32_t version;
  int64_t created_ns;
  char name[112]; /* BEGINSTRING:SENDER->TARGET[:QUALIFIER], zero-padded */
};

struct gateway_journal_fix_numbers_set {
  uint32_t session;
  uint32_t reason; /* 1 incoming number taken, 2 reset, 3 operator */
  uint64_t next_outgoing;
  uint64_t next_incoming;
  int64_t created_ns;
  uint64_t reserved[4];
};

/* Followed by the bytes from `offset` on, at most GATEWAY_JOURNAL_FIX_PART_BYTES, zero-padded. */
struct gateway_journal_fix_message_sent {
  uint32_t session;
  uint32_t flags; /* 1 = application message */
  uint64_t number;
  int64_t sent_ns;
  uint32_t total_bytes;
  uint32_t offset;
  uint64_t position;          /* of this record */
  uint64_t previous_position; /* of the message before it in this period, 0 = none */
  uint64_t block_position;    /* of the last one of an earlier block of 256 numbers, 0 = none */
  uint64_t reserved;
};

struct gateway_journal_segment {
  char magic[8];
  uint32_t version;
  uint32_t instance;
  uint32_t index;
  uint32_t epoch;
  uint64_t first_sequence;
  uint64_t first_position;
  int64_t created_ns;
  uint32_t previous_crc;
  uint8_t reserved[4040];
  uint32_t header_crc;
};

struct gateway_journal_seal {
  char magic[8];
  uint32_t version;
  uint32_t instance;
  uint32_t index;
  uint32_t reserved;
  uint64_t first_sequence;
  uint64_t last_sequence;
  uint64_t bytes;
  uint8_t sha256[32];
  uint8_t padding[44];
  uint32_t crc;
};

struct gateway_journal_superblock {
  char magic[8];
  uint32_t version;
  uint32_t instance;
  uint64_t generation;
  uint32_t epoch;
  uint32_t is_clean;
  uint64_t clean_sequence;
  uint64_t clean_position;
  int64_t written_ns;
  int64_t lost_after_ns;
  uint32_t lost_epoch;
  uint32_t reserved_word;
  int64_t lost_newest_ns;
  uint8_t reserved[428];
  uint32_t crc;
};

struct gateway_journal_snapshot {
  char magic[8];
  uint32_t version;
  uint32_t instance;
  uint64_t sequence;
  uint64_t position;
  uint32_t crc;
  uint32_t epoch;
  uint64_t payload_bytes;
  uint8_t payload_sha256[32];
  uint8_t reserved[44];
  uint32_t header_crc;
};

/* First page of the ring; data follow. The fields from base_position on change while it is mapped:
   load published_position with acquire semantics, then read; afterwards a record at position p is
   good only if p + capacity >= claimed_position and p >= base_position. */
struct gateway_journal_ring {
  char magic[8];
  uint32_t version;
  uint32_t instance;
  uint64_t capacity;
  int64_t created_ns;
  uint64_t base_position;
  uint32_t epoch;
  uint32_t writer_pid;
  uint8_t padding_0[16];
  uint64_t kill_word;
  uint64_t kill_word_seen; /* of the last kill that was carried out */
  uint8_t padding_1[48];
  uint64_t published_position;
  uint64_t published_sequence;
  uint8_t padding_2[48];
  uint64_t claimed_position;
  uint8_t padding_3[56];
  uint64_t synced_position;
  uint64_t synced_sequence;
  uint32_t commit_state; /* 0 running, 1 failed */
  uint8_t padding_4[3820];
};

#endif
