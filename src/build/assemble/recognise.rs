//! A layout → the cells of an epoch; those that the epoch before had are known again.

use std::collections::BTreeMap;

use super::turned::Space;
use super::{AssembleError, CellSpec, Previous, Tables};
use crate::partition::{Layout, Rows};
use crate::quantize::{Centroids, Rotation};

/// Its cells, all of them new.
pub(super) fn specs_of(layout: &Layout) -> Result<Vec<CellSpec>, AssembleError> {
    if layout.cell_of_row.is_empty() {
        return Err(AssembleError::Nothing);
    }
    let centroids = Rows::new(&layout.centroids, layout.dimension)?;
    let mut specs: Vec<CellSpec> = centroids
        .iter()
        .map(|centroid| CellSpec {
            id: None,
            segment_of: None,
            centroid: centroid.to_vec(),
            members: Vec::new(),
        })
        .collect();
    for (row, &cell) in layout.cell_of_row.iter().enumerate() {
        let row = row as u32;
        let outside = AssembleError::Unplaced { row, cells: 0 };
        let spec = specs.get_mut(cell as usize).ok_or(outside)?;
        spec.members.push(row);
    }
    Ok(specs)
}

/// Neighbours of its cells, and their merges.
pub(super) fn tables_of(layout: &Layout) -> Tables {
    (layout.adjacency.clone(), layout.merges.clone())
}

/// Gives the cells that the epoch before had too, with the same pictures and the same centroid,
/// their ids.
pub(super) fn recognise(specs: &mut [CellSpec], ids: &[u32], layout: &Layout, previous: &Previous) {
    let Ok(centroids) = Rows::new(&layout.centroids, layout.dimension) else {
        return;
    };
    if previous.routing.dimension != centroids.dimension() {
        return;
    }
    let frame = previous.routing.frame.as_ref();
    let rotation = &Rotation::new(centroids.dimension());
    let rotated = Space { frame, rotation }.turn(centroids.values().to_vec());
    let Ok(rotated) = Rows::new(&rotated, centroids.dimension()) else {
        return;
    };
    let encoded = Centroids::encode(rotated);
    let mut by_first_picture = BTreeMap::new();
    for (place, entry) in previous.routing.cells.iter().enumerate() {
        if let Some(pictures) = previous.index.pictures_of(place as u32) {
            by_first_picture.insert(pictures.first().copied(), (place, entry.id, pictures));
        }
    }
    for (number, spec) in specs.iter_mut().enumerate() {
        let mut own: Vec<u32> = spec
            .members
            .iter()
            .filter_map(|&row| ids.get(row as usize).copied())
            .collect();
        own.sort_unstable();
        let Some((place, id, pictures)) = by_first_picture.get(&own.first().copied()) else {
            continue;
        };
        let before = &previous.routing.centroids;
        let place = *place;
        let same_centroid = before.code(place) == encoded.code(number)
            && before.scales()[place] == encoded.scales()[number];
        if *pictures == own && same_centroid {
            spec.id = Some(*id);
        }
    }
}
