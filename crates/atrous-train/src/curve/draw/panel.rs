//! One diagram with its axes and its legend.

use std::ops::Range;

use atrous_vision::RgbImage;
use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

use super::canvas::Canvas;

/// Width of the area left of the diagrams in pixels: numbers and the title.
const LEFT: u32 = 86;
/// Height of the area below a diagram.
const BELOW: u32 = 48;
/// Height of the area above a diagram, where the legend stands.
const ABOVE: u32 = 34;

/// A line of a diagram.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) points: Vec<(f64, f64)>,
    style: ShapeStyle,
    /// Whether each point has a dot.
    marked: bool,
}

impl Series {
    /// A thin, pale line.
    pub(super) fn thin(name: &str, rgb: [u8; 3], points: Vec<(f64, f64)>) -> Self {
        let style = color(rgb).mix(0.35).stroke_width(1);
        Self { name: name.to_owned(), points, style, marked: false }
    }

    /// A thick line.
    pub(super) fn thick(name: &str, rgb: [u8; 3], points: Vec<(f64, f64)>) -> Self {
        Self { name: name.to_owned(), points, style: color(rgb).stroke_width(3), marked: false }
    }

    /// A line with a dot at each point.
    pub(super) fn marked(name: &str, rgb: [u8; 3], points: Vec<(f64, f64)>) -> Self {
        Self { name: name.to_owned(), points, style: color(rgb).stroke_width(2), marked: true }
    }
}

/// A diagram over the steps.
#[derive(Clone, Debug)]
pub(super) struct Panel<'a> {
    pub(super) title: &'a str,
    pub(super) series: Vec<Series>,
    /// The points whose values determine the range of the vertical axis; other points are clamped to it.
    pub(super) frame: Vec<(f64, f64)>,
}

type Area<'a> = DrawingArea<Canvas<'a>, Shift>;

/// Draws diagrams one below the other with a common range of steps.
pub(super) fn draw(image: &mut RgbImage, panels: &[Panel<'_>]) -> Result<(), String> {
    let steps = panels.iter().flat_map(|p| &p.series).flat_map(|s| &s.points).map(|p| p.0);
    let last = steps.fold(1.0, f64::max);
    let root = Canvas(image).into_drawing_area();
    for (panel, area) in panels.iter().zip(root.split_evenly((panels.len(), 1))) {
        draw_panel(&area, panel, 0.0..last).map_err(|e| e.to_string())?;
    }
    Ok(())
}

fn draw_panel<'a>(area: &Area<'a>, panel: &Panel<'_>, steps: Range<f64>) -> DrawResult<(), Canvas<'a>> {
    let values = range(panel.frame.iter().map(|p| p.1));
    let mut chart = ChartBuilder::on(area)
        .margin_left(8)
        .margin_right(30)
        .margin_top(ABOVE)
        .x_label_area_size(BELOW)
        .y_label_area_size(LEFT)
        .build_cartesian_2d(steps, values.clone())?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(color([225; 3]))
        .axis_style(color([90; 3]))
        .label_style(("sans-serif", 16))
        .axis_desc_style(("sans-serif", 16))
        .x_desc("step")
        .y_desc(panel.title)
        .x_labels(9)
        .y_labels(7)
        .x_label_formatter(&|v| number(*v))
        .y_label_formatter(&|v| number(*v))
        .draw()?;
    for series in &panel.series {
        let inside = |&(x, y): &(f64, f64)| (x, y.clamp(values.start, values.end));
        let points: Vec<(f64, f64)> = series.points.iter().map(inside).collect();
        if series.marked {
            let dot = series.style.filled();
            chart.draw_series(points.iter().map(|p| Circle::new(*p, 3, dot)))?;
        }
        chart.draw_series([PathElement::new(points, series.style)])?;
    }
    draw_legend(area, panel)
}

/// Draws the legend above the diagram: a piece of each line, followed by its name.
fn draw_legend<'a>(area: &Area<'a>, panel: &Panel<'_>) -> DrawResult<(), Canvas<'a>> {
    let middle = ABOVE as i32 / 2;
    let text = ("sans-serif", 16).into_font().color(&color([40; 3])).pos(Pos::new(HPos::Left, VPos::Center));
    let mut x = LEFT as i32 + 8;
    for series in panel.series.iter().filter(|s| !s.points.is_empty()) {
        area.draw(&PathElement::new(vec![(x, middle), (x + 24, middle)], series.style))?;
        area.draw_text(&series.name, &text, (x + 32, middle))?;
        x += 32 + area.estimate_text_size(&series.name, &text)?.0 as i32 + 28;
    }
    Ok(())
}

/// The range of some values with a margin. It is `0..1` without values, and never empty.
fn range(values: impl Iterator<Item = f64>) -> Range<f64> {
    let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    if low > high {
        return 0.0..1.0;
    }
    let margin = ((high - low) * 0.05).max(high.abs().max(low.abs()) * 1e-6);
    if margin == 0.0 { -1.0..1.0 } else { low - margin..high + margin }
}

/// A number at an axis: short, and without the digits that come from rounding.
fn number(value: f64) -> String {
    let size = value.abs();
    if size < 1e-12 {
        return "0".to_owned();
    }
    if !(1e-3..1e6).contains(&size) {
        return format!("{value:.1e}");
    }
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

const fn color([r, g, b]: [u8; 3]) -> RGBColor {
    RGBColor(r, g, b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let texts = [0.0, 0.30000000000000004, -1e-17, 1200.0, 0.05, 2.5e7, 1e-5, -0.25].map(number);
        assert_eq!(texts, ["0", "0.3", "0", "1200", "0.05", "2.5e7", "1.0e-5", "-0.25"]);
    }

    #[test]
    fn ranges_never_are_empty() {
        assert_eq!(range([].into_iter()), 0.0..1.0);
        assert_eq!(range([0.0].into_iter()), -1.0..1.0);
        for values in [vec![3.0], vec![-5.0, -5.0], vec![0.1, 0.9], vec![1e30, 1e-30]] {
            let range = range(values.iter().copied());
            assert!(range.start < range.end && values.iter().all(|v| range.contains(v)), "{range:?}");
        }
        let wide = range([0.0, 1.0].into_iter());
        assert!((wide.start + 0.05).abs() < 1e-12 && (wide.end - 1.05).abs() < 1e-12);
    }
}
