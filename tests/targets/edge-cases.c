/* SPDX-License-Identifier: Apache-2.0
 * edge-cases CASE [ARG...]: a program in an unusual situation, which it brings about itself; then it allocates (own_*)
 * and goes on. What it prints is the same whether it is recorded or not. */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

extern char **environ;
void *volatile sink;
static void *kept[100000];

/* Blocks that stay. */
__attribute__ ((noinline)) static void
own_blocks (int n)
{
  for (int i = 0; i < n; i++)
    kept[i] = malloc (100);
  __asm__ volatile ("");
}

/* Blocks that do not. */
__attribute__ ((noinline)) static void
own_passing (int n)
{
  for (int i = 0; i < n; i++)
    {
      void *volatile passing = malloc (50); /* not sink: many threads do this at once */
      free (passing);
    }
  __asm__ volatile ("");
}

static void *
own_thread (void *unused)
{
  own_passing (1000);
  return NULL;
}

static void
thread (void)
{
  pthread_t id;
  if (pthread_create (&id, NULL, own_thread, NULL) != 0)
    abort ();
  pthread_join (id, NULL);
}

static void
child (void)
{
  int status;
  const pid_t pid = fork ();
  if (pid == 0)
    {
      own_passing (1000);
      _exit (0);
    }
  waitpid (pid, &status, 0);
  printf ("child %d\n", status);
}

/* A child that nothing tells of frees what it has from its parent. */
static void
secret_child (int n)
{
  int status;
  const pid_t pid = _Fork ();
  if (pid == 0)
    {
      for (int i = 0; i < n; i++)
        free (kept[i]);
      _exit (0);
    }
  waitpid (pid, &status, 0);
}

/* ---- limits ---- */

static void
limit (int resource, rlim_t most)
{
  const struct rlimit value = { most, most };
  if (setrlimit (resource, &value) != 0)
    abort ();
}

/* ---- the first call of all: before any constructor ---- */

static void
first (const char *function)
{
  void *out = NULL;

#define FIRST(name, call) \
  if (strcmp (function, #name) == 0) \
    sink = (void *) (call)
  FIRST (malloc, malloc (11));
  FIRST (calloc, calloc (11, 11));
  FIRST (realloc, realloc (NULL, 11));
  FIRST (reallocarray, reallocarray (NULL, 11, 11));
  FIRST (posix_memalign, (posix_memalign (&out, 64, 11), out));
  FIRST (aligned_alloc, aligned_alloc (64, 128));
  FIRST (memalign, memalign (64, 11));
  FIRST (valloc, valloc (11));
  FIRST (pvalloc, pvalloc (11));
  FIRST (malloc_usable_size, malloc_usable_size (NULL));
  FIRST (free, (free (NULL), NULL));
  FIRST (fork, fork () == 0 ? (_exit (0), NULL) : (wait (NULL), NULL));
  FIRST (dlclose, (dlclose (dlopen (NULL, RTLD_NOW)), NULL));
  free (sink);
}

static void
before_all (int argc, char **argv, char **envp)
{
  if (argc == 3 && strcmp (argv[1], "first") == 0)
    first (argv[2]);
  if (argc == 2 && strcmp (argv[1], "coroutines") == 0)
    limit (RLIMIT_STACK, 1ul << 30);
}

__attribute__ ((section (".preinit_array"), used)) static void (*early) (int, char **, char **) = before_all;

/* ---- what the C library allocates for us ---- */

__attribute__ ((noinline)) static void
own_strdup (void)
{
  sink = strdup ("a text");
  free (sink);
}

__attribute__ ((noinline)) static void
own_asprintf (void)
{
  char *text = NULL;
  if (asprintf (&text, "%s %d", "a text", 7) != 8)
    abort ();
  free (text);
}

__attribute__ ((noinline)) static void
own_getline (void)
{
  FILE *file = fopen ("/proc/self/status", "r");
  char *line = NULL;
  size_t size = 0;
  while (getline (&line, &size, file) > 0)
    ;
  free (line);
  fclose (file);
}

__attribute__ ((noinline)) static void
own_memstream (void)
{
  char *text = NULL;
  size_t size;
  FILE *file = open_memstream (&text, &size);
  for (int i = 0; i < 10000; i++)
    fprintf (file, "%d ", i);
  fclose (file);
  free (text);
}

__attribute__ ((noinline)) static void
own_directory (void)
{
  DIR *dir = opendir ("/");
  readdir (dir);
  closedir (dir);
}

/* ---- pointers to the functions ---- */

static void *(*const volatile early_malloc) (size_t) = malloc;
static void (*const volatile early_free) (void *) = free;

__attribute__ ((noinline)) static void
own_pointers (void)
{
  void *(*found) (size_t) = (void *(*) (size_t)) dlsym (RTLD_DEFAULT, "malloc");
  for (int i = 0; i < 10; i++)
    {
      early_free (early_malloc (30));
      early_free (found (31));
    }
}

/* ---- sandboxes ---- */

static void
forbid_all_but (const int *allowed, int n)
{
  struct sock_filter filter[64] = { BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)) };
  struct sock_fprog program = { (unsigned short) (n + 3), filter };

  for (int i = 0; i < n; i++)
    filter[1 + i] = (struct sock_filter) BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, (unsigned) allowed[i], (unsigned char) (n - i), 0);
  filter[1 + n] = (struct sock_filter) BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  filter[2 + n] = (struct sock_filter) BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || syscall (SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0)
    abort ();
}

static const int few_calls[] = { SYS_read, SYS_write, SYS_exit, SYS_exit_group, SYS_rt_sigreturn, SYS_brk, SYS_mmap, SYS_munmap,
                                 SYS_mremap, SYS_mprotect, SYS_madvise, SYS_futex, SYS_newfstatat };
/* What a program with threads cannot do without. */
static const int thread_calls[] = { SYS_read, SYS_write, SYS_exit, SYS_exit_group, SYS_rt_sigreturn, SYS_brk, SYS_mmap, SYS_munmap,
                                    SYS_mremap, SYS_mprotect, SYS_madvise, SYS_futex, SYS_newfstatat, SYS_rt_sigprocmask,
                                    SYS_clone, SYS_clone3, SYS_set_robust_list, SYS_rseq, SYS_gettid, SYS_sched_getaffinity,
                                    SYS_rt_sigaction };

/* ---- threads ---- */

static pthread_mutex_t all_are_there = PTHREAD_MUTEX_INITIALIZER;

static void *
waiting_thread (void *unused)
{
  own_passing (1);
  pthread_mutex_lock (&all_are_there);
  pthread_mutex_unlock (&all_are_there);
  own_passing (1);
  return NULL;
}

/* As many as the machine allows, up to n; told in a file. */
static void
many_threads (int n, const char *path)
{
  pthread_t *threads = calloc ((size_t) n, sizeof *threads);
  pthread_attr_t attributes;
  int made = 0;

  pthread_attr_init (&attributes);
  pthread_attr_setstacksize (&attributes, 65536);
  pthread_mutex_lock (&all_are_there);
  while (made < n && pthread_create (&threads[made], &attributes, waiting_thread, NULL) == 0)
    made++;
  pthread_mutex_unlock (&all_are_there);
  for (int i = 0; i < made; i++)
    pthread_join (threads[i], NULL);
  FILE *file = fopen (path, "w");
  fprintf (file, "%d\n", made);
  fclose (file);
}

static void *
named_thread (void *unused)
{
  char c;
  own_passing (10);
  pthread_setname_np (pthread_self (), "late-name");
  own_passing (10);
  while (read (0, &c, 1) > 0)
    ;
  return NULL;
}

/* ---- what others can see of us ---- */

static void
show_state (void)
{
  char line[4096];
  FILE *file = fopen ("/proc/self/status", "r");
  while (fgets (line, sizeof line, file))
    /* Those in the queues of all processes of the user: others change that. What is ours is in SigPnd, ShdPnd and timers. */
    if (strncmp (line, "SigQ:", 5) == 0)
      printf ("SigQ: of %s", strchr (line, '/') + 1);
    else if (strncmp (line, "Sig", 3) == 0 || strncmp (line, "Shd", 3) == 0 || strncmp (line, "Threads", 7) == 0
             || strncmp (line, "CoreD", 5) == 0)
      fputs (line, stdout);
  fclose (file);
  if ((file = fopen ("/proc/self/timers", "r"))) /* each keeps a place in the queue */
    {
      while (fgets (line, sizeof line, file))
        fputs (line, stdout);
      fclose (file);
    }
  for (int number = 1; number < 65; number++)
    {
      struct sigaction action = {};
      sigaction (number, NULL, &action);
      if (action.sa_handler != SIG_DFL)
        printf ("signal %d %s\n", number, action.sa_handler == SIG_IGN ? "ignored" : "handled");
    }
  for (int fd = 0; fd < 1024; fd++)
    if (fcntl (fd, F_GETFD) >= 0)
      printf ("descriptor %d\n", fd);
  printf ("umask %o errno %d\n", umask (0), errno);
}

/* Mappings of ours in a core dump. */
static void
show_dump (void)
{
  char line[4096];
  int ours = 0, dumped = 0;
  FILE *file = fopen ("/proc/self/smaps", "r");
  while (fgets (line, sizeof line, file))
    if (strchr (line, '-') && strchr (line, '-') < strchr (line, ' '))
      ours = strstr (line, "memfd:") != NULL;
    else if (ours && strncmp (line, "VmFlags:", 8) == 0)
      dumped += strstr (line, " dd") == NULL;
  fclose (file);
  printf ("dumped %d\n", dumped);
}

/* ---- ends ---- */

static int frees_at_end;

static void
at_end (void)
{
  frees_at_end = 1;
  for (int i = 0; i < 1000; i++)
    free (kept[i]);
}

__attribute__ ((destructor)) static void
last_of_all (void)
{
  if (frees_at_end)
    free (kept[1000]);
}

/* ---- stacks ---- */

static jmp_buf out;

__attribute__ ((noinline, noreturn)) static void
never_returns (void)
{
  sink = malloc (77);
  longjmp (out, 1);
}

/* Its last instruction is the call: the return address lies behind it, in the next function. */
__attribute__ ((noinline)) static void
own_ends_with_call (void)
{
  never_returns ();
}

__attribute__ ((noipa)) static double
with_doubles (double a, long double b, __int128 c)
{
  void *volatile p = malloc ((size_t) a);
  const double result = a * 3 + (double) b + (double) (c >> 64);
  free (p);
  return result;
}

__attribute__ ((noipa)) static __int128
with_wide (__int128 a)
{
  void *volatile p = malloc (5);
  a = a * 3 + 1;
  free (p);
  return a;
}

/* ---- coroutines on stacks that come and go, not far below the main one ---- */

enum
{
  COROUTINE_BYTES = 65536,
};

static ucontext_t contexts[3]; /* main, the upper one, the lower one */
static char *stacks;

static void
upper (void)
{
  own_passing (10);
  swapcontext (&contexts[1], &contexts[2]);
}

static void
lower (void)
{
  munmap (stacks + COROUTINE_BYTES, COROUTINE_BYTES);
  own_passing (10);
  swapcontext (&contexts[2], &contexts[0]);
}

static void
coroutines (void)
{
  void (*const functions[]) (void) = { NULL, upper, lower };
  char here;

  stacks = mmap (NULL, 2 * COROUTINE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int i = 1; i < 3; i++)
    {
      getcontext (&contexts[i]);
      contexts[i].uc_stack.ss_sp = stacks + (2 - i) * COROUTINE_BYTES;
      contexts[i].uc_stack.ss_size = COROUTINE_BYTES;
      makecontext (&contexts[i], functions[i], 0);
    }
  printf ("near %d\n", &here - stacks < 1 << 30);
  fflush (stdout);
  swapcontext (&contexts[0], &contexts[1]);
}

/* ---- libraries that take each other's places ---- */

static int n_reloads;

static void *
own_reload (void *path)
{
  for (int i = 0; i < n_reloads; i++)
    {
      void *library = dlopen (path, RTLD_NOW);
      void *(*allocate) (size_t) = (void *(*) (size_t)) dlsym (library, "plugin_allocate");
      for (int k = 0; k < 20; k++)
        free (allocate (60));
      dlclose (library);
    }
  return NULL;
}

/* ---- main ---- */

static int
start (const char *path, char *const *argv, char *const *envp)
{
  int status;
  const pid_t pid = fork ();
  if (pid == 0)
    {
      execve (path, argv, envp);
      _exit (99);
    }
  waitpid (pid, &status, 0);
  return status;
}

int
main (int argc, char **argv)
{
  const char *which = argc > 1 ? argv[1] : "";
#define CASE(name) if (strcmp (which, name) == 0)

  CASE ("blocks") own_blocks (1000);
  CASE ("first") own_blocks (1000);
  CASE ("internal")
  {
    own_strdup ();
    own_asprintf ();
    own_getline ();
    own_memstream ();
    own_directory ();
  }
  CASE ("secret")
  {
    own_blocks (500);
    secret_child (500);
    if (fork () == 0)
      {
        own_blocks (700);
        secret_child (700);
        own_blocks (50);
        _exit (0);
      }
    wait (NULL);
  }
  CASE ("pointers") own_pointers ();
  CASE ("chroot")
  {
    own_blocks (10);
    if (chroot (argv[2]) != 0 || chdir ("/") != 0 || setgroups (0, NULL) != 0 || setgid (65534) != 0 || setuid (65534) != 0)
      abort ();
    own_passing (1000);
    thread ();
    child ();
  }
  CASE ("descriptors")
  {
    const int null = open ("/dev/null", O_RDWR);
    own_blocks (10);
    closefrom (3);
    for (int fd = 3; fd < 1000; fd++)
      dup2 (1, fd);
    own_passing (1000);
    thread ();
    child ();
    closefrom (3);
    printf ("null %d\n", null >= 0);
  }
  CASE ("limits")
  {
    own_blocks (10);
    limit (RLIMIT_NOFILE, 0);
    limit (RLIMIT_FSIZE, 0);
    limit (RLIMIT_STACK, 65536);
    limit (RLIMIT_MEMLOCK, 0);
    limit (RLIMIT_CORE, 0);
    own_passing (1000);
    thread ();
    child ();
  }
  CASE ("address-space")
  {
    char line[256];
    unsigned long pages = 0;
    FILE *file = fopen ("/proc/self/statm", "r");
    if (fgets (line, sizeof line, file))
      pages = strtoul (line, NULL, 10);
    fclose (file);
    own_blocks (10);
    /* Room for a thread's stack, but not for all that a thread's recording needs. */
    limit (RLIMIT_AS, (pages << 12) + strtoul (argv[2], NULL, 10));
    pthread_attr_t attributes;
    pthread_attr_init (&attributes);
    pthread_attr_setstacksize (&attributes, 65536);
    for (int i = 0; i < 3; i++)
      {
        pthread_t id;
        if (pthread_create (&id, &attributes, own_thread, NULL) != 0)
          abort ();
        pthread_join (id, NULL);
      }
    own_passing (1000);
  }
  CASE ("sandbox")
  {
    own_blocks (10);
    printf ("in\n");
    fflush (stdout);
    forbid_all_but (few_calls, sizeof few_calls / sizeof *few_calls);
    own_passing (200000); /* more than a ring holds */
    own_blocks (20000);
    printf ("out\n");
  }
  CASE ("sandbox-threads")
  {
    own_blocks (10);
    forbid_all_but (thread_calls, sizeof thread_calls / sizeof *thread_calls);
    thread ();
    thread ();
    own_passing (100000);
    printf ("out\n");
  }
  CASE ("strict")
  {
    void *block = malloc (10);
    own_blocks (10);
    printf ("in\n");
    fflush (stdout);
    if (prctl (PR_SET_SECCOMP, SECCOMP_MODE_STRICT) != 0)
      abort ();
    own_passing (200000);
    block = realloc (block, 20);
    block = realloc (block, 2000);
    free (block);
    syscall (SYS_exit, 3);
  }
  CASE ("threads") many_threads (atoi (argv[2]), argv[3]);
  CASE ("names")
  {
    pthread_t id;
    pthread_create (&id, NULL, named_thread, NULL);
    pthread_join (id, NULL); /* it waits for the end of stdin */
  }
  CASE ("state")
  {
    own_blocks (10);
    show_state ();
  }
  CASE ("dump")
  {
    own_blocks (10);
    thread ();
    show_dump ();
  }
  CASE ("end")
  {
    own_blocks (1001);
    atexit (at_end);
  }
  CASE ("stacks")
  {
    if (setjmp (out) == 0)
      own_ends_with_call ();
    const __int128 wide = with_wide (((__int128) 1 << 100) + 5);
    printf ("%.3f %lx %lx\n", with_doubles (1.5, 2.25L, (__int128) 7 << 64), (long) (wide >> 64), (long) wide);
  }
  CASE ("coroutines") coroutines ();
  CASE ("exec")
  {
    char *const again[] = { argv[0], (char *) "blocks", NULL };
    char *const shows[] = { (char *) "/bin/sh", (char *) "-c", (char *) "echo \"own $LD_PRELOAD\"", NULL };
    char *const none[] = { NULL };
    char *const other[] = { (char *) "LD_PRELOAD=", (char *) "HEAPATLAS_SESSION=/proc/1/fd/0", NULL };
    printf ("none %d\n", start (argv[0], again, none));
    printf ("other %d\n", start (argv[0], again, other));
    printf ("same %d\n", start (argv[0], again, environ));
    fflush (stdout);
    printf ("shell %d\n", start ("/bin/sh", shows, none));
  }
  CASE ("forever")
  {
    /* When it is told to: until somebody reads what is written, then the marker. */
    char c;
    if (read (0, &c, 1) != 1)
      return 3;
    own_passing (atoi (argv[3]));
    const int fd = open (argv[2], O_CREAT | O_WRONLY, 0666);
    close (fd);
  }
  CASE ("reload")
  {
    /* N PATH PATH */
    pthread_t ids[2];
    n_reloads = atoi (argv[2]);
    for (int i = 0; i < 2; i++)
      pthread_create (&ids[i], NULL, own_reload, argv[3 + i]);
    for (int i = 0; i < 2; i++)
      pthread_join (ids[i], NULL);
  }
  CASE ("library")
  {
    /* PATH HOW N: a library that allocates N blocks, which are freed here. */
    const int n = atoi (argv[4]);
    void *library = strcmp (argv[3], "deepbind") == 0   ? dlopen (argv[2], RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND)
                    : strcmp (argv[3], "namespace") == 0 ? dlmopen (LM_ID_NEWLM, argv[2], RTLD_NOW | RTLD_LOCAL)
                                                         : dlopen (argv[2], RTLD_NOW | RTLD_LOCAL);
    if (library == NULL)
      {
        printf ("%s\n", dlerror ());
        return 1;
      }
    void *(*allocate) (size_t) = (void *(*) (size_t)) dlsym (library, "plugin_allocate");
    for (int i = 0; i < n; i++)
      {
        void *block = allocate (60);
        memset (block, 1, 60);
        if (strcmp (argv[3], "namespace") != 0)
          free (block);
      }
    own_passing (10);
    dlclose (library);
    printf ("library\n");
  }
  return 0;
}
