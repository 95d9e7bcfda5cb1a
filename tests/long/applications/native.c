/* SPDX-License-Identifier: Apache-2.0
 * What Main.java calls. */
#include <jni.h>
#include <stdlib.h>
JNIEXPORT jlong JNICALL Java_Main_churn (JNIEnv *env, jclass c, jint n)
{
  void *p[64]; long sum = 0;
  for (int i = 0; i < n; i++) { p[i] = malloc (10 + i * 7); *(int *) p[i] = i; }
  for (int i = 0; i < n; i++) { sum += *(int *) p[i]; free (p[i]); }
  return sum;
}
JNIEXPORT jlong JNICALL Java_Main_back (JNIEnv *env, jclass c, jint depth)
{
  void *own = malloc (100 + depth);
  jlong got = (*env)->CallStaticLongMethod (env, c, (*env)->GetStaticMethodID (env, c, "visit", "(I)J"), depth);
  free (own); return got;
}
