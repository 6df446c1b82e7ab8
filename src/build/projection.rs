//! What was asked for, and the epoch before → the projection that a build's vectors go through, or none.
//!
//! A projection is fitted on the pictures of a build and stays, since every picture of an index must go through the same one, and an update
//! that ships a few rows cannot move all others. It is fitted anew when a build has more than twice the pictures: then the cells are found
//! anew, too. The log keeps the network's own vectors, so another projection costs no picture's embedding.

use std::path::Path;

use super::{BuildError, Model};
use crate::embed::{Projection, whitening};
use crate::index::Manifest;

/// What the default model's vectors are cut to where nothing else is asked for: on two labelled sets more of the right pictures
/// come than with all 192 numbers, and a row takes a third of the bytes (`models/PROJECTIONS.md`).
pub const USUAL: usize = 64;
/// Pictures that show a gallery well enough, and save more bytes than a projection takes.
pub const MANY: usize = 1000;

/// Which projection.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Projecting {
    /// As the epoch before has it; none in the first.
    #[default]
    AsBefore,
    /// As the epoch before has it; in the first, [`Pca`](Self::Pca) to [`USUAL`] numbers if there are [`MANY`] pictures.
    Usual,
    None,
    /// The gallery's own axes of most variance, partly whitened; without a number, as many as the network gives.
    Pca {
        dimension: Option<usize>,
    },
    /// One that was made elsewhere.
    Given(Projection),
}

/// The epoch before.
pub(super) struct Before {
    projection: Option<Projection>,
    /// Whether the network of now made it.
    fits: bool,
}

impl Before {
    /// What was fitted before is not kept.
    pub(super) fn outdated(self, is_outdated: bool) -> Self {
        let fits = self.fits && !is_outdated;
        Self { fits, ..self }
    }
}

/// Pictures that a projection can be fitted on, and how many there are.
pub(super) struct Gallery<V: FnOnce() -> Vec<f32>> {
    pub pictures: usize,
    /// Whether these are all pictures of the index; else what is there stays, whatever it was fitted on.
    pub whole: bool,
    /// The network's vectors of them.
    pub vectors: V,
}

impl Projecting {
    pub(super) fn resolve<V: FnOnce() -> Vec<f32>>(
        &self,
        model: &Model,
        before: Option<&Before>,
        gallery: Gallery<V>,
    ) -> Result<Option<Projection>, BuildError> {
        if !model.metric().is_cosine() {
            return match self {
                Self::AsBefore | Self::Usual | Self::None => Ok(None),
                Self::Pca { .. } | Self::Given(_) => Err(BuildError::ProjectionOfLengths),
            };
        }
        let input = model.network_dimension();
        let held = before.and_then(|before| before.projection.as_ref());
        let output = match self {
            Self::None => return Ok(None),
            Self::Given(given) if given.input == input => return Ok(Some(given.clone())),
            Self::Given(given) => {
                return Err(BuildError::Projection {
                    found: given.input,
                    expected: input,
                });
            }
            Self::Pca { dimension } => dimension.unwrap_or(input),
            Self::Usual if before.is_none() && gallery.pictures >= MANY => USUAL.min(input),
            Self::Usual | Self::AsBefore => match held {
                // Another network: what was fitted for the last one is fitted again, to as many numbers as it gives.
                Some(held) if held.kind == whitening::KIND => held.output.min(input),
                held => return Ok(held.filter(|held| held.input == input).cloned()),
            },
        };
        let stays = |held: &&Projection| {
            let same = held.kind == whitening::KIND && (held.input, held.output) == (input, output);
            let grown = gallery.whole && gallery.pictures as u64 > 2 * held.fitted_on;
            same && before.is_some_and(|before| before.fits) && !grown
        };
        match held.filter(stays) {
            Some(held) => Ok(Some(held.clone())),
            None => Ok(Some(whitening::fit(&(gallery.vectors)(), input, output)?)),
        }
    }
}

/// What the published index has.
pub(super) fn of_published(dist: &Path, manifest: &Manifest, model: &Model) -> Option<Before> {
    let published = Model::of_index(dist, manifest).ok()?;
    Some(Before {
        projection: published.projection().cloned(),
        fits: published.network_reference() == model.network_reference(),
    })
}
