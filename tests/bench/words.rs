// SPDX-License-Identifier: Apache-2.0
// words ROUNDS: a Rust program as people write them: strings, maps of vectors, boxed trees, reference counts.
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

enum Tree {
    Leaf,
    Node(Box<Tree>, Rc<str>, Box<Tree>),
}

fn insert(tree: Tree, word: &Rc<str>) -> Tree {
    match tree {
        Tree::Leaf => Tree::Node(Box::new(Tree::Leaf), word.clone(), Box::new(Tree::Leaf)),
        Tree::Node(left, here, right) if **word < *here => Tree::Node(Box::new(insert(*left, word)), here, right),
        Tree::Node(left, here, right) => Tree::Node(left, here, Box::new(insert(*right, word))),
    }
}

fn count(tree: &Tree) -> usize {
    match tree {
        Tree::Leaf => 0,
        Tree::Node(left, word, right) => count(left) + word.len() + count(right),
    }
}

fn main() {
    let rounds: u64 = std::env::args().nth(1).and_then(|a| a.parse().ok()).unwrap_or(60);
    let mut random = 88172645463325252u64;
    let mut sum = 0;
    for _ in 0..rounds {
        let mut places: HashMap<Rc<str>, Vec<usize>> = HashMap::new();
        let mut lengths: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        let mut tree = Tree::Leaf;
        for i in 0..4000 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let word: Rc<str> = format!("{:x}", random >> (random % 48)).into();
            places.entry(word.clone()).or_default().push(i);
            lengths.entry(word.len()).or_default().push(word.to_uppercase());
            tree = insert(tree, &word);
        }
        sum += count(&tree) + places.len() + lengths.values().map(Vec::len).sum::<usize>();
    }
    println!("{sum}");
}
