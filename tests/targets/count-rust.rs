// SPDX-License-Identifier: Apache-2.0
// A #[global_allocator] that counts exactly what passes through it, and prints the counters as its last act.
use std::alloc::{GlobalAlloc, Layout, System};
use std::collections::{BTreeMap, HashMap};
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

struct Counter;
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);
static FREES: AtomicU64 = AtomicU64::new(0);
static REALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static DELTA: AtomicI64 = AtomicI64::new(0);

// Work after the call keeps our frame on the stack: no tail call.
unsafe fn seen(p: *mut u8) -> *mut u8 {
    std::ptr::read_volatile(&p)
}

unsafe impl GlobalAlloc for Counter {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        BYTES.fetch_add(layout.size() as u64, Relaxed);
        let p = System.alloc(layout);
        seen(p)
    }
    #[inline(never)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Relaxed);
        BYTES.fetch_add(layout.size() as u64, Relaxed);
        let p = System.alloc_zeroed(layout);
        seen(p)
    }
    #[inline(never)]
    unsafe fn dealloc(&self, p: *mut u8, layout: Layout) {
        FREES.fetch_add(1, Relaxed);
        System.dealloc(p, layout)
    }
    #[inline(never)]
    unsafe fn realloc(&self, p: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        REALLOCATIONS.fetch_add(1, Relaxed);
        DELTA.fetch_add(size as i64 - layout.size() as i64, Relaxed);
        let p = System.realloc(p, layout, size);
        seen(p)
    }
}

#[global_allocator]
static GLOBAL: Counter = Counter;

struct Node {
    parent: Weak<Node>,
    name: String,
}

extern "C" {
    fn snprintf(out: *mut u8, n: usize, format: *const u8, ...) -> i32;
    fn write(fd: i32, p: *const u8, n: usize) -> isize;
    fn _exit(status: i32) -> !;
}

fn main() {
    let mut map = HashMap::new();
    let mut tree = BTreeMap::new();
    for i in 0..20000u64 {
        map.insert(i, format!("value {}", i * i));
        tree.insert(i * 7919 % 20011, vec![0u8; (i % 300) as usize]);
        if i % 3 == 0 {
            map.remove(&(i / 2));
        }
    }
    let root = Rc::new(Node { parent: Weak::new(), name: "root".into() });
    let children: Vec<_> = (0..1000)
        .map(|i| Rc::new(Node { parent: Rc::downgrade(&root), name: i.to_string() }))
        .collect();
    assert!(children.iter().all(|c| c.parent.upgrade().unwrap().name == "root" && !c.name.is_empty()));
    let threads: Vec<_> = (0..4)
        .map(|t| std::thread::spawn(move || (0..5000u64).map(|i| vec![t; (i % 50 + 1) as usize].len()).sum::<usize>()))
        .collect();
    let total: usize = threads.into_iter().map(|t| t.join().unwrap()).sum();
    assert!(total > 0);
    std::mem::forget(children);
    let mut out = [0u8; 256];
    unsafe {
        let n = snprintf(
            out.as_mut_ptr(),
            out.len(),
            "{\"allocations\":%lu,\"bytes\":%lu,\"frees\":%lu,\"reallocations\":%lu,\"realloc_delta_bytes\":%ld}\n\0".as_ptr(),
            ALLOCATIONS.load(Relaxed),
            BYTES.load(Relaxed),
            FREES.load(Relaxed),
            REALLOCATIONS.load(Relaxed),
            DELTA.load(Relaxed),
        );
        write(1, out.as_ptr(), n as usize);
        _exit(0);
    }
}
