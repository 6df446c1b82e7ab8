//! Every version of a kernel against `scalar`, bit for bit, for every length of block and rest.
//!
//! The claims are functions of their inputs, written once: natively proptest looks for a
//! counterexample, and in a browser, where it does not run, a small generator stands in for it.
use super::matmul::{PackedMatrix, Scalar, product};
use super::{Window, depthwise, dispatch, matmul, scalar};

fn f32_kernels_agree(a: &[f32], b: &[f32]) {
    let dot = scalar::dot_f32(a, b).to_bits();
    let distance = scalar::squared_distance_f32(a, b).to_bits();
    assert_eq!(dispatch::dot_f32(a, b).to_bits(), dot);
    assert_eq!(dispatch::squared_distance_f32(a, b).to_bits(), distance);
    // Seven rows: one group of four and a remainder of three.
    let mut rows = Vec::new();
    for shift in 0..7 {
        rows.extend(b.iter().map(|value| value + shift as f32));
    }
    let mut out = [f32::NAN; 7];
    dispatch::dot_f32_rows(a, &rows, &mut out);
    for (i, result) in out.iter().enumerate() {
        let row = &rows[i * a.len()..(i + 1) * a.len()];
        assert_eq!(result.to_bits(), scalar::dot_f32(a, row).to_bits());
    }
}

fn integer_kernels_agree(code: &[i8], query: &[i16]) {
    let truth = scalar::dot_i8_i16(code, query);
    assert_eq!(dispatch::dot_i8_i16(code, query), truth);
    let mut reversed = code.to_vec();
    reversed.reverse();
    // Seven rows: one group of four and a remainder of three.
    let rows = [code, &reversed, code, &reversed, code, code, &reversed].concat();
    let (mut out, mut truths) = ([i32::MIN; 7], [0; 7]);
    dispatch::dot_i8_i16_rows(&rows, query, &mut out);
    scalar::dot_i8_i16_rows(&rows, query, &mut truths);
    assert_eq!((out, out[0]), (truths, truth));
}

fn unsigned_kernels_agree(low: &[u8], query: &[i16]) {
    let nibbles = &low[..query.len().div_ceil(2)];
    assert_eq!(
        dispatch::dot_u4_i16(nibbles, query),
        scalar::dot_u4_i16(nibbles, query)
    );
}

/// `values` serve as rows, weights and bias in turn.
fn products_agree(values: &[f32], rows: usize, inner: usize, outputs: usize) {
    let value = |place: usize| values[place % values.len()];
    let input: Vec<f32> = (0..rows * inner).map(value).collect();
    let bias: Vec<f32> = (0..outputs).map(|output| value(output + 1)).collect();
    let weight = |output: usize, input: usize| value(output * inner + input + 2);
    let matrix = PackedMatrix::new(inner, &bias, weight);
    for bounds in [(f32::NEG_INFINITY, f32::INFINITY), (0.0, 6.0)] {
        let mut found = vec![f32::NAN; rows * outputs];
        matmul(&input, &matrix, bounds, &mut found);
        let mut truth = vec![0.0; rows * outputs];
        product::<Scalar>(&input, &matrix, bounds, &mut truth);
        for (place, found) in found.iter().enumerate() {
            let row = &input[place / outputs * inner..][..inner];
            let output = place % outputs;
            let sum = row
                .iter()
                .enumerate()
                .fold(bias[output], |sum, (k, value)| {
                    sum + value * weight(output, k)
                });
            let sum = if sum < bounds.0 { bounds.0 } else { sum };
            let sum = if sum > bounds.1 { bounds.1 } else { sum };
            assert_eq!(found.to_bits(), sum.to_bits());
            assert_eq!(found.to_bits(), truth[place].to_bits());
        }
    }
}

/// What is at a bound, beyond one, without sign, without end or no number is treated alike: comparisons of registers differ in these.
fn bounds_agree() {
    let specials = [
        f32::NAN,
        f32::INFINITY,
        f32::NEG_INFINITY,
        -0.0,
        0.0,
        6.0,
        6.5,
        -1.0,
    ];
    let matrix = PackedMatrix::new(1, &[-0.0; 8], |_, _| 1.0);
    for bounds in [(f32::NEG_INFINITY, f32::INFINITY), (0.0, 6.0), (-0.0, 6.0)] {
        let mut found = [1.0; 64];
        matmul(&specials, &matrix, bounds, &mut found);
        let mut truth = [2.0; 64];
        product::<Scalar>(&specials, &matrix, bounds, &mut truth);
        for (special, rows) in specials.iter().zip(found.chunks(8).zip(truth.chunks(8))) {
            for (found, truth) in rows.0.iter().zip(rows.1) {
                assert_eq!(found.is_nan(), special.is_nan());
                assert!(
                    special.is_nan() || found.to_bits() == truth.to_bits(),
                    "{special} within {bounds:?}: {found} {truth}"
                );
            }
        }
    }
}

/// Against a filter that looks at every step of the window and asks whether it lies within the picture.
fn filters_agree(values: &[f32], [height, width, channels]: [usize; 3], window: Window) {
    let value = |place: usize| values[place % values.len()];
    let [down, across] = window.size;
    let input: Vec<f32> = (0..height * width * channels).map(value).collect();
    let weights: Vec<f32> = (0..down * across * channels)
        .map(|p| value(p + 3))
        .collect();
    let bias: Vec<f32> = (0..channels).map(|channel| value(channel + 5)).collect();
    let side = |axis: usize, side: usize| {
        (side + window.before[axis])
            .checked_sub(window.size[axis])
            .map(|room| room / window.stride[axis] + 1)
    };
    let (Some(rows), Some(columns)) = (side(0, height), side(1, width)) else {
        return;
    };
    let to = [rows, columns, channels];
    let mut found = vec![f32::NAN; rows * columns * channels];
    let bounds = (-1.0, 2.0);
    depthwise(
        (&input, [height, width, channels]),
        &weights,
        &bias,
        window,
        bounds,
        (&mut found, to),
    );
    for (place, found) in found.iter().enumerate() {
        let (channel, pixel) = (place % channels, place / channels);
        let mut sum = bias[channel];
        for step in 0..down * across {
            let y =
                (pixel / columns * window.stride[0] + step / across).checked_sub(window.before[0]);
            let x =
                (pixel % columns * window.stride[1] + step % across).checked_sub(window.before[1]);
            if let (Some(y), Some(x)) = (y.filter(|&y| y < height), x.filter(|&x| x < width)) {
                sum += input[(y * width + x) * channels + channel]
                    * weights[step * channels + channel];
            }
        }
        assert_eq!(found.to_bits(), sum.clamp(-1.0, 2.0).to_bits());
    }
}

/// `bytes` fill as many pairs of tables as they can, `entries` the tables, cut to 7 bits.
fn sign_scans_agree(bytes: &[u8], entries: &[u8]) {
    let pairs = bytes.len().min(entries.len()) / 32;
    let tables: Vec<u8> = entries[..32 * pairs].iter().map(|e| e & 127).collect();
    let (mut truth, mut sums) = ([0; 32], [1; 32]);
    scalar::scan_signs(&bytes[..32 * pairs], &tables, &mut truth);
    dispatch::scan_signs(&bytes[..32 * pairs], &tables, &mut sums);
    assert_eq!(sums, truth);
    let values = truth.map(|sum| f32::from(sum) - 100.0);
    for floor in [
        -101.0,
        values[7],
        0.0,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
    ] {
        assert_eq!(
            dispatch::not_below(&values, floor),
            scalar::not_below(&values, floor)
        );
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use super::*;
    use proptest::prelude::*;

    fn pairs<A: Strategy + Clone, B: Strategy + Clone>(
        a: A,
        b: B,
    ) -> impl Strategy<Value = Vec<(A::Value, B::Value)>> {
        prop::collection::vec((a, b), 0..200)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn f32_kernels_equal_scalar_bit_for_bit(pairs in pairs(-1e3f32..1e3, -1e3f32..1e3)) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            f32_kernels_agree(&a, &b);
        }

        #[test]
        fn integer_kernels_equal_scalar(pairs in pairs(any::<i8>(), any::<i16>())) {
            let (code, query): (Vec<i8>, Vec<i16>) = pairs.into_iter().unzip();
            integer_kernels_agree(&code, &query);
        }

        #[test]
        fn unsigned_integer_kernels_equal_scalar(pairs in pairs(any::<u8>(), any::<i16>())) {
            let (low, query): (Vec<u8>, Vec<i16>) = pairs.into_iter().unzip();
            unsigned_kernels_agree(&low, &query);
        }

        #[test]
        fn scans_of_signs_equal_scalar(pairs in prop::collection::vec((any::<u8>(), any::<u8>()), 0..600)) {
            let (bytes, entries): (Vec<u8>, Vec<u8>) = pairs.into_iter().unzip();
            sign_scans_agree(&bytes, &entries);
        }

        #[test]
        fn products_equal_scalar_bit_for_bit(
            values in prop::collection::vec(-1e3f32..1e3, 1..200),
            (rows, inner, outputs) in (1usize..14, 1usize..40, 1usize..20),
        ) {
            products_agree(&values, rows, inner, outputs);
        }

        #[test]
        fn filters_equal_scalar_bit_for_bit(
            values in prop::collection::vec(-2f32..2.0, 1..200),
            sides in (1usize..9, 1usize..9, 1usize..40),
            size in (1usize..5, 1usize..5),
            stride in (1usize..3, 1usize..3),
            before in (0usize..5, 0usize..5),
        ) {
            let window = Window {
                size: [size.0, size.1],
                stride: [stride.0, stride.1],
                before: [before.0 % size.0, before.1 % size.1],
            };
            filters_agree(&values, [sides.0, sides.1, sides.2], window);
        }

        #[test]
        fn a_dot_product_is_close_to_the_one_in_f64(pairs in pairs(-1f32..1.0, -1f32..1.0)) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            let wide: f64 = a.iter().zip(&b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
            prop_assert!((f64::from(dispatch::dot_f32(&a, &b)) - wide).abs() < 1e-4);
        }
    }

    #[test]
    fn every_length_up_to_two_blocks_and_a_rest_agrees() {
        for length in 0..40 {
            let a: Vec<f32> = (0..length).map(|i| 0.1 + i as f32 * 0.7).collect();
            let b: Vec<f32> = (0..length).map(|i| 3.3 - i as f32 * 0.3).collect();
            f32_kernels_agree(&a, &b);
            let code: Vec<i8> = (0..length).map(|i| (i * 7 - 120) as i8).collect();
            let query: Vec<i16> = (0..length).map(|i| (i * 1_601 - 32_768) as i16).collect();
            integer_kernels_agree(&code, &query);
        }
    }

    #[test]
    fn values_at_and_beyond_bounds_equal_scalar() {
        bounds_agree();
    }

    #[test]
    fn the_extremes_of_both_integer_types_give_the_exact_sum() {
        let (code, query) = ([i8::MIN; 160], [i16::MIN; 160]);
        assert_eq!(dispatch::dot_i8_i16(&code, &query), 160 * 128 * 32_768);
    }

    #[test]
    fn the_largest_entries_of_every_table_add_up() {
        let mut sums = [0; 32];
        dispatch::scan_signs(&[0xff; 32 * 16], &[127; 32 * 16], &mut sums);
        assert_eq!(sums, [32 * 127; 32]);
    }

    #[test]
    fn an_integer_sum_beyond_32_bits_wraps_alike() {
        unsigned_kernels_agree(&vec![u8::MAX; 2_001], &vec![i16::MIN; 2_001]);
        integer_kernels_agree(&vec![i8::MIN; 2_001], &vec![i16::MIN; 2_001]);
    }

    #[test]
    #[should_panic(expected = "one length")]
    fn unequal_lengths_are_refused() {
        dispatch::dot_f32(&[1.0, 2.0], &[1.0]);
    }
}

#[cfg(target_arch = "wasm32")]
mod browser {
    use super::*;
    use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

    wasm_bindgen_test_configure!(run_in_browser);

    /// A plain linear congruential generator: the upper bits are good enough to vary the inputs.
    fn next(state: &mut u64) -> u32 {
        *state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (*state >> 32) as u32
    }

    #[wasm_bindgen_test]
    fn simd_is_what_this_module_runs() {
        assert!(cfg!(target_feature = "simd128"));
    }

    #[wasm_bindgen_test]
    fn f32_kernels_equal_scalar_bit_for_bit() {
        let mut state = 1;
        for length in (0..150).chain([512, 1_003]) {
            let mut values = || -> Vec<f32> {
                (0..length)
                    .map(|_| next(&mut state) as f32 / 2_147_483_648.0 - 1.0)
                    .collect()
            };
            let (a, b) = (values(), values());
            f32_kernels_agree(&a, &b);
        }
    }

    #[wasm_bindgen_test]
    fn integer_kernels_equal_scalar() {
        let mut state = 2;
        for length in (0..150).chain([512, 1_003]) {
            let code: Vec<i8> = (0..length).map(|_| next(&mut state) as i8).collect();
            let query: Vec<i16> = (0..length).map(|_| next(&mut state) as i16).collect();
            integer_kernels_agree(&code, &query);
        }
        integer_kernels_agree(&[i8::MIN; 2_001], &[i16::MIN; 2_001]);
    }

    #[wasm_bindgen_test]
    fn unsigned_kernels_and_scans_of_signs_equal_scalar() {
        let mut state = 3;
        for length in (0..150).chain([512, 1_003]) {
            let low: Vec<u8> = (0..length).map(|_| next(&mut state) as u8).collect();
            let query: Vec<i16> = (0..length).map(|_| next(&mut state) as i16).collect();
            unsigned_kernels_agree(&low, &query);
            let entries: Vec<u8> = (0..length).map(|_| next(&mut state) as u8).collect();
            sign_scans_agree(&low, &entries);
        }
        unsigned_kernels_agree(&[u8::MAX; 2_001], &[i16::MIN; 2_001]);
    }

    #[wasm_bindgen_test]
    fn products_and_filters_equal_scalar_bit_for_bit() {
        let mut state = 4;
        let values: Vec<f32> = (0..997)
            .map(|_| next(&mut state) as f32 / 2_147_483_648.0 - 1.0)
            .collect();
        for (rows, inner, outputs) in [(1, 1, 1), (5, 27, 24), (9, 33, 17), (70, 300, 8)] {
            products_agree(&values, rows, inner, outputs);
        }
        for (channels, stride, before) in [(3, 1, 1), (16, 2, 0), (37, 1, 2), (72, 2, 1)] {
            let (size, stride, before) = ([3, 3], [stride, stride], [before, before]);
            let window = Window {
                size,
                stride,
                before,
            };
            filters_agree(&values, [7, 9, channels], window);
        }
        bounds_agree();
    }
}
