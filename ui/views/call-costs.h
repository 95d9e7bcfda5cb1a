/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Everything that the calls view shows, worked out together in a worker: sites of the range, both trees, the functions.
 * Immutable, counted: rows of lists keep it. */

#include <gio/gio.h>

#include "ui/views/view-state.h"

G_BEGIN_DECLS

typedef struct
{
  gatomicrefcount refs;
  HatHeap *heap; /* keeps the names alive */
  HatCost cost;
  char *when;
  HatSites *sites;
  HatTree *top_down, *bottom_up;
  HatFunctions *functions;
} HatCallCosts;

HatCallCosts *hat_call_costs_new (const HatQuestion *question, const HatProgress *progress, GError **error);
HatCallCosts *hat_call_costs_ref (HatCallCosts *self);
void hat_call_costs_unref (HatCallCosts *self);

/* Every stack that passes through a node, as a set: those whose functions follow the path from the root to it. */
GHashTable *hat_call_costs_stacks (HatCallCosts *self, const HatTree *tree, guint node);
/* Every stack that has the function anywhere. */
GHashTable *hat_call_costs_stacks_with (HatCallCosts *self, const char *function, const char *module);

/* A node of a tree or a function, as an object of a list. */
#define HAT_TYPE_CALL_ROW (hat_call_row_get_type ())
G_DECLARE_FINAL_TYPE (HatCallRow, hat_call_row, HAT, CALL_ROW, GObject)

/* What a row says, whatever it is. */
typedef struct
{
  const char *function, *module, *file;
  guint32 line;
  guint64 self, total;  /* of the cost */
  guint64 self_error, total_error, allocations_error;
  const guint64 *costs; /* all, with everything below */
  HatStackId example;
} HatCallRowFacts;
HatCallRowFacts hat_call_row_facts (HatCallRow *row);
HatCallCosts *hat_call_row_costs (HatCallRow *row);
const HatTree *hat_call_row_tree (HatCallRow *row, guint *out_node); /* NULL: a function */

GListModel *hat_call_rows_children (HatCallCosts *costs, const HatTree *tree, guint node);
/* Functions that contain `filter` (without case) in name or module. Takes `functions`; NULL: those of `costs`. */
GListModel *hat_call_rows_functions (HatCallCosts *costs, HatFunctions *functions, const char *filter);

G_END_DECLS
