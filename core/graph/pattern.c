/* SPDX-License-Identifier: Apache-2.0
 *
 * Patterns of names. */

#include "core/graph/pattern.h"

#include <string.h>

/* Finds the pieces between the stars one after the other, each as early as possible: then the rest has the most room.
 * Only the last piece of a pattern that ends in $ must be sought at the end. */
gboolean
hat_pattern_found (const char *pattern, const char *text)
{
  gboolean at_start = *pattern == '^';
  pattern += at_start;
  gsize length = strlen (pattern);
  gboolean at_end = length > 0 && pattern[length - 1] == '$';
  const char *end = pattern + length - at_end;

  for (gboolean is_first = TRUE;; is_first = FALSE)
    {
      const char *star = memchr (pattern, '*', end - pattern);
      gsize n = (star ? star : end) - pattern;
      gboolean is_last = star == NULL;
      if (is_last && at_end)
        {
          gsize rest = strlen (text);
          return rest >= n && memcmp (text + rest - n, pattern, n) == 0 && !(is_first && at_start && rest != n);
        }
      const char *found;
      if (is_first && at_start)
        found = strncmp (text, pattern, n) == 0 ? text : NULL;
      else
        found = n == 0 ? text : memmem (text, strlen (text), pattern, n);
      if (found == NULL)
        return FALSE;
      if (is_last)
        return TRUE;
      text = found + n;
      pattern = star + 1;
    }
}

/* Where it fails behind a star, that star takes one character more: only the last one ever needs to. */
gboolean
hat_pattern_matches (const char *pattern, const char *text)
{
  const char *star = NULL, *retry = NULL;

  while (*text)
    if (*pattern == '*')
      {
        star = ++pattern;
        retry = text;
      }
    else if (*pattern == '?' || *pattern == *text)
      {
        pattern++;
        text++;
      }
    else if (star)
      {
        pattern = star;
        text = ++retry;
      }
    else
      return FALSE;
  while (*pattern == '*')
    pattern++;
  return *pattern == '\0';
}
