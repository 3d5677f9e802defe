//! Which passes run.

/// Which passes run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum PassOptions {
    /// No passes: every node runs as it is.
    None,
    /// The passes that do not change parameters. For graphs whose parameters change, or are shared with graphs that
    /// change them.
    Fuse,
    /// All passes. What depends on parameters alone is computed once, when they are uploaded (see
    /// [`Optimized::source`](crate::passes::Optimized::source)). For inference.
    #[default]
    Fold,
}

impl PassOptions {
    /// These options without the passes that change parameters.
    pub const fn keeping_parameters(self) -> Self {
        match self {
            Self::None => Self::None,
            Self::Fuse | Self::Fold => Self::Fuse,
        }
    }
}
