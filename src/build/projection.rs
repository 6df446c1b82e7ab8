//! What was asked for, and the epoch before → the projection that a build's vectors go through, or none.
//!
//! A projection is fitted once, on the pictures of the build that asks for it first, and stays: every picture of an index must go through
//! the same one, and an update that ships a few rows cannot move all others. The log keeps the network's own vectors, so another
//! projection costs no picture's embedding.

use std::path::Path;

use super::{BuildError, Model};
use crate::embed::{Projection, whitening};
use crate::index::Manifest;

/// Which projection.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Projecting {
    /// As the epoch before has it; none in the first.
    #[default]
    AsBefore,
    None,
    /// The gallery's own axes of most variance, partly whitened; without a number, as many as the network gives.
    Pca {
        dimension: Option<usize>,
    },
    /// One that was made elsewhere.
    Given(Projection),
}

/// That of the epoch before.
pub(super) struct Before {
    projection: Projection,
    /// Whether it belongs to the network of now.
    fits: bool,
}

impl Projecting {
    /// `vectors` are those of the network of `model`, read only where a projection has to be fitted.
    pub(super) fn resolve(
        &self,
        model: &Model,
        before: Option<Before>,
        vectors: impl FnOnce() -> Vec<f32>,
    ) -> Result<Option<Projection>, BuildError> {
        let input = model.network_dimension();
        let asked_before = before.as_ref().map(|before| before.projection.output);
        let is_pca = |held: &Projection| held.kind == whitening::KIND;
        let another = before
            .as_ref()
            .is_some_and(|before| !before.fits && is_pca(&before.projection));
        let before = before.filter(|before| before.fits);
        let before = before.map(|before| before.projection);
        match self {
            // Another network: what was fitted for the last one is fitted again, to as many numbers as it has at most.
            Self::AsBefore if another => {
                let output = asked_before.unwrap_or(input).min(input);
                Ok(Some(whitening::fit(&vectors(), input, output)?))
            }
            Self::AsBefore => Ok(before),
            Self::None => Ok(None),
            Self::Pca { dimension } => {
                let output = dimension.unwrap_or(input);
                let same = |held: &Projection| {
                    is_pca(held) && (held.input, held.output) == (input, output)
                };
                match before.filter(same) {
                    Some(held) => Ok(Some(held)),
                    None => Ok(Some(whitening::fit(&vectors(), input, output)?)),
                }
            }
            Self::Given(given) if given.input == input => Ok(Some(given.clone())),
            Self::Given(given) => Err(BuildError::Projection {
                found: given.input,
                expected: input,
            }),
        }
    }
}

/// The projection of the published index.
pub(super) fn of_published(dist: &Path, manifest: &Manifest, model: &Model) -> Option<Before> {
    let published = Model::of_index(dist, manifest).ok()?;
    Some(Before {
        projection: published.projection()?.clone(),
        fits: published.network_reference() == model.network_reference(),
    })
}
