//! Ctrl-C and a polite kill → a flag that long work looks at.

use std::sync::atomic::{AtomicBool, Ordering};

static CANCELLED: AtomicBool = AtomicBool::new(false);

/// From now on the first signal sets the flag and the second ends the process at once.
pub fn flag() -> &'static AtomicBool {
    // Fails only when another handler is in place already; then that one decides.
    let _ = ctrlc::try_set_handler(|| {
        if CANCELLED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        eprintln!("\nfinishing what was begun; press Ctrl-C again to stop at once");
    });
    &CANCELLED
}
