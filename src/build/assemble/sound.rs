//! What rows and cells must be before an epoch is made of them.

use super::{AssembleError, CellSpec};
use crate::kernel;
use crate::partition::Rows;
use crate::quantize::Metric;

/// One id, and where the angle counts a unit length, for every row, and every row in exactly one cell.
pub(super) fn check_rows(
    rows: Rows,
    ids: &[u32],
    specs: &[CellSpec],
    metric: Metric,
) -> Result<(), AssembleError> {
    if rows.is_empty() || specs.is_empty() {
        return Err(AssembleError::Nothing);
    }
    if rows.len() != ids.len() {
        return Err(AssembleError::Ids {
            rows: rows.len(),
            ids: ids.len(),
        });
    }
    let mut sorted = ids.to_vec();
    sorted.sort_unstable();
    if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(AssembleError::Twice { id: pair[0] });
    }
    let of_unit_length = rows.iter().zip(ids).filter(|_| metric.is_cosine());
    for (row, &id) in of_unit_length {
        let length = kernel::dot_f32(row, row).sqrt();
        if length.is_nan() || (length - 1.0).abs() > 1e-3 {
            return Err(AssembleError::NotUnit { id, length });
        }
    }
    let mut cells_of = vec![0u32; rows.len()];
    for (number, spec) in specs.iter().enumerate() {
        if spec.members.is_empty() {
            return Err(AssembleError::Layout {
                cell: number,
                what: "it has no rows; leave it out",
            });
        }
        for &row in &spec.members {
            match cells_of.get_mut(row as usize) {
                Some(cells) => *cells += 1,
                None => {
                    return Err(AssembleError::Layout {
                        cell: number,
                        what: "it has a row that does not exist",
                    });
                }
            }
        }
    }
    match cells_of.iter().position(|&cells| cells != 1) {
        Some(row) => Err(AssembleError::Unplaced {
            row: row as u32,
            cells: cells_of[row],
        }),
        None => Ok(()),
    }
}
