/* SPDX-License-Identifier: Apache-2.0
 *
 * Resident memory and regions. */

#include "core/record/sample.h"

#include <string.h>
#include <time.h>

#include "core/record/proc.h"
#include "core/record/session.h"

#define INTERVAL_NS 100000000
#define ARENA_BYTES (64ull << 20) /* glibc aligns its arenas to this */
#define MAX_GUARD_BYTES (64ull << 10)

/* A short program should have samples too: two early ones, then ten a second. Where there is much to read (a line for each of hundreds of
 * mappings) they are fewer: a sample is worth so many times its own processor time. */
#define COST_SHARE 500
static const gint64 early_ns[] = { 30000000, 200000000 };

static gboolean
is_ours (const char *path)
{
  const char *name = strrchr (path, '/');
  return g_str_has_prefix (path, "/memfd:" HAT_SESSION_MEMFD_NAME " ") || (name && strcmp (name, "/libheapatlas-hook.so") == 0);
}

static HatRegionKind
region_kind (const HatMapping *mapping, const HatMapping *before)
{
  const char *path = mapping->path;

  if (strcmp (path, "[heap]") == 0)
    return HAT_REGION_HEAP;
  if (g_str_has_prefix (path, "[stack"))
    return HAT_REGION_STACK;
  if (*path == '[' && !g_str_has_prefix (path, "[anon"))
    return HAT_REGION_OTHER;
  if (*path == '/' && !g_str_has_prefix (path, "/memfd:") && !g_str_has_prefix (path, "/dev/zero"))
    return HAT_REGION_LIBRARY;
  if (*path == '/')
    return HAT_REGION_OTHER;
  if (mapping->start % ARENA_BYTES == 0)
    return HAT_REGION_ARENA;
  /* Thread stacks stand right above a small guard that cannot be read. */
  if (before->end == mapping->start && !before->is_readable && *before->path == 0 && before->end - before->start <= MAX_GUARD_BYTES)
    return HAT_REGION_STACK;
  return HAT_REGION_MMAPPED;
}

gboolean
hat_sample_regions (char *maps, GArray *regions)
{
  HatMapping mapping, before = { .path = "" };
  gboolean has_ours = FALSE;

  for (; hat_proc_next_mapping (&maps, &mapping); before = mapping)
    {
      /* The text comes in pieces, and what grew meanwhile stands in two of them. */
      mapping.start = MAX (mapping.start, before.end);
      if (mapping.end <= mapping.start)
        {
          mapping = before;
          continue;
        }
      /* What follows a file's writable part directly is its zero-initialised data. */
      if (*mapping.path == 0 && mapping.start == before.end && before.is_writable && *before.path == '/')
        mapping.path = before.path;
      has_ours |= g_str_has_prefix (mapping.path, "/memfd:" HAT_SESSION_MEMFD_NAME " ");
      if (is_ours (mapping.path) || (!mapping.is_readable && *mapping.path == 0))
        continue;
      const HatRegion region = { mapping.start, mapping.end, region_kind (&mapping, &before), mapping.path };
      HatRegion *last = regions->len ? &g_array_index (regions, HatRegion, regions->len - 1) : NULL;
      if (last && last->end == region.start && last->kind == region.kind && strcmp (last->name, region.name) == 0)
        last->end = region.end;
      else
        g_array_append_val (regions, region);
    }
  return has_ours;
}

static guint64
hash_text (const char *text)
{
  guint64 hash = 0xcbf29ce484222325ull;
  for (; *text; text++)
    hash = (hash ^ (guint8) *text) * 0x100000001b3ull;
  return hash;
}

/* The text of maps is cut up. */
static void
take (HatSampler *sampler, HatTraceWriter *writer, guint process, const char *statm, char *maps, guint64 own_bytes, gint64 time_ns)
{
  guint64 resident, shared;

  if (!hat_proc_parse_memory (statm, &resident, &shared))
    return;
  const guint64 hash = hash_text (maps);
  g_autoptr (GArray) regions = g_array_new (FALSE, FALSE, sizeof (HatRegion));
  if (!hat_sample_regions (maps, regions))
    return;

  HatSample sample = { .time_ns = MAX (time_ns, sampler->last_ns), .rss_bytes = resident - MIN (own_bytes, shared) };
  if (sample.rss_bytes == sampler->rss_bytes && hash == sampler->maps_hash && sampler->n_samples > 0)
    return;
  if (hash != sampler->maps_hash)
    {
      sample.n_regions = regions->len;
      sample.regions = (const HatRegion *) regions->data;
    }
  hat_trace_writer_add_sample (writer, process, &sample);
  sampler->rss_bytes = sample.rss_bytes;
  sampler->last_ns = sample.time_ns;
  sampler->maps_hash = hash;
  sampler->n_samples++;
}

static gint64
own_processor_ns (void)
{
  struct timespec now;
  clock_gettime (CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

void
hat_sampler_take (HatSampler *sampler, HatTraceWriter *writer, guint process, guint32 pid, guint64 own_bytes, gint64 time_ns)
{
  const gint64 before = own_processor_ns (), interval = sampler->n_samples < G_N_ELEMENTS (early_ns) ? early_ns[sampler->n_samples] : INTERVAL_NS;
  g_autofree char *statm = hat_proc_statm (pid);
  g_autofree char *maps = statm ? hat_proc_maps (pid) : NULL;
  if (maps)
    take (sampler, writer, process, statm, maps, own_bytes, time_ns);
  sampler->next_ns = time_ns + MAX (interval, (own_processor_ns () - before) * COST_SHARE);
}

void
hat_sampler_take_text (HatSampler *sampler, HatTraceWriter *writer, guint process, char *text, guint64 own_bytes, gint64 time_ns)
{
  char *maps = strchr (text, '\n');
  if (maps)
    take (sampler, writer, process, text, maps + 1, own_bytes, time_ns);
}
