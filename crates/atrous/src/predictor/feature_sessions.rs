//! Sessions that return intermediate activations.

use atrous_gpu::SessionCache;

/// Sessions whose outputs are the nodes of these names.
#[derive(Debug)]
pub(super) struct FeatureSessions {
    pub(super) names: Vec<String>,
    pub(super) sessions: SessionCache,
}
