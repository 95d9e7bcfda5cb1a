/* SPDX-License-Identifier: Apache-2.0 */
/* What every program without a window does first. */

#include "app/commands.h"

#include <fcntl.h>
#include <locale.h>
#include <unistd.h>

/* A descriptor below 3 that is closed would be given to the next file that is opened, a trace or shared memory, and what is meant for the
 * standard streams would be written into it. Using these fails as before, and a program we start finds them closed. */
static void
hold_standard_descriptors (void)
{
  for (int fd = 0; fd <= STDERR_FILENO; fd++)
    if (fcntl (fd, F_GETFD) < 0)
      open ("/dev/null", (fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
}

void
hat_start (void)
{
  hold_standard_descriptors ();
  setlocale (LC_CTYPE, "");
  setlocale (LC_MESSAGES, "");
}
