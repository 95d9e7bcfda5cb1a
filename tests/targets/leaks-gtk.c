/* SPDX-License-Identifier: Apache-2.0 */

/* A GTK program that ends by itself: a window with a list in it is shown, changed and destroyed. */

#include <gtk/gtk.h>

static void
run_while_busy (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

int
main (void)
{
  if (!gtk_init_check ())
    return 1; /* no display: the test asks for 0 */
  GtkWidget *window = gtk_window_new (), *list = gtk_list_box_new ();
  for (int i = 0; i < 50; i++)
    {
      char *text = g_strdup_printf ("row %d", i);
      gtk_list_box_append (GTK_LIST_BOX (list), gtk_label_new (text));
      g_free (text);
    }
  gtk_window_set_child (GTK_WINDOW (window), list);
  gtk_window_present (GTK_WINDOW (window));
  run_while_busy ();
  while (gtk_widget_get_first_child (list))
    gtk_list_box_remove (GTK_LIST_BOX (list), gtk_widget_get_first_child (list));
  run_while_busy ();
  gtk_window_destroy (GTK_WINDOW (window));
  run_while_busy ();
  return 0;
}
