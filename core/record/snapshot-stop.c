/* SPDX-License-Identifier: Apache-2.0
 *
 * Stopping threads: PTRACE_SEIZE and PTRACE_INTERRUPT of every task, again until no new one is found. */

#include "core/record/snapshot-stop.h"

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/record/proc.h"

#define PATIENCE_US 200000 /* a thread that waits for the child of its vfork, or for a disk, does not stop sooner */
#define STARVED_US 5000000 /* one that waits for nothing but a processor does, on a busy machine not at once */
#define MAX_VECTOR_BYTES 16384u

/* Threads that were told to stop and had not done so when the others went on (a thread that runs cannot be let go), and those that ended
 * while they were stopped. */
static GArray *stragglers;

/* The process that is traced from its start to its end; 0 = none. */
static guint32 traced_pid;

static void
clear_thread (gpointer data)
{
  g_clear_pointer (&((HatStoppedThread *) data)->vector, g_bytes_unref);
}

static gboolean
is_known (HatStop *stop, guint32 tid)
{
  for (guint i = 0; i < stop->threads->len; i++)
    if (g_array_index (stop->threads, HatStoppedThread, i).tid == tid)
      return TRUE;
  return FALSE;
}

static guint64
status_field (guint32 pid, const char *name)
{
  g_autofree char *path = g_strdup_printf ("/proc/%u/status", pid), *text = NULL;
  const char *at = g_file_get_contents (path, &text, NULL, NULL) ? strstr (text, name) : NULL;
  return at ? g_ascii_strtoull (at + strlen (name), NULL, 10) : 0;
}

static void
say_refused (guint32 pid, int code, GError **error)
{
  const guint64 tracer = status_field (pid, "\nTracerPid:");
  g_autofree char *scope = NULL;

  g_file_get_contents ("/proc/sys/kernel/yama/ptrace_scope", &scope, NULL, NULL);
  if (tracer != 0 && tracer != (guint64) getpid ())
    g_set_error (error, HAT_ERROR, HAT_ERROR_REFUSED, "process %" G_GUINT64_FORMAT " traces it already (a debugger?)", tracer);
  else if (scope && *scope >= '2')
    g_set_error (error, HAT_ERROR, HAT_ERROR_REFUSED, "kernel.yama.ptrace_scope is %c, it has to be 0 or 1", *scope);
  else
    g_set_error (error, HAT_ERROR, HAT_ERROR_REFUSED, "the kernel forbids ptrace: %s (a container without it, or other rights?)", g_strerror (code));
}

/* Seizes the tasks that are not known yet. Returns how many, or -1 with the error set. */
static int
seize_new (HatStop *stop, GError **error)
{
  g_autofree char *path = g_strdup_printf ("/proc/%u/task", stop->pid);
  g_autoptr (GDir) folder = g_dir_open (path, 0, NULL);
  const char *name;
  int n = 0;

  while (folder && (name = g_dir_read_name (folder)))
    {
      const HatStoppedThread thread = { .tid = g_ascii_strtoull (name, NULL, 10) };
      if (is_known (stop, thread.tid))
        continue;
      if (stop->pid != traced_pid && ptrace (PTRACE_SEIZE, thread.tid, NULL, NULL) != 0)
        {
          /* One that is over, though still listed, cannot be seized either. */
          g_autofree char *stat = g_strdup_printf ("/proc/%u/task/%u/stat", stop->pid, thread.tid), *text = NULL;
          const int code = errno;
          const char *state = g_file_get_contents (stat, &text, NULL, NULL) ? strrchr (text, ')') : NULL;
          if (code != EPERM || state == NULL || state[1] != ' ' || strchr ("ZX", state[2]))
            continue;
          say_refused (stop->pid, code, error);
          return -1;
        }
      ptrace (PTRACE_INTERRUPT, thread.tid, NULL, NULL);
      g_array_append_val (stop->threads, thread);
      n++;
    }
  return n;
}

/* Looks whether it has stopped. TRUE: it need not be looked at again. */
static gboolean
look (guint32 tid, HatStoppedThread *thread)
{
  siginfo_t info = {};
  int status;

  if (waitid (P_PID, tid, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL) != 0)
    return errno != EINTR;
  if (info.si_pid == 0)
    return FALSE;
  if (info.si_code == CLD_EXITED || info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED)
    {
      /* The end of the process that we started is for those to see who wait for it; nobody else hears of the others before we do. */
      if (status_field (tid, "\nTgid:") != tid || status_field (tid, "\nPPid:") != (guint64) getpid ())
        waitpid (tid, &status, WNOHANG | __WALL);
      return TRUE;
    }
  if (waitpid (tid, &status, WNOHANG | __WALL) != (pid_t) tid || !WIFSTOPPED (status))
    return FALSE;
  thread->is_stopped = TRUE;
  if (status >> 16 == 0) /* not our interrupt: a signal on its way */
    thread->signal = WSTOPSIG (status);
  thread->is_group_stop = status >> 16 == PTRACE_EVENT_STOP && WSTOPSIG (status) != SIGTRAP;
  return TRUE;
}

/* Whether to go on waiting for a thread that was told to stop at `since_us`. */
static gboolean
may_still_stop (HatStop *stop, guint32 tid, gint64 since_us)
{
  const gint64 waited_us = g_get_monotonic_time () - since_us;

  if (waited_us <= PATIENCE_US || waited_us > STARVED_US)
    return waited_us <= PATIENCE_US;
  g_autofree char *path = g_strdup_printf ("/proc/%u/task/%u/stat", stop->pid, tid), *text = NULL;
  const char *state = g_file_get_contents (path, &text, NULL, NULL) ? strrchr (text, ')') : NULL;
  return state && state[1] == ' ' && (state[2] == 'R' || state[2] == 'S');
}

static void
wait_for_all (HatStop *stop, guint from, gint64 since_us)
{
  guint naps = 0;

  for (guint i = from; i < stop->threads->len; naps++)
    {
      HatStoppedThread *thread = &g_array_index (stop->threads, HatStoppedThread, i);
      if (look (thread->tid, thread))
        {
          i++;
          continue;
        }
      if (may_still_stop (stop, thread->tid, since_us))
        g_usleep (naps < 20 ? 10 : 200);
      else
        i++;
    }
}

static void
read_registers (HatStoppedThread *thread)
{
  guint8 buffer[MAX_VECTOR_BYTES];
  struct iovec general = { &thread->registers, sizeof thread->registers };
  struct iovec vector = { buffer, sizeof buffer };

  clear_thread (thread);
  if (ptrace (PTRACE_GETREGSET, thread->tid, NT_PRSTATUS, &general) != 0)
    memset (&thread->registers, 0, sizeof thread->registers);
  if (ptrace (PTRACE_GETREGSET, thread->tid, NT_X86_XSTATE, &vector) == 0)
    thread->vector = g_bytes_new (buffer, vector.iov_len);
}

static void
add_straggler (guint32 tid)
{
  if (stragglers == NULL)
    stragglers = g_array_new (FALSE, FALSE, sizeof tid);
  g_array_append_val (stragglers, tid);
}

static void
take_out_the_others (HatStop *stop)
{
  for (guint i = stop->threads->len; i > 0; i--)
    {
      HatStoppedThread *thread = &g_array_index (stop->threads, HatStoppedThread, i - 1);
      if (thread->is_stopped)
        continue;
      add_straggler (thread->tid);
      g_array_remove_index (stop->threads, i - 1);
      stop->n_skipped++;
    }
}

static HatStop *
new_stop (guint32 pid)
{
  HatStop *stop = g_new0 (HatStop, 1);

  stop->pid = pid;
  stop->threads = g_array_new (FALSE, TRUE, sizeof (HatStoppedThread));
  g_array_set_clear_func (stop->threads, clear_thread);
  return stop;
}

HatStop *
hat_stop_process (guint32 pid, GError **error)
{
  const gint64 since_us = g_get_monotonic_time ();
  HatStop *stop = new_stop (pid);
  int n, status;

  for (guint from = 0; (n = seize_new (stop, error)) > 0; from = stop->threads->len)
    wait_for_all (stop, from, since_us);
  take_out_the_others (stop);
  for (guint i = 0; n == 0 && i < stop->threads->len; i++)
    read_registers (&g_array_index (stop->threads, HatStoppedThread, i));
  if (n == 0 && stop->threads->len == 0 && hat_proc_stat (pid, NULL, NULL, &status) && status < 0)
    g_set_error (error, HAT_ERROR, HAT_ERROR_IO, "none of its threads stops (do they wait for a disk?)");
  if (n < 0 || stop->threads->len == 0)
    {
      hat_stop_release (stop);
      hat_stop_free (stop);
      return NULL;
    }
  return stop;
}

gboolean
hat_stop_let_run (HatStop *stop, guint32 tid)
{
  for (guint i = 0; i < stop->threads->len; i++)
    {
      HatStoppedThread *thread = &g_array_index (stop->threads, HatStoppedThread, i);
      if (thread->tid != tid || ptrace (PTRACE_CONT, tid, NULL, (gpointer) (gsize) thread->signal) != 0)
        continue;
      thread->is_stopped = FALSE;
      thread->signal = 0;
      return TRUE;
    }
  return FALSE;
}

void
hat_stop_again (HatStop *stop)
{
  const gint64 since_us = g_get_monotonic_time ();

  for (guint i = 0; i < stop->threads->len; i++)
    {
      HatStoppedThread *thread = &g_array_index (stop->threads, HatStoppedThread, i);
      if (thread->is_stopped)
        continue;
      ptrace (PTRACE_INTERRUPT, thread->tid, NULL, NULL);
      while (!look (thread->tid, thread) && may_still_stop (stop, thread->tid, since_us))
        g_usleep (10);
      if (thread->is_stopped)
        read_registers (thread);
    }
  take_out_the_others (stop);
}

static long
let_go (guint32 pid, const HatStoppedThread *thread)
{
  if (pid != traced_pid)
    return ptrace (PTRACE_DETACH, thread->tid, NULL, (gpointer) (gsize) thread->signal);
  if (thread->is_group_stop)
    return ptrace (PTRACE_LISTEN, thread->tid, NULL, NULL);
  return ptrace (PTRACE_CONT, thread->tid, NULL, (gpointer) (gsize) thread->signal);
}

void
hat_stop_release (HatStop *stop)
{
  for (guint i = 0; i < stop->threads->len; i++)
    {
      HatStoppedThread *thread = &g_array_index (stop->threads, HatStoppedThread, i);
      /* One that dies before its turn (another one ends the process) has to be waited for, or it would stay for ever. */
      if (thread->is_stopped && let_go (stop->pid, thread) != 0)
        add_straggler (thread->tid);
      thread->is_stopped = FALSE;
    }
}

void
hat_stop_free (HatStop *stop)
{
  g_array_unref (stop->threads);
  g_free (stop);
}

gboolean
hat_stop_release_stragglers (void)
{
  for (guint i = stragglers ? stragglers->len : 0; i > 0; i--)
    {
      HatStoppedThread thread = { .tid = g_array_index (stragglers, guint32, i - 1) };
      if (!look (thread.tid, &thread))
        continue;
      if (thread.is_stopped)
        ptrace (PTRACE_DETACH, thread.tid, NULL, (gpointer) (gsize) thread.signal);
      g_array_remove_index (stragglers, i - 1);
    }
  return stragglers && stragglers->len > 0;
}

void
hat_stopped_registers (const HatStoppedThread *thread, guint64 out[17])
{
  const struct user_regs_struct *r = &thread->registers;
  const guint64 values[17] = { r->rax, r->rdx, r->rcx, r->rbx, r->rsi, r->rdi, r->rbp, r->rsp, r->r8, r->r9, r->r10, r->r11,
                               r->r12, r->r13, r->r14, r->r15, r->rip };
  memcpy (out, values, sizeof values);
}

/* ---- a process that is traced to its end ---- */

gboolean
hat_stop_trace (guint32 pid, GError **error)
{
  if (ptrace (PTRACE_SEIZE, pid, NULL, (gpointer) (PTRACE_O_TRACEEXIT | PTRACE_O_TRACECLONE)) != 0)
    {
      say_refused (pid, errno, error);
      return FALSE;
    }
  traced_pid = pid;
  return TRUE;
}

void
hat_stop_trace_end (void)
{
  HatStop *stop = traced_pid != 0 ? hat_stop_process (traced_pid, NULL) : NULL;

  traced_pid = 0;
  if (stop == NULL)
    return;
  hat_stop_release (stop);
  hat_stop_free (stop);
}

/* Whether the thread ends because the process does: by exit_group, or by a signal. */
static gboolean
ends_process (guint32 tid)
{
  HatStoppedThread thread = { .tid = tid };
  unsigned long status = 0;

  read_registers (&thread);
  clear_thread (&thread);
  ptrace (PTRACE_GETEVENTMSG, tid, NULL, &status);
  return (status & 0x7f) != 0 || thread.registers.orig_rax == SYS_exit_group;
}

/* The others are on their way to the same place. */
static HatStop *
gather (guint32 first)
{
  const gint64 since_us = g_get_monotonic_time ();
  g_autofree char *path = g_strdup_printf ("/proc/%u/task", traced_pid);
  g_autoptr (GDir) folder = g_dir_open (path, 0, NULL);
  HatStop *stop = new_stop (traced_pid);
  HatStoppedThread thread = { .tid = first, .is_stopped = TRUE };
  const char *name;

  g_array_append_val (stop->threads, thread);
  thread.is_stopped = FALSE;
  while (folder && (name = g_dir_read_name (folder)))
    if ((thread.tid = g_ascii_strtoull (name, NULL, 10)) != first)
      g_array_append_val (stop->threads, thread);
  wait_for_all (stop, 1, since_us);
  take_out_the_others (stop);
  for (guint i = 0; i < stop->threads->len; i++)
    read_registers (&g_array_index (stop->threads, HatStoppedThread, i));
  return stop;
}

HatStop *
hat_stop_follow (void)
{
  siginfo_t info;
  int status;

  while (traced_pid != 0)
    {
      info.si_pid = 0;
      if (waitid (P_ALL, 0, &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT | __WALL) != 0 || info.si_pid == 0)
        break;
      const guint32 tid = info.si_pid;
      const gboolean is_over = info.si_code == CLD_EXITED || info.si_code == CLD_KILLED || info.si_code == CLD_DUMPED;
      if (is_over && tid == traced_pid)
        break; /* for those to see who wait for it */
      if (waitpid (tid, &status, WNOHANG | __WALL) != (pid_t) tid || !WIFSTOPPED (status))
        continue;
      if (status >> 16 == PTRACE_EVENT_EXIT && ends_process (tid))
        return gather (tid);
      const HatStoppedThread thread = { .tid = tid, .signal = status >> 16 == 0 ? WSTOPSIG (status) : 0,
                                        .is_group_stop = status >> 16 == PTRACE_EVENT_STOP && WSTOPSIG (status) != SIGTRAP };
      let_go (traced_pid, &thread);
    }
  return NULL;
}
