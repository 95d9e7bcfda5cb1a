/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The channel to the window: lines of text both ways over a socket; the words are in record.h. A window that goes away, or does not read,
 * never holds up the recording. */

#include <glib.h>

G_BEGIN_DECLS

typedef enum
{
  HAT_CONTROL_NONE,
  HAT_CONTROL_STOP,
  HAT_CONTROL_END,
  HAT_CONTROL_KILL,
  HAT_CONTROL_MARK, /* with a name */
  HAT_CONTROL_CANCEL,
  HAT_CONTROL_SNAPSHOT,
} HatControlCommand;

typedef struct
{
  int fd; /* -1: nobody there */
  GString *input;
} HatControl;

void hat_control_open (HatControl *control, int fd); /* -1 is allowed; does not take the descriptor */
void hat_control_close (HatControl *control);

/* Sends a line. One that does not fit is dropped, unless it `must` arrive: then a reader gets 200 ms to make room. */
void hat_control_send (HatControl *control, gboolean must, const char *format, ...) G_GNUC_PRINTF (3, 4);

/* The next command that has come, without waiting. *out_name (g_free) is the name of a mark. */
HatControlCommand hat_control_next (HatControl *control, char **out_name);

G_END_DECLS
