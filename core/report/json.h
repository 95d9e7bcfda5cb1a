/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A streaming JSON writer: no tree in memory, output appended to a GString. Text that is not UTF-8 becomes U+FFFD.
 *
 * Every call takes the member's name inside an object, NULL inside an array. The caller balances begin and end.
 *   HatJson json = { out };
 *   hat_json_begin_object (&json, NULL);
 *   hat_json_uint (&json, "bytes", 42);
 *   hat_json_end_object (&json); */

#include <glib.h>

G_BEGIN_DECLS

typedef struct
{
  GString *out;
  guint depth;
  gboolean needs_comma; /* something stands before in the same array or object */
} HatJson;

void hat_json_begin_object (HatJson *json, const char *name);
void hat_json_end_object (HatJson *json);
void hat_json_begin_array (HatJson *json, const char *name);
void hat_json_end_array (HatJson *json);
void hat_json_string (HatJson *json, const char *name, const char *value); /* NULL = null */
void hat_json_uint (HatJson *json, const char *name, guint64 value);
void hat_json_int (HatJson *json, const char *name, gint64 value);
void hat_json_double (HatJson *json, const char *name, double value); /* null unless finite */
void hat_json_boolean (HatJson *json, const char *name, gboolean value);
void hat_json_address (HatJson *json, const char *name, guint64 value); /* "0x..." */
void hat_json_null (HatJson *json, const char *name);

G_END_DECLS
