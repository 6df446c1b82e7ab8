//! Filters of single channels in f32, for networks. Lanes lie across channels, so the bits are the same in every build: see
//! `matmul`.
use super::matmul::{Bounds, bound};

/// A window that goes over a picture: sizes and steps down and across, and the rows and columns of zeros before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub size: [usize; 2],
    pub stride: [usize; 2],
    pub before: [usize; 2],
}

impl Window {
    /// For a place of the output along one axis: where the window begins within the input, and which of its steps lie there.
    pub fn steps(&self, axis: usize, place: usize, side: usize) -> (usize, std::ops::Range<usize>) {
        let start = place * self.stride[axis];
        let first = self.before[axis].saturating_sub(start);
        let last = (side + self.before[axis])
            .saturating_sub(start)
            .min(self.size[axis]);
        let begin = (start + first).saturating_sub(self.before[axis]);
        (begin, first..last.max(first))
    }
}

/// A picture of channels-last rows: height, width, channels.
pub type Sides = [usize; 3];

/// Each channel filtered by itself: `out[y][x][c]` = bias `c` + Σ `input[..][..][c]` · `weights[step][c]`, within `bounds`. Steps go
/// down the window row by row; what lies outside the picture is zero.
///
/// # Panics
/// When a slice is not of the length that the sides say.
pub fn depthwise(
    (input, from): (&[f32], Sides),
    weights: &[f32],
    bias: &[f32],
    window: Window,
    bounds: Bounds,
    (out, to): (&mut [f32], Sides),
) {
    let [height, width, channels] = from;
    assert_eq!(input.len(), height * width * channels);
    assert_eq!(out.len(), to[0] * to[1] * to[2]);
    assert_eq!(to[2], channels);
    assert_eq!(bias.len(), channels);
    assert_eq!(weights.len(), window.size[0] * window.size[1] * channels);
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx2") {
        // SAFETY: AVX2 was just found.
        return unsafe { depthwise_avx2((input, from), weights, bias, window, bounds, (out, to)) };
    }
    depthwise_body((input, from), weights, bias, window, bounds, (out, to));
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn depthwise_avx2(
    input: (&[f32], Sides),
    weights: &[f32],
    bias: &[f32],
    window: Window,
    bounds: Bounds,
    out: (&mut [f32], Sides),
) {
    depthwise_body(input, weights, bias, window, bounds, out);
}

/// Channels whose sums are held in registers at a time.
const LANES: usize = 16;

#[inline(always)]
fn depthwise_body(
    (input, [height, width, channels]): (&[f32], Sides),
    weights: &[f32],
    bias: &[f32],
    window: Window,
    bounds: Bounds,
    (out, [_, across, _]): (&mut [f32], Sides),
) {
    for (place, out) in out.chunks_exact_mut(channels).enumerate() {
        let (top, rows) = window.steps(0, place / across, height);
        let (left, columns) = window.steps(1, place % across, width);
        let filter = Filter {
            input: &input[(top * width + left) * channels..],
            weights: &weights[(rows.start * window.size[1] + columns.start) * channels..],
            input_row: width * channels,
            weight_row: window.size[1] * channels,
            rows: rows.len(),
            columns: columns.len(),
            channels,
        };
        let (wide, rest) = out.as_chunks_mut::<LANES>();
        let (wide_bias, rest_bias) = bias.as_chunks::<LANES>();
        for (block, (out, bias)) in wide.iter_mut().zip(wide_bias).enumerate() {
            *out = *bias;
            filter.add(block * LANES, out);
            bound(out, bounds);
        }
        let first = wide.len() * LANES;
        for (at, (out, bias)) in rest.iter_mut().zip(rest_bias).enumerate() {
            let mut one = [*bias];
            filter.add(first + at, &mut one);
            bound(&mut one, bounds);
            *out = one[0];
        }
    }
}

/// The part of a window that lies within the picture, from its first value and weight on.
struct Filter<'a> {
    input: &'a [f32],
    weights: &'a [f32],
    input_row: usize,
    weight_row: usize,
    rows: usize,
    columns: usize,
    channels: usize,
}

impl Filter<'_> {
    #[inline(always)]
    fn add<const N: usize>(&self, channel: usize, sums: &mut [f32; N]) {
        let mut held = *sums;
        let mut from = channel;
        let mut by = channel;
        for _ in 0..self.rows {
            // One slice a row of the window, so that its length is looked at once.
            let values = &self.input[from..];
            let weights = &self.weights[by..];
            match self.columns {
                3 => self.add_row::<N, 3>(values, weights, &mut held),
                2 => self.add_row::<N, 2>(values, weights, &mut held),
                columns => {
                    for column in 0..columns {
                        let at = column * self.channels;
                        self.add_row::<N, 1>(&values[at..], &weights[at..], &mut held);
                    }
                }
            }
            from += self.input_row;
            by += self.weight_row;
        }
        *sums = held;
    }

    /// As many columns of one row of the window, one after the other.
    #[inline(always)]
    fn add_row<const N: usize, const COLUMNS: usize>(
        &self,
        values: &[f32],
        weights: &[f32],
        held: &mut [f32; N],
    ) {
        let length = (COLUMNS - 1) * self.channels + N;
        assert!(values.len() >= length && weights.len() >= length);
        for column in 0..COLUMNS {
            let at = column * self.channels;
            // SAFETY: at + N <= length for every column, and both slices are that long, as was just held.
            let (values, weights): (&[f32; N], &[f32; N]) = unsafe {
                (
                    &*values.as_ptr().add(at).cast(),
                    &*weights.as_ptr().add(at).cast(),
                )
            };
            for lane in 0..N {
                held[lane] += values[lane] * weights[lane];
            }
        }
    }
}
