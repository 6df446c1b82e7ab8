//! exp and ln to about five digits, the same bits on every machine, and in loops that a compiler turns into SIMD.
//!
//! The standard library's come from the platform, so a browser and a server would stop a search at different cells.

/// 1.5 · 2²³: adding it rounds an f32 to a whole number, which then lies in the low bits.
const MAGIC: f32 = 12_582_912.0;

/// eˣ; the argument is cut to ±60.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    let x = (x * std::f32::consts::LOG2_E).clamp(-86.0, 86.0);
    let shifted = x + MAGIC;
    let rest = x - (shifted - MAGIC);
    // Taylor's series of 2^rest around 0, |rest| ≤ ½: off by less than 3e-6.
    let power = 1.0
        + rest
            * (std::f32::consts::LN_2
                + rest
                    * (0.240_226_5
                        + rest * (0.055_504_11 + rest * (0.009_618_13 + rest * 0.001_333_36))));
    let scale = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    power * scale
}

/// ln x of a positive number; smaller ones than the least normal count as that.
#[inline(always)]
pub(super) fn ln(x: f32) -> f32 {
    // `f32::max` is a call in wasm, for what it does with NaN.
    let least = f32::MIN_POSITIVE;
    let bits = if x > least { x } else { least }.to_bits();
    // The mantissa is taken from √½ to √2, so that the series is short.
    let shifted = bits.wrapping_sub(0x3f35_04f3);
    let exponent = (shifted as i32) >> 23;
    let mantissa = f32::from_bits((shifted & 0x007f_ffff).wrapping_add(0x3f35_04f3));
    // ln m = 2 artanh((m − 1) / (m + 1)); the argument is at most 0.172.
    let t = (mantissa - 1.0) / (mantissa + 1.0);
    let square = t * t;
    let series = 2.0 + square * (0.666_666_7 + square * (0.4 + square * 0.285_714_3));
    exponent as f32 * std::f32::consts::LN_2 + t * series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_agree_with_the_platform_to_five_digits() {
        for step in -590..590 {
            let x = step as f32 / 10.0 + 0.013;
            let (found, exact) = (f64::from(exp(x)), f64::from(x).exp());
            assert!(
                (found / exact - 1.0).abs() < 1e-5,
                "exp {x}: {found} {exact}"
            );
            let value = f64::from(x).exp() as f32;
            assert!(
                (f64::from(ln(value)) - f64::from(value).ln()).abs()
                    < 2e-6 * (1.0 + f64::from(x).abs()),
                "ln {value}"
            );
        }
        assert!((exp(0.0) - 1.0).abs() < 1e-7 && ln(1.0) == 0.0);
    }

    #[test]
    fn the_ends_stay_finite() {
        for x in [f32::NEG_INFINITY, -1e30, 1e30, f32::INFINITY] {
            assert!(exp(x).is_finite() && exp(x) > 0.0);
        }
        for x in [0.0, -1.0, 1e-45, f32::MAX] {
            assert!(ln(x).is_finite(), "ln {x}");
        }
    }
}
