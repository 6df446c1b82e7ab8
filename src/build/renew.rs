//! Cells that go on, and pictures whose vectors are others now → the cells to write.
//!
//! A cell with such a picture ends: its codes are of a vector that is not there any more, and its centroid of a mean that is not. New ones take the
//! place of those that end, in the same files, and sort the rows of these cells among themselves. All other cells, and the files that hold none of
//! these, stay as they are, to the byte.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::BuildError;
use super::assemble::CellSpec;
use crate::partition::{Rows, Workers, sort_among};

/// Row `i` is picture `ids[i]`.
pub fn renew(
    specs: Vec<CellSpec>,
    rows: Rows,
    ids: &[u32],
    renewed: &HashSet<u32>,
    seed: u64,
    workers: &dyn Workers,
) -> Result<Vec<CellSpec>, BuildError> {
    let ends = |spec: &CellSpec| {
        let mut members = spec.members.iter();
        members.any(|&row| renewed.contains(&ids[row as usize]))
    };
    let (ending, mut specs): (Vec<CellSpec>, Vec<CellSpec>) = specs.into_iter().partition(ends);
    let mut file_of: HashMap<u32, u32> = HashMap::new();
    for spec in &ending {
        let file = spec.segment_of.unwrap_or_default();
        file_of.extend(spec.members.iter().map(|&row| (row, file)));
    }
    let cells: Vec<Vec<u32>> = ending.into_iter().map(|spec| spec.members).collect();
    for (centroid, members) in sort_among(rows, &cells, seed, workers)? {
        // Where most of its rows lay.
        let mut files: BTreeMap<u32, usize> = BTreeMap::new();
        for file in members.iter().filter_map(|row| file_of.get(row)) {
            *files.entry(*file).or_default() += 1;
        }
        let most = files
            .iter()
            .max_by_key(|&(file, rows)| (rows, u32::MAX - file));
        specs.push(CellSpec {
            id: None,
            segment_of: most.map(|(&file, _)| file),
            centroid,
            members,
        });
    }
    Ok(specs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::assemble::{Assembled, Assembly, Previous};
    use crate::build::incremental::keep_cells;
    use crate::build::made_comparable;
    use crate::index::Index;
    use crate::partition::{Alone, PartitionOptions, clustered, partition};
    use crate::quantize::Metric;

    const DIMENSION: usize = 32;

    fn segments(made: &Assembled) -> HashSet<String> {
        let files = made.manifest.segments.iter();
        files.map(|file| file.name.clone()).collect()
    }

    #[test]
    fn pictures_with_new_vectors_are_found_by_them_and_files_that_hold_none_stay() {
        let mut values = clustered(4_000, DIMENSION, 5);
        made_comparable(&mut values, DIMENSION, Metric::Cosine).unwrap();
        let ids: Vec<u32> = (0..4_000).collect();
        let rows = Rows::new(&values, DIMENSION).unwrap();
        let layout = partition(rows, &PartitionOptions::default(), &mut |_| {}).unwrap();
        let first = Assembly::of(rows, &ids).in_layout(&layout).unwrap();
        let index: Index = first.index(None).unwrap();
        let file = index.routing().unwrap().cells[0].segment;
        let cells = (0..).zip(&index.routing().unwrap().cells);
        let renewed: HashSet<u32> = cells
            .filter(|(_, cell)| cell.segment == file)
            .flat_map(|(place, _)| index.pictures_of(place).unwrap())
            .collect();
        assert!(renewed.len() > 100 && renewed.len() < 1_000);
        let mut changed = values.clone();
        for &id in &renewed {
            changed[id as usize * DIMENSION + 3] += 0.4;
        }
        made_comparable(&mut changed, DIMENSION, Metric::Cosine).unwrap();
        let rows = Rows::new(&changed, DIMENSION).unwrap();
        let kept = keep_cells(rows, &ids, &index).unwrap();
        let specs = renew(kept, rows, &ids, &renewed, 0, &Alone).unwrap();
        let previous = Previous::new(&index).unwrap();
        let next = Assembly::of(rows, &ids)
            .after(Some(&previous))
            .in_cells(&specs)
            .unwrap();
        // One file of them all is another.
        let (before, after) = (segments(&first), segments(&next));
        assert!(before.len() > 8);
        assert_eq!(before.difference(&after).count(), 1);
        assert!(after.difference(&before).count() <= 2);
        let next = next.index(Some(&index)).unwrap();
        for id in 0..4_000 {
            let row = rows.row(id as usize);
            let held = next.vector(id).unwrap();
            let cosine: f32 = held.iter().zip(row).map(|(a, b)| a * b).sum();
            assert!(cosine > 0.99, "picture {id}: {cosine}");
        }
    }
}
