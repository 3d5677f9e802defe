//! Outlines of the shapes.

use crate::data::random::Random;

/// Class 0, then one class for each [`Kind`] in its order.
pub(super) const CLASSES: [&str; 4] = ["background", "disc", "square", "triangle"];

#[derive(Clone, Copy, Debug)]
enum Kind {
    Disc,
    Square,
    Triangle,
}

const KINDS: [Kind; 3] = [Kind::Disc, Kind::Square, Kind::Triangle];

/// Largest tangent of the angle that a shape is rotated by: that of 20°, in both directions.
const MOST_TURN: f64 = 0.364;

/// A shape somewhere on a picture, in pixels.
#[derive(Clone, Debug)]
pub(super) struct Form {
    kind: Kind,
    center: (f64, f64),
    radius: f64,
    /// Cosine and sine of the angle of rotation.
    turn: (f64, f64),
}

impl Form {
    /// A random shape: its centre in the middle 70 % of each side, its radius 18 to 30 % of the shorter side, rotated by up to 20°.
    pub(super) fn draw(random: &mut Random, width: u32, height: u32) -> Self {
        let kind = KINDS[random.below(KINDS.len() as u32) as usize];
        let side = f64::from(width.min(height));
        let center = (f64::from(width) * random.between(0.15, 0.85), f64::from(height) * random.between(0.15, 0.85));
        let radius = side * random.between(0.18, 0.3);
        let tangent = random.between(-MOST_TURN, MOST_TURN);
        let cos = 1.0 / (1.0 + tangent * tangent).sqrt();
        Form { kind, center, radius, turn: (cos, cos * tangent) }
    }

    pub(super) fn class(&self) -> u8 {
        1 + self.kind as u8
    }

    /// Whether the centre of a pixel lies within the shape.
    pub(super) fn covers(&self, x: u32, y: u32) -> bool {
        let (x, y) = (f64::from(x) + 0.5 - self.center.0, f64::from(y) + 0.5 - self.center.1);
        let (cos, sin) = self.turn;
        let (u, v) = ((cos * x + sin * y) / self.radius, (cos * y - sin * x) / self.radius);
        match self.kind {
            Kind::Disc => u * u + v * v <= 1.0,
            Kind::Square => u.abs().max(v.abs()) <= 0.85,
            // The three sides are at distance 0.6 from the centre, with normals 120° apart; the corners are at distance 1.2.
            Kind::Triangle => v <= 0.6 && HALF_SQRT_3 * u.abs() - v / 2.0 <= 0.6,
        }
    }
}

const HALF_SQRT_3: f64 = 0.866_025_403_784_438_6;
