//! The binary: hands over to [`nearsight::cli`].

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    nearsight::cli::run()
}

#[cfg(target_arch = "wasm32")]
fn main() {}
