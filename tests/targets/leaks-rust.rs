// SPDX-License-Identifier: Apache-2.0
// Blocks in Rust whose leak class is known. As leaks.h: the allocator notes what a case allocates, inverted; main() prints "case class address
// size" last of all, after writing over the frames of the cases.
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::RefCell;
use std::rc::{Rc, Weak};

struct Noting;

#[derive(Clone, Copy)]
struct Noted(&'static str, &'static str, usize, usize);

static mut NOTED: [Noted; 100] = [Noted("", "", 0, 0); 100];
static mut N_NOTED: usize = 0;
static mut CASE: (&str, &str) = ("", "");

unsafe impl GlobalAlloc for Noting {
    #[inline(never)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let block = System.alloc(layout);
        if !CASE.0.is_empty() {
            NOTED[N_NOTED] = Noted(CASE.0, CASE.1, !(block as usize), layout.size());
            N_NOTED += 1;
        }
        block
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        System.dealloc(block, layout)
    }
}

#[global_allocator]
static GLOBAL: Noting = Noting;

extern "C" {
    fn snprintf(out: *mut u8, n: usize, format: *const u8, ...) -> i32;
    fn write(fd: i32, p: *const u8, n: usize) -> isize;
}

fn begin(name: &'static str, class: &'static str) {
    unsafe { CASE = (name, class) }
}

struct Link {
    next: RefCell<Option<Rc<Link>>>,
    _payload: [u64; 3],
}

struct Tree {
    parent: RefCell<Weak<Tree>>,
    children: RefCell<Vec<Rc<Tree>>>,
}

thread_local! {
    static KEPT: RefCell<Option<Rc<Tree>>> = RefCell::new(None);
}

static mut KEPT_BOX: Option<Box<[u64; 8]>> = None;

#[inline(never)]
fn make_box() {
    begin("box", "reachable");
    unsafe { KEPT_BOX = Some(Box::new([7; 8])) }
}

#[inline(never)]
fn tree() -> Rc<Tree> {
    let root = Rc::new(Tree { parent: RefCell::new(Weak::new()), children: RefCell::new(Vec::with_capacity(2)) });
    for _ in 0..2 {
        let child = Rc::new(Tree { parent: RefCell::new(Weak::new()), children: RefCell::new(Vec::new()) });
        *child.parent.borrow_mut() = Rc::downgrade(&root);
        root.children.borrow_mut().push(child);
    }
    root
}

#[inline(never)]
fn make_kept_tree() {
    begin("kept_tree", "reachable");
    let root = tree();
    KEPT.with(|kept| *kept.borrow_mut() = Some(root));
    begin("", "");
}

// Its children point back to it, without owning it.
#[inline(never)]
fn make_lost_tree() {
    begin("lost_tree", "cycle");
    std::mem::forget(tree());
    begin("", ""); // no tail call: memcheck's stack names the case
}

#[inline(never)]
fn make_rc_cycle() {
    begin("rc_cycle", "cycle");
    let a = Rc::new(Link { next: RefCell::new(None), _payload: [0; 3] });
    let b = Rc::new(Link { next: RefCell::new(Some(a.clone())), _payload: [0; 3] });
    *a.next.borrow_mut() = Some(b);
}

#[inline(never)]
fn make_forgotten_string() {
    begin("forgotten_string", "direct");
    std::mem::forget(String::with_capacity(90));
}

#[inline(never)]
fn make_leaked_vec() {
    begin("leaked_vec", "direct");
    let mut boxes: Vec<Box<u64>> = Vec::with_capacity(3);
    begin("leaked_vec", "indirect");
    for i in 0..3 {
        boxes.push(Box::new(i));
    }
    std::mem::forget(boxes);
}

#[inline(never)]
fn scrub() -> u8 {
    let mut frames = [0u8; 32768];
    for byte in frames.iter_mut() {
        unsafe { std::ptr::write_volatile(byte, 0) }
    }
    frames[1000]
}

fn main() {
    make_box();
    make_kept_tree();
    make_lost_tree();
    make_rc_cycle();
    make_forgotten_string();
    make_leaked_vec();
    begin("", "");
    scrub();
    unsafe {
        for noted in &NOTED[..N_NOTED] {
            let mut line = [0u8; 200];
            let n = snprintf(line.as_mut_ptr(), line.len(), b"%.*s %.*s 0x%lx %zu\n\0".as_ptr(), noted.0.len() as i32, noted.0.as_ptr(),
                             noted.1.len() as i32, noted.1.as_ptr(), !noted.2, noted.3);
            write(1, line.as_ptr(), n as usize);
        }
    }
    scrub();
}
