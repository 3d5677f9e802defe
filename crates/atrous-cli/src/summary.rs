//! `atrous summary`.

use atrous::Result;

use crate::args::Network;

/// The network's table of layers.
pub(crate) fn summary(network: &Network) -> Result<String> {
    Ok(network.build()?.summary().to_string())
}
