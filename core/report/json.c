/* SPDX-License-Identifier: Apache-2.0 */
/* The streaming JSON writer. */

#include "core/report/json.h"

#include <math.h>

/* Objects that are elements of the outer arrays (processes, sites, groups) start a line: kind to diff and grep. */
#define LINE_DEPTH 4

static void
append_string (GString *out, const char *text)
{
  g_autofree char *valid = g_utf8_make_valid (text, -1);
  g_string_append_c (out, '"');
  for (const char *c = valid; *c; c++)
    switch (*c)
      {
      case '"':
        g_string_append (out, "\\\"");
        break;
      case '\\':
        g_string_append (out, "\\\\");
        break;
      case '\n':
        g_string_append (out, "\\n");
        break;
      case '\t':
        g_string_append (out, "\\t");
        break;
      default:
        if ((guchar) *c < 0x20 || *c == 0x7f)
          g_string_append_printf (out, "\\u%04x", (guchar) *c);
        else
          g_string_append_c (out, *c);
      }
  g_string_append_c (out, '"');
}

static void
begin_value (HatJson *json, const char *name)
{
  if (json->needs_comma)
    g_string_append_c (json->out, ',');
  json->needs_comma = TRUE;
  if (name)
    {
      append_string (json->out, name);
      g_string_append_c (json->out, ':');
    }
}

static void
begin (HatJson *json, const char *name, char bracket)
{
  begin_value (json, name);
  if (name == NULL && bracket == '{' && json->depth > 0 && json->depth <= LINE_DEPTH)
    g_string_append_c (json->out, '\n');
  g_string_append_c (json->out, bracket);
  json->needs_comma = FALSE;
  json->depth++;
}

static void
end (HatJson *json, char bracket)
{
  g_return_if_fail (json->depth > 0);
  g_string_append_c (json->out, bracket);
  json->needs_comma = TRUE;
  if (--json->depth == 0)
    g_string_append_c (json->out, '\n');
}

void
hat_json_begin_object (HatJson *json, const char *name)
{
  begin (json, name, '{');
}

void
hat_json_end_object (HatJson *json)
{
  end (json, '}');
}

void
hat_json_begin_array (HatJson *json, const char *name)
{
  begin (json, name, '[');
}

void
hat_json_end_array (HatJson *json)
{
  end (json, ']');
}

void
hat_json_string (HatJson *json, const char *name, const char *value)
{
  if (value == NULL)
    {
      hat_json_null (json, name);
      return;
    }
  begin_value (json, name);
  append_string (json->out, value);
}

void
hat_json_uint (HatJson *json, const char *name, guint64 value)
{
  begin_value (json, name);
  g_string_append_printf (json->out, "%" G_GUINT64_FORMAT, value);
}

void
hat_json_int (HatJson *json, const char *name, gint64 value)
{
  begin_value (json, name);
  g_string_append_printf (json->out, "%" G_GINT64_FORMAT, value);
}

void
hat_json_double (HatJson *json, const char *name, double value)
{
  if (!isfinite (value))
    {
      hat_json_null (json, name);
      return;
    }
  char text[G_ASCII_DTOSTR_BUF_SIZE];
  begin_value (json, name);
  g_string_append (json->out, g_ascii_dtostr (text, sizeof text, value));
}

void
hat_json_boolean (HatJson *json, const char *name, gboolean value)
{
  begin_value (json, name);
  g_string_append (json->out, value ? "true" : "false");
}

void
hat_json_address (HatJson *json, const char *name, guint64 value)
{
  begin_value (json, name);
  g_string_append_printf (json->out, "\"0x%" G_GINT64_MODIFIER "x\"", value);
}

void
hat_json_null (HatJson *json, const char *name)
{
  begin_value (json, name);
  g_string_append (json->out, "null");
}
