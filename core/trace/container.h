/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The outer form of the file: a header, then chunks, each with a type, lengths and a checksum. See FORMAT.md. */

#include "core/trace/bytes.h"
#include "core/trace/trace.h"

G_BEGIN_DECLS

#define HAT_FORMAT_VERSION 3u
#define HAT_FILE_MAGIC "HEATLAS\n"
#define HAT_CHUNK_MAGIC 0x4b4e4843u /* "CHNK" */
#define HAT_CHUNK_MAX_BYTES (1u << 28)

typedef struct
{
  char magic[8];
  guint32 version;
  guint32 header_bytes;
  guint8 id[16];
  gint64 start_unix_us;
  guint8 reserved[16];
  guint64 checksum; /* of the 56 bytes before */
} HatFileHeader;
G_STATIC_ASSERT (sizeof (HatFileHeader) == 64);

typedef enum
{
  HAT_TYPE_NOTES = 1,
  HAT_TYPE_PROCESS,
  HAT_TYPE_END_PROCESS,
  HAT_TYPE_THREADS,
  HAT_TYPE_MODULES,
  HAT_TYPE_FRAMES,
  HAT_TYPE_STACKS,
  HAT_TYPE_EVENTS,
  HAT_TYPE_SPAN,
  HAT_TYPE_MARKS,
  HAT_TYPE_SAMPLES,
  HAT_TYPE_SYMBOLS,
  HAT_TYPE_SUMMARY,
  HAT_TYPE_INDEX,
  HAT_TYPE_TRAILER,
  HAT_TYPE_SNAPSHOT_PART,
  HAT_TYPE_SNAPSHOT,
  HAT_TYPE_TYPES,
  HAT_TYPE_STACK_TYPES,
  HAT_TYPE_N_TYPES,
} HatChunkType;

/* What a SNAPSHOT_PART has some of. */
typedef enum
{
  HAT_PART_EDGES,
  HAT_PART_MODULE_WORDS,
  HAT_PART_ROOTS,
  HAT_PART_FRAMES,
  HAT_PART_HEADS,
  HAT_PART_DOUBTFUL,
  HAT_PART_CONTENTS,
  HAT_PART_KINDS,
  HAT_PART_BLOCK_KINDS,
  HAT_PART_VALUES,
  HAT_PART_VARIABLES,
  HAT_N_PARTS,
} HatPartKind;

#define HAT_PART_ITEMS (1u << 20)

typedef struct
{
  guint32 snapshot; /* number of the snapshot in its process, in the order of the SNAPSHOT chunks */
  HatPartKind kind;
  guint32 first; /* item; CONTENTS: block */
  guint32 n;     /* items, 1 to HAT_PART_ITEMS */
} HatPart;

enum
{
  HAT_CHUNK_FLAG_ZSTD = 1, /* the payload is one zstd frame; else stored as it is */
};

typedef struct
{
  guint32 magic;
  guint8 type;
  guint8 flags;
  guint16 reserved;
  guint32 process; /* index; 0 where the type has none */
  guint32 raw_bytes;
  guint32 stored_bytes; /* of the payload that follows */
  guint32 reserved2;
  guint64 checksum; /* XXH64 of the stored payload; its seed is XXH64 of the 24 bytes before, seed 0 */
} HatChunkHeader;
G_STATIC_ASSERT (sizeof (HatChunkHeader) == 32);

/* One line of the index. */
typedef struct
{
  HatChunkType type;
  guint32 process;
  guint64 offset; /* of the chunk's header */
  guint32 bytes;  /* header and stored payload */
  HatChunk events; /* HAT_TYPE_EVENTS */
  HatPart part;    /* HAT_TYPE_SNAPSHOT_PART */
  guint32 level, number; /* HAT_TYPE_SPAN */
} HatIndexEntry;

#define HAT_TRAILER_BYTES (sizeof (HatChunkHeader) + 16)

void hat_file_header_init (HatFileHeader *header, gint64 start_unix_us);
/* Fills in the checksum. */
void hat_file_header_seal (HatFileHeader *header);
/* Sets an error of the right kind if it is not the header of a trace that can be read. */
gboolean hat_file_header_check (const HatFileHeader *header, GError **error);

/* Fills in the checksum. */
void hat_chunk_header_seal (HatChunkHeader *header, const guint8 *payload);
/* NULL if the header makes sense in a file that has `left` bytes from it on, else what is wrong. */
const char *hat_chunk_header_check (const HatChunkHeader *header, guint64 left);
gboolean hat_chunk_checksum_is_right (const HatChunkHeader *header, const guint8 *payload);

/* The payload of an INDEX chunk. */
void hat_index_write (HatBytes *out, const GArray *entries, gint64 duration_ns);
/* FALSE if it is damaged. `entries` of HatIndexEntry; the caller checks offsets and ordinals. */
gboolean hat_index_read (HatReader *reader, GArray *entries, gint64 *out_duration_ns);

/* The first numbers of the payload of an EVENTS chunk. */
void hat_chunk_write_head (HatBytes *out, const HatChunk *chunk);
void hat_chunk_read_head (HatReader *reader, HatChunk *out_chunk);
/* Likewise of a SNAPSHOT_PART. */
void hat_part_write_head (HatBytes *out, const HatPart *part);
void hat_part_read_head (HatReader *reader, HatPart *out_part);

G_END_DECLS
