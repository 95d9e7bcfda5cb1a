// SPDX-License-Identifier: Apache-2.0
// What Rust does with layouts. The program prints sizes, alignments and offsets of its own values, and the bytes of enum
// tags, for the tests of types.
#![allow(dead_code)]
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::mem::{align_of, size_of, MaybeUninit};
use std::num::NonZeroU32;
use std::ptr::addr_of;
use std::rc::{Rc, Weak};
use std::sync::Arc;

struct Node { val: u64, parent: RefCell<Weak<Node>>, kids: RefCell<Vec<Rc<Node>>> }
struct Mixed { a: u8, b: u64, c: u16, d: u32, e: bool }
#[repr(C)] struct Foreign { a: u8, b: u64, c: u8, d: u32, e: u8 }
#[repr(C, packed)] struct Tight { a: u8, b: u64, c: u16 }
#[repr(align(32))] struct Wide { a: u8 }
struct Pair(u8, u32);
struct Unit;
struct Slices<'a> { s: &'a str, b: &'a [u32], d: Box<dyn Shape>, f: fn(u32) -> u32, v: Vec<u8>, t: (u8, u64), a: [u16; 5], c: char, w: u128 }
trait Shape { fn area(&self) -> f64; }
struct Square(f64, [u8; 40]);
impl Shape for Square { fn area(&self) -> f64 { self.0 } }
enum Kind { A(Box<Node>), B(String), C }
enum Data { Small(u8), Large(u64), Pair { x: u32, y: u16 }, None }
enum Plain { Red = 3, Green = 200 }
#[repr(i16)] enum Signed { Low = -300, High = 5 }
enum Single { Only(u32) }
enum Nested { Inner(Option<bool>), Other, Third }
union Either { a: u8, b: u64 }
struct Wrapper<T> { count: u32, value: T }
impl<T: Copy> Wrapper<T> { #[inline(never)] fn get(&self) -> T { self.value } }
struct Holder { m: HashMap<String, Rc<Node>>, a: Arc<str>, c: Cell<Option<NonZeroU32>>, o: Option<Box<u64>> }

macro_rules! layout { ($($t:ty),*) => { $( println!("{}|{}|{}", stringify!($t), size_of::<$t>(), align_of::<$t>()); )* } }
macro_rules! fields { ($t:ty: $($f:tt),*) => { $( {
    let u = MaybeUninit::<$t>::uninit();
    let p = u.as_ptr();
    let at = unsafe { addr_of!((*p).$f) };
    println!("{}.{}|{}|{}", stringify!($t), stringify!($f), at as usize - p as usize, size_of_field(at));
} )* } }
fn size_of_field<T>(_: *const T) -> usize { size_of::<T>() }
fn bytes<T>(name: &str, value: T) {
    // Padding may hold anything; only the bytes of the tag are compared.
    let p = &value as *const T as *const u8;
    let text: Vec<String> = (0..size_of::<T>()).map(|i| format!("{:02x}", unsafe { std::ptr::read_volatile(p.add(i)) })).collect();
    println!("={}|{}", name, text.join(""));
    std::mem::forget(value);
}
#[inline(never)] fn largest<T: PartialOrd + Copy>(list: &[T]) -> T { let mut best = list[0]; for &x in list { if x > best { best = x } } best }

fn main() {
    layout!(Node, Mixed, Foreign, Tight, Wide, Pair, Unit, Slices, Square, Kind, Data, Plain, Signed, Single, Nested, Either, Wrapper<u8>, Wrapper<f64>, Holder);
    fields!(Node: val, parent, kids);
    fields!(Mixed: a, b, c, d, e);
    fields!(Foreign: a, b, c, d, e);
    fields!(Tight: a, b, c);
    fields!(Pair: 0, 1);
    fields!(Slices: s, b, d, f, v, t, a, c, w);
    fields!(Square: 0, 1);
    fields!(Wrapper<u8>: count, value);
    fields!(Wrapper<f64>: count, value);
    fields!(Holder: m, a, c, o);
    bytes("Kind.A", Kind::A(Box::new(Node { val: 1, parent: RefCell::new(Weak::new()), kids: RefCell::new(vec![]) })));
    bytes("Kind.B", Kind::B("text".to_string()));
    bytes("Kind.C", Kind::C);
    bytes("Data.Small", Data::Small(7));
    bytes("Data.Large", Data::Large(8));
    bytes("Data.Pair", Data::Pair { x: 1, y: 2 });
    bytes("Data.None", Data::None);
    bytes("Nested.Inner", Nested::Inner(Some(true)));
    bytes("Nested.Other", Nested::Other);
    bytes("Nested.Third", Nested::Third);
    let plain = if std::env::args().count() > 3 { Plain::Red } else { Plain::Green };
    let signed = if std::env::args().count() > 3 { Signed::Low } else { Signed::High };
    let shape: Box<dyn Shape> = Box::new(Square(2.0, [0; 40]));
    let arc: Arc<str> = Arc::from("shared");
    let holder = Holder { m: HashMap::new(), a: arc, c: Cell::new(None), o: Some(Box::new(3)) };
    let slices = Slices { s: "s", b: &[1, 2], d: shape, f: |x| x + 1, v: vec![1], t: (1, 2), a: [0; 5], c: 'c', w: 1 };
    let either = Either { b: 3 };
    let foreign = Foreign { a: 1, b: 2, c: 3, d: 4, e: 5 };
    let tight = Tight { a: 1, b: 2, c: 3 };
    let mixed = Mixed { a: 1, b: 2, c: 3, d: 4, e: true };
    let wide = Wide { a: foreign.a };
    let single = Single::Only(plain as u32);
    let Single::Only(only) = single;
    eprintln!("{} {} {} {} {} {}", slices.d.area(), slices.s, slices.b.len(), (slices.f)(3), slices.v.len(), slices.c);
    eprintln!("{} {} {:?} {}", holder.a, holder.m.len(), holder.o, unsafe { either.b });
    eprintln!("{} {} {} {} {}", foreign.b, { tight.b }, mixed.b, only, signed as i16);
    eprintln!("{} {} {}", Wrapper { count: 1, value: 2u8 }.get(), Wrapper { count: 1, value: 2.0f64 }.get(), { let w = &wide; w.a });
    eprintln!("{} {} {} {}", largest(&[1u32, 5, 2]), largest(&[1.5f64]), Pair(1, 2).1, size_of::<Unit>());
}
