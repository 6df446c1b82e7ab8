//! Pieces of work that do not depend on each other → their results, in order, on whatever threads the caller has.
//!
//! The core owns no threads: in a browser there is one, and a program decides how many it spends. So who does the
//! work is an argument. How it is cut never depends on how many there are, and what is joined is joined in
//! order: the same bytes come out on any number of threads.
use std::ops::Range;
use std::sync::OnceLock;

/// Threads, or none.
pub trait Workers: Sync {
    /// Calls `piece` once with each number below `count`, in any order, and returns when all calls have.
    fn each(&self, count: usize, piece: &(dyn Fn(usize) + Sync));
}

/// The calling thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Workers for Alone {
    fn each(&self, count: usize, piece: &(dyn Fn(usize) + Sync)) {
        (0..count).for_each(piece);
    }
}

impl dyn Workers + '_ {
    /// What `work` makes of each number below `count`, in their order.
    pub fn map<T: Send + Sync>(&self, count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
        let slots: Vec<OnceLock<T>> = (0..count).map(|_| OnceLock::new()).collect();
        self.each(count, &|number| {
            slots[number].get_or_init(|| work(number));
        });
        // Workers that left a number out are made good for here, so that none is ever missing.
        slots
            .into_iter()
            .enumerate()
            .map(|(number, slot)| slot.into_inner().unwrap_or_else(|| work(number)))
            .collect()
    }

    /// As [`map`](Self::map), over ranges of `chunk` numbers that together are those below `length`; only the last is shorter.
    pub fn map_chunks<T: Send + Sync>(
        &self,
        length: usize,
        chunk: usize,
        work: impl Fn(Range<usize>) -> T + Sync,
    ) -> Vec<T> {
        let chunk = chunk.max(1);
        self.map(length.div_ceil(chunk), |number| {
            work(number * chunk..((number + 1) * chunk).min(length))
        })
    }
}

/// Several threads, for tests of what must not depend on them.
#[cfg(all(test, not(target_arch = "wasm32")))]
pub(crate) struct Several(pub usize);

#[cfg(all(test, not(target_arch = "wasm32")))]
impl Workers for Several {
    fn each(&self, count: usize, piece: &(dyn Fn(usize) + Sync)) {
        let next = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..self.0 {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        if number >= count {
                            break;
                        }
                        piece(number);
                    }
                });
            }
        });
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_order_whoever_did_the_work() {
        for workers in [
            &Alone as &dyn Workers,
            &Several(1),
            &Several(2),
            &Several(3),
        ] {
            assert_eq!(workers.map(5, |i| i * i), [0, 1, 4, 9, 16]);
            assert_eq!(workers.map_chunks(7, 3, |range| range), [0..3, 3..6, 6..7]);
            assert!(workers.map_chunks(0, 3, |range| range).is_empty());
        }
    }
}
