//! The wasm-bindgen surface: parse, call, serialise; nothing else.
