/* SPDX-License-Identifier: Apache-2.0
 *
 * dump-snapshots TRACE: what is in the snapshots of a trace, as lines of JSON: one for each snapshot, with its blocks (address, size), edges
 * (from, to, word, into), roots and frames. Blocks are compared with the live set of that instant; exit status 1 if they are not as many. */

#include "core/heap/heap.h"
#include "core/trace/snapshot.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const kinds[] = { "global", "stack", "register", "tls", "mapping", "loader" };

static void
print_text (const char *text)
{
  g_autofree char *escaped = g_strescape (text ? text : "", NULL);
  printf ("\"%s\"", escaped);
}

static const char *
function_of (HatTrace *trace, HatFrameId frame)
{
  guint n;
  return hat_trace_source (trace, frame, &n)[n - 1].function;
}

static void
print_snapshot (HatTrace *trace, guint process, guint number, const HatSnapshot *snapshot, const HatLive *live)
{
  const HatSnapshotInfo *info = &snapshot->info;
  guint n_threads, n_modules;
  const HatThread *threads = hat_trace_threads (trace, process, &n_threads);
  const HatModule *modules = hat_trace_modules (trace, &n_modules);

  printf ("{\"process\":%u,\"number\":%u,\"reason\":\"%s\",\"detail\":", process, number, hat_snapshot_reason_name (info->reason));
  print_text (info->detail);
  printf (",\"pause_ns\":%" G_GINT64_FORMAT ",\"read_bytes\":%" G_GUINT64_FORMAT ",\"windowed\":%d,\"skipped\":%u,\"blocks\":[", info->pause_ns,
          info->read_bytes, info->is_windowed, info->n_threads_skipped);
  for (guint64 i = 0; i < live->n; i++)
    printf ("%s[%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT "]", i ? "," : "", live->blocks[i].address, live->blocks[i].size);
  printf ("],\"edges\":[");
  for (guint32 i = 0, edge = 0; i < info->n_blocks; i++)
    for (; edge < snapshot->first_edge[i + 1]; edge++)
      printf ("%s[%u,%u,%u,%" G_GUINT64_FORMAT "]", edge ? "," : "", i, snapshot->edge_to[edge] & ~HAT_EDGE_INTERIOR, snapshot->edge_word[edge],
              hat_snapshot_edge_into (snapshot, edge));
  printf ("],\"doubtful\":[");
  for (guint32 i = 0; i < snapshot->n_doubtful; i++)
    printf ("%s%u", i ? "," : "", snapshot->doubtful[i]);
  printf ("],\"roots\":[");
  for (guint32 i = 0; i < info->n_roots; i++)
    {
      const HatRoot *root = &snapshot->roots[i];
      printf ("%s{\"kind\":\"%s\",\"to\":%u,\"into\":%" G_GUINT64_FORMAT ",\"thread\":%d,\"module\":", i ? "," : "", kinds[root->kind], root->to,
              root->to_offset, root->thread < n_threads ? (int) threads[root->thread].tid : -1);
      print_text (root->module < n_modules ? modules[root->module].path : "");
      printf (",\"frame\":");
      print_text (root->frame != HAT_NO_FRAME ? function_of (trace, snapshot->frames[root->frame].frame) : "");
      printf (",\"name\":");
      print_text (root->name);
      printf ("}");
    }
  printf ("],\"frames\":[");
  for (guint32 i = 0; i < snapshot->n_frames; i++)
    {
      printf ("%s[%d,", i ? "," : "", snapshot->frames[i].thread < n_threads ? (int) threads[snapshot->frames[i].thread].tid : -1);
      print_text (function_of (trace, snapshot->frames[i].frame));
      printf ("]");
    }
  printf ("],\"heads\":[");
  for (guint32 i = 0; i < snapshot->n_heads; i++)
    {
      const HatBlockHead *head = &snapshot->heads[i];
      printf ("%s[%u,%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT ",%" G_GUINT64_FORMAT "]", i ? "," : "", head->block, head->words[0], head->words[1],
              head->words[2]);
    }
  printf ("],\"module_words\":%u,\"contents\":[", snapshot->n_module_words);
  for (guint32 i = 0, n = 0; i < info->n_blocks; i++)
    {
      gsize size;
      g_autofree guint8 *bytes = hat_trace_read_contents (trace, process, number, i, &size, NULL);
      if (bytes == NULL)
        continue;
      printf ("%s[%u,\"", n++ ? "," : "", i);
      for (gsize k = 0; k < size; k++)
        printf ("%02x", bytes[k]);
      printf ("\"]");
    }
  printf ("]}\n");
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (HatTrace) trace = hat_trace_open (argc > 1 ? argv[1] : "", NULL, &error);
  const guint n_processes = trace ? hat_trace_n_processes (trace) : 0;

  for (guint process = 0; process < n_processes && error == NULL; process++)
    {
      guint n;
      const HatSnapshotInfo *infos = hat_trace_snapshots (trace, process, &n);
      g_autoptr (HatHeap) heap = hat_heap_new (trace, process, NULL, &error);
      for (guint i = 0; i < n && heap; i++)
        {
          g_autoptr (HatSnapshot) snapshot = hat_trace_read_snapshot (trace, process, i, NULL, &error);
          g_autoptr (HatLive) live = snapshot ? hat_heap_live (heap, infos[i].time_ns, NULL, &error) : NULL;
          if (live == NULL)
            break;
          if (live->n != infos[i].n_blocks)
            {
              fprintf (stderr, "%u blocks in the snapshot, %" G_GUINT64_FORMAT " live\n", infos[i].n_blocks, live->n);
              return 1;
            }
          print_snapshot (trace, process, i, snapshot, live);
        }
    }
  if (error == NULL)
    return 0;
  fprintf (stderr, "%s\n", error->message);
  return 1;
}
