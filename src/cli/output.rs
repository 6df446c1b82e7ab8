//! Results and errors → standard output and standard error.

use std::io::Write;
use std::process::ExitCode;

use serde::Serialize;
use serde_json::json;

/// As a shell reports a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

#[derive(Debug, Clone, Copy)]
pub struct Output {
    pub json: bool,
    pub quiet: bool,
}

impl Output {
    /// The result: `value` as JSON, or `words`.
    pub fn result(&self, value: &impl Serialize, words: impl FnOnce() -> String) {
        let text = match self.json {
            true => serde_json::to_string_pretty(value).expect("plain data"),
            false => words(),
        };
        print(text.trim_end());
    }

    /// Something worth knowing that is not the result.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    }

    pub fn failed(&self, error: &anyhow::Error) -> ExitCode {
        let code = code(error);
        let message = message(error);
        match self.json {
            true => print(&json!({ "error": { "code": code, "message": message } }).to_string()),
            false => {
                let _ = writeln!(std::io::stderr(), "error: {message} [{code}]");
            }
        }
        match code {
            "interrupted" => ExitCode::from(INTERRUPTED),
            _ => ExitCode::FAILURE,
        }
    }
}

/// What was tried, and why it did not work. Most errors name their cause already.
fn message(error: &anyhow::Error) -> String {
    let mut message = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !message.contains(&cause) {
            message = format!("{message}: {cause}");
        }
    }
    message
}

/// A reader that closed the pipe (`| head`) has seen enough; that is no failure.
fn print(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// The stable code of whichever room's error this is.
fn code(error: &anyhow::Error) -> &'static str {
    macro_rules! first {
        ($($kind:ty),+ $(,)?) => {
            $(if let Some(error) = error.chain().find_map(|cause| cause.downcast_ref::<$kind>()) {
                return error.code();
            })+
        };
    }
    first!(
        crate::build::BuildError,
        super::eval::EvalError,
        crate::server::ServerError,
        crate::server::maintenance::MaintenanceError,
        crate::store::StoreError,
        crate::index::IndexError,
        crate::search::SearchError,
        crate::partition::PartitionError,
    );
    #[cfg(feature = "embed")]
    first!(crate::image::ImageError, crate::embed::EmbedError);
    "failed"
}

/// `5.4 MB`, as shops write it.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{:.1} KB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}

/// `1 picture`, `2 pictures`.
pub fn count(number: u64, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::BuildError;

    #[test]
    fn an_error_keeps_its_code_under_any_context() {
        let error = anyhow::Error::from(BuildError::Interrupted).context("while building");
        assert_eq!(code(&error), "interrupted");
        assert_eq!(code(&anyhow::anyhow!("something else")), "failed");
    }

    #[test]
    fn a_cause_is_told_once() {
        let source = std::io::Error::from(std::io::ErrorKind::NotFound);
        let error = BuildError::io("read", std::path::Path::new("a.jpg"), source);
        let error = anyhow::Error::from(error).context("searching");
        assert_eq!(
            message(&error),
            "searching: cannot read a.jpg: entity not found"
        );
    }

    #[test]
    fn sizes_and_counts_read_naturally() {
        assert_eq!(size(999), "999 bytes");
        assert_eq!(size(5_400_000), "5.4 MB");
        assert_eq!(count(1, "picture"), "1 picture");
        assert_eq!(count(0, "cell"), "0 cells");
    }
}
