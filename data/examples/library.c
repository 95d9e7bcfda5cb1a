/* SPDX-License-Identifier: Apache-2.0
 * The bundled example: a lending library that lives through one day. Made to be looked at in Heap Atlas:
 *   - the catalogue is built and stays (a step in the timeline),
 *   - the morning's index is big and short-lived (the peak),
 *   - every request formats text and throws it away at once (temporary allocations),
 *   - the history of loans keeps growing for no good reason (a growing site),
 *   - readers who leave are forgotten, not freed (a leak). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct
{
  char *title;
  char *author;
  int year;
} Book;

typedef struct
{
  char name[24];
  Book **borrowed;
  int n_borrowed;
} Reader;

enum { N_BOOKS = 20000, N_READERS = 300, N_HOURS = 12 };

static Book *books[N_BOOKS];
static Reader *readers[N_READERS];
static char **history;
static size_t n_history;

static void
pause_ms (long ms)
{
  nanosleep (&(struct timespec) { .tv_nsec = ms * 1000000 }, NULL);
}

static Book *
book_new (int n)
{
  static const char *const nouns[] = { "River", "Engine", "Garden", "Harbour", "Winter", "Compiler", "Island", "Letter" };
  char title[64];
  snprintf (title, sizeof title, "The %s of the %s, volume %d", nouns[n % 8], nouns[n / 8 % 8], n / 64);
  Book *book = malloc (sizeof *book);
  book->title = strdup (title);
  book->author = strdup (n % 3 ? "A. Author" : "A. N. Author with a rather long name");
  book->year = 1900 + n % 120;
  return book;
}

static void
catalogue_load (void)
{
  for (int i = 0; i < N_BOOKS; i++)
    {
      books[i] = book_new (i);
      if (i % 1000 == 0)
        pause_ms (5);
    }
}

static int
by_title (const void *a, const void *b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

/* Sorts a copy of every title: needed for a moment, as big as the catalogue. */
static void
index_print (void)
{
  char **titles = malloc (N_BOOKS * sizeof *titles);
  for (int i = 0; i < N_BOOKS; i++)
    {
      titles[i] = malloc (256);
      snprintf (titles[i], 256, "%s (%s, %d)", books[i]->title, books[i]->author, books[i]->year);
    }
  qsort (titles, N_BOOKS, sizeof *titles, by_title);
  pause_ms (60);
  for (int i = 0; i < N_BOOKS; i++)
    free (titles[i]);
  free (titles);
}

static Reader *
reader_new (int n)
{
  Reader *reader = calloc (1, sizeof *reader);
  snprintf (reader->name, sizeof reader->name, "reader %d", n);
  return reader;
}

static void
reader_borrow (Reader *reader, Book *book)
{
  reader->borrowed = realloc (reader->borrowed, (reader->n_borrowed + 1) * sizeof *reader->borrowed);
  reader->borrowed[reader->n_borrowed++] = book;
}

static void
history_add (const Reader *reader, const Book *book)
{
  char line[128];
  int n = snprintf (line, sizeof line, "%s borrowed %s", reader->name, book->title);
  if (n_history % 1024 == 0)
    history = realloc (history, (n_history + 1024) * sizeof *history);
  history[n_history] = malloc (n + 1);
  memcpy (history[n_history++], line, n + 1);
}

/* A request formats its answer into a fresh buffer and throws it away. */
static size_t
request_answer (const Book *book)
{
  char *answer = malloc (400);
  int n = snprintf (answer, 400, "<b>%s</b> by %s", book->title, book->author);
  free (answer);
  return n;
}

static size_t
hour (int h)
{
  size_t sent = 0;
  for (int i = 0; i < 4000; i++)
    {
      int r = (i * 31 + h * 7) % N_READERS;
      if (!readers[r])
        readers[r] = reader_new (r);
      Book *book = books[(i * 997 + h * 131) % N_BOOKS];
      sent += request_answer (book);
      if (i % 3 == 0)
        {
          reader_borrow (readers[r], book);
          history_add (readers[r], book);
        }
      if (i % 40 == 39)
        readers[r] = NULL; /* forgotten: the reader and the list of loans leak */
      if (i % 400 == 0)
        pause_ms (8);
    }
  return sent;
}

int
main (void)
{
  catalogue_load ();
  size_t sent = 0;
  for (int h = 0; h < N_HOURS; h++)
    {
      if (h == 2)
        index_print ();
      sent += hour (h);
    }
  printf ("%zu bytes sent, %zu loans\n", sent, n_history);
  for (int i = 0; i < N_BOOKS; i++)
    {
      free (books[i]->title);
      free (books[i]->author);
      free (books[i]);
    }
  return 0;
}
