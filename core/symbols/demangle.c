/* SPDX-License-Identifier: Apache-2.0 */
/* Names of the linker to names of people. Parameters are left out: they lengthen every row and name no other function
 * than the rest of a stack already does. Rust's hashes are left out too.
 *
 * A few hundred hostile bytes may stand for a name of terabytes (substitutions of substitutions), and libiberty offers
 * no way to stop. So its output is counted in the callback, which leaves by longjmp when it is enough: the printers
 * keep their state on the stack, at most a small buffer of an identifier in punycode is lost. */

#include "core/symbols/symbols.h"

#include <libiberty/demangle.h>
#include <setjmp.h>
#include <string.h>

enum
{
  MAX_NAME = 64 * 1024
};

typedef struct
{
  GString *text;
  jmp_buf enough;
} Output;

static void
on_text (const char *text, size_t length, void *data)
{
  Output *out = data;
  if (out->text->len + length > MAX_NAME)
    longjmp (out->enough, 1);
  g_string_append_len (out->text, text, length);
}

char *
hat_demangle (const char *name)
{
  gboolean is_mangled = g_str_has_prefix (name, "_Z") || g_str_has_prefix (name, "_R");
  if (!is_mangled || strlen (name) > MAX_NAME)
    return g_strdup (name);

  Output out = { .text = g_string_new (NULL) };
  volatile int done = 0;
  if (setjmp (out.enough) == 0)
    {
      done = rust_demangle_callback (name, 0, on_text, &out);
      if (!done)
        {
          g_string_truncate (out.text, 0);
          done = cplus_demangle_v3_callback (name, 0, on_text, &out);
        }
    }
  if (done && out.text->len > 0)
    return g_string_free (out.text, FALSE);
  g_string_free (out.text, TRUE);
  return g_strdup (name);
}
