//! Values of JavaScript ⇄ the rooms: parse, call, serialise; nothing else.
//!
//! Bytes and typed arrays go in, typed arrays and plain objects come out, and the only state is the
//! handles that JavaScript holds. No fetch, no DOM, no clock: whoever calls has them. An error is a
//! plain object `{ code, message }`, because it must cross from a worker to its page. A panic ends the
//! module: [`panic`] keeps its text, and the caller replaces the worker.
//!
//! Build: `scripts/build-wasm`. Tested through the browser: `npm run test:browser`.

mod allowed;
#[cfg(feature = "builder")]
mod build;
mod error;
mod index;
mod owners;
mod panic;
#[cfg(feature = "embed")]
mod picture;
mod plan;
mod values;

use wasm_bindgen::prelude::*;

#[wasm_bindgen(start)]
fn start() {
    panic::keep_text();
}

/// Bytes of the module's memory; it never shrinks.
#[wasm_bindgen]
pub fn memory_bytes() -> f64 {
    const PAGE_BYTES: usize = 65_536;
    (core::arch::wasm32::memory_size(0) * PAGE_BYTES) as f64
}
