//! nearsight: visual search that runs on the visitor's own device.
//!
//! The rooms follow the data's way:
//!
//! ```text
//! picture bytes ─ image ─▶ pixels ─ embed ─▶ vector ─ search ─▶ hits
//! folder ─ image, embed ─▶ vectors ─ partition ─▶ cells ─ quantize ─▶ codes ─ calibration, index ─▶ files (epoch 0)
//! events ─ feedback ─▶ estimates ─ repartition ─▶ cells ─ index ─▶ files (epoch t+1)
//! ```
//!
//! The core takes bytes and returns values: no file, socket, clock, thread or random source is
//! reached except through an argument. `build` (its folder part), `store`, `server` and `cli` do
//! the reading and writing, and never reach the wasm module.
#![deny(unsafe_code)]

pub mod build;
pub mod calibration;
#[cfg(feature = "embed")]
pub mod embed;
pub mod feedback;
#[cfg(feature = "embed")]
pub mod image;
pub mod index;
#[allow(unsafe_code)]
pub mod kernel;
pub mod metrics;
pub mod partition;
pub mod quantize;
pub mod repartition;
pub mod search;

#[cfg(not(target_arch = "wasm32"))]
pub mod cli;
#[cfg(not(target_arch = "wasm32"))]
pub mod server;
#[cfg(not(target_arch = "wasm32"))]
pub mod store;
#[cfg(target_arch = "wasm32")]
pub mod wasm;

mod error;
pub use error::Error;
