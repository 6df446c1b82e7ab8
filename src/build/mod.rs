//! A folder of pictures → vectors → an index that a static host can serve.
//!
//! ```text
//! walk ─▶ work (decode, embed, thumbnail) ─▶ resume (log) ─▶ partition ─▶ assemble ─▶ publish
//! vectors ──────────────────────────────────────────────────▶ partition ─▶ assemble ─▶ publish
//! ```
//!
//! [`build`] is the way in: it may be interrupted at any point and goes on where it stopped, does
//! nothing when nothing changed, and publishes a new epoch at one instant otherwise. [`build_vectors`]
//! does the same for vectors made elsewhere. [`upgrade`] moves an index over to another model. [`update`] and [`update_vectors`] add to an index, remove from it, and write it whole again. [`assemble`] and
//! [`fresh`] are pure and compile everywhere; all else here reads and writes files and stays out of the browser.

pub mod assemble;
mod divide;
mod fresh;

#[cfg(all(not(target_arch = "wasm32"), feature = "embed"))]
mod epoch;
#[cfg(not(target_arch = "wasm32"))]
mod error;
#[cfg(not(target_arch = "wasm32"))]
mod from_vectors;
#[cfg(all(not(target_arch = "wasm32"), feature = "embed"))]
mod gather;
#[cfg(all(not(target_arch = "wasm32"), feature = "embed"))]
mod held;
#[cfg(not(target_arch = "wasm32"))]
mod incremental;
#[cfg(not(target_arch = "wasm32"))]
mod last;
#[cfg(all(not(target_arch = "wasm32"), feature = "embed"))]
mod learn;
#[cfg(not(target_arch = "wasm32"))]
mod load;
#[cfg(not(target_arch = "wasm32"))]
#[allow(unsafe_code)]
mod mapped;
#[cfg(not(target_arch = "wasm32"))]
mod metadata;
#[cfg(all(not(target_arch = "wasm32"), feature = "embed"))]
mod model;
#[cfg(all(not(target_arch = "wasm32"), feature = "embed"))]
mod moved;
#[cfg(not(target_arch = "wasm32"))]
mod output;
#[cfg(not(target_arch = "wasm32"))]
mod page;
#[cfg(all(not(target_arch = "wasm32"), feature = "embed"))]
mod pipeline;
#[cfg(all(not(target_arch = "wasm32"), feature = "embed"))]
mod projection;
#[cfg(not(target_arch = "wasm32"))]
mod publish;
#[cfg(not(target_arch = "wasm32"))]
mod renew;
#[cfg(not(target_arch = "wasm32"))]
mod report;
#[cfg(not(target_arch = "wasm32"))]
mod resume;
#[cfg(not(target_arch = "wasm32"))]
mod row_file;
#[cfg(not(target_arch = "wasm32"))]
mod scratch;
#[cfg(not(target_arch = "wasm32"))]
mod state;
#[cfg(not(target_arch = "wasm32"))]
mod successor;
#[cfg(not(target_arch = "wasm32"))]
mod threads;
#[cfg(all(not(target_arch = "wasm32"), feature = "embed"))]
mod thumbnail;
#[cfg(all(not(target_arch = "wasm32"), feature = "embed"))]
mod update;
#[cfg(not(target_arch = "wasm32"))]
mod update_vectors;
#[cfg(all(not(target_arch = "wasm32"), feature = "embed"))]
mod upgrade;
#[cfg(not(target_arch = "wasm32"))]
mod vectors;
#[cfg(not(target_arch = "wasm32"))]
mod verify;
#[cfg(not(target_arch = "wasm32"))]
mod walk;
#[cfg(all(not(target_arch = "wasm32"), feature = "embed"))]
mod work;

pub use self::fresh::{Fresh, FreshStep, fresh, made_comparable};
#[cfg(not(target_arch = "wasm32"))]
pub use self::{
    error::{BuildError, CODES},
    from_vectors::{VectorOptions, build_vectors},
    load::{load_index, load_previous, open_index, read_missing, read_named},
    metadata::{Metadata, Row as MetadataRow},
    output::{MANIFEST, Output, STATE_FOLDER},
    page::beside_program,
    publish::{publish, published},
    report::{Report, Step, kinds},
    state::{Kept, State},
    threads::{Threads, jobs},
    update_vectors::{VectorUpdate, update_vectors},
    vectors::{Shape, VectorFile, VectorReader, Vectors},
    verify::{Verified, verify},
    walk::{Found, Problem, Walk, walk},
};

#[cfg(all(not(target_arch = "wasm32"), feature = "embed"))]
pub use self::{
    model::Model,
    pipeline::{BuildOptions, build},
    projection::{MANY, Projecting, USUAL},
    update::{Update, UpdateOptions, update},
    upgrade::{FIT, UpgradeOptions, UpgradeReport, UpgradeStep, upgrade},
    work::{Done, Outcome, Work, work},
};
