//! Vectors made elsewhere → the first epoch of an index of them, calibrated. Pure: `build --vectors` and the browser both
//! come this way, so both make the same bytes of the same vectors.

use super::assemble::{AssembleError, Assembled, Assembly, Encoding};
use super::divide::divide;
use crate::calibration::CalibrationOptions;
use crate::index::DIMENSION_LIMIT;
use crate::partition::{Candidate, PartitionOptions, Progress, Rows};
use crate::quantize::Metric;

/// What a build does next, for whoever waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FreshStep {
    /// Rows are put into cells.
    Partition(Progress),
    /// Cells become codes and files.
    Encode,
    /// Rows stand in for queries, to find out how far a search must go.
    Calibrate,
}

/// The epoch, and the numbers of cells that were weighed for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Fresh {
    pub assembled: Assembled,
    pub candidates: Vec<Candidate>,
}

/// Row `i`, of unit length where the angle counts, is picture `ids[i]`. The encoding's workers change nothing but the time.
pub fn fresh(
    rows: Rows,
    ids: &[u32],
    partition: &PartitionOptions,
    encoding: &Encoding,
    watch: &mut dyn FnMut(FreshStep),
) -> Result<Fresh, AssembleError> {
    let mut partitioned = |progress| watch(FreshStep::Partition(progress));
    let metric = encoding.metric(None);
    let layout = divide(rows, metric, partition, encoding, &mut partitioned)?;
    watch(FreshStep::Encode);
    let assembled = Assembly::of(rows, ids)
        .encoding(*encoding)
        .in_layout(&layout)?;
    watch(FreshStep::Calibrate);
    let options = CalibrationOptions::default();
    Ok(Fresh {
        assembled: assembled.calibrated_as(rows, ids, None, &options, encoding)?,
        candidates: layout.candidates,
    })
}

/// Rows as an index takes them: where the angle counts, of unit length; where the distance does, as they are. Refuses rows that are longer than
/// an index can state, before any work is done on them.
pub fn made_comparable(
    values: &mut [f32],
    dimension: usize,
    metric: Metric,
) -> Result<(), AssembleError> {
    made_comparable_from(0, values, dimension, metric)
}

/// [`made_comparable`] of rows from the one with the number `first` on: of a table that is not read at once.
pub(super) fn made_comparable_from(
    first: usize,
    values: &mut [f32],
    dimension: usize,
    metric: Metric,
) -> Result<(), AssembleError> {
    if dimension > DIMENSION_LIMIT {
        return Err(AssembleError::Row {
            what: format!(
                "rows have {dimension} numbers each; an index takes at most {DIMENSION_LIMIT}; cut them to fewer, to their main axes for one"
            ),
        });
    }
    match metric {
        Metric::Cosine => to_unit_length(first, values, dimension),
        // Says which value is none that it can compare.
        Metric::Euclidean => match Rows::new(values, dimension) {
            Ok(_) => Ok(()),
            Err(error) => Err(error.counted_from(first).into()),
        },
    }
}

/// Brings every row to unit length. A row of zeros, or with a value that is no number, is refused: it has no direction.
fn to_unit_length(first: usize, values: &mut [f32], dimension: usize) -> Result<(), AssembleError> {
    let refused = |what: String| Err(AssembleError::Row { what });
    for (number, row) in (first..).zip(values.chunks_exact_mut(dimension.max(1))) {
        if let Some(place) = row.iter().position(|value| !value.is_finite()) {
            return refused(format!(
                "row {number} (the first is 0) has {} at place {place}; expected finite numbers; \
                 repair the row or leave it out",
                row[place]
            ));
        }
        // The square of the largest f32 is far from the end of f64.
        let square: f64 = row.iter().map(|value| f64::from(*value).powi(2)).sum();
        if square == 0.0 {
            return refused(format!(
                "row {number} (the first is 0) is zero, so it points nowhere; leave it out"
            ));
        }
        let length = square.sqrt();
        for value in row {
            *value = (f64::from(*value) / length) as f32;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partition::{Stage, clustered};

    #[test]
    fn an_epoch_of_vectors_is_calibrated_and_every_stage_is_told_in_its_order() {
        let values = clustered(600, 16, 3);
        let mut values = values;
        to_unit_length(0, &mut values, 16).unwrap();
        let rows = Rows::new(&values, 16).unwrap();
        let ids: Vec<u32> = (100..700).collect();
        let mut steps = Vec::new();
        let options = PartitionOptions::default();
        let made = fresh(rows, &ids, &options, &Encoding::default(), &mut |step| {
            steps.push(step);
        })
        .unwrap();
        let index = made.assembled.index(None).unwrap();
        assert!(index.routing().unwrap().calibration.is_some());
        assert!(index.vector(100).is_some() && index.vector(0).is_none());
        assert!(matches!(
            steps[0],
            FreshStep::Partition(Progress {
                stage: Stage::Cluster,
                ..
            })
        ));
        assert_eq!(
            steps[steps.len() - 2..],
            [FreshStep::Encode, FreshStep::Calibrate]
        );
    }

    #[test]
    fn rows_that_are_longer_than_an_index_takes_are_refused_by_their_length() {
        for metric in [Metric::Cosine, Metric::Euclidean] {
            let made = |length| made_comparable(&mut vec![1.0; 2 * length], length, metric);
            assert!(made(DIMENSION_LIMIT).is_ok());
            let error = made(DIMENSION_LIMIT + 1).unwrap_err();
            assert_eq!(error.code(), "vectors_invalid");
            assert!(
                error.to_string().contains("8193 numbers each; an index"),
                "{error}"
            );
        }
    }

    #[test]
    fn rows_without_direction_are_named() {
        for (values, words) in [
            ([1.0, 2.0, 0.0, 0.0], "row 1 (the first is 0) is zero"),
            ([1.0, 2.0, f32::NAN, 0.0], "has NaN at place 0"),
        ] {
            let error = to_unit_length(0, &mut values.clone(), 2).unwrap_err();
            assert_eq!(error.code(), "vectors_invalid");
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
