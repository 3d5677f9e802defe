//! Pictures: files, resizing, palettes.

mod batch;
mod fit;
mod header;
mod jpeg;
mod jpeg_header;
mod load;
mod palette;
mod resize;
mod source;
mod write;

pub use fit::{Fit, center_crop, pad_bottom_right, pad_to_multiple, resize_shorter_side};
pub use image::RgbImage;
pub use load::{Exif, Limits, PictureHeader, decode_rgb8, load_header, load_rgb8, load_rgb8_with};
pub use palette::{Palette, overlay, palette_png, voc_palette, write_palette_png};
pub use resize::{Filter, resize};
pub use write::{encode_png, write_atomically, write_png};
