/* A reader that knows the public C header alone: prints "records last_sequence" of one segment
 * file. */
#include <stdio.h>
#include <string.h>

#include "gateway_journal.h"

_Static_assert(sizeof(struct gateway_journal_record) == 64, "record header");
_Static_assert(sizeof(struct gateway_journal_segment) == 4096, "segment header");
_Static_assert(sizeof(struct gateway_journal_seal) == 128, "seal");
_Static_assert(sizeof(struct gateway_journal_superblock) == 512, "superblock copy");
_Static_assert(sizeof(struct gateway_journal_snapshot) == 128, "snapshot header");
_Static_assert(sizeof(struct gateway_journal_ring) == 4096, "ring header");

int main(int count, char** arguments) {
  static struct gateway_journal_segment head;
  struct gateway_journal_record record;
  unsigned long long records = 0, last = 0;
  FILE* file = count == 2 ? fopen(arguments[1], "rb") : NULL;
  if (file == NULL || fread(&head, sizeof head, 1, file) != 1) return 2;
  if (memcmp(head.magic, GATEWAY_JOURNAL_SEGMENT_MAGIC, 8) != 0) return 3;
  while (fread(&record, sizeof record, 1, file) == 1 && record.length >= sizeof record) {
    if (record.sequence != head.first_sequence + records) return 4;
    ++records;
    last = record.sequence;
    if (fseek(file, (long)(record.length - sizeof record), SEEK_CUR) != 0) return 5;
  }
  fclose(file);
  printf("%llu %llu\n", records, last);
  return 0;
}
