//! Rows → cells, in the frame that they are coded in.
//!
//! Cells are found among vectors as the index holds them. Where the Euclidean distance counts these are moved and scaled (see
//! `quantize`): k-means takes distances from inner products, which lose their last digits when all rows lie far from the origin.

use super::assemble::{AssembleError, Encoding, framed};
use crate::partition::{Layout, PartitionOptions, Progress, Rows, partition_on};
use crate::quantize::{Frame, Metric};

/// The cells; centroids are where the rows are.
pub(super) fn divide(
    rows: Rows,
    metric: Metric,
    options: &PartitionOptions,
    encoding: &Encoding,
    progress: &mut dyn FnMut(Progress),
) -> Result<Layout, AssembleError> {
    let workers = encoding.workers;
    if metric.is_cosine() {
        return Ok(partition_on(rows, options, workers, progress)?);
    }
    let frame = Frame::of(rows);
    let moved = framed(rows, &frame, encoding.scratch)?;
    let moved = Rows::new(&moved, rows.dimension())?;
    let mut layout = partition_on(moved, options, workers, progress)?;
    let centroids = layout.centroids.chunks_mut(rows.dimension());
    centroids.for_each(|centroid| frame.leave(centroid));
    Ok(layout)
}
