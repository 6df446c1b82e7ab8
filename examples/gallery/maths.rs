//! Numbers → numbers: vectors and the few transcendental functions the gallery needs.
//!
//! `f32::sin` and its kin call the platform's maths library, whose last bits differ between machines. Everything
//! here is built from `+ - * /`, `sqrt` and `floor` alone, which IEEE 754 fixes exactly, so a picture has the same
//! bytes wherever it is rendered. The error of each function stays below 1e-5 in the range used, far under one
//! grey level. Rust never contracts `a * b + c` on its own, which the promise depends on.

use std::ops::{Add, AddAssign, Div, Mul, Neg, Sub};

pub const TAU: f32 = std::f32::consts::TAU;
pub const PI: f32 = std::f32::consts::PI;

/// A point, direction or linear colour.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct V3 {
    pub x: f32,
    pub y: f32,
    pub z: f32,
}

pub const fn v3(x: f32, y: f32, z: f32) -> V3 {
    V3 { x, y, z }
}

pub const fn grey(x: f32) -> V3 {
    v3(x, x, x)
}

impl V3 {
    pub fn dot(self, o: V3) -> f32 {
        self.x * o.x + self.y * o.y + self.z * o.z
    }
    pub fn cross(self, o: V3) -> V3 {
        v3(
            self.y * o.z - self.z * o.y,
            self.z * o.x - self.x * o.z,
            self.x * o.y - self.y * o.x,
        )
    }
    pub fn length(self) -> f32 {
        self.dot(self).sqrt()
    }
    pub fn unit(self) -> V3 {
        self / self.length().max(1e-12)
    }
    pub fn mix(self, o: V3, t: f32) -> V3 {
        self + (o - self) * t
    }
    pub fn abs(self) -> V3 {
        v3(self.x.abs(), self.y.abs(), self.z.abs())
    }
    pub fn max(self, o: V3) -> V3 {
        v3(self.x.max(o.x), self.y.max(o.y), self.z.max(o.z))
    }
    pub fn min(self, o: V3) -> V3 {
        v3(self.x.min(o.x), self.y.min(o.y), self.z.min(o.z))
    }
    pub fn reflect(self, n: V3) -> V3 {
        self - n * (2.0 * self.dot(n))
    }
    /// Refracted direction, or `None` for total internal reflection. `ratio` is outer over inner index.
    pub fn refract(self, n: V3, ratio: f32) -> Option<V3> {
        let c = -self.dot(n);
        let k = 1.0 - ratio * ratio * (1.0 - c * c);
        (k >= 0.0).then(|| self * ratio + n * (ratio * c - k.sqrt()))
    }
    pub fn luma(self) -> f32 {
        0.2126 * self.x + 0.7152 * self.y + 0.0722 * self.z
    }
}

impl Add for V3 {
    type Output = V3;
    fn add(self, o: V3) -> V3 {
        v3(self.x + o.x, self.y + o.y, self.z + o.z)
    }
}
impl AddAssign for V3 {
    fn add_assign(&mut self, o: V3) {
        *self = *self + o;
    }
}
impl Sub for V3 {
    type Output = V3;
    fn sub(self, o: V3) -> V3 {
        v3(self.x - o.x, self.y - o.y, self.z - o.z)
    }
}
impl Mul<f32> for V3 {
    type Output = V3;
    fn mul(self, s: f32) -> V3 {
        v3(self.x * s, self.y * s, self.z * s)
    }
}
impl Mul for V3 {
    type Output = V3;
    fn mul(self, o: V3) -> V3 {
        v3(self.x * o.x, self.y * o.y, self.z * o.z)
    }
}
impl Div<f32> for V3 {
    type Output = V3;
    fn div(self, s: f32) -> V3 {
        self * (1.0 / s)
    }
}
impl Neg for V3 {
    type Output = V3;
    fn neg(self) -> V3 {
        self * -1.0
    }
}

pub fn mix(a: f32, b: f32, t: f32) -> f32 {
    a + (b - a) * t
}

pub fn smoothstep(a: f32, b: f32, x: f32) -> f32 {
    let t = ((x - a) / (b - a)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

pub fn fract(x: f32) -> f32 {
    x - x.floor()
}

pub fn length2(x: f32, y: f32) -> f32 {
    (x * x + y * y).sqrt()
}

/// Turns `(x, y)` by `angle` anticlockwise.
pub fn turn(x: f32, y: f32, angle: f32) -> (f32, f32) {
    let (s, c) = (sin(angle), cos(angle));
    (c * x - s * y, s * x + c * y)
}

pub fn sin(x: f32) -> f32 {
    let t = x * (1.0 / TAU);
    let t = t - (t + 0.5).floor();
    let t = if t > 0.25 {
        0.5 - t
    } else if t < -0.25 {
        -0.5 - t
    } else {
        t
    };
    let y = t * TAU;
    let q = y * y;
    y * (1.0 + q * (-1.0 / 6.0 + q * (1.0 / 120.0 + q * (-1.0 / 5040.0 + q * (1.0 / 362_880.0)))))
}

pub fn cos(x: f32) -> f32 {
    sin(x + 0.25 * TAU)
}

pub fn atan2(y: f32, x: f32) -> f32 {
    let (ax, ay) = (x.abs(), y.abs());
    let big = ax.max(ay);
    if big == 0.0 {
        return 0.0;
    }
    let a = ax.min(ay) / big;
    let q = a * a;
    let r = a
        * (0.999_977_26
            + q * (-0.332_623_47
                + q * (0.193_543_46 + q * (-0.116_432_87 + q * (0.052_653_32 - q * 0.011_721_2)))));
    let r = if ay > ax { 0.5 * PI - r } else { r };
    let r = if x < 0.0 { PI - r } else { r };
    if y < 0.0 { -r } else { r }
}

pub fn exp2(x: f32) -> f32 {
    let x = x.clamp(-120.0, 120.0);
    let whole = x.floor();
    let f = (x - whole) * std::f32::consts::LN_2;
    let p = 1.0
        + f * (1.0
            + f * (0.5
                + f * (1.0 / 6.0 + f * (1.0 / 24.0 + f * (1.0 / 120.0 + f * (1.0 / 720.0))))));
    p * f32::from_bits(((whole as i32 + 127) as u32) << 23)
}

pub fn exp(x: f32) -> f32 {
    exp2(x * std::f32::consts::LOG2_E)
}

pub fn log2(x: f32) -> f32 {
    let bits = x.max(1e-30).to_bits();
    let power = ((bits >> 23) as i32 - 127) as f32;
    let m = f32::from_bits((bits & 0x007f_ffff) | 0x3f80_0000);
    // The logarithm as an odd series in (m - s) / (m + s), centred on sqrt(2) so that the argument stays small.
    let s = std::f32::consts::SQRT_2;
    let u = (m - s) / (m + s);
    let q = u * u;
    power + 0.5 + 2.885_39 * u * (1.0 + q * (1.0 / 3.0 + q * (0.2 + q * (1.0 / 7.0))))
}

pub fn pow(x: f32, y: f32) -> f32 {
    if x <= 0.0 { 0.0 } else { exp2(y * log2(x)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_functions_stay_within_a_hundred_thousandth_of_the_library() {
        for i in -4000..4000 {
            let x = i as f32 * 0.005;
            assert!((sin(x) - x.sin()).abs() < 1e-5, "sin {x}");
            assert!((cos(x) - x.cos()).abs() < 1e-5, "cos {x}");
            let y = (i * 7 % 311) as f32 * 0.1 + 0.05;
            assert!((atan2(x, y) - x.atan2(y)).abs() < 3e-5, "atan2 {x} {y}");
            assert!(
                (exp2(x * 0.3) / (x * 0.3).exp2() - 1.0).abs() < 1e-5,
                "exp2 {x}"
            );
            let p = x.abs() + 0.01;
            assert!((log2(p) - p.log2()).abs() < 1e-5, "log2 {p}");
        }
    }
}
