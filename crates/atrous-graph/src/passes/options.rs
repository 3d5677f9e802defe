//! Which passes run.

/// Which passes run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PassOptions {
    /// None: every node runs as it stands.
    None,
    /// Those that read parameters as they are. For graphs whose parameters change, or are shared with graphs that change them.
    Fuse,
    /// All: what depends on parameters alone is computed once, when they are uploaded (see
    /// [`Optimized::source`](crate::passes::Optimized::source)). For inference.
    #[default]
    Fold,
}

impl PassOptions {
    /// The same without those that change parameters.
    pub const fn keeping_parameters(self) -> Self {
        match self {
            Self::None => Self::None,
            Self::Fuse | Self::Fold => Self::Fuse,
        }
    }
}
