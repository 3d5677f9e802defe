//! The frameworks whose names and weight layouts networks have.

/// The framework whose parameter names and weight layouts a network has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Naming {
    /// `layer1.0.conv1.weight`, `bias`, `running_mean`, `running_var`; weights `[out, in, kh, kw]`.
    Torch,
    /// `conv1/kernel`, `bias`, `gamma`, `beta`, `moving_mean`, `moving_variance`; weights `[kh, kw, in, out]`.
    Keras,
}
