//! What can go wrong while a folder becomes an index, with a stable code each.
//!
//! An error of the operating system is sorted here once: a full disk and a missing permission need
//! another hand than a broken cable, so they have codes of their own, and every message has the path.

use std::io;
use std::path::{Path, PathBuf};

/// The codes that this room adds to those of the rooms it calls.
pub const CODES: &[&str] = &[
    "io_failed",
    "disk_full",
    "permission_denied",
    "nothing_to_index",
    "output_occupied",
    "output_busy",
    "vectors_invalid",
    "index_missing",
    "epoch_refused",
    "state_missing",
    "state_stale",
    "metadata_broken",
    "model_broken",
    "model_mismatch",
    "model_missing",
    "page_incomplete",
    "projection_mismatch",
    "paths_clash",
    "picture_unknown",
    "too_many_pictures",
    "interrupted",
];

#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("cannot {action} {}: no space is left on that disk; free some and run the same command again, what is done is kept", .path.display())]
    DiskFull { action: &'static str, path: PathBuf },
    #[error("cannot {action} {}: permission denied; check who owns it, or choose another folder", .path.display())]
    PermissionDenied { action: &'static str, path: PathBuf },
    #[error("{} gives no picture to index: {why}", .folder.display())]
    NothingToIndex { folder: PathBuf, why: String },
    #[error("{} is not empty and is no nearsight folder; choose a new or an empty folder (nothing in it was touched)", .0.display())]
    OutputOccupied(PathBuf),
    #[error("{} holds an index of {holds}; choose another folder, an index never turns into another kind", .folder.display())]
    OutputOther {
        folder: PathBuf,
        holds: &'static str,
    },
    #[error("{}: {found}", .path.display())]
    Vectors { path: PathBuf, found: String },
    #[error("another nearsight command is writing to {}; wait until it has finished", .0.display())]
    OutputBusy(PathBuf),
    #[error("{} holds no index (no manifest.json); make one with: nearsight build PHOTOS -o {}", .0.display(), .0.display())]
    IndexMissing(PathBuf),
    #[error(
        "epoch {published} is published already and epoch {offered} is not newer; an epoch never changes, publish a higher one"
    )]
    EpochRefused { published: u64, offered: u64 },
    #[error("{} is missing: the full vectors of this index are not here; run nearsight build again", .0.display())]
    StateMissing(PathBuf),
    #[error("{} does not belong to the published index ({why}); run nearsight build again", .path.display())]
    StateStale { path: PathBuf, why: &'static str },
    #[error("{} is damaged, and with it the knowledge which rows of the index an upgrade has moved; delete it and run nearsight build with the model of the upgrade, which embeds what is left", .0.display())]
    MovedDamaged(PathBuf),
    #[error("the index in {} was made of vectors made elsewhere, so no model is known that it could move away from; embed there with the new model, and build --vectors into a new folder", .0.display())]
    UpgradeOfVectors(PathBuf),
    #[error("{}{}: {found}", .path.display(), .row.map(|row| format!(", row {row}")).unwrap_or_default())]
    Metadata {
        path: PathBuf,
        row: Option<u64>,
        found: String,
    },
    #[error("{}: {found}", .path.display())]
    ModelBroken { path: PathBuf, found: String },
    #[error("the index in {} names no model, so no picture can be embedded for it; it was made from vectors; search it with one (search --vector FILE)", .0.display())]
    ModelMissing(PathBuf),
    #[error("the page in {} was built without the module that runs this model, which is not made of plain layers only; build it by `node scripts/build.mjs`, or write the index only (--no-page)", .0.display())]
    PageIncomplete(PathBuf),
    #[error("--dim chooses the numbers of a pca projection, and {} says its own; leave --dim out", .0.display())]
    ProjectionFixed(PathBuf),
    #[error(
        "the projection is for vectors of {found} numbers and the model gives {expected}; take the one that was made for this model"
    )]
    Projection { found: usize, expected: usize },
    #[error(
        "a projection brings vectors to unit length, and this model's are compared as long as they are (output.normalise is false); leave --dim and --projection out"
    )]
    ProjectionOfLengths,
    #[error(
        "vectors can be moved from one model to another only where both bring them to unit length, and the sidecar of one of them says otherwise (output.normalise is false); build with the new model, which embeds all pictures"
    )]
    UpgradeOfLengths,
    #[error("{} holds no {what}; nothing was removed", .folder.display())]
    Unknown { folder: PathBuf, what: String },
    #[error("{} and {} would both be {path} in the index; add the folder that holds both", .one.display(), .other.display())]
    SamePath {
        path: String,
        one: PathBuf,
        other: PathBuf,
    },
    #[error("{pictures} pictures are more than an index can number; split the folder")]
    TooMany { pictures: u64 },
    #[error("interrupted; run the same command again to go on")]
    Interrupted,
    #[error(transparent)]
    Index(#[from] crate::index::IndexError),
    #[error(transparent)]
    Assemble(#[from] super::assemble::AssembleError),
    #[error(transparent)]
    Partition(#[from] crate::partition::PartitionError),
    #[cfg(feature = "embed")]
    #[error(transparent)]
    Embed(#[from] crate::embed::EmbedError),
}

impl BuildError {
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } => "io_failed",
            Self::DiskFull { .. } => "disk_full",
            Self::PermissionDenied { .. } => "permission_denied",
            Self::NothingToIndex { .. } => "nothing_to_index",
            Self::OutputOccupied(_) | Self::OutputOther { .. } => "output_occupied",
            Self::OutputBusy(_) => "output_busy",
            Self::Vectors { .. } => "vectors_invalid",
            Self::IndexMissing(_) => "index_missing",
            Self::EpochRefused { .. } => "epoch_refused",
            Self::StateMissing(_) => "state_missing",
            Self::StateStale { .. } | Self::MovedDamaged(_) => "state_stale",
            Self::Metadata { .. } => "metadata_broken",
            Self::ModelBroken { .. } => "model_broken",
            Self::ModelMissing(_) | Self::UpgradeOfVectors(_) => "model_missing",
            Self::PageIncomplete(_) => "page_incomplete",
            Self::ProjectionFixed(_) | Self::Projection { .. } | Self::ProjectionOfLengths => {
                "projection_mismatch"
            }
            Self::UpgradeOfLengths => "model_mismatch",
            Self::Unknown { .. } => "picture_unknown",
            Self::SamePath { .. } => "paths_clash",
            Self::TooMany { .. } => "too_many_pictures",
            Self::Interrupted => "interrupted",
            Self::Index(error) => error.code(),
            Self::Assemble(error) => error.code(),
            Self::Partition(error) => error.code(),
            #[cfg(feature = "embed")]
            Self::Embed(error) => error.code(),
        }
    }

    /// The system gave no threads.
    pub fn threads(source: io::Error) -> Self {
        Self::io("start threads for", Path::new("the build"), source)
    }

    /// `action` is what was tried, as a verb before the path: "write", "read".
    pub fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::DiskFull { action, path }
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::PermissionDenied { action, path }
            }
            _ => Self::Io {
                action,
                path,
                source,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_a_missing_permission_have_codes_of_their_own() {
        let cases = [
            (io::ErrorKind::StorageFull, "disk_full"),
            (io::ErrorKind::QuotaExceeded, "disk_full"),
            (io::ErrorKind::PermissionDenied, "permission_denied"),
            (io::ErrorKind::ReadOnlyFilesystem, "permission_denied"),
            (io::ErrorKind::NotFound, "io_failed"),
        ];
        for (kind, code) in cases {
            let error = BuildError::io("write", Path::new("dist/x"), kind.into());
            assert_eq!(error.code(), code);
            assert!(error.to_string().contains("dist/x"), "{error}");
            assert!(CODES.contains(&code));
        }
    }
}
