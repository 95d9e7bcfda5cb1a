// SPDX-License-Identifier: Apache-2.0
// Goroutines that call C, which allocates and calls back into Go, which calls C, on stacks that have to grow.
package main

/*
#include <stdlib.h>
#include <string.h>
#include <stdint.h>
extern void goVisit (uintptr_t node, int depth);
typedef struct Node { struct Node *next; char *name; int n; } Node;
static __attribute__ ((noinline)) Node *make_list (int n) {
  Node *head = 0;
  for (int i = 0; i < n; i++) { Node *node = malloc (sizeof *node); node->name = malloc (16 + i % 64); node->n = i; node->next = head; head = node; }
  return head;
}
static __attribute__ ((noinline)) void free_list (Node *node) { while (node) { Node *next = node->next; free (node->name); free (node); node = next; } }
static void walk (Node *node, int depth) { void *own = calloc (1, 64 + depth); goVisit ((uintptr_t) node, depth); free (own); }
*/
import "C"
import (
	"fmt"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"unsafe"
)

var visits, deepest int64

//export goVisit
func goVisit(node C.uintptr_t, depth C.int) {
	atomic.AddInt64(&visits, 1)
	s := C.CString("in go " + strconv.Itoa(int(depth)))
	C.free(unsafe.Pointer(s))
	if depth > 0 {
		grow(20, node, depth)
	}
}

//go:noinline
func grow(n int, node C.uintptr_t, depth C.int) int {
	var space [128]byte
	space[n] = byte(n)
	if n > 0 {
		return grow(n-1, node, depth) + int(space[n])
	}
	visit(node, depth-1)
	return 0
}

func visit(node C.uintptr_t, depth C.int) { C.walk((*C.Node)(unsafe.Pointer(uintptr(node))), depth) }

func worker(n int) int64 {
	var sum int64
	for i := 0; i < n; i++ {
		list := C.make_list(C.int(10 + i%20))
		for p := list; p != nil; p = p.next {
			sum += int64(p.n)
		}
		C.walk(list, C.int(i%4))
		C.free_list(list)
	}
	return sum
}

func main() {
	n, _ := strconv.Atoi(os.Args[1])
	var wait sync.WaitGroup
	var sum int64
	for g := 0; g < 100; g++ {
		wait.Add(1)
		go func() { defer wait.Done(); atomic.AddInt64(&sum, worker(n)) }()
	}
	wait.Wait()
	fmt.Println(sum, visits)
}
