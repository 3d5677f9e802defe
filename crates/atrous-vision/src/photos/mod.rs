//! Pictures: files, resizing, palettes.

mod batch;
mod fit;
mod header;
mod jpeg;
mod jpeg_header;
mod load;
mod palette;
mod reading;
mod resize;
mod source;
mod stated_size;
mod write;

pub use fit::{Fit, center_crop, pad_bottom_right, pad_to_multiple, resize_shorter_side};
pub use image::RgbImage;
pub use load::{decode_rgb8, load_header, load_rgb8, load_rgb8_with};
pub use palette::{Palette, overlay, palette_png, voc_palette, write_palette_png};
pub use reading::{Exif, Limits, PictureHeader};
pub use resize::{Filter, resize};
pub use stated_size::stated_size;
pub use write::{encode_png, write_atomically, write_png};
