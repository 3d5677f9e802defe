//! Outlines.

use crate::data::random::Random;

/// Class 0, then one class for each [`Kind`] in its order.
pub(super) const CLASSES: [&str; 6] = ["background", "disc", "square", "triangle", "ring", "cross"];

#[derive(Clone, Copy, Debug)]
enum Kind {
    Disc,
    Square,
    Triangle,
    Ring,
    Cross,
}

const KINDS: [Kind; 5] = [Kind::Disc, Kind::Square, Kind::Triangle, Kind::Ring, Kind::Cross];

/// A shape somewhere on a picture, in pixels.
#[derive(Clone, Debug)]
pub(super) struct Form {
    kind: Kind,
    center: (f64, f64),
    radius: f64,
    /// Cosine and sine of the angle it is turned by.
    turn: (f64, f64),
}

impl Form {
    /// Any kind, its centre within the middle 70 %, its radius 15 to 27 % of the shorter side, at any angle.
    pub(super) fn draw(random: &mut Random, width: u32, height: u32) -> Self {
        let kind = KINDS[random.below(KINDS.len() as u32) as usize];
        let side = f64::from(width.min(height));
        let center = (f64::from(width) * random.between(0.15, 0.85), f64::from(height) * random.between(0.15, 0.85));
        let radius = side * random.between(0.15, 0.27);
        Form { kind, center, radius, turn: direction(random) }
    }

    pub(super) fn class(&self) -> u8 {
        1 + self.kind as u8
    }

    /// Whether the centre of a pixel lies within.
    pub(super) fn covers(&self, x: u32, y: u32) -> bool {
        let (x, y) = (f64::from(x) + 0.5 - self.center.0, f64::from(y) + 0.5 - self.center.1);
        let (cos, sin) = self.turn;
        let (u, v) = ((cos * x + sin * y) / self.radius, (cos * y - sin * x) / self.radius);
        let within = |half_width: f64, half_height: f64| u.abs() <= half_width && v.abs() <= half_height;
        match self.kind {
            Kind::Disc => u * u + v * v <= 1.0,
            Kind::Square => within(0.85, 0.85),
            // Three lines at 0.6 from the centre, whose normals are 120° apart; the corners are at 1.2.
            Kind::Triangle => -v <= 0.6 && v / 2.0 + HALF_SQRT_3 * u.abs() <= 0.6,
            Kind::Ring => (0.3..=1.0).contains(&(u * u + v * v)),
            Kind::Cross => within(1.1, 0.38) || within(0.38, 1.1),
        }
    }
}

const HALF_SQRT_3: f64 = 0.866_025_403_784_438_6;

/// Cosine and sine of a random angle: a point of the unit disc, drawn anew while outside, moved out to its border. A
/// square root has the same bits on every system, a sine has not.
pub(super) fn direction(random: &mut Random) -> (f64, f64) {
    loop {
        let (x, y) = (random.between(-1.0, 1.0), random.between(-1.0, 1.0));
        let squared = x * x + y * y;
        if (0.01..=1.0).contains(&squared) {
            return (x / squared.sqrt(), y / squared.sqrt());
        }
    }
}
