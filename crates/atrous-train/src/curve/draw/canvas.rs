//! A picture that plotters draws on. Text uses a built-in bitmap font, so that no system font is needed.

use std::convert::Infallible;

use atrous_vision::RgbImage;
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, RasterizedChar, get_raster, get_raster_width};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
    text_anchor::{HPos, VPos},
};

/// Font size from which the larger of the two bitmap fonts is used.
const LARGE: f64 = 20.0;

/// A picture to draw on.
pub(super) struct Canvas<'a>(pub(super) &'a mut RgbImage);

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

impl DrawingBackend for Canvas<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.0.dimensions()
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    /// Mixes the colour into the pixel; positions outside of the picture are ignored.
    fn draw_pixel(&mut self, (x, y): BackendCoord, color: BackendColor) -> Drawn {
        let at = u32::try_from(x).ok().zip(u32::try_from(y).ok());
        if let Some(pixel) = at.and_then(|(x, y)| self.0.get_pixel_mut_checked(x, y)) {
            let (r, g, b) = color.rgb;
            for (old, new) in pixel.0.iter_mut().zip([r, g, b]) {
                *old = (f64::from(*old) * (1.0 - color.alpha) + f64::from(new) * color.alpha).round() as u8;
            }
        }
        Ok(())
    }

    /// Draws the lines one after the other, so that a thick path that crosses itself has no holes.
    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(&mut self, path: I, style: &S) -> Drawn {
        let mut points = path.into_iter();
        let Some(mut from) = points.next() else { return Ok(()) };
        for to in points {
            self.draw_line(from, to, style)?;
            from = to;
        }
        Ok(())
    }

    fn draw_text<T: BackendTextStyle>(&mut self, text: &str, style: &T, pos: BackendCoord) -> Drawn {
        let (width, height) = text_size(text, style.size());
        let (color, transform, anchor) = (style.color(), style.transform(), style.anchor());
        let left = match anchor.h_pos {
            HPos::Left => 0,
            HPos::Center => -width / 2,
            HPos::Right => -width,
        };
        let top = match anchor.v_pos {
            VPos::Top => 0,
            VPos::Center => -height / 2,
            VPos::Bottom => -height,
        };
        for (letter, x0) in letters(text, style.size()).zip((left..).step_by(letter_width(style.size()))) {
            for (row, y) in letter.rows().zip(top..) {
                for (coverage, x) in row.iter().zip(x0..).filter(|(coverage, _)| **coverage > 0) {
                    let (dx, dy) = transform.transform(x, y);
                    self.draw_pixel((pos.0 + dx, pos.1 + dy), color.mix(f64::from(*coverage) / 255.0))?;
                }
            }
        }
        Ok(())
    }

    fn estimate_text_size<T: BackendTextStyle>(
        &self,
        text: &str,
        style: &T,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        let (width, height) = text_size(text, style.size());
        Ok((width.unsigned_abs(), height.unsigned_abs()))
    }
}

const fn raster(size: f64) -> RasterHeight {
    if size >= LARGE { RasterHeight::Size20 } else { RasterHeight::Size16 }
}

fn letter_width(size: f64) -> usize {
    get_raster_width(FontWeight::Regular, raster(size))
}

/// Width and height of a text in pixels.
fn text_size(text: &str, size: f64) -> (i32, i32) {
    ((text.chars().count() * letter_width(size)) as i32, raster(size).val() as i32)
}

/// The bitmaps of a text's letters; letters that the font lacks become question marks.
fn letters(text: &str, size: f64) -> impl Iterator<Item = RasterizedChar> {
    let picture = move |letter| get_raster(letter, FontWeight::Regular, raster(size));
    text.chars().filter_map(move |letter| picture(letter).or_else(|| picture('?')))
}

#[cfg(test)]
mod tests {
    use plotters::prelude::*;
    use plotters::style::text_anchor::{HPos, Pos, VPos};

    use super::*;

    /// Bounds of what is not white: left, top, right, bottom.
    fn bounds(image: &RgbImage) -> [u32; 4] {
        let dark = || image.enumerate_pixels().filter(|(_, _, p)| p.0 != [255; 3]);
        let (xs, ys) = (dark().map(|(x, ..)| x), dark().map(|(_, y, _)| y));
        [xs.clone().min().unwrap(), ys.clone().min().unwrap(), xs.max().unwrap(), ys.max().unwrap()]
    }

    fn text(rotation: FontTransform) -> RgbImage {
        let mut image = RgbImage::from_pixel(80, 80, [255; 3].into());
        let style = ("sans-serif", 16).into_font().transform(rotation).color(&BLACK);
        let style = style.pos(Pos::new(HPos::Center, VPos::Center));
        Canvas(&mut image).draw_text("loss é", &style, (40, 40)).unwrap();
        image
    }

    #[test]
    fn text_stands_where_it_should_upright_and_turned() {
        let [left, top, right, bottom] = bounds(&text(FontTransform::None));
        assert!(right - left > 2 * (bottom - top), "{left} {top} {right} {bottom}");
        assert!((30..50).contains(&((left + right) / 2)) && (32..48).contains(&((top + bottom) / 2)));
        // Turned to the left: rows become columns.
        let [l, t, r, b] = bounds(&text(FontTransform::Rotate270));
        assert_eq!((r - l, b - t), (bottom - top, right - left));
    }

    #[test]
    fn drawing_outside_changes_nothing() {
        let mut image = RgbImage::from_pixel(4, 4, [255; 3].into());
        let mut canvas = Canvas(&mut image);
        for at in [(-1, 0), (0, -1), (4, 0), (0, 4), (i32::MIN, i32::MAX)] {
            canvas.draw_pixel(at, BackendColor { alpha: 1.0, rgb: (0, 0, 0) }).unwrap();
        }
        assert!(image.pixels().all(|p| p.0 == [255; 3]));
    }
}
