/* SPDX-License-Identifier: Apache-2.0 */

/* Things to payloads. Tables that can be long go column by column: columns compress better than rows. */

#include "core/trace/definitions-write.h"

void
hat_write_notes (HatBytes *out, const HatNote *notes, guint n)
{
  hat_bytes_put_varint (out, n);
  for (guint i = 0; i < n; i++)
    {
      hat_bytes_put_string (out, notes[i].key);
      hat_bytes_put_string (out, notes[i].value);
    }
}

void
hat_write_process (HatBytes *out, const HatProcess *process)
{
  const guint argc = process->argv ? g_strv_length ((char **) process->argv) : 0;
  hat_bytes_put_varint (out, process->pid);
  hat_bytes_put_signed (out, process->parent);
  hat_bytes_put_byte (out, process->is_fork != FALSE);
  hat_bytes_put_string (out, process->exe);
  hat_bytes_put_string (out, process->provider);
  hat_bytes_put_varint (out, argc);
  for (guint i = 0; i < argc; i++)
    hat_bytes_put_string (out, process->argv[i]);
  hat_bytes_put_signed (out, process->start_ns);
  hat_bytes_put_varint (out, process->first_block);
  hat_bytes_put_varint (out, process->fork_event);
  hat_bytes_put_varint (out, process->inherited_blocks);
  hat_bytes_put_varint (out, process->inherited_bytes);
}

void
hat_write_end_process (HatBytes *out, const HatProcess *end)
{
  hat_bytes_put_signed (out, end->end_ns);
  hat_bytes_put_signed (out, end->exit_status);
  hat_bytes_put_signed (out, end->signal);
  hat_bytes_put_varint (out, end->lost_events);
  hat_bytes_put_signed (out, end->disarmed_ns);
}

void
hat_write_threads (HatBytes *out, const HatThreadRecord *threads, guint n)
{
  hat_bytes_put_varint (out, n);
  for (guint i = 0; i < n; i++)
    {
      hat_bytes_put_varint (out, threads[i].index);
      hat_bytes_put_varint (out, threads[i].tid);
      hat_bytes_put_string (out, threads[i].name);
    }
}

void
hat_write_modules (HatBytes *out, guint first, const HatModule *modules, guint n)
{
  hat_bytes_put_varint (out, first);
  hat_bytes_put_varint (out, n);
  for (guint i = 0; i < n; i++)
    {
      hat_bytes_put_string (out, modules[i].path);
      hat_bytes_put (out, modules[i].build_id, sizeof (modules[i].build_id));
      hat_bytes_put_varint (out, modules[i].start);
      hat_bytes_put_varint (out, modules[i].end);
      hat_bytes_put_varint (out, modules[i].bias);
    }
}

void
hat_write_frames (HatBytes *out, guint first, const HatFrame *frames, guint n)
{
  hat_bytes_put_varint (out, first);
  hat_bytes_put_varint (out, n);
  for (guint i = 0; i < n; i++)
    hat_bytes_put_varint (out, (guint64) (guint32) (frames[i].module + 1) << 2 | (frames[i].exact != FALSE) << 1
                                   | (frames[i].cut != FALSE));
  guint64 last = 0;
  for (guint i = 0; i < n; i++)
    {
      hat_bytes_put_signed (out, (gint64) (frames[i].offset - last));
      last = frames[i].offset;
    }
}

void
hat_write_stacks (HatBytes *out, guint first, const HatStackNode *stacks, guint n)
{
  hat_bytes_put_varint (out, first);
  hat_bytes_put_varint (out, n);
  hat_bytes_reserve (out, (gsize) n * 2 * HAT_VARINT_BYTES);
  guint8 *at = out->data + out->len;
  for (guint i = 0; i < n; i++)
    at = hat_varint_write (at, first + i - stacks[i].parent);
  gint64 next = 0; /* frames are numbered as they are met: often the next one */
  for (guint i = 0; i < n; i++)
    {
      at = hat_varint_write (at, hat_zigzag (next - stacks[i].frame));
      next = MAX (next, (gint64) stacks[i].frame + 1);
    }
  out->len = (gsize) (at - out->data);
}

void
hat_write_mark (HatBytes *out, const char *name, gint64 time_ns)
{
  hat_bytes_put_string (out, name);
  hat_bytes_put_signed (out, time_ns);
}

void
hat_write_sample (HatBytes *out, const HatSample *sample)
{
  hat_bytes_put_signed (out, sample->time_ns);
  hat_bytes_put_varint (out, sample->rss_bytes);
  hat_bytes_put_varint (out, sample->n_regions);
  guint64 last = 0;
  for (guint i = 0; i < sample->n_regions; i++)
    {
      const HatRegion *region = &sample->regions[i];
      hat_bytes_put_varint (out, region->start - last);
      hat_bytes_put_varint (out, region->end - region->start);
      hat_bytes_put_byte (out, region->kind);
      hat_bytes_put_string (out, region->name);
      last = region->end;
    }
}

static void
write_totals (HatBytes *out, const HatTotals *totals)
{
  const guint64 numbers[] = { totals->allocations, totals->frees, totals->reallocations, totals->bytes_allocated,
                              totals->bytes_freed, hat_zigzag (totals->realloc_delta_bytes), totals->inherited_blocks,
                              totals->inherited_bytes, totals->live_blocks, totals->live_bytes, totals->peak_bytes,
                              hat_zigzag (totals->peak_time_ns), totals->peak_event, totals->temporary,
                              totals->unknown_frees, totals->missed_frees, totals->lost_events };
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++)
    hat_bytes_put_varint (out, numbers[i]);
}

#define WRITE_COLUMN(items, n, expression) \
  for (guint i = 0; i < (n); i++) \
    { \
      const typeof (*(items)) *item = &(items)[i]; \
      hat_bytes_put_varint (out, expression); \
    }

/* Most sites free what they allocate: columns hold differences to what that would give. There may be a million sites: they are read once. */
void
hat_write_sites (HatSiteColumns *out, const HatSite *sites, guint n)
{
  guint8 *at[HAT_N_SITE_COLUMNS];

  for (guint i = 0; i < HAT_N_SITE_COLUMNS; i++)
    {
      hat_bytes_reserve (&out->columns[i], (gsize) n * HAT_VARINT_BYTES);
      at[i] = out->columns[i].data + out->columns[i].len;
    }
  for (const HatSite *site = sites; site < sites + n; site++)
    {
      const guint64 left = site->allocations - site->frees, left_bytes = site->bytes - site->bytes_freed;
      const guint64 numbers[HAT_N_SITE_COLUMNS]
          = { hat_zigzag ((gint64) site->stack - out->last), site->allocations, site->bytes, hat_zigzag ((gint64) left),
              hat_zigzag ((gint64) left_bytes), site->reallocations, hat_zigzag (site->realloc_delta_bytes),
              hat_zigzag ((gint64) (site->live_blocks - left)), hat_zigzag ((gint64) (site->live_bytes - left_bytes)),
              site->peak_blocks, site->peak_bytes, site->temporary };
      for (guint i = 0; i < HAT_N_SITE_COLUMNS; i++)
        at[i] = hat_varint_write (at[i], numbers[i]);
      out->last = site->stack;
    }
  for (guint i = 0; i < HAT_N_SITE_COLUMNS; i++)
    out->columns[i].len = (gsize) (at[i] - out->columns[i].data);
  out->n += n;
}

void
hat_site_columns_clear (HatSiteColumns *sites)
{
  for (guint i = 0; i < HAT_N_SITE_COLUMNS; i++)
    hat_bytes_clear (&sites->columns[i]);
}

static void
write_leaves (HatBytes *out, const HatLeaf *leaves, guint n)
{
  hat_bytes_put_varint (out, n);
  gint64 last = 0;
  for (guint i = 0; i < n; i++)
    {
      hat_bytes_put_signed (out, leaves[i].end_ns - last);
      last = leaves[i].end_ns;
    }
  WRITE_COLUMN (leaves, n, item->last_bytes);
  WRITE_COLUMN (leaves, n, item->last_bytes - item->min_bytes);
  WRITE_COLUMN (leaves, n, item->max_bytes - item->last_bytes);
  WRITE_COLUMN (leaves, n, item->last_blocks);
  WRITE_COLUMN (leaves, n, item->allocations);
  WRITE_COLUMN (leaves, n, item->frees);
  WRITE_COLUMN (leaves, n, item->allocated_bytes);
}

void
hat_write_summary (HatBytes *out, const HatSummary *summary, HatSiteColumns *sites)
{
  gsize n_bytes = 0;

  write_totals (out, &summary->totals);
  hat_bytes_put_varint (out, sites->n);
  for (guint i = 0; i < HAT_N_SITE_COLUMNS; i++)
    n_bytes += sites->columns[i].len;
  hat_bytes_reserve (out, n_bytes);
  for (guint i = 0; i < HAT_N_SITE_COLUMNS; i++)
    hat_bytes_put (out, sites->columns[i].data, sites->columns[i].len);
  hat_site_columns_clear (sites);
  write_leaves (out, summary->leaves, summary->n_leaves);
}
