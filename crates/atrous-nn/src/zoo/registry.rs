//! Networks by name.

use std::sync::Arc;

use atrous_graph::{GraphError, NodeId, Shape};

use super::{
    BuildOptions, DeepLabXception65, KerasResNet, KerasXception, ResNet, ResNetEncoder, SegmentationHead, SmallResNet,
    SmallXception, SmpDeepLabV3Plus, SmpPspNet, SmpUnet, TorchvisionSegmentation, UNet, Xception65, XceptionPlan,
    ZooError,
};
use crate::{Builder, Built, Info, Model, Naming, Network, select};

type Entry = (&'static str, fn() -> Box<dyn Network>);

const NETWORKS: &[Entry] = &[
    ("resnet18", || Box::new(ResNet::new(ResNetEncoder::RESNET18))),
    ("resnet34", || Box::new(ResNet::new(ResNetEncoder::RESNET34))),
    ("resnet50", || Box::new(ResNet::new(ResNetEncoder::RESNET50))),
    ("resnet101", || Box::new(ResNet::new(ResNetEncoder::RESNET101))),
    ("resnet152", || Box::new(ResNet::new(ResNetEncoder::RESNET152))),
    ("keras_resnet50", || Box::new(KerasResNet::RESNET50)),
    ("keras_resnet101", || Box::new(KerasResNet::RESNET101)),
    ("keras_resnet152", || Box::new(KerasResNet::RESNET152)),
    ("keras_xception", || Box::new(KerasXception::default())),
    ("xception65", || Box::new(Xception65::default())),
    ("small_resnet", || Box::new(SmallResNet::default())),
    ("small_xception", || Box::new(SmallXception::default())),
    ("unet", || Box::new(UNet::PADDED)),
    ("unet_valid", || Box::new(UNet::VALID)),
    ("small_unet", || Box::new(UNet::SMALL)),
    ("deeplabv3plus_xception65", || Box::new(DeepLabXception65::default())),
    ("deeplabv3plus_xception65_os8", || {
        Box::new(DeepLabXception65 { plan: XceptionPlan::new(8, 16), ..DeepLabXception65::default() })
    }),
    ("small_deeplabv3plus", || Box::new(DeepLabXception65::small())),
    ("deeplabv3_resnet50", || {
        Box::new(TorchvisionSegmentation::new(ResNetEncoder::RESNET50, SegmentationHead::DeepLabV3))
    }),
    ("deeplabv3_resnet101", || {
        Box::new(TorchvisionSegmentation::new(ResNetEncoder::RESNET101, SegmentationHead::DeepLabV3))
    }),
    ("fcn_resnet50", || Box::new(TorchvisionSegmentation::new(ResNetEncoder::RESNET50, SegmentationHead::Fcn))),
    ("fcn_resnet101", || Box::new(TorchvisionSegmentation::new(ResNetEncoder::RESNET101, SegmentationHead::Fcn))),
    ("smp_unet_resnet18", || Box::new(SmpUnet::new(ResNetEncoder::RESNET18))),
    ("smp_unet_resnet34", || Box::new(SmpUnet::new(ResNetEncoder::RESNET34))),
    ("smp_unet_resnet50", || Box::new(SmpUnet::new(ResNetEncoder::RESNET50))),
    ("smp_unet_resnet101", || Box::new(SmpUnet::new(ResNetEncoder::RESNET101))),
    ("smp_unet_resnet152", || Box::new(SmpUnet::new(ResNetEncoder::RESNET152))),
    ("smp_deeplabv3plus_resnet18", || Box::new(SmpDeepLabV3Plus::new(ResNetEncoder::RESNET18))),
    ("smp_deeplabv3plus_resnet34", || Box::new(SmpDeepLabV3Plus::new(ResNetEncoder::RESNET34))),
    ("smp_deeplabv3plus_resnet50", || Box::new(SmpDeepLabV3Plus::new(ResNetEncoder::RESNET50))),
    ("smp_deeplabv3plus_resnet101", || Box::new(SmpDeepLabV3Plus::new(ResNetEncoder::RESNET101))),
    ("smp_deeplabv3plus_resnet152", || Box::new(SmpDeepLabV3Plus::new(ResNetEncoder::RESNET152))),
    ("smp_pspnet_resnet18", || Box::new(SmpPspNet::new(ResNetEncoder::RESNET18))),
    ("smp_pspnet_resnet34", || Box::new(SmpPspNet::new(ResNetEncoder::RESNET34))),
    ("smp_pspnet_resnet50", || Box::new(SmpPspNet::new(ResNetEncoder::RESNET50))),
    ("smp_pspnet_resnet101", || Box::new(SmpPspNet::new(ResNetEncoder::RESNET101))),
    ("smp_pspnet_resnet152", || Box::new(SmpPspNet::new(ResNetEncoder::RESNET152))),
];

/// The names that [`network`] and [`build`] know.
pub fn names() -> impl ExactSizeIterator<Item = &'static str> {
    NETWORKS.iter().map(|(name, _)| *name)
}

/// The configuration of this name; [`Network::info`] has its defaults.
///
/// # Errors
/// [`ZooError::UnknownModel`], with similar names.
pub fn network(name: &str) -> Result<Arc<dyn Network>, ZooError> {
    match NETWORKS.iter().find(|(known, _)| *known == name) {
        Some((name, make)) => Ok(Arc::new(Named { name, network: make().into() })),
        None => Err(ZooError::UnknownModel { name: name.to_owned(), similar: similar(name) }),
    }
}

/// Builds the network of this name.
///
/// # Errors
/// [`ZooError::UnknownModel`], or [`ZooError::Graph`] if the options do not fit the network.
pub fn build(name: &str, options: &BuildOptions) -> Result<Model, ZooError> {
    let network = network(name)?;
    let info = network.info();
    let (n, h, w) = options.input.unwrap_or((1, info.size[0], info.size[1]));
    let channels = options.in_channels.unwrap_or(info.in_channels);
    let network = match options.classes {
        Some(classes) => network.with_classes(classes)?,
        None => network,
    };
    Ok(network.build(name, Shape::new(n, h, w, channels), options.mode)?)
}

/// A configuration under its name in the zoo.
struct Named {
    name: &'static str,
    network: Arc<dyn Network>,
}

impl Network for Named {
    fn info(&self) -> Info {
        self.network.info()
    }

    fn build_into(&self, b: &mut Builder, image: NodeId) -> Result<Built, GraphError> {
        self.network.build_into(b, image)
    }

    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn naming(&self) -> Naming {
        self.network.naming()
    }

    fn with_classes(&self, classes: usize) -> Result<Arc<dyn Network>, GraphError> {
        if classes == 0 {
            let reason = "the number of classes must be at least 1, got 0".to_owned();
            return Err(GraphError::Invalid { op: "network", node: self.name(), reason });
        }
        Ok(Arc::new(Self { name: self.name, network: self.network.with_classes(classes)? }))
    }
}

/// The names closest to this one.
fn similar(name: &str) -> String {
    select::closest(name, &names().collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_names_are_answered_with_similar_ones() {
        let error = build("resnet5O", &BuildOptions::default()).unwrap_err().to_string();
        assert!(error.starts_with("no network is named \"resnet5O\"; similar names: resnet50, "), "{error}");
        assert!(similar("DeepLab").starts_with("deeplabv3_resnet50, "), "{}", similar("DeepLab"));
    }
}
