//! Values that can be used as a network.

use std::sync::Arc;

use crate::Network;
use crate::zoo::{self, ZooError};

/// A network by value, boxed, shared, or by its name in the zoo.
///
/// ```
/// use atrous_nn::zoo::UNet;
/// use atrous_nn::{IntoNetwork, Network};
///
/// assert_eq!("resnet50".into_network()?.info().classes, 1000);
/// assert_eq!(UNet::SMALL.into_network()?.name(), "UNet");
/// let error = "resnet49".into_network().err().map(|e| e.to_string());
/// assert!(error.is_some_and(|e| e.contains("similar names: ") && e.contains("resnet50")));
/// # Ok::<(), atrous_nn::zoo::ZooError>(())
/// ```
pub trait IntoNetwork {
    /// The network, ready to be shared.
    ///
    /// # Errors
    /// [`ZooError::UnknownModel`] for a name that the zoo does not have, with similar names.
    fn into_network(self) -> Result<Arc<dyn Network>, ZooError>;
}

impl<N: Network + 'static> IntoNetwork for N {
    fn into_network(self) -> Result<Arc<dyn Network>, ZooError> {
        Ok(Arc::new(self))
    }
}

impl IntoNetwork for Arc<dyn Network> {
    fn into_network(self) -> Result<Arc<dyn Network>, ZooError> {
        Ok(self)
    }
}

impl IntoNetwork for Box<dyn Network> {
    fn into_network(self) -> Result<Arc<dyn Network>, ZooError> {
        Ok(self.into())
    }
}

impl IntoNetwork for &str {
    fn into_network(self) -> Result<Arc<dyn Network>, ZooError> {
        zoo::network(self)
    }
}

impl IntoNetwork for String {
    fn into_network(self) -> Result<Arc<dyn Network>, ZooError> {
        zoo::network(&self)
    }
}

impl IntoNetwork for &String {
    fn into_network(self) -> Result<Arc<dyn Network>, ZooError> {
        zoo::network(self)
    }
}
