/* SPDX-License-Identifier: Apache-2.0 */

#include "core/record/request.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "core/wire/wire.h"

#define MAX_CLIENTS 16u
#define MAX_LINE 256u
#define CLIENT_PATIENCE_S 120

static socklen_t
make_address (guint32 recorder, struct sockaddr_un *out)
{
  *out = (struct sockaddr_un) { .sun_family = AF_UNIX };
  /* Abstract: it goes with its owner. */
  const int n = g_snprintf (out->sun_path + 1, sizeof out->sun_path - 1, "heapatlas-record-%u", recorder);
  return G_STRUCT_OFFSET (struct sockaddr_un, sun_path) + 1 + n;
}

void
hat_requests_open (HatRequests *requests)
{
  struct sockaddr_un address;
  const socklen_t length = make_address (getpid (), &address);

  *requests = (HatRequests) { .fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) };
  requests->clients = g_array_new (FALSE, FALSE, sizeof (int));
  if (requests->fd >= 0 && (bind (requests->fd, (struct sockaddr *) &address, length) != 0 || listen (requests->fd, MAX_CLIENTS) != 0))
    {
      close (requests->fd);
      requests->fd = -1;
    }
}

void
hat_requests_close (HatRequests *requests)
{
  if (requests->clients == NULL)
    return;
  for (guint i = 0; i < requests->clients->len; i++)
    close (g_array_index (requests->clients, int, i));
  g_array_unref (requests->clients);
  if (requests->fd >= 0)
    close (requests->fd);
  *requests = (HatRequests) { .fd = -1 };
}

static gboolean
may_ask (int client)
{
  struct ucred peer;
  socklen_t length = sizeof peer;
  return getsockopt (client, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && (peer.uid == geteuid () || peer.uid == 0);
}

gboolean
hat_requests_next (HatRequests *requests, guint32 *out_pid, int *out_client)
{
  char line[MAX_LINE];
  unsigned pid;

  struct pollfd waiting = { .fd = requests->fd, .events = POLLIN };
  if (requests->fd < 0 || (requests->clients->len == 0 && poll (&waiting, 1, 0) <= 0)) /* accept makes a file before it looks */
    return FALSE;
  for (int client; (client = accept4 (requests->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0;)
    if (requests->clients->len < MAX_CLIENTS && may_ask (client))
      g_array_append_val (requests->clients, client);
    else
      close (client);
  for (guint i = requests->clients->len; i > 0; i--)
    {
      const int client = g_array_index (requests->clients, int, i - 1);
      const gssize n = recv (client, line, sizeof line - 1, 0);
      if (n < 0 && (errno == EAGAIN || errno == EINTR))
        continue;
      g_array_remove_index_fast (requests->clients, i - 1);
      line[MAX (n, 0)] = 0;
      if (sscanf (line, "snapshot %u\n", &pid) == 1)
        {
          *out_pid = pid;
          *out_client = client;
          return TRUE;
        }
      close (client);
    }
  return FALSE;
}

void
hat_request_answer (int client, gboolean is_done, const char *text)
{
  g_autofree char *line = g_strdup_printf ("%s %s\n", is_done ? "done" : "error", text);
  /* It fits into an empty socket, or nobody reads. */
  send (client, line, strlen (line), MSG_NOSIGNAL | MSG_DONTWAIT);
  close (client);
}

/* ---- the client ---- */

/* The process whose memory the environment of `pid` names; 0: it is not recorded. */
static guint32
recorder_of (guint32 pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%u/environ", pid), *text = NULL;
  gsize length;
  unsigned recorder;

  if (g_file_get_contents (path, &text, &length, NULL))
    for (gsize at = 0; at < length; at += strlen (text + at) + 1)
      if (sscanf (text + at, HAT_WIRE_ENV "=/proc/%u/fd/", &recorder) == 1)
        return recorder;
  return 0;
}

static int
connect_to (guint32 recorder)
{
  const struct timeval patience = { .tv_sec = CLIENT_PATIENCE_S };
  struct sockaddr_un address;
  const socklen_t length = make_address (recorder, &address);
  const int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  if (fd >= 0 && connect (fd, (struct sockaddr *) &address, length) == 0)
    {
      setsockopt (fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
      return fd;
    }
  if (fd >= 0)
    close (fd);
  return -1;
}

char *
hat_request_snapshot (guint32 pid, GError **error)
{
  const guint32 recorder = recorder_of (pid);
  int fd = connect_to (pid);
  char line[MAX_LINE];
  gsize n = 0;

  if (fd < 0 && recorder != 0)
    fd = connect_to (recorder);
  if (fd < 0)
    {
      g_set_error (error, HAT_ERROR, HAT_ERROR_REFUSED, "process %u: %s", pid,
                   recorder != 0 ? "its recorder is gone" : "it is not being recorded, or by another user; start it with heapatlas record");
      return NULL;
    }
  g_snprintf (line, sizeof line, "snapshot %u\n", recorder != 0 ? pid : 0);
  if (send (fd, line, strlen (line), MSG_NOSIGNAL) == (gssize) strlen (line))
    for (gssize got; n < sizeof line - 1 && (got = recv (fd, line + n, sizeof line - 1 - n, 0)) > 0;)
      n += got;
  close (fd);
  line[n] = 0;
  g_strchomp (line);
  if (g_str_has_prefix (line, "done "))
    return g_strdup (line + strlen ("done "));
  g_set_error (error, HAT_ERROR, HAT_ERROR_REFUSED, "process %u: %s", pid,
               g_str_has_prefix (line, "error ") ? line + strlen ("error ") : "its recorder did not answer");
  return NULL;
}
