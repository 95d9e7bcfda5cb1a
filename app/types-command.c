/* SPDX-License-Identifier: Apache-2.0 */
/* `heapatlas types`. */

#include "app/open-trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/heap/format.h"
#include "core/report/report.h"

static const char description[] =
  "NAME is a type's name in full, or without scopes (Node for app::Node), or\n"
  "without arguments (Vec for alloc::vec::Vec<i32>). Without it all types are\n"
  "listed, those that lose most to padding first. Of a TRACE these are the types\n"
  "of the program and of the libraries that came with it, and what is live of\n"
  "them at the end (at the peak, if nothing is), objects in other objects counted.\n"
  "Types of one name are told apart by where they are defined: node at list.c:12.\n"
  "\n"
  "Examples:\n"
  "  heapatlas types ./app Node\n"
  "  heapatlas types app.heapatlas --at peak\n"
  "  heapatlas types app.heapatlas --json\n"
  "  heapatlas types app.heapatlas --generics Vec::push\n"
  "\n"
  "Exit status: 0 done, 2 wrong use, 3 could not read, or there is no such type.";

static gboolean
is_binary (const char *path, gboolean *out_is_binary, GError **error)
{
  char magic[4] = "";
  FILE *file = g_file_test (path, G_FILE_TEST_IS_DIR) ? NULL : fopen (path, "re");
  if (!file)
    {
      g_set_error (error, HAT_ERROR, HAT_ERROR_IO, "could not read: %s", g_strerror (errno ? errno : EISDIR));
      return FALSE;
    }
  *out_is_binary = fread (magic, 1, sizeof magic, file) == sizeof magic && memcmp (magic, "\177ELF", sizeof magic) == 0;
  fclose (file);
  return TRUE;
}

/* A file without types is an answer, not an error: one line says so. */
static HatTypes *
of_binary (const char *path, GString *unknown)
{
  HatTypes *types = hat_types_new (NULL);
  g_autoptr (GError) error = NULL;
  /* Links resolved: packages know where the file itself is. */
  char *full = realpath (path, NULL);
  HatModule module = { .path = full ? full : path };
  if (!hat_types_add (types, &module, &error))
    g_string_append (unknown, error->message);
  free (full);
  return types;
}

/* A trace, its types and what is live of them. */
typedef struct
{
  HatTrace *trace;
  HatTypes *kept;
  HatTypeCounts *counts;
  HatSites *sites; /* of the whole recording */
  gint64 at_ns;
  guint64 blocks, bytes;
} Live;

static void
live_clear (Live *live)
{
  g_clear_pointer (&live->counts, hat_type_counts_free);
  g_clear_pointer (&live->kept, hat_types_free);
  g_clear_pointer (&live->sites, hat_sites_free);
  g_clear_pointer (&live->trace, hat_trace_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Live, live_clear)

static gboolean
count_live (Live *live, HatHeap *heap, gint64 at, const HatProgress *progress, GError **error)
{
  g_autoptr (HatLive) blocks = hat_heap_live (heap, at, progress, error);
  if (!blocks)
    return FALSE;
  g_clear_pointer (&live->counts, hat_type_counts_free);
  g_autoptr (HatSeenTypes) seen = hat_seen_types_new ();
  live->counts = hat_type_counts_new (heap, live->kept, blocks, seen, progress);
  live->at_ns = at;
  live->blocks = blocks->n;
  live->bytes = blocks->bytes;
  return TRUE;
}

/* At an instant, else at the end, or at the peak if nothing of a known type is live at the end. */
static gboolean
read_live (Live *live, guint process, const char *at, const HatProgress *progress, GError **error)
{
  g_autoptr (HatHeap) heap = hat_heap_new (live->trace, process, progress, error);
  gint64 instant = 0;
  if (!heap || (at && !hat_parse_time (at, live->trace, process, &instant, error)))
    return FALSE;
  live->kept = hat_types_of_trace (live->trace);
  live->sites = hat_heap_sites (heap, (HatRange){ 0, hat_heap_end (heap) }, progress, error);
  if (!live->sites)
    return FALSE;
  if (!count_live (live, heap, at ? instant : hat_heap_end (heap), progress, error))
    return FALSE;
  return at || hat_type_counts_blocks (live->counts).objects > 0
         || count_live (live, heap, hat_heap_summary (heap)->totals.peak_time_ns, progress, error);
}

static HatTypes *
of_trace (Live *live, const char *path, gint *process, const char *at, GString *unknown, const HatProgress *progress, GError **error)
{
  live->trace = hat_trace_open (path, progress, error);
  if (!live->trace)
    return NULL;
  guint n = hat_trace_n_processes (live->trace);
  if (*process == -1)
    *process = hat_trace_busiest_process (live->trace);
  if (*process < 0 || (guint) *process >= n)
    {
      g_set_error (error, HAT_ERROR, HAT_ERROR_USAGE, "types: there is no process %d in %s, it has %u, counted from 0", *process, path, n);
      return NULL;
    }
  return read_live (live, *process, at, progress, error) ? hat_types_of_process (live->trace, *process, NULL, unknown) : NULL;
}

int
hat_command_types (int argc, char **argv)
{
  gboolean json = FALSE, generics = FALSE;
  gint process = -1;
  g_autofree char *at = NULL;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, "Print JSON for programs", NULL },
    { "generics", 0, 0, G_OPTION_ARG_NONE, &generics, "Generic functions instead: instances, code and allocations of each", NULL },
    { "process", 0, 0, G_OPTION_ARG_INT, &process, "Process of a trace, counted from 0 (default: the busiest)", "N" },
    { "at", 0, 0, G_OPTION_ARG_STRING, &at, "Count what is live at T (default: the end, or the peak)", "T" },
    { NULL },
  };
  g_autofree char *path = NULL, *name = NULL;
  g_auto (Live) live = { 0 };
  if (!hat_parse_options_named (argc, argv, entries, "Shows how types are laid out in memory.", description, &path, &name))
    return HAT_EXIT_USAGE;
  if (process < -1)
    return hat_usage ("types: --process takes a number from 0");

  g_autoptr (GError) error = NULL;
  const HatProgress *progress = hat_terminal_progress ();
  g_autoptr (GString) unknown = g_string_new (NULL), out = g_string_new (NULL);
  gboolean of_file;
  if (!is_binary (path, &of_file, &error))
    return hat_fail (path, error);
  if (of_file && at)
    return hat_usage ("types: --at is for a recording, %s is a binary", path);
  g_autoptr (HatTypes) types = of_file ? of_binary (path, unknown) : of_trace (&live, path, &process, at, unknown, progress, &error);
  const gboolean is_one = name && !json && !generics;
  if (!types || !(is_one ? hat_types_read_named (types, name, progress, &error) : hat_types_read_all (types, progress, &error)))
    return hat_fail (path, error);
  g_autoptr (HatGenerics) functions = (json || generics) && hat_types_count (types) > 1 ? hat_generics_new (types, progress, &error) : NULL;
  if (error)
    return hat_fail (path, error);
  if (unknown->len)
    hat_note ("%s", unknown->str);
  const HatTypesOptions options = { .process = of_file ? -1 : process, .name = name, .counts = live.counts, .at_ns = live.at_ns,
                                    .kept = live.kept, .live_blocks = live.blocks, .live_bytes = live.bytes,
                                    .generics = functions, .trace = live.trace, .sites = live.sites };
  guint n;
  if (json)
    hat_report_types_json (types, &options, out, &n);
  else if (functions)
    hat_report_generics_text (&options, out, &n);
  else
    hat_report_types_text (types, &options, out, &n);
  if (n == 0 && unknown->len && !json)
    g_string_truncate (out, 0); /* the line said it all */
  if (name && n == 0 && unknown->len == 0)
    {
      g_set_error (&error, HAT_ERROR, HAT_ERROR_IO, "there is no %s \"%s\", see heapatlas types %s%s", generics ? "generic function" : "type", name,
                   path, generics ? " --generics" : "");
      return hat_fail (path, error);
    }
  return hat_print (out, HAT_EXIT_OK);
}
