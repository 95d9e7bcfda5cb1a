/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of classes, strengths and kinds, as JSON has them. */

#include "core/graph/graph.h"

const char *
hat_leak_class_name (HatLeakClass leak_class)
{
  static const char *const names[HAT_N_LEAK_CLASSES] = {
    [HAT_LEAK_DIRECT] = "direct",     [HAT_LEAK_CYCLE] = "cycle",         [HAT_LEAK_INDIRECT] = "indirect",
    [HAT_LEAK_POSSIBLE] = "possible", [HAT_LEAK_REACHABLE] = "reachable", [HAT_LEAK_UNFREED] = "unfreed",
  };
  return names[leak_class];
}

const char *
hat_confidence_name (HatConfidence confidence)
{
  static const char *const names[] = {
    [HAT_CONFIDENCE_NONE] = NULL,
    [HAT_CONFIDENCE_LIKELY] = "likely",
    [HAT_CONFIDENCE_CERTAIN] = "certain",
    [HAT_CONFIDENCE_PROVEN] = "proven",
  };
  return names[confidence];
}

const char *
hat_strength_name (HatStrength strength)
{
  static const char *const names[] = { "unknown", "strong", "weak" };
  return names[strength];
}

const char *
hat_root_kind_name (HatRootKind kind)
{
  static const char *const names[] = {
    [HAT_ROOT_GLOBAL] = "global", [HAT_ROOT_STACK] = "stack",     [HAT_ROOT_REGISTER] = "register",
    [HAT_ROOT_TLS] = "tls",       [HAT_ROOT_MAPPING] = "mapping", [HAT_ROOT_LOADER] = "loader",
  };
  return names[kind];
}
