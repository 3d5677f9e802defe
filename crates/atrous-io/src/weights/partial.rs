//! Weights of a file for a part of a model, for fine-tuning.

use std::fmt;

use atrous_graph::{ParameterSource, SourceError, TensorType};
use atrous_nn::{Model, ParameterKind};

use super::{BoundWeights, Mismatch, WeightFile, WeightsError};

/// The weights of a file, and those of another source for parameters that the file lacks.
pub struct PartialWeights {
    bound: BoundWeights,
    fallback: Box<dyn ParameterSource + Send + Sync>,
    mismatch: Mismatch,
}

impl WeightFile {
    /// Finds the parameters of `model` in the file, by their names without `prefix`: `""` loads a whole network, and `"encoder."` a
    /// backbone. Parameters that the file lacks or has in another shape (a head for other classes, a first layer for other
    /// channels) come from `fallback`, such as [`atrous_nn::Init`]; [`PartialWeights::mismatch`] lists them.
    ///
    /// # Errors
    /// [`WeightsError::NothingFits`] if the file does not have a single weight of a convolution or linear layer in the right
    /// shape, [`WeightsError::Mismatch`] if a tensor's element type cannot be read, [`WeightsError::Values`] as [`WeightFile::bind`].
    pub fn bind_partial(
        &self,
        model: &Model,
        prefix: &str,
        fallback: impl ParameterSource + Send + Sync + 'static,
    ) -> Result<PartialWeights, WeightsError> {
        let (bound, mismatch) = self.compare(model, prefix);
        let names = || (self.shown.clone(), model.name.clone());
        if !mismatch.dtypes.is_empty() {
            let ((weights, model), mismatch) = (names(), Box::new(mismatch));
            return Err(WeightsError::Mismatch { weights, model, classes: None, mismatch });
        }
        let weights = model.parameters.iter().filter(|p| matches!(p.kind, ParameterKind::Weight { .. }));
        if !weights.clone().any(|p| bound.has(&p.name)) {
            let ((weights, model), mismatch) = (names(), Box::new(mismatch));
            return Err(WeightsError::NothingFits { weights, model, prefix: prefix.to_owned(), mismatch });
        }
        self.check_values(model, &bound)?;
        Ok(PartialWeights { bound, fallback: Box::new(fallback), mismatch })
    }

    /// Finds exactly the parameters of `model` under `prefix`, such as `"teacher."`, by their names without it: the file of a network
    /// that is a part of this one ([`Builder::network`](atrous_nn::Builder::network)). All others come from `rest`, such as another
    /// part's file.
    ///
    /// # Errors
    /// [`WeightsError::Mismatch`] with all parameters under the prefix that are missing or differ in shape or element type, and all
    /// tensors that the part does not have; [`WeightsError::NothingFits`] if no weight of the model is under the prefix;
    /// [`WeightsError::Values`] as [`WeightFile::bind`].
    pub fn bind_part(
        &self,
        model: &Model,
        prefix: &str,
        rest: impl ParameterSource + Send + Sync + 'static,
    ) -> Result<PartialWeights, WeightsError> {
        let (bound, mut mismatch) = self.compare(model, prefix);
        mismatch.missing.retain(|name| name.starts_with(prefix));
        let names = || (self.shown.clone(), model.name.clone());
        if !model.parameters.iter().any(|p| p.name.starts_with(prefix)) {
            let ((weights, model), mismatch) = (names(), Box::new(mismatch));
            return Err(WeightsError::NothingFits { weights, model, prefix: prefix.to_owned(), mismatch });
        }
        if !mismatch.is_empty() {
            let ((weights, model), mismatch) = (names(), Box::new(mismatch));
            return Err(WeightsError::Mismatch { weights, model, classes: None, mismatch });
        }
        self.check_values(model, &bound)?;
        Ok(PartialWeights { bound, fallback: Box::new(rest), mismatch })
    }
}

impl PartialWeights {
    /// The differences between the file and the model. Missing parameters and those of another shape come from the fallback;
    /// unexpected tensors are not used.
    pub const fn mismatch(&self) -> &Mismatch {
        &self.mismatch
    }

    /// Whether a parameter's values come from the file.
    pub fn is_loaded(&self, name: &str) -> bool {
        self.bound.has(name)
    }

    /// Number of parameters that come from the file.
    pub fn loaded(&self) -> usize {
        self.bound.len()
    }
}

impl ParameterSource for PartialWeights {
    fn write(&self, name: &str, ty: TensorType, device: &mut [f32]) -> Result<(), SourceError> {
        let source: &dyn ParameterSource = if self.is_loaded(name) { &self.bound } else { &*self.fallback };
        source.write(name, ty, device)
    }
}

impl fmt::Debug for PartialWeights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PartialWeights").field("bound", &self.bound).field("mismatch", &self.mismatch).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use atrous_graph::Shape;
    use atrous_nn::zoo::{self, BuildOptions};
    use atrous_nn::{Builder, Init, Mode, Naming};

    use super::*;
    use crate::weights::{Shapes, save_parameters};

    fn build(name: &str, classes: usize) -> Model {
        let options = BuildOptions { classes: Some(classes), input: Some((1, 32, 32)), ..BuildOptions::default() };
        zoo::build(name, &options).unwrap()
    }

    fn values(model: &Model, name: &str, source: &dyn ParameterSource) -> Vec<f32> {
        let spec = model.parameter(name).unwrap();
        let ty = model.graph.node(spec.node).ty;
        let mut device = vec![f32::NAN; ty.padded_len()];
        source.write(name, ty, &mut device).unwrap();
        spec.to_stored_order(ty.shape, &ty.unpack(&device)).unwrap()
    }

    /// A file with what seed 1 makes of the network.
    fn saved(model: &Model) -> (tempfile::TempDir, WeightFile) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.safetensors");
        save_parameters(&path, model, &Init::new(model, 1)).unwrap();
        let file = WeightFile::open(&path).unwrap();
        (folder, file)
    }

    #[test]
    fn a_replaced_head_is_initialised_and_the_rest_is_loaded() {
        let (pretrained, model) = (build("small_resnet", 10), build("small_resnet", 3));
        let (_folder, file) = saved(&pretrained);
        assert!(matches!(file.bind(&model), Err(WeightsError::Mismatch { .. })));
        let init = Init::new(&model, 2);
        let partial = file.bind_partial(&model, "", Init::new(&model, 2)).unwrap();
        let shapes = [("fc.weight", vec![3, 64], vec![10, 64]), ("fc.bias", vec![3], vec![10])];
        let shapes = shapes.map(|(name, needs, got)| Shapes { name: name.to_owned(), needs, got });
        assert_eq!(*partial.mismatch(), Mismatch { shapes: shapes.to_vec(), ..Mismatch::default() });
        assert_eq!(partial.loaded(), model.parameters.len() - 2);
        let before = Init::new(&pretrained, 1);
        for p in &model.parameters {
            let wanted = if p.name.starts_with("fc") { &init } else { &before };
            assert_eq!(values(&model, &p.name, &partial), wanted.values(&p.name).unwrap(), "{}", p.name);
        }
    }

    #[test]
    fn a_classifier_becomes_the_backbone_of_another_network() {
        let (pretrained, model) = (build("resnet18", 5), build("smp_unet_resnet18", 2));
        let (_folder, file) = saved(&pretrained);
        let partial = file.bind_partial(&model, "encoder.", Init::new(&model, 2)).unwrap();
        assert_eq!(partial.mismatch().unexpected, ["fc.weight", "fc.bias"]);
        assert!(partial.mismatch().missing.iter().all(|name| !name.starts_with("encoder.")));
        assert_eq!(partial.loaded(), pretrained.parameters.len() - 2);
        let wanted = Init::new(&pretrained, 1).values("layer2.0.conv1.weight").unwrap();
        assert_eq!(values(&model, "encoder.layer2.0.conv1.weight", &partial), wanted);
        let error = file.bind_partial(&model, "", Init::new(&model, 2)).unwrap_err().to_string();
        assert!(error.contains(".safetensors: no weight fits smp_unet_resnet18: "), "{error}");
    }

    #[test]
    fn networks_within_one_are_bound_by_their_prefixes() {
        let networks = ["small_resnet", "small_xception"].map(|name| (name, zoo::network(name).unwrap()));
        let image = Shape::new(1, 16, 16, 3);
        let mut b = Builder::new(Naming::Torch, Mode::Training);
        let x = b.input("input", image).unwrap();
        let [teacher, student] = networks.clone().map(|(name, n)| b.network(name, &*n, x).unwrap().outputs[0].node);
        let model = b.finish("both", x, &[("out", student), ("teacher", teacher)]);
        let alone = networks.map(|(_, network)| network.build("alone", image, Mode::Inference).unwrap());
        let files = alone.each_ref().map(saved);
        let resnet = files[0].1.bind_part(&model, "small_resnet.", HashMap::new()).unwrap();
        let both = files[1].1.bind_part(&model, "small_xception.", resnet).unwrap();
        for (part, prefix) in alone.iter().zip(["small_resnet.", "small_xception."]) {
            for name in part.parameters.iter().map(|p| &p.name) {
                let wanted = Init::new(part, 1).values(name).unwrap();
                assert_eq!(values(&model, &format!("{prefix}{name}"), &both), wanted, "{prefix}{name}");
            }
        }
        let error = files[1].1.bind_part(&model, "small_resnet.", HashMap::new()).unwrap_err();
        let WeightsError::Mismatch { mismatch, .. } = error else { panic!("{error}") };
        assert!(mismatch.missing.iter().all(|name| name.starts_with("small_resnet.")), "{mismatch:?}");
        assert_eq!((mismatch.missing.len(), mismatch.unexpected.len()), (alone[0].parameters.len(), 65));
        let error = files[0].1.bind_part(&model, "teacher.", HashMap::new()).unwrap_err();
        assert!(matches!(error, WeightsError::NothingFits { .. }), "{error}");
    }

    #[test]
    fn files_of_other_networks_are_refused() {
        let (_folder, file) = saved(&build("small_xception", 10));
        let model = build("small_resnet", 10);
        let error = file.bind_partial(&model, "encoder.", Init::new(&model, 0)).unwrap_err();
        assert!(matches!(error, WeightsError::NothingFits { .. }), "{error}");
        let text = format!(
            ".safetensors: no weight under \"encoder.\" fits small_resnet: {} missing, 65 unexpected",
            model.parameters.len()
        );
        assert!(error.to_string().contains(&text), "{error}");
    }
}
