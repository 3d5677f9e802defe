//! A picture that shapes are painted on.

use super::form::Form;
use crate::data::random::Random;

type Colour = [f64; 3];

/// Largest absolute value of the noise of a channel.
const NOISE: f64 = 10.0;
/// Number of random colours of which the one farthest from all others is chosen.
const CANDIDATES: usize = 8;
/// Least share of a shape that must stay visible.
const VISIBLE: f64 = 0.6;

/// A background with the shapes painted so far.
pub(super) struct Canvas {
    width: u32,
    height: u32,
    stripes: Stripes,
    forms: Vec<Painted>,
    /// For every pixel the number of the visible shape, counted from 1 in the order of painting; 0 for the background.
    top: Vec<u8>,
}

struct Painted {
    form: Form,
    colour: Colour,
    /// Number of pixels that the shape covered when it was painted.
    area: usize,
}

/// A background that changes linearly between two colours and back, in stripes.
struct Stripes {
    colours: [Colour; 2],
    /// Periods per pixel, horizontally and vertically, and the phase at the upper left pixel in periods.
    frequency: (f64, f64),
    phase: f64,
}

impl Canvas {
    pub(super) fn new(width: u32, height: u32, random: &mut Random) -> Self {
        let colour = random_colour(random);
        let other = colour.map(|value| (value + random.between(-70.0, 70.0)).clamp(0.0, 255.0));
        let (x, y) = direction(random);
        let periods = random.between(1.0, 6.0) / f64::from(width.min(height));
        let stripes = Stripes { colours: [colour, other], frequency: (x * periods, y * periods), phase: random.unit() };
        Canvas { width, height, stripes, forms: Vec::new(), top: vec![0; width as usize * height as usize] }
    }

    /// Whether at least the share [`VISIBLE`] of every earlier shape stays visible if this one is painted.
    pub(super) fn has_room(&self, form: &Form) -> bool {
        let mut left = vec![0; self.forms.len() + 1];
        let covered = covered(form, self.width, self.height);
        for (&top, covered) in self.top.iter().zip(covered) {
            left[usize::from(top)] += usize::from(!covered);
        }
        self.forms.iter().zip(&left[1..]).all(|(painted, &left)| left as f64 >= VISIBLE * painted.area as f64)
    }

    /// Paints a shape over all others, in a colour that differs from theirs.
    pub(super) fn paint(&mut self, form: Form, random: &mut Random) {
        let [a, b] = self.stripes.colours;
        let middle = [0, 1, 2].map(|c| (a[c] + b[c]) / 2.0);
        let others: Vec<Colour> = [a, b, middle].into_iter().chain(self.forms.iter().map(|form| form.colour)).collect();
        let nearest =
            |colour: &Colour| others.iter().map(|other| distance(colour, other)).fold(f64::INFINITY, f64::min);
        let mut colour = random_colour(random);
        for _ in 1..CANDIDATES {
            let candidate = random_colour(random);
            if nearest(&candidate) > nearest(&colour) {
                colour = candidate;
            }
        }
        let number = self.forms.len() as u8 + 1;
        let mut area = 0;
        for (top, covered) in self.top.iter_mut().zip(covered(&form, self.width, self.height)) {
            if covered {
                *top = number;
                area += 1;
            }
        }
        self.forms.push(Painted { form, colour, area });
    }

    /// The RGB values with noise, and the class of every pixel.
    pub(super) fn finish(self, random: &mut Random) -> (Vec<u8>, Vec<u8>) {
        let mut noise = vec![0; 3 * self.top.len()];
        random.fill(&mut noise);
        let mut pixels = Vec::with_capacity(noise.len());
        let positions = (0..self.height).flat_map(|y| (0..self.width).map(move |x| (x, y)));
        for (((x, y), &top), noise) in positions.zip(&self.top).zip(noise.chunks_exact(3)) {
            let colour = match top {
                0 => self.stripes.at(x, y),
                number => self.forms[usize::from(number) - 1].colour,
            };
            let noisy = |(value, &noise): (f64, &u8)| value + NOISE * (f64::from(noise) / 127.5 - 1.0);
            pixels.extend(colour.into_iter().zip(noise).map(noisy).map(|value| value.round().clamp(0.0, 255.0) as u8));
        }
        let class = |&top: &u8| top.checked_sub(1).map_or(0, |form| self.forms[usize::from(form)].form.class());
        let classes = self.top.iter().map(class).collect();
        (pixels, classes)
    }
}

impl Stripes {
    fn at(&self, x: u32, y: u32) -> Colour {
        let position = self.frequency.0 * f64::from(x) + self.frequency.1 * f64::from(y) + self.phase;
        // 0 to 1 and back again over one period.
        let share = (2.0 * (position - position.floor()) - 1.0).abs();
        let [a, b] = self.colours;
        [0, 1, 2].map(|c| a[c] + (b[c] - a[c]) * share)
    }
}

fn covered(form: &Form, width: u32, height: u32) -> impl Iterator<Item = bool> + '_ {
    (0..height).flat_map(move |y| (0..width).map(move |x| form.covers(x, y)))
}

fn random_colour(random: &mut Random) -> Colour {
    [0; 3].map(|_| random.between(0.0, 255.0))
}

/// Sum of the differences of the channels.
fn distance(a: &Colour, b: &Colour) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum()
}

/// Cosine and sine of a random angle: a random point of the unit disc, scaled to its border. Unlike sines, square roots have the same bits
/// on every system.
fn direction(random: &mut Random) -> (f64, f64) {
    loop {
        let (x, y) = (random.between(-1.0, 1.0), random.between(-1.0, 1.0));
        let squared = x * x + y * y;
        if (0.01..=1.0).contains(&squared) {
            return (x / squared.sqrt(), y / squared.sqrt());
        }
    }
}
