//! Reductions of images, over their outer sides or over channels.

mod axes;
mod channels;
