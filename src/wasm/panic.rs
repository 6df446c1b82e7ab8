//! A panic → its text, for the error that the page gets. After it the module must not be used.

use std::cell::RefCell;

use wasm_bindgen::prelude::*;

thread_local! {
    static TEXT: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// From here on a panic leaves its text, and shows it with a trace on the console.
pub(super) fn keep_text() {
    std::panic::set_hook(Box::new(|info| {
        TEXT.with(|text| *text.borrow_mut() = Some(info.to_string()));
        console_error_panic_hook::hook(info);
    }));
}

/// What the panic said that ended this module, if one did.
#[wasm_bindgen]
pub fn last_panic() -> Option<String> {
    TEXT.with(|text| text.borrow().clone())
}
