//! How pictures are read, and what their headers state.

/// How large a picture may be. Both are checked before its pixels are decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest side allowed, in pixels.
    pub max_side: u32,
    /// Most bytes allowed for the file, and for the decoded picture in its own mode.
    pub max_bytes: u64,
}

impl Default for Limits {
    /// Sides of 16,384 pixels and 1 GiB.
    fn default() -> Self {
        Limits { max_side: 16_384, max_bytes: 1 << 30 }
    }
}

/// What is done with the orientation that a file states in its EXIF data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Exif {
    /// The picture is turned upright.
    #[default]
    Apply,
    /// The picture stays as it is stored.
    Raw,
}

/// What the header of a picture file states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PictureHeader {
    /// Width in pixels, as stored.
    pub width: u32,
    /// Height in pixels, as stored.
    pub height: u32,
    /// Channels of the picture: 1 grey, 2 grey with alpha, 3 RGB, 4 RGB with alpha. Palettes are looked up.
    pub channels: u8,
    /// The EXIF orientation, 1 to 8; 1, which is upright, if the file states none.
    pub orientation: u8,
}

impl PictureHeader {
    /// Width and height once the orientation is applied, or not.
    pub fn size(&self, exif: Exif) -> (u32, u32) {
        match (exif, self.orientation) {
            (Exif::Apply, 5..=8) => (self.height, self.width),
            _ => (self.width, self.height),
        }
    }
}
