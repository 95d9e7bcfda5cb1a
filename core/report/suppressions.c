/* SPDX-License-Identifier: Apache-2.0 */
/* Suppressions of known leaks. */

#include "core/report/suppressions.h"

#include "core/graph/pattern.h"
#include "core/report/function-name.h"

#include <string.h>

#define ALL_CLASSES ((1u << HAT_N_LEAK_CLASSES) - 1)
#define MAX_FRAMES 256 /* of a stack, that valgrind's patterns may ask for */

typedef enum
{
  FRAME_FUNCTION,
  FRAME_OBJECT,
  FRAME_SOURCE,
  FRAME_ANY, /* "..." */
} FrameKind;

typedef struct
{
  FrameKind kind;
  char *pattern;
} FramePattern;

/* A block of valgrind's. */
typedef struct
{
  GArray *frames; /* FramePattern, innermost first */
  guint8 classes;
} StackPattern;

struct _HatSuppressions
{
  GPtrArray *anywhere; /* LeakSanitizer's patterns */
  GPtrArray *stacks;   /* StackPattern */
  char *(*demangle) (const char *name);
};

static void
frame_clear (gpointer data)
{
  g_free (((FramePattern *) data)->pattern);
}

static StackPattern *
stack_pattern_new (void)
{
  StackPattern *stack = g_new0 (StackPattern, 1);
  stack->frames = g_array_new (FALSE, FALSE, sizeof (FramePattern));
  g_array_set_clear_func (stack->frames, frame_clear);
  stack->classes = ALL_CLASSES;
  return stack;
}

static void
stack_pattern_free (gpointer data)
{
  StackPattern *stack = data;
  g_array_unref (stack->frames);
  g_free (stack);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (StackPattern, stack_pattern_free)

HatSuppressions *
hat_suppressions_new (HatTrace *trace, char *(*demangle) (const char *name))
{
  HatSuppressions *suppressions = g_new0 (HatSuppressions, 1);
  guint n = 0;
  const HatNote *notes = trace ? hat_trace_notes (trace, &n) : NULL;

  suppressions->anywhere = g_ptr_array_new_with_free_func (g_free);
  suppressions->stacks = g_ptr_array_new_with_free_func (stack_pattern_free);
  suppressions->demangle = demangle;
  for (guint i = 0; i < n; i++)
    if (g_str_equal (notes[i].key, HAT_NOTE_SUPPRESSIONS) || g_str_equal (notes[i].key, HAT_NOTE_PROGRAM_SUPPRESSIONS))
      hat_suppressions_add (suppressions, notes[i].value, notes[i].key, NULL);
  return suppressions;
}

void
hat_suppressions_free (HatSuppressions *suppressions)
{
  if (suppressions == NULL)
    return;
  g_ptr_array_unref (suppressions->anywhere);
  g_ptr_array_unref (suppressions->stacks);
  g_free (suppressions);
}

/* ---- reading ---- */

/* "definite,possible" and the like. A lost cycle is definite with its head and indirect with the rest of it. */
static gboolean
parse_kinds (const char *text, guint8 *out_classes)
{
  static const struct { const char *name; guint8 classes; } kinds[] = {
    { "definite", 1u << HAT_LEAK_DIRECT | 1u << HAT_LEAK_CYCLE },
    { "indirect", 1u << HAT_LEAK_INDIRECT | 1u << HAT_LEAK_CYCLE },
    { "possible", 1u << HAT_LEAK_POSSIBLE },
    { "reachable", 1u << HAT_LEAK_REACHABLE },
    { "all", ALL_CLASSES },
    { "none", 0 },
  };
  g_auto (GStrv) names = g_strsplit (text, ",", -1);

  *out_classes = 0;
  for (guint i = 0; names[i]; i++)
    {
      guint k = 0;
      while (k < G_N_ELEMENTS (kinds) && !g_str_equal (g_strstrip (names[i]), kinds[k].name))
        k++;
      if (k == G_N_ELEMENTS (kinds))
        return FALSE;
      *out_classes |= kinds[k].classes;
    }
  if (*out_classes)
    *out_classes |= 1u << HAT_LEAK_UNFREED;
  return TRUE;
}

static gboolean
parse_frame (const HatSuppressions *suppressions, const char *line, FramePattern *out_frame)
{
  static const char *const prefixes[] = { [FRAME_FUNCTION] = "fun:", [FRAME_OBJECT] = "obj:", [FRAME_SOURCE] = "src:" };

  *out_frame = (FramePattern) { .kind = FRAME_ANY };
  if (g_str_equal (line, "..."))
    return TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (prefixes); i++)
    if (g_str_has_prefix (line, prefixes[i]) && line[4] != '\0')
      {
        out_frame->kind = i;
        out_frame->pattern = i == FRAME_FUNCTION && suppressions->demangle ? suppressions->demangle (line + 4) : g_strdup (line + 4);
        return TRUE;
      }
  return FALSE;
}

/* The lines after "{"; moves *lines to the one with "}". FALSE: *lines is the bad one. */
static gboolean
parse_block (HatSuppressions *suppressions, char ***lines)
{
  g_autoptr (StackPattern) stack = stack_pattern_new ();
  gboolean is_leak = FALSE;

  for (guint n = 0; **lines; (*lines)++)
    {
      const char *line = g_strstrip (**lines);
      FramePattern frame;
      if (*line == '\0' || *line == '#')
        continue;
      if (g_str_equal (line, "}"))
        {
          if (is_leak && stack->frames->len > 0)
            g_ptr_array_add (suppressions->stacks, g_steal_pointer (&stack));
          return n >= 2;
        }
      if (n++ == 0)
        continue; /* its name */
      if (n == 2)
        {
          const char *colon = strchr (line, ':');
          g_auto (GStrv) tools = g_strsplit (line, ":", 2);
          g_auto (GStrv) names = g_strsplit (tools[0], ",", -1);
          is_leak = colon && g_strv_contains ((const char *const *) names, "Memcheck") && g_str_equal (colon + 1, "Leak");
          if (colon == NULL)
            return FALSE;
        }
      else if (!is_leak)
        continue; /* another tool's lines look different */
      else if (g_str_has_prefix (line, "match-leak-kinds:") && n == 3)
        {
          if (!parse_kinds (line + strlen ("match-leak-kinds:"), &stack->classes))
            return FALSE;
        }
      else if (parse_frame (suppressions, line, &frame))
        g_array_append_val (stack->frames, frame);
      else
        return FALSE;
    }
  return FALSE;
}

gboolean
hat_suppressions_add (HatSuppressions *suppressions, const char *text, const char *name, GError **error)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  for (char **at = lines; *at; at++)
    {
      char *line = g_strstrip (*at);
      gboolean is_good = *line == '\0' || *line == '#';
      if (!is_good && g_str_equal (line, "{"))
        {
          char **start = at++;
          is_good = parse_block (suppressions, &at);
          if (*at == NULL) /* never closed */
            at = start;
        }
      else if (!is_good && g_str_has_prefix (line, "leak:") && line[5] != '\0')
        {
          g_ptr_array_add (suppressions->anywhere, g_strdup (line + 5));
          is_good = TRUE;
        }
      if (!is_good)
        {
          g_autofree char *shown = g_utf8_make_valid (*at, MIN (strlen (*at), 60));
          g_set_error (error, HAT_ERROR, HAT_ERROR_USAGE,
                       "%s:%u: \"%s\" is no suppression, write leak:PATTERN or a block as valgrind has it", name,
                       (guint) (at - lines) + 1, shown);
          return FALSE;
        }
    }
  return TRUE;
}

gboolean
hat_suppressions_add_file (HatSuppressions *suppressions, const char *path, GError **error)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) local_error = NULL;
  if (!g_file_get_contents (path, &text, NULL, &local_error))
    {
      g_set_error (error, HAT_ERROR, HAT_ERROR_IO, "suppressions: %s", local_error->message);
      return FALSE;
    }
  return hat_suppressions_add (suppressions, text, path, error);
}

/* ---- matching ---- */

static gboolean
is_found (const HatSuppressions *suppressions, const char *text)
{
  for (guint i = 0; i < suppressions->anywhere->len; i++)
    if (hat_pattern_found (g_ptr_array_index (suppressions->anywhere, i), text))
      return TRUE;
  return FALSE;
}

static gboolean
frame_matches (const HatSourceFrame *frame, const char *module, gpointer data)
{
  const HatSuppressions *suppressions = data;
  return is_found (suppressions, frame->function) || (frame->file && is_found (suppressions, frame->file))
         || (module && *module && is_found (suppressions, module));
}

/* The frame that valgrind shows for the allocator, and our stacks do not have. */
static gboolean
is_allocator (const FramePattern *pattern)
{
  static const char *const names[] = {
    "malloc", "calloc", "realloc", "memalign", "posix_memalign", "aligned_alloc", "valloc", "pvalloc", "reallocarray",
    "operator new", "operator new[]", "operator new(unsigned long)", "operator new[](unsigned long)",
  };

  if (pattern->kind == FRAME_OBJECT)
    return strstr (pattern->pattern, "vgpreload") != NULL;
  for (guint i = 0; pattern->kind == FRAME_FUNCTION && i < G_N_ELEMENTS (names); i++)
    if (hat_pattern_matches (pattern->pattern, names[i]))
      return TRUE;
  return FALSE;
}

static gboolean
is_frame (const FramePattern *pattern, const HatStackFrame *frame)
{
  switch (pattern->kind)
    {
    case FRAME_FUNCTION:
      return hat_pattern_matches (pattern->pattern, frame->function);
    case FRAME_OBJECT:
      return hat_pattern_matches (pattern->pattern, frame->module);
    case FRAME_SOURCE:
      {
        g_autofree char *line = g_strdup_printf ("%s:%u", frame->file ? frame->file : "", frame->line);
        g_autofree char *base = frame->file ? g_path_get_basename (line) : g_strdup ("");
        return frame->file && (hat_pattern_matches (pattern->pattern, line) || hat_pattern_matches (pattern->pattern, base));
      }
    case FRAME_ANY:
      break;
    }
  return TRUE;
}

/* The last "..." takes a frame more where it fails, as the last star of a name does. */
static gboolean
frames_match (const FramePattern *patterns, guint n_patterns, const HatStackFrame *frames, guint n_frames)
{
  guint p = 0, f = 0, retry_p = G_MAXUINT, retry_f = 0;

  while (p < n_patterns)
    if (patterns[p].kind == FRAME_ANY)
      {
        retry_p = ++p;
        retry_f = f;
      }
    else if (f < n_frames && is_frame (&patterns[p], &frames[f]))
      {
        p++;
        f++;
      }
    else if (f < n_frames && retry_p != G_MAXUINT)
      {
        p = retry_p;
        f = ++retry_f;
      }
    else
      return FALSE;
  return TRUE;
}

static guint8
classes_of_stack (const HatSuppressions *suppressions, HatTrace *trace, HatStackId stack)
{
  guint n, classes = 0;
  g_autofree HatStackFrame *frames = hat_stack_frames (trace, stack, &n);

  n = MIN (n, MAX_FRAMES);
  for (guint i = 0; i < suppressions->stacks->len; i++)
    {
      const StackPattern *pattern = g_ptr_array_index (suppressions->stacks, i);
      const FramePattern *patterns = (const FramePattern *) pattern->frames->data;
      const guint n_patterns = pattern->frames->len;
      if (frames_match (patterns, n_patterns, frames, n) || (is_allocator (patterns) && frames_match (patterns + 1, n_patterns - 1, frames, n)))
        classes |= pattern->classes;
    }
  return (guint8) classes;
}

guint8 *
hat_suppressions_stacks (const HatSuppressions *suppressions, HatTrace *trace)
{
  guint n_stacks;

  if (suppressions->anywhere->len + suppressions->stacks->len == 0)
    return NULL;
  hat_trace_stacks (trace, &n_stacks);
  g_autofree gboolean *through = suppressions->anywhere->len ? hat_stacks_through (trace, frame_matches, (gpointer) suppressions) : NULL;
  guint8 *classes = g_new0 (guint8, MAX (n_stacks, 2));
  for (guint i = 0; i < n_stacks; i++)
    {
      classes[i] = through && through[i] ? ALL_CLASSES : 0;
      if (suppressions->stacks->len > 0 && classes[i] != ALL_CLASSES && i > HAT_STACK_TRUNCATED)
        classes[i] |= classes_of_stack (suppressions, trace, i);
    }
  return classes;
}
