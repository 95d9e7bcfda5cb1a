/* SPDX-License-Identifier: Apache-2.0 */

/* Payloads to things: the mirror of definitions-write.c. Ids are checked here, once, so that accessors need not. */

#include "core/trace/trace-private.h"

static const char *const cut_short = "a table is cut short or its numbers make no sense";

static const char *
read_string (HatTrace *trace, HatReader *reader)
{
  return hat_store_string (trace->store, hat_reader_string (reader));
}

static void
read_notes (HatTrace *trace, HatReader *reader)
{
  const guint32 n = hat_reader_count (reader, 2);
  for (guint32 i = 0; i < n && !reader->bad; i++)
    {
      HatNote note = { .key = read_string (trace, reader) };
      note.value = read_string (trace, reader);
      if (!reader->bad)
        hat_list_append (&trace->notes, sizeof (note), &note);
    }
}

static gint64
read_time (HatReader *reader)
{
  const gint64 time = hat_reader_signed (reader);
  if (time < -1 || time > G_MAXINT64 / 2)
    hat_reader_fail (reader);
  return time;
}

static const char *
read_process (HatTrace *trace, guint32 index, HatReader *reader)
{
  if (index != trace->processes->len)
    return "a process out of order";
  HatProcess info = { .end_ns = -1, .exit_status = -1, .disarmed_ns = -1 };
  info.pid = hat_reader_upto (reader, G_MAXUINT32);
  const gint64 parent = hat_reader_signed (reader);
  info.is_fork = hat_reader_upto (reader, 1);
  if (parent < -1 || parent >= (gint64) index || (info.is_fork && parent < 0))
    return "a process whose parent is not there";
  info.parent = (gint32) parent;
  info.exe = read_string (trace, reader);
  info.provider = read_string (trace, reader);
  const guint32 argc = hat_reader_count (reader, 1);
  const char **argv = hat_store_alloc0 (trace->store, (argc + 1) * sizeof (char *));
  for (guint32 i = 0; i < argc; i++)
    argv[i] = read_string (trace, reader);
  info.argv = argv;
  info.start_ns = read_time (reader);
  info.first_block = hat_reader_upto (reader, G_MAXINT64);
  info.fork_event = hat_reader_upto (reader, G_MAXINT64);
  info.inherited_blocks = hat_reader_varint (reader);
  info.inherited_bytes = hat_reader_varint (reader);
  if (reader->bad || info.first_block == 0)
    return cut_short;
  g_array_append_val (trace->processes, ((HatProcessData){ .info = info }));
  return NULL;
}

static void
read_end_process (HatProcess *info, HatReader *reader)
{
  info->end_ns = read_time (reader);
  info->exit_status = (gint32) hat_reader_signed (reader);
  info->signal = (gint32) hat_reader_signed (reader);
  info->lost_events = hat_reader_varint (reader);
  info->disarmed_ns = read_time (reader);
}

static void
read_threads (HatTrace *trace, HatProcessData *process, HatReader *reader)
{
  const guint32 n = hat_reader_count (reader, 3);
  gboolean unshared = FALSE;
  for (guint32 i = 0; i < n && !reader->bad; i++)
    {
      const guint32 index = hat_reader_upto (reader, process->threads.n);
      HatThread thread = { .tid = hat_reader_upto (reader, G_MAXUINT32) };
      thread.name = read_string (trace, reader);
      if (reader->bad)
        return;
      if (index == process->threads.n)
        hat_list_append (&process->threads, sizeof (thread), &thread);
      else
        {
          /* Older versions keep the older name. */
          if (!unshared)
            hat_list_unshare (&process->threads, sizeof (thread));
          unshared = TRUE;
          hat_list_items (&process->threads, HatThread)[index] = thread;
        }
    }
}

static const char *
read_modules (HatTrace *trace, HatReader *reader)
{
  const guint64 first = hat_reader_varint (reader);
  const guint32 n = hat_reader_count (reader, 24);
  if (first != trace->modules.n)
    return "modules out of order";
  for (guint32 i = 0; i < n && !reader->bad; i++)
    {
      HatModule module = { .path = read_string (trace, reader) };
      const guint8 *build_id = hat_reader_data (reader, sizeof (module.build_id));
      if (build_id)
        memcpy (module.build_id, build_id, sizeof (module.build_id));
      module.start = hat_reader_varint (reader);
      module.end = hat_reader_varint (reader);
      module.bias = hat_reader_varint (reader);
      if (!reader->bad)
        hat_list_append (&trace->modules, sizeof (module), &module);
    }
  return NULL;
}

/* Reads n numbers and leaves a second reader at the numbers behind them: two columns side by side. */
static HatReader
skip_column (const HatReader *reader, guint32 n)
{
  HatReader second = *reader;
  for (guint32 i = 0; i < n; i++)
    hat_reader_varint (&second);
  return second;
}

static const char *
read_frames (HatTrace *trace, HatReader *reader)
{
  const guint64 first = hat_reader_varint (reader);
  const guint32 n = hat_reader_count (reader, 2);
  if (first != trace->frames.n)
    return "code locations out of order";
  HatReader offsets = skip_column (reader, n);
  guint64 last = 0;
  for (guint32 i = 0; i < n; i++)
    {
      const guint64 code = hat_reader_upto (reader, ((guint64) G_MAXUINT32 << 2) | 3);
      const HatFrame frame = { .module = (guint32) (code >> 2) - 1,
                               .exact = (code & 2) != 0,
                               .cut = (code & 1) != 0,
                               .offset = last += (guint64) hat_reader_signed (&offsets) };
      if (frame.module != G_MAXUINT32 && frame.module >= trace->modules.n)
        return "a code location in a module that is not there";
      if (offsets.bad)
        return cut_short;
      hat_list_append (&trace->frames, sizeof (frame), &frame);
    }
  *reader = offsets;
  return NULL;
}

static const char *
read_stacks (HatTrace *trace, HatReader *reader)
{
  const guint64 first = hat_reader_varint (reader);
  const guint32 n = hat_reader_count (reader, 2);
  if (first != trace->stacks.n)
    return "stacks out of order";
  HatReader frames = skip_column (reader, n);
  gint64 next = 0;
  for (guint32 i = 0; i < n; i++)
    {
      const guint64 up = hat_reader_varint (reader);
      const guint64 frame = (guint64) next - (guint64) hat_reader_signed (&frames);
      if (up == 0 || up > trace->stacks.n || frame >= trace->frames.n || frames.bad)
        return "a stack of frames that are not there";
      const HatStackNode node = { .parent = trace->stacks.n - (guint32) up, .frame = (HatFrameId) frame };
      next = MAX (next, (gint64) frame + 1);
      hat_list_append (&trace->stacks, sizeof (node), &node);
    }
  *reader = frames;
  return NULL;
}

static void
read_mark (HatTrace *trace, HatProcessData *process, HatReader *reader)
{
  HatMark mark = { .name = read_string (trace, reader) };
  mark.time_ns = read_time (reader);
  if (!reader->bad)
    hat_list_append (&process->marks, sizeof (mark), &mark);
}

static void
read_sample (HatTrace *trace, HatProcessData *process, HatReader *reader)
{
  HatSample sample = { .time_ns = read_time (reader) };
  sample.rss_bytes = hat_reader_varint (reader);
  sample.n_regions = hat_reader_count (reader, 4);
  HatRegion *regions = hat_store_alloc0 (trace->store, sample.n_regions * sizeof (HatRegion));
  guint64 last = 0;
  for (guint i = 0; i < sample.n_regions; i++)
    {
      regions[i].start = last + hat_reader_upto (reader, G_MAXUINT64 - last);
      last = regions[i].end = regions[i].start + hat_reader_upto (reader, G_MAXUINT64 - regions[i].start);
      regions[i].kind = hat_reader_upto (reader, HAT_REGION_OTHER);
      regions[i].name = read_string (trace, reader);
    }
  sample.regions = regions;
  if (!reader->bad)
    hat_list_append (&process->samples, sizeof (sample), &sample);
}

static void
read_totals (HatTotals *totals, HatReader *reader)
{
  totals->allocations = hat_reader_varint (reader);
  totals->frees = hat_reader_varint (reader);
  totals->reallocations = hat_reader_varint (reader);
  totals->bytes_allocated = hat_reader_varint (reader);
  totals->bytes_freed = hat_reader_varint (reader);
  totals->realloc_delta_bytes = hat_reader_signed (reader);
  totals->inherited_blocks = hat_reader_varint (reader);
  totals->inherited_bytes = hat_reader_varint (reader);
  totals->live_blocks = hat_reader_varint (reader);
  totals->live_bytes = hat_reader_varint (reader);
  totals->peak_bytes = hat_reader_varint (reader);
  totals->peak_time_ns = hat_reader_signed (reader);
  totals->peak_event = hat_reader_varint (reader);
  totals->temporary = hat_reader_varint (reader);
  totals->unknown_frees = hat_reader_varint (reader);
  totals->missed_frees = hat_reader_varint (reader);
  totals->lost_events = hat_reader_varint (reader);
}

#define READ_COLUMN(items, n, assignment) \
  for (guint i = 0; i < (n); i++) \
    { \
      typeof (*(items)) *item = &(items)[i]; \
      const guint64 number = hat_reader_varint (reader); \
      assignment; \
    }

static const char *
read_sites (HatTrace *trace, HatSummary *summary, HatReader *reader)
{
  const guint32 n = hat_reader_count (reader, 12);
  if (n > trace->stacks.n)
    return "totals of stacks that are not there";
  HatSite *sites = hat_store_alloc0 (trace->store, n * sizeof (HatSite));
  gint64 last = -1;
  for (guint32 i = 0; i < n; i++)
    {
      const gint64 stack = MAX (last, 0) + hat_reader_signed (reader);
      if (stack <= last || stack >= trace->stacks.n)
        return "totals of a stack that is not there";
      last = stack;
      sites[i].stack = (HatStackId) stack;
    }
  READ_COLUMN (sites, n, item->allocations = number);
  READ_COLUMN (sites, n, item->bytes = number);
  READ_COLUMN (sites, n, item->frees = item->allocations - (guint64) hat_unzigzag (number));
  READ_COLUMN (sites, n, item->bytes_freed = item->bytes - (guint64) hat_unzigzag (number));
  READ_COLUMN (sites, n, item->reallocations = number);
  READ_COLUMN (sites, n, item->realloc_delta_bytes = hat_unzigzag (number));
  READ_COLUMN (sites, n, item->live_blocks = item->allocations - item->frees + (guint64) hat_unzigzag (number));
  READ_COLUMN (sites, n, item->live_bytes = item->bytes - item->bytes_freed + (guint64) hat_unzigzag (number));
  READ_COLUMN (sites, n, item->peak_blocks = number);
  READ_COLUMN (sites, n, item->peak_bytes = number);
  READ_COLUMN (sites, n, item->temporary = number);
  summary->sites = sites;
  summary->n_sites = n;
  return NULL;
}

static void
read_leaves (HatTrace *trace, HatSummary *summary, HatReader *reader)
{
  const guint32 n = hat_reader_count (reader, 8);
  HatLeaf *leaves = hat_store_alloc0 (trace->store, n * sizeof (HatLeaf));
  guint64 last = 0;
  READ_COLUMN (leaves, n, item->end_ns = (gint64) (last += (guint64) hat_unzigzag (number)));
  READ_COLUMN (leaves, n, item->last_bytes = number);
  READ_COLUMN (leaves, n, item->min_bytes = item->last_bytes - number);
  READ_COLUMN (leaves, n, item->max_bytes = item->last_bytes + number);
  READ_COLUMN (leaves, n, item->last_blocks = number);
  READ_COLUMN (leaves, n, item->allocations = number);
  READ_COLUMN (leaves, n, item->frees = number);
  READ_COLUMN (leaves, n, item->allocated_bytes = number);
  summary->leaves = leaves;
  summary->n_leaves = n;
}

static const char *
read_summary (HatTrace *trace, HatProcessData *process, HatReader *reader)
{
  HatSummary *summary = hat_store_alloc0 (trace->store, sizeof (HatSummary));
  read_totals (&summary->totals, reader);
  const char *wrong = read_sites (trace, summary, reader);
  if (wrong)
    return wrong;
  read_leaves (trace, summary, reader);
  if (!reader->bad)
    process->summary = summary;
  return NULL;
}

static const char *
read_symbols (HatTrace *trace, HatReader *reader)
{
  HatSymbols *symbols;
  const char *wrong = hat_symbols_read (reader, trace->frames.n, &symbols);
  if (wrong)
    return wrong;
  hat_symbols_free (trace->symbols);
  trace->symbols = symbols;
  return NULL;
}

const char *
hat_trace_define (HatTrace *trace, HatChunkType type, guint32 index, HatReader *reader)
{
  HatProcessData *process = index < trace->processes->len ? &g_array_index (trace->processes, HatProcessData, index) : NULL;
  const char *wrong = NULL;
  switch (type)
    {
    case HAT_TYPE_NOTES:
      read_notes (trace, reader);
      break;
    case HAT_TYPE_MODULES:
      wrong = read_modules (trace, reader);
      break;
    case HAT_TYPE_FRAMES:
      wrong = read_frames (trace, reader);
      break;
    case HAT_TYPE_STACKS:
      wrong = read_stacks (trace, reader);
      break;
    case HAT_TYPE_SYMBOLS:
      wrong = read_symbols (trace, reader);
      break;
    case HAT_TYPE_TYPES:
      wrong = hat_trace_read_types (trace, reader);
      break;
    case HAT_TYPE_STACK_TYPES:
      wrong = hat_trace_read_stack_types (trace, reader);
      break;
    case HAT_TYPE_PROCESS:
      wrong = read_process (trace, index, reader);
      break;
    default:
      if (process == NULL)
        return "a process that is not there";
      if (type == HAT_TYPE_END_PROCESS)
        read_end_process (&process->info, reader);
      else if (type == HAT_TYPE_THREADS)
        read_threads (trace, process, reader);
      else if (type == HAT_TYPE_MARKS)
        read_mark (trace, process, reader);
      else if (type == HAT_TYPE_SAMPLES)
        read_sample (trace, process, reader);
      else if (type == HAT_TYPE_SUMMARY)
        wrong = read_summary (trace, process, reader);
      else
        return "a chunk of an unknown kind";
    }
  if (wrong)
    return wrong;
  return reader->bad || hat_reader_left (reader) != 0 ? cut_short : NULL;
}
