//! Files → vectors and thumbnails, on several threads, in bounded memory.
//!
//! Each file is read once and decoded once. Threads take files in order and hand results to the
//! caller's thread, which alone writes the log. Before decoding, a thread takes as many bytes as the
//! header says the decoder will hold from a common budget, so that eight threads meeting eight scans
//! wait for each other instead of filling the memory. A picture that cannot be read is a result, not
//! an error; only the disk that we write to, or an interruption, ends the work.

use std::fs::File;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Condvar, Mutex, PoisonError};

use super::BuildError;
use super::thumbnail::{self, Thumbnail};
use super::walk::Found;
use crate::embed::{EmbedError, Embedder};
use crate::image::{Format, Limits, Picture, decode, probe};

/// Raised whenever the same picture and model would give another vector or thumbnail than before.
pub const PIPELINE: u32 = 1;

/// What all decoders together may hold. One picture may hold more; then it has it alone.
const BUDGET_BYTES: u64 = 192 << 20;

pub struct Work<'a> {
    pub embedder: &'a Embedder,
    pub limits: &'a Limits,
    /// Longer side in pixels; none makes no thumbnail.
    pub thumbnail_side: Option<u32>,
    pub jobs: usize,
    pub cancelled: &'a AtomicBool,
    /// Called with the hash of a file's content before it is decoded: true when its outcome is known.
    pub known: &'a (dyn Fn(&str) -> bool + Sync),
    /// Called on the working thread; stores a thumbnail.
    pub store: &'a (dyn Fn(&Thumbnail) -> Result<(), BuildError> + Sync),
}

/// One file's outcome.
pub struct Done {
    /// Place in the list of files.
    pub index: usize,
    /// Hash of the content; empty when it could not be read.
    pub content: String,
    pub outcome: Outcome,
}

pub enum Outcome {
    Embedded {
        vector: Vec<f32>,
        /// Of the upright picture, in pixels.
        width: u32,
        height: u32,
        thumb: Option<String>,
    },
    /// `known` said so: somebody has it under this content.
    Known,
    /// `lasting`: it will be so until the file changes.
    Broken {
        code: String,
        message: String,
        lasting: bool,
    },
}

/// Works through `files` and gives each outcome to `sink`, in no particular order.
/// Ends early with [`BuildError::Interrupted`], after what was begun is delivered.
pub fn work(
    files: &[Found],
    work: &Work,
    sink: &mut dyn FnMut(Done) -> Result<(), BuildError>,
) -> Result<(), BuildError> {
    let jobs = work.jobs.clamp(1, files.len().max(1));
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(jobs)
        .build()
        .map_err(|error| BuildError::threads(std::io::Error::other(error)))?;
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let budget = Budget::new(BUDGET_BYTES);
    let (sender, receiver) = mpsc::sync_channel(2 * jobs);
    pool.in_place_scope(|scope| {
        for _ in 0..jobs {
            let sender = sender.clone();
            let (next, failed, budget) = (&next, &failed, &budget);
            scope.spawn(move |_| {
                loop {
                    if work.cancelled.load(Ordering::Relaxed) || failed.load(Ordering::Relaxed) {
                        return;
                    }
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(found) = files.get(index) else {
                        return;
                    };
                    let done = one(index, found, work, budget);
                    if sender.send(done).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut result = Ok(());
        // Also after a failure: what other threads have finished is worth keeping.
        for done in receiver {
            if let Err(error) = done.and_then(&mut *sink) {
                failed.store(true, Ordering::Relaxed);
                result = result.and(Err(error));
            }
        }
        result
    })?;
    match work.cancelled.load(Ordering::Relaxed) {
        true => Err(BuildError::Interrupted),
        false => Ok(()),
    }
}

fn one(index: usize, found: &Found, work: &Work, budget: &Budget) -> Result<Done, BuildError> {
    let broken = |content: String, code: &str, message: String, lasting| Done {
        index,
        content,
        outcome: Outcome::Broken {
            code: code.to_string(),
            message,
            lasting,
        },
    };
    // The length was seen during the walk; the file may have grown since, the limit holds anyway.
    let mut bytes = Vec::new();
    let read = File::open(&found.file).and_then(|file| {
        file.take(work.limits.file_bytes.saturating_add(1))
            .read_to_end(&mut bytes)
    });
    if let Err(error) = read {
        let message = format!("cannot be read: {error}");
        return Ok(broken(String::new(), "io_failed", message, false));
    }
    let content = blake3::hash(&bytes).to_hex()[..32].to_string();
    if (work.known)(&content) {
        return Ok(Done {
            index,
            content,
            outcome: Outcome::Known,
        });
    }
    let header = match probe(&bytes, work.limits) {
        Ok(header) => header,
        Err(error) => return Ok(broken(content, error.code(), error.to_string(), true)),
    };
    let _held = budget.take(cost(header.format, header.width, header.height) + bytes.len() as u64);
    // A fault in a decoder or in a model's arithmetic costs one picture, not the build.
    let made = catch_unwind(AssertUnwindSafe(|| make(&bytes, work)));
    let (vector, thumb) = match made {
        Ok(Ok(made)) => made,
        Ok(Err(error)) => return Ok(broken(content, error.code(), error.to_string(), true)),
        Err(_) => {
            let message = "the decoder or the model failed on this picture".to_string();
            return Ok(broken(content, "picture_broken", message, true));
        }
    };
    if let Some(thumb) = &thumb {
        (work.store)(thumb)?;
    }
    let (width, height) = header.upright_size();
    Ok(Done {
        index,
        content,
        outcome: Outcome::Embedded {
            vector,
            width,
            height,
            thumb: thumb.map(|thumb| thumb.name),
        },
    })
}

fn make(bytes: &[u8], work: &Work) -> Result<(Vec<f32>, Option<Thumbnail>), EmbedError> {
    let (vector, picture): (Vec<f32>, Picture) = work.embedder.embed_bytes(bytes, work.limits)?;
    let Some(side) = work.thumbnail_side else {
        return Ok((vector, None));
    };
    // JPEGs are decoded at a fraction, as the model needs them; a thumbnail larger than that fraction
    // needs pixels of its own.
    let enough = picture.width.max(picture.height) >= side;
    let thumb = match enough {
        true => thumbnail::make(&picture, side)?,
        false => {
            drop(picture);
            thumbnail::make(&decode(bytes, work.limits, Some(side))?, side)?
        }
    };
    Ok((vector, Some(thumb)))
}

/// An upper bound of what decoding holds, from the header alone: a JPEG at worst all coefficients of a
/// progressive one, the other formats every pixel with alpha and again as RGB.
fn cost(format: Format, width: u32, height: u32) -> u64 {
    let pixels = u64::from(width) * u64::from(height);
    match format {
        Format::Jpeg => 3 * pixels,
        _ => 7 * pixels,
    }
}

/// Bytes that threads share.
struct Budget {
    whole: u64,
    free: Mutex<u64>,
    returned: Condvar,
}

struct Held<'a> {
    budget: &'a Budget,
    bytes: u64,
}

impl Budget {
    fn new(bytes: u64) -> Self {
        Self {
            whole: bytes,
            free: Mutex::new(bytes),
            returned: Condvar::new(),
        }
    }

    /// Waits until `bytes` are free. More than there are in all waits for everything.
    fn take(&self, bytes: u64) -> Held<'_> {
        let bytes = bytes.min(self.whole);
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free < bytes {
            free = self
                .returned
                .wait(free)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *free -= bytes;
        Held {
            budget: self,
            bytes,
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut free = self
            .budget
            .free
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *free += self.bytes;
        self.budget.returned.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_is_never_exceeded_and_a_giant_has_it_alone() {
        let budget = Budget::new(100);
        let held = AtomicUsize::new(0);
        let most = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (budget, held, most) = (&budget, &held, &most);
                scope.spawn(move || {
                    for round in 0..200 {
                        let bytes = [30, 60, 100, 5000][(thread + round) % 4];
                        let taken = budget.take(bytes);
                        let now = held.fetch_add(taken.bytes as usize, Ordering::SeqCst);
                        most.fetch_max(now + taken.bytes as usize, Ordering::SeqCst);
                        std::thread::yield_now();
                        held.fetch_sub(taken.bytes as usize, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(most.load(Ordering::SeqCst) <= 100);
        assert_eq!(*budget.free.lock().unwrap(), 100);
    }
}
