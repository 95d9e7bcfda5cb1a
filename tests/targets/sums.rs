// SPDX-License-Identifier: Apache-2.0
// The same sum three ways: an iterator chain and a loop, which allocate nothing, and one through a collected Vec, which
// does. And RAII: everything that raii() allocates is gone when it returns.

// std::hint::black_box came with Rust 1.66.
fn black_box<T>(value: T) -> T {
    let copy = unsafe { std::ptr::read_volatile(&value) };
    std::mem::forget(value);
    copy
}

#[inline(never)]
fn functional_sum(values: &[u64]) -> u64 {
    values.iter().filter(|v| *v % 2 == 1).map(|v| v * v).sum()
}

#[inline(never)]
fn loop_sum(values: &[u64]) -> u64 {
    let mut sum = 0;
    for v in values {
        if v % 2 == 1 {
            sum += v * v;
        }
    }
    sum
}

#[inline(never)]
fn collected_sum(values: &[u64]) -> u64 {
    let odd: Vec<u64> = values.iter().copied().filter(|v| v % 2 == 1).collect();
    black_box(&odd).iter().map(|v| v * v).sum()
}

#[inline(never)]
fn raii() -> usize {
    let words: Vec<String> = (0..1000).map(|i| format!("word {i}")).collect();
    let boxed: Box<[String]> = words.into_boxed_slice();
    black_box(&boxed).iter().map(|w| w.len()).sum()
}

fn main() {
    let values: Vec<u64> = (0..10000).collect();
    let values = black_box(values);
    assert_eq!(functional_sum(&values), loop_sum(&values));
    assert_eq!(loop_sum(&values), collected_sum(&values));
    assert!(black_box(raii()) > 0);
}
