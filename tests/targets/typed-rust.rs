// SPDX-License-Identifier: Apache-2.0
// Blocks of Rust whose types are known: a tree of Rc with Weak parents, a cycle of Rc, a cache of Arc and Weak, boxes, strings,
// collections. The lines it says are those of typed.h.
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, LinkedList, VecDeque};
use std::fmt::Write;
use std::rc::{Rc, Weak};
use std::sync::{Arc, Mutex};

extern "C" {
    fn write(fd: i32, p: *const u8, n: usize) -> isize;
    fn dlsym(handle: *const u8, name: *const u8) -> *const u8;
}

// ---- saying ----

struct Line {
    text: [u8; 512],
    n: usize,
}

impl Write for Line {
    fn write_str(&mut self, s: &str) -> std::fmt::Result {
        self.text[self.n..self.n + s.len()].copy_from_slice(s.as_bytes());
        self.n += s.len();
        Ok(())
    }
}

#[inline(never)]
fn put(arguments: std::fmt::Arguments) {
    let mut line = Line { text: [0; 512], n: 0 };
    line.write_fmt(arguments).unwrap();
    line.write_str("\n").unwrap();
    unsafe { write(1, line.text.as_ptr(), line.n) };
}

macro_rules! say { ($($a:tt)*) => { put(format_args!($($a)*)) } }

// Rc and Arc point to their counts, two words before what they hold.
fn block<T: ?Sized>(value: *const T) -> usize {
    value as *const u8 as usize - 16
}

// ---- a tree: children are held, parents are not ----

struct Node {
    value: u32,
    parent: RefCell<Weak<Node>>,
    children: RefCell<Vec<Rc<Node>>>,
}

fn new_node(value: u32) -> Rc<Node> {
    Rc::new(Node { value, parent: RefCell::new(Weak::new()), children: RefCell::new(Vec::new()) })
}

fn build_tree() -> Rc<Node> {
    let root = new_node(1);
    for i in 0..3 {
        let child = new_node(10 + i);
        *child.parent.borrow_mut() = Rc::downgrade(&root);
        root.children.borrow_mut().push(child);
    }
    root
}

fn say_tree(node: &Rc<Node>) {
    let me = block(Rc::as_ptr(node));
    say!("block|{:#x}|alloc::rc::Rc*<typed_rust::Node>", me);
    say!("value|{:#x}|value|{}", me, node.value);
    say!("count|{:#x}|{}|{}", me, Rc::strong_count(node), Rc::weak_count(node));
    if let Some(parent) = node.parent.borrow().upgrade() {
        say!("edge|{:#x}|parent|{:#x}|weak", me, block(Rc::as_ptr(&parent)));
    }
    let children = node.children.borrow();
    if children.capacity() == 0 {
        return;
    }
    let data = children.as_ptr() as usize;
    say!("array|{:#x}|alloc::rc::Rc<typed_rust::Node*>|{}", data, children.capacity());
    say!("edge|{:#x}|children|{:#x}|strong", me, data);
    say!("used|{:#x}|{}|{}", data, children.len(), children.capacity());
    for (i, child) in children.iter().enumerate() {
        say!("edge|{:#x}|[{}]|{:#x}|strong", data, i, block(Rc::as_ptr(child)));
        say_tree(child);
    }
}

// ---- a cycle that nothing holds ----

struct Ring {
    next: RefCell<Option<Rc<Ring>>>,
    _payload: [u64; 2],
}

#[inline(never)]
fn lose_ring() {
    let ring: [Rc<Ring>; 3] = std::array::from_fn(|_| Rc::new(Ring { next: RefCell::new(None), _payload: [7; 2] }));
    for i in 0..3 {
        *ring[i].next.borrow_mut() = Some(ring[(i + 1) % 3].clone());
    }
    for i in 0..3 {
        let me = block(Rc::as_ptr(&ring[i]));
        say!("block|{:#x}|alloc::rc::Rc*<typed_rust::Ring>", me);
        say!("edge|{:#x}|next|{:#x}|strong", me, block(Rc::as_ptr(&ring[(i + 1) % 3])));
        say!("count|{:#x}|1|0", me);
    }
    say!("cycle|next|{:#x} {:#x} {:#x}", block(Rc::as_ptr(&ring[0])), block(Rc::as_ptr(&ring[1])), block(Rc::as_ptr(&ring[2])));
}

// ---- a cache that does not own ----

struct Entry {
    size: u64,
    bytes: Vec<u16>,
}

struct Cache {
    known: Mutex<HashMap<u32, std::sync::Weak<Entry>>>,
}

fn build_cache(kept: &mut Vec<Arc<Entry>>) -> Box<Cache> {
    let cache = Box::new(Cache { known: Mutex::new(HashMap::new()) });
    for i in 0..3u32 {
        let entry = Arc::new(Entry { size: 100 + i as u64, bytes: vec![i as u16; 10] });
        cache.known.lock().unwrap().insert(i, Arc::downgrade(&entry));
        kept.push(entry);
    }
    cache
}

fn say_cache(cache: &Cache, kept: &[Arc<Entry>]) {
    let me = cache as *const Cache as usize;
    say!("block|{:#x}|typed_rust::Cache", me);
    let known = cache.known.lock().unwrap();
    let mut table = 0;
    for (_, weak) in known.iter() {
        table = weak as *const _ as usize;
    }
    say!("within|{:#x}|(u32, alloc::sync::Weak<typed_rust::Entry*>)", table);
    say!("edge|{:#x}|known|{:#x}|strong", me, table);
    for entry in kept {
        let at = block(Arc::as_ptr(entry));
        say!("block|{:#x}|alloc::sync::ArcInner<typed_rust::Entry>", at);
        say!("value|{:#x}|size|{}", at, entry.size);
        say!("count|{:#x}|{}|{}", at, Arc::strong_count(entry), Arc::weak_count(entry));
        say!("array|{:#x}|u16|10", entry.bytes.as_ptr() as usize);
        say!("edge|{:#x}|bytes|{:#x}|strong", at, entry.bytes.as_ptr() as usize);
        say!("edge|{:#x}|1|{:#x}|weak", table, at);
    }
}

// ---- boxes, strings, enums, dyn ----

trait Shape {
    fn area(&self) -> f64;
}
struct Circle {
    radius: f64,
}
struct Rectangle {
    width: f32,
    height: f32,
    name: String,
}
impl Shape for Circle {
    fn area(&self) -> f64 {
        3.0 * self.radius * self.radius
    }
}
impl Shape for Rectangle {
    fn area(&self) -> f64 {
        (self.width * self.height) as f64 + self.name.len() as f64
    }
}

enum State {
    Idle,
    Running { task: Box<Task>, step: u16 },
    Failed(String),
}

struct Task {
    id: u64,
    state: State,
    next: Option<Box<Task>>,
}

fn build_tasks() -> Box<Task> {
    let inner = Box::new(Task { id: 1, state: State::Idle, next: None });
    let failed = Box::new(Task { id: 2, state: State::Failed(String::from("no more memory")), next: None });
    Box::new(Task { id: 3, state: State::Running { task: inner, step: 9 }, next: Some(failed) })
}

fn say_tasks(task: &Task) {
    let me = task as *const Task as usize;
    say!("block|{:#x}|typed_rust::Task", me);
    say!("value|{:#x}|id|{}", me, task.id);
    match &task.state {
        State::Idle => say!("value|{:#x}|state|Idle", me),
        State::Running { task, step } => {
            say!("value|{:#x}|state|Running", me);
            say!("value|{:#x}|step|{}", me, step);
            say!("edge|{:#x}|task|{:#x}|strong", me, &**task as *const Task as usize);
            say_tasks(task);
        }
        State::Failed(text) => {
            say!("value|{:#x}|state|Failed", me);
            say!("array|{:#x}|u8|{}", text.as_ptr() as usize, text.capacity());
            say!("edge|{:#x}|state|{:#x}|strong", me, text.as_ptr() as usize);
            say!("value|{:#x}|len|{}", me, text.len());
        }
    }
    if let Some(next) = &task.next {
        say!("edge|{:#x}|next|{:#x}|strong", me, &**next as *const Task as usize);
        say_tasks(next);
    }
}

fn build_shapes() -> Vec<Box<dyn Shape>> {
    let mut shapes: Vec<Box<dyn Shape>> = Vec::with_capacity(4);
    shapes.push(Box::new(Circle { radius: 2.0 }));
    shapes.push(Box::new(Rectangle { width: 1.0, height: 2.0, name: String::from("a rectangle") }));
    shapes
}

fn say_shapes(shapes: &Vec<Box<dyn Shape>>) {
    let data = shapes.as_ptr() as usize;
    say!("array|{:#x}|alloc::boxed::Box<*dyn typed_rust::Shape*>|{}", data, shapes.capacity());
    for (i, name) in ["Circle", "Rectangle"].iter().enumerate() {
        let at = &*shapes[i] as *const dyn Shape as *const u8 as usize;
        say!("block|{:#x}|typed_rust::{}", at, name);
        say!("edge|{:#x}|[{}]|{:#x}|strong", data, i, at);
    }
}

// ---- other collections ----

fn say_collections(list: &LinkedList<u64>, queue: &VecDeque<i16>, map: &BTreeMap<u32, f32>, words: &Vec<String>) {
    for number in list {
        say!("within|{:#x}|alloc::collections::linked_list::Node<u64>", number as *const u64 as usize);
    }
    say!("within|{:#x}|i16", queue.front().unwrap() as *const i16 as usize);
    say!("within|{:#x}|alloc::collections::btree::node::LeafNode<u32, f32>", map.get(&1).unwrap() as *const f32 as usize);
    say!("array|{:#x}|alloc::string::String|{}", words.as_ptr() as usize, words.capacity());
    for (i, word) in words.iter().enumerate() {
        say!("array|{:#x}|u8|{}", word.as_ptr() as usize, word.capacity());
        say!("edge|{:#x}|[{}]|{:#x}|strong", words.as_ptr() as usize, i, word.as_ptr() as usize);
    }
}

#[inline(never)]
fn scrub() -> u8 {
    let mut frames = [0u8; 32768];
    for byte in frames.iter_mut() {
        unsafe { std::ptr::write_volatile(byte, 0) }
    }
    frames[1000]
}

fn snapshot() {
    scrub();
    let mark = unsafe { dlsym(std::ptr::null(), b"heapatlas_mark\0".as_ptr()) };
    if !mark.is_null() {
        let mark: extern "C" fn(*const u8) = unsafe { std::mem::transmute(mark) };
        mark(b"snapshot:held\0".as_ptr());
    }
}

fn main() {
    let tree = build_tree();
    lose_ring();
    let mut kept = Vec::new();
    let cache = build_cache(&mut kept);
    let tasks = build_tasks();
    let shapes = build_shapes();
    let list = LinkedList::from([1u64, 2, 3]);
    let queue = VecDeque::from([1i16, 2, 3]);
    let map = BTreeMap::from([(1u32, 0.5f32), (2, 0.25)]);
    let words = vec![String::from("one"), String::from("two and three")];

    say_tree(&tree);
    say_cache(&cache, &kept);
    say!("array|{:#x}|alloc::sync::Arc<typed_rust::Entry*>|{}", kept.as_ptr() as usize, kept.capacity());
    for (i, entry) in kept.iter().enumerate() {
        say!("edge|{:#x}|[{}]|{:#x}|strong", kept.as_ptr() as usize, i, block(Arc::as_ptr(entry)));
    }
    say_tasks(&tasks);
    say_shapes(&shapes);
    say_collections(&list, &queue, &map, &words);
    say!("variable|*main|tree|alloc::rc::Rc<typed_rust::Node*>|{:#x}", block(Rc::as_ptr(&tree)));
    say!("variable|*main|tasks|alloc::boxed::Box<typed_rust::Task*>|{:#x}", &*tasks as *const Task as usize);
    say!("variable|*main|words|alloc::vec::Vec<alloc::string::String*>|{:#x}", words.as_ptr() as usize);
    snapshot();

    let total: f64 = shapes.iter().map(|s| s.area()).sum();
    let n = list.len() + queue.len() + map.len() + words.len() + kept.len() + cache.known.lock().unwrap().len();
    std::process::exit(if total > 0.0 && n > 0 && tree.value == 1 && tasks.id == 3 { 0 } else { 1 });
}
