//! `--jobs` → threads for the rooms that do the work but own none.

use crate::partition::Workers;

/// A pool of its own size, whatever the machine has.
pub struct Threads(rayon::ThreadPool);

impl Threads {
    /// As many as asked for, or one a processor.
    pub fn new(wanted: Option<usize>) -> std::io::Result<Self> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs(wanted));
        pool.build().map(Self).map_err(std::io::Error::other)
    }
}

impl Workers for Threads {
    fn each(&self, count: usize, piece: &(dyn Fn(usize) + Sync)) {
        use rayon::prelude::*;
        match count {
            // One piece needs nobody else.
            0 | 1 => (0..count).for_each(piece),
            _ => self
                .0
                .install(|| (0..count).into_par_iter().with_max_len(1).for_each(piece)),
        }
    }
}

/// As many threads as asked for, or one a processor.
pub fn jobs(wanted: Option<usize>) -> usize {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    wanted.unwrap_or(processors).max(1)
}
