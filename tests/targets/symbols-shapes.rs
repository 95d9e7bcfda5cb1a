// SPDX-License-Identifier: Apache-2.0
// Rust whose functions are named by modules, generics, traits and closures.
mod shapes {
    pub trait Area {
        fn area(&self) -> f64;
    }
    pub struct Square(pub f64);
    impl Area for Square {
        #[inline(never)]
        fn area(&self) -> f64 {
            self.0 * self.0
        }
    }
    #[inline(never)]
    pub fn largest<T: Area>(shapes: &[T]) -> f64 {
        shapes.iter().map(|s| s.area()).fold(0.0, f64::max)
    }
    pub struct Stack<T> {
        items: Vec<T>,
    }
    impl<T: Clone> Stack<T> {
        pub fn new() -> Self {
            Stack { items: Vec::new() }
        }
        #[inline(never)]
        pub fn push(&mut self, item: &T) {
            self.items.push(item.clone());
        }
        pub fn len(&self) -> usize {
            self.items.len()
        }
    }
}

fn main() {
    use shapes::*;
    let squares: Vec<Square> = (1..10).map(|i| Square(i as f64)).collect();
    let mut stack = Stack::new();
    for i in 0..std::env::args().count() {
        stack.push(&i.to_string());
    }
    println!("{} {}", largest(&squares), stack.len());
}
