/* SPDX-License-Identifier: Apache-2.0
 *
 * Lines to and from the window. */

#include "core/record/control.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_LINE 4096u
#define PATIENCE_MS 200

void
hat_control_open (HatControl *control, int fd)
{
  *control = (HatControl) { .fd = fd, .input = g_string_new (NULL) };
}

void
hat_control_close (HatControl *control)
{
  g_string_free (control->input, TRUE);
  *control = (HatControl) { .fd = -1 };
}

void
hat_control_send (HatControl *control, gboolean must, const char *format, ...)
{
  if (control->fd < 0)
    return;
  va_list arguments;
  va_start (arguments, format);
  g_autofree char *text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_strdelimit (text, "\n\r", ' ');
  g_autofree char *line = g_strconcat (text, "\n", NULL);

  for (const char *rest = line; *rest;)
    {
      const gssize n = send (control->fd, rest, strlen (rest), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n > 0)
        {
          rest += n;
          continue;
        }
      if (errno == EINTR)
        continue;
      /* A line that has begun has to be ended, or the next one would not be understood. */
      struct pollfd room = { .fd = control->fd, .events = POLLOUT };
      if (errno != EAGAIN)
        control->fd = -1;
      else if (!must && rest == line)
        return;
      else if (poll (&room, 1, PATIENCE_MS) > 0)
        continue;
      else if (rest != line)
        control->fd = -1;
      return;
    }
}

static gboolean
take_line (HatControl *control, char **out_line)
{
  const char *end = strchr (control->input->str, '\n');

  if (end == NULL)
    return FALSE;
  *out_line = g_strndup (control->input->str, end - control->input->str);
  g_string_erase (control->input, 0, end + 1 - control->input->str);
  return TRUE;
}

static void
read_more (HatControl *control)
{
  char buffer[1024];
  const gssize n = recv (control->fd, buffer, sizeof buffer, MSG_DONTWAIT);

  if (n > 0)
    g_string_append_len (control->input, buffer, n);
  else if (n == 0 || (errno != EAGAIN && errno != EINTR))
    control->fd = -1;
  if (control->input->len > MAX_LINE && strchr (control->input->str, '\n') == NULL)
    g_string_truncate (control->input, 0);
}

HatControlCommand
hat_control_next (HatControl *control, char **out_name)
{
  g_autofree char *line = NULL;

  *out_name = NULL;
  if (control->fd < 0)
    return HAT_CONTROL_NONE;
  read_more (control);
  if (!take_line (control, &line))
    return HAT_CONTROL_NONE;
  if (g_str_has_prefix (line, "mark "))
    {
      *out_name = g_strdup (line + strlen ("mark "));
      return HAT_CONTROL_MARK;
    }
  static const char *const words[] = { "", "stop", "end", "kill", "mark", "cancel", "snapshot" };
  for (guint i = HAT_CONTROL_STOP; i < G_N_ELEMENTS (words); i++)
    if (strcmp (line, words[i]) == 0)
      {
        *out_name = i == HAT_CONTROL_MARK ? g_strdup ("mark") : NULL;
        return i;
      }
  return HAT_CONTROL_NONE;
}
