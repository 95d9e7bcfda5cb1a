// SPDX-License-Identifier: Apache-2.0
// As stacks.c: recursion, generics, closures, trait objects, iterators.
trait Grow {
    fn grow(&self, depth: u32, size: usize) -> Vec<u8>;
}
struct Plain;
struct Generic<T>(T);
impl Grow for Plain {
    #[inline(never)]
    fn grow(&self, depth: u32, size: usize) -> Vec<u8> {
        if depth == 0 {
            seen(Vec::with_capacity(size))
        } else {
            seen(self.grow(depth - 1, size))
        }
    }
}
impl<T: Copy> Grow for Generic<T> {
    #[inline(never)]
    fn grow(&self, depth: u32, size: usize) -> Vec<u8> {
        let grown = Plain.grow(depth, size);
        assert!(std::mem::size_of_val(&self.0) > 0);
        seen(grown)
    }
}

#[inline(never)]
fn seen(v: Vec<u8>) -> Vec<u8> {
    assert!(v.capacity() > 100000);
    v
}

fn main() {
    let growers: Vec<Box<dyn Grow>> = vec![Box::new(Plain), Box::new(Generic(1u64)), Box::new(Generic('x'))];
    let mut size = 100000;
    for depth in 0..5 {
        for g in &growers {
            size += 1;
            seen(g.grow(depth, size));
        }
    }
    let kept: Vec<_> = (size + 1..=100020).map(|n| seen(Vec::with_capacity(n))).collect();
    assert_eq!(kept.len(), 100020 - size);
}
