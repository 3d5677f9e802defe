//! The text form of choices.
//!
//! ```text
//! atrous choices 1
//! adapter: llvmpipe (LLVM 15.0.6, 256 bits)
//! driver: llvmpipe Mesa 22.3.6
//! backend: vulkan
//! kernels: 8f3b0c52d1f0a6e7
//! conv2d … : 1×56×56×64 f32, 3×3×64×64 f32 -> 1×56×56×64 f32 = implicit_gemm_registers 8x16, best of 13
//! ```

use crate::choice::{Choice, Choices, Found};
use crate::conv;

const MAGIC: &str = "atrous choices 1";

/// Where choices were measured. They are valid only there.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The adapter's name.
    pub adapter: String,
    /// Name and version of the driver.
    pub driver: String,
    /// The interface below WebGPU.
    pub backend: String,
    /// Version of the kernels, [`atrous_shaders::VERSION`].
    pub kernels: String,
}

impl Origin {
    fn fields(&self) -> [(&'static str, &str); 4] {
        [("adapter", &self.adapter), ("driver", &self.driver), ("backend", &self.backend), ("kernels", &self.kernels)]
    }
}

/// Why a text holds no choices for this adapter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChoicesError {
    /// The text is of another kind, or its beginning is damaged.
    #[error("line {line}: expected \"{expected}\"")]
    Header {
        /// Number of the line, from 1.
        line: usize,
        /// Text that the line should begin with.
        expected: String,
    },
    /// Choices of another adapter, driver or version.
    #[error("measured with {field} \"{measured}\", this is \"{this}\"")]
    Elsewhere {
        /// The part of [`Origin`] that differs.
        field: &'static str,
        /// Its value where they were measured.
        measured: String,
        /// Its value here.
        this: String,
    },
    /// A line that is not a choice.
    #[error("line {line} is not of the form \"operation = variant, best of N\"")]
    Line {
        /// Its number, from 1.
        line: usize,
    },
}

/// Parses a choice for a convolution. `None` if the variant or the tile does not exist.
fn parse_choice(text: &str) -> Option<Choice> {
    let (name, tile) = text.split_once(' ').map_or((text, None), |(name, tile)| (name, Some(tile)));
    let variant = conv::entries().into_iter().find(|entry| entry.name == name)?;
    let tile = tile.map(|text| variant.tiles.iter().copied().find(|tile| tile.to_string() == text));
    match (tile, variant.tiles.is_empty()) {
        (None, true) => Some(Choice { variant: variant.name, tile: None }),
        (Some(Some(tile)), false) => Some(Choice { variant: variant.name, tile: Some(tile) }),
        _ => None,
    }
}

impl Choices {
    /// The choices as text, a line for each, sorted.
    pub fn text(&self, origin: &Origin) -> String {
        let header = origin.fields().map(|(name, value)| format!("{name}: {}\n", line(value)));
        let lines = self.iter().map(|(key, f)| format!("{key} = {}, best of {}\n", f.choice, f.tried));
        format!("{MAGIC}\n{}{}", header.concat(), lines.collect::<String>())
    }

    /// The choices in a text, and the lines whose variant or tile does not exist.
    ///
    /// # Errors
    /// [`ChoicesError`] if the text is damaged, or its choices were measured elsewhere.
    pub fn parse(text: &str, origin: &Origin) -> Result<(Self, Vec<String>), ChoicesError> {
        let mut lines = text.lines().enumerate().map(|(i, line)| (i + 1, line));
        let mut next = |start: &str| {
            let (line, text) = lines.next().unwrap_or_default();
            let header = || ChoicesError::Header { line, expected: start.to_owned() };
            text.strip_prefix(start).ok_or_else(header)
        };
        if !next(MAGIC)?.is_empty() {
            return Err(ChoicesError::Header { line: 1, expected: MAGIC.to_owned() });
        }
        for (field, this) in origin.fields() {
            let (measured, this) = (next(&format!("{field}: "))?.to_owned(), line(this));
            if measured != this {
                return Err(ChoicesError::Elsewhere { field, measured, this });
            }
        }
        let (mut choices, mut unknown) = (Self::default(), Vec::new());
        for (line, text) in lines {
            let parts = text.rsplit_once(" = ").and_then(|(key, rest)| {
                let (choice, tried) = rest.split_once(", best of ")?;
                Some((key, choice, tried.parse().ok()?))
            });
            let (key, choice, tried) = parts.ok_or(ChoicesError::Line { line })?;
            match parse_choice(choice) {
                Some(choice) => choices.insert(key.to_owned(), Found { choice, tried }),
                None => unknown.push(text.to_owned()),
            }
        }
        Ok((choices, unknown))
    }
}

/// A text as one line, with single spaces for runs of white space.
fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conv::{CONV2D_VARIANTS, GRAD_INPUT_VARIANTS, GRAD_WEIGHT_VARIANTS, tiles};

    fn origin() -> Origin {
        let [adapter, driver, backend, kernels] = ["Some GPU", "driver\n 1.2 ", "vulkan", "0123"].map(str::to_owned);
        Origin { adapter, driver, backend, kernels }
    }

    fn some() -> Choices {
        let mut choices = Choices::default();
        for (i, variant) in CONV2D_VARIANTS.iter().chain(GRAD_INPUT_VARIANTS).chain(GRAD_WEIGHT_VARIANTS).enumerate() {
            let tile = tiles(variant).unwrap().last().copied();
            choices.insert(format!("conv2d: {i}×1 f32 -> 1 f32"), Found { choice: Choice { variant, tile }, tried: i });
        }
        choices
    }

    #[test]
    fn choices_are_what_their_text_says() {
        let text = some().text(&origin());
        assert_eq!(Choices::parse(&text, &origin()), Ok((some(), Vec::new())), "{text}");
        assert!(
            text.starts_with("atrous choices 1\nadapter: Some GPU\ndriver: driver 1.2\nbackend: vulkan\n"),
            "{text}"
        );
        assert!(text.contains(" -> 1 f32 = gemm_tiled 128x64, best of 5\n"), "{text}");
        let mut lines: Vec<&str> = text.lines().skip(5).collect();
        lines.sort_unstable();
        assert!(lines.iter().copied().eq(text.lines().skip(5)), "{text}");
    }

    #[test]
    fn choices_of_another_driver_or_version_do_not_serve() {
        let text = some().text(&origin());
        let other = Origin { kernels: "4567".to_owned(), ..origin() };
        let error = Choices::parse(&text, &other).unwrap_err();
        assert_eq!(error.to_string(), "measured with kernels \"0123\", this is \"4567\"");
        let other = Origin { driver: "driver 1.3".to_owned(), ..origin() };
        assert!(matches!(Choices::parse(&text, &other), Err(ChoicesError::Elsewhere { field: "driver", .. })));
    }

    #[test]
    fn damaged_texts_are_refused_and_unknown_choices_left_out() {
        let text = some().text(&origin());
        for (damaged, at) in
            [("", 0), ("atrous choices 12\n", 1), (&text[..38], 3), (&text[..text.len() - 12], text.lines().count())]
        {
            let error = Choices::parse(damaged, &origin()).unwrap_err();
            let (ChoicesError::Header { line, .. } | ChoicesError::Line { line }) = error else { panic!("{error}") };
            assert_eq!(line, at, "{error}");
        }
        for unknown in ["gemm_warped 64x64", "gemm_tiled 63x64", "gemm_tiled", "direct 4x4"] {
            let text = format!("{text}key = {unknown}, best of 2\n");
            let expected = vec![format!("key = {unknown}, best of 2")];
            assert_eq!(Choices::parse(&text, &origin()), Ok((some(), expected)));
        }
    }
}
