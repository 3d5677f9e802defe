//! Every kernel of atrous as plain WGSL text.
//!
//! The kernels are written in WESL (WGSL with imports and `@if`), one file each, and listed with their link-time
//! axes in `catalogue.toml`. The build script links every variant of every kernel to plain WGSL. Nothing of WESL is
//! left at run time: this crate is a table of strings, and of each kernel a module with what its texts declare. A dispatch of the kernel
//! `movement/flip` is made by [`movement::flip::call`] out of its axes, constants and bindings, each a struct: one that is missing, or that
//! the text does not declare, does not compile.
//!
//! # Conventions of every kernel
//!
//! - The entry point is `main`; all bindings are storage buffers in `@group(0)`, numbered from 0. The kernels of the family
//!   `interop`, which no plan has, bind textures of a program as well.
//! - Shapes, strides and offsets are `override` constants. For each bound buffer `x` there is an override `X_BASE`,
//!   counted in elements of the buffer's array type, that is added to each index. Kernels that
//!   take a range of the channels of a wider tensor have an `X_STRIDE` too: vec4s from one pixel to the next. Kernels of `interop`,
//!   whose shapes change from run to run, read all this from their first binding, `params`.
//! - An activation is N×H×W×C with channels innermost and padded to a multiple of four: element (n, y, x, c) is lane
//!   `c % 4` of vec4 `((n*H + y)*W + x)*C4 + c/4`. Lanes of the padding are zero, and every kernel keeps them so.
//! - A filter is kh×kw×(Cin/groups)×Cout, both channel axes padded to a multiple of four with zeros, vec4s along
//!   Cout. A bias is padded with zeros.
//! - Elements are f32; with the axis `half` those of images and filters are f16, and all arithmetic still is f32.
//! - With the axis `sized`, which the build adds to a text as it stands, sizes are not constants of the pipeline but words of one more
//!   binding, the last: one pipeline serves all shapes.
//! - The axes x and y of a dispatch grid are one linear index (`helpers/grid`), so that no axis exceeds 65,535.
//! - No atomics, no subgroup operations but those of cooperative matrices, sums in a fixed order: the same input gives the same bits.

mod call;

use std::borrow::Cow;

pub use call::{Argument, Call};

/// How a kernel uses one binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// `var<storage, read>`
    Read,
    /// `var<storage, read_write>`
    ReadWrite,
    /// `texture_2d`
    Texture,
    /// `texture_storage_2d`, written
    StorageTexture,
}

/// One linked variant of one kernel, or a kernel that a program brings along: plain WGSL with entry point `main`.
#[derive(Clone, Debug)]
pub struct Shader {
    /// Family and kernel, such as `"conv/depthwise"`.
    pub name: &'static str,
    /// The value of each link-time axis: the flags that are on, in the order of the catalogue, then `NAME=value` by
    /// name, separated by commas; `""`, `"bias"`, `"bias,ROWS=4"`.
    pub variant: &'static str,
    /// The linked WGSL.
    pub source: Cow<'static, str>,
    /// The access of each binding of `@group(0)`, by index; all of them are storage buffers but in the family `interop`.
    pub bindings: Cow<'static, [Access]>,
    /// The names of the `override` constants that the text declares.
    pub overrides: Cow<'static, [&'static str]>,
    /// With the axis `sized`, the words that the kernel reads from its last binding, filled up to whole vec4s: the sizes that are
    /// overrides without it, by name, with the values they have where nobody sets them.
    pub sizes: &'static [(&'static str, u32)],
}

impl Shader {
    /// Whether the text knows a constant of this name: an override, or a word of its table of sizes.
    pub fn takes(&self, constant: &str) -> bool {
        self.overrides.contains(&constant) || self.sizes.iter().any(|(name, _)| *name == constant)
    }

    /// The text with its bindings declared like this, by index: what is read may be declared as written, for WebGPU allows a buffer
    /// one usage a dispatch, though it be several bindings.
    ///
    /// # Panics
    /// If a binding is not declared, or what is written is to be declared as read.
    pub fn declared(&self, access: &[Access]) -> Cow<'_, str> {
        let mut text = Cow::Borrowed(&*self.source);
        for (i, (have, want)) in self.bindings.iter().zip(access).enumerate().filter(|(_, (have, want))| have != want) {
            assert!(*have == Access::Read && *want == Access::ReadWrite, "{} writes binding {i}", self.name);
            let parts = text.rsplit_once(&format!("@binding({i})"));
            let parts = parts.and_then(|(before, after)| Some((before, after.split_once("<storage, read>")?)));
            let (before, (name, after)) = parts.unwrap_or_else(|| panic!("{} does not declare binding {i}", self.name));
            text = format!("{before}@binding({i}){name}<storage, read_write>{after}").into();
        }
        text
    }
}

include!(concat!(env!("OUT_DIR"), "/interface.rs"));

/// Every variant of every kernel, ordered by name and variant.
pub static SHADERS: &[Shader] = include!(concat!(env!("OUT_DIR"), "/shaders.rs"));

/// Changes whenever the text of a kernel does: a hash of all.
pub const VERSION: &str = env!("ATROUS_KERNELS");

/// The dispatch grid as one linear index.
pub const GRID: &str = include_str!("helpers/grid.wgsl");

/// f16 in words, widened and narrowed.
pub const HALVES: &str = include_str!("helpers/halves.wgsl");

/// Finds a shader by kernel name and variant text; `None` if it is not in the catalogue.
pub fn find(name: &str, variant: &str) -> Option<&'static Shader> {
    let found = SHADERS.binary_search_by(|shader| (shader.name, shader.variant).cmp(&(name, variant)));
    found.ok().map(|index| &SHADERS[index])
}
