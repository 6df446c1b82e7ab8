//! What can be wrong with an index: one error a cause, each saying what was found and what to do.

use super::FORMAT;

/// The codes that errors of this room carry; stable, the same in TypeScript.
pub const CODES: &[&str] = &[
    "index_corrupt",
    "index_newer",
    "index_outdated",
    "index_missing",
    "index_older",
    "index_unknown_file",
];

/// Why a file of an index was refused.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// A page, usually the site's "not found" page, came in place of a file.
    #[error(
        "the server sent HTML in place of {name}; check that the file was uploaded and that the \
         address of the index is right"
    )]
    Html { name: String },
    /// The bytes do not have the hash that the file's name states.
    #[error(
        "{name}: the content hashes to {found} and not to what the name says; the file was changed \
         or cut short, publish the index again"
    )]
    Hash { name: String, found: String },
    /// The manifest states another size than the file has.
    #[error(
        "{name}: {found_bytes} bytes were found and the manifest says {expected_bytes}; the file \
         was cut short or replaced, publish the index again"
    )]
    Size {
        name: String,
        found_bytes: u64,
        expected_bytes: u64,
    },
    /// The file does not begin as a file of this kind does.
    #[error(
        "{name}: this is no {expected} file of nearsight; give the file that the manifest names"
    )]
    NotOurs {
        name: String,
        expected: &'static str,
    },
    /// The file ends before what it promises.
    #[error(
        "{name}: the file ends at byte {found_bytes} but needs {expected_bytes}; it was cut short, \
         fetch or publish it again"
    )]
    Truncated {
        name: String,
        found_bytes: u64,
        expected_bytes: u64,
    },
    /// A part's checksum differs.
    #[error(
        "{name}: the checksum of the {part} differs; the file was changed or damaged, publish the \
         index again"
    )]
    Checksum { name: String, part: String },
    /// A value contradicts another one, or is out of its range.
    #[error(
        "{name}: {what}; the file was not made by this program or is damaged, build the index again"
    )]
    Inconsistent { name: String, what: String },
    /// A format, or a part that cannot be skipped, from a later program.
    #[error(
        "{name}: {what}, and this program reads format {FORMAT}; update nearsight on the \
         page, or build the index with the version that the page has"
    )]
    Newer { name: String, what: String },
    /// A format that this program no longer reads.
    #[error(
        "{name}: format {format}, and this program reads format {FORMAT}; build the index again"
    )]
    Outdated { name: String, format: u32 },
    /// The manifest is of an earlier epoch than the one held.
    #[error(
        "the manifest is of epoch {found} but epoch {held} is already held; an old copy came from \
         a cache, fetch it again, or open the index anew to go back on purpose"
    )]
    Older { found: u64, held: u64 },
    /// Two different manifests claim the same epoch.
    #[error(
        "two different manifests claim epoch {epoch}; publish one of them again with the next \
         epoch, or open the index anew"
    )]
    Fork { epoch: u64 },
    /// Something was asked that needs a file which has not been supplied.
    #[error("{name} is not loaded; supply it first")]
    Missing { name: String },
    /// A file was supplied that the manifest does not name.
    #[error(
        "{name} is not named by the manifest of epoch {epoch}; supply only what `missing` lists"
    )]
    Unnamed { name: String, epoch: u64 },
}

impl IndexError {
    /// The stable code of this error, one of [`CODES`].
    pub fn code(&self) -> &'static str {
        match self {
            Self::Html { .. }
            | Self::Hash { .. }
            | Self::Size { .. }
            | Self::NotOurs { .. }
            | Self::Truncated { .. }
            | Self::Checksum { .. }
            | Self::Inconsistent { .. }
            | Self::Fork { .. } => "index_corrupt",
            Self::Newer { .. } => "index_newer",
            Self::Outdated { .. } => "index_outdated",
            Self::Older { .. } => "index_older",
            Self::Missing { .. } => "index_missing",
            Self::Unnamed { .. } => "index_unknown_file",
        }
    }

    pub(super) fn inconsistent(name: &str, what: impl Into<String>) -> Self {
        Self::Inconsistent {
            name: name.to_owned(),
            what: what.into(),
        }
    }
}
