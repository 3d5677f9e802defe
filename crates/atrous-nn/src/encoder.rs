//! Encoders: the convolutional part of networks, on which decoders and heads are built.

use std::fmt::Debug;
use std::sync::Arc;

use atrous_graph::{GraphError, NodeId};

use crate::{Builder, Feature};

/// The convolutional part of a network: stages that each make a smaller feature map. Decoders such as
/// [`SmpUnet`](crate::zoo::SmpUnet) take any encoder.
///
/// ```
/// use atrous_graph::Shape;
/// use atrous_nn::zoo::KerasResNet;
/// use atrous_nn::{Builder, Dilation, DilationRule, Encoder, Mode, Naming};
///
/// let mut b = Builder::new(Naming::Torch, Mode::Inference);
/// let x = b.input("input", Shape::new(1, 64, 64, 3))?;
/// let dilation = Dilation { output_stride: 16, rule: DilationRule::WholeStage };
/// let features = b.scope("body", |b| KerasResNet::RESNET50.features(b, x, Some(dilation)))?;
/// let strides: Vec<usize> = features.iter().map(|f| f.stride).collect();
/// assert_eq!(strides, [2, 4, 8, 16, 16]);
/// assert_eq!(b.shape(features[4].node), Shape::new(1, 4, 4, 2048));
/// # Ok::<(), atrous_graph::GraphError>(())
/// ```
pub trait Encoder: Debug + Send + Sync {
    /// Pixels of the image per pixel of each stage's result, such as 2, 4, 8, 16, 32. Each is a multiple of the one before.
    fn strides(&self) -> Vec<usize>;

    /// Adds a stage that reads the previous one's result; the first reads the image.
    ///
    /// # Errors
    /// For images that are too small, contradictory attributes, and dilations the stage cannot have.
    fn stage(&self, b: &mut Builder, x: NodeId, stage: Stage) -> Result<NodeId, GraphError>;

    /// How decoders dilate the encoder if they have no rule of their own.
    fn rule(&self) -> DilationRule {
        DilationRule::FirstBlockKeeps
    }

    /// Adds all stages. The features are the stages' results, finest first.
    ///
    /// # Errors
    /// Those of [`Encoder::stage`], and for an output stride that is not one of the last three stages'.
    fn features(&self, b: &mut Builder, image: NodeId, dilation: Option<Dilation>) -> Result<Vec<Feature>, GraphError> {
        let stages = stages(b, &self.strides(), dilation)?;
        let mut features = Vec::with_capacity(stages.len());
        let mut node = image;
        for stage in stages {
            node = self.stage(b, node, stage)?;
            features.push(Feature { stride: stage.stride, node });
        }
        Ok(features)
    }

    /// Adds the stages up to the first whose stride is at least `stride`. The parameters of the others are recorded as unused, so that
    /// weight files of the whole encoder can be loaded.
    ///
    /// # Errors
    /// Those of [`Encoder::stage`].
    fn features_until(&self, b: &mut Builder, image: NodeId, stride: usize) -> Result<Vec<Feature>, GraphError> {
        let stages = stages(b, &self.strides(), None)?;
        let used = stages.iter().position(|stage| stage.stride >= stride).map_or(stages.len(), |last| last + 1);
        let mut features = Vec::with_capacity(used);
        let mut node = image;
        for stage in &stages[..used] {
            node = self.stage(b, node, *stage)?;
            features.push(Feature { stride: stage.stride, node });
        }
        if used < stages.len() {
            let behind = |b: &mut Builder, x| stages[used..].iter().try_fold(x, |x, stage| self.stage(b, x, *stage));
            b.unused_layers(b.shape(node), behind)?;
        }
        Ok(features)
    }
}

impl<E: Encoder + ?Sized> Encoder for Arc<E> {
    fn strides(&self) -> Vec<usize> {
        (**self).strides()
    }

    fn stage(&self, b: &mut Builder, x: NodeId, stage: Stage) -> Result<NodeId, GraphError> {
        (**self).stage(b, x, stage)
    }

    fn rule(&self) -> DilationRule {
        (**self).rule()
    }
}

impl Stage {
    /// An error of this stage: the encoder has no stage of its number.
    pub(crate) fn unknown(self, b: &Builder) -> GraphError {
        b.invalid("encoder", "", format!("there is no stage {}", self.number))
    }
}

/// The strides and dilations of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stage {
    /// Number of the stage, counted from 0.
    pub number: usize,
    /// Pixels of the image per pixel of the result.
    pub stride: usize,
    /// Stride of the stage's first block.
    pub step: usize,
    /// Dilation of its first block.
    pub first: usize,
    /// Dilation of its other blocks.
    pub rest: usize,
}

/// Dilations instead of the last stages' strides, so that feature maps stay larger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Dilation {
    /// Pixels of the image per pixel of the last map.
    pub output_stride: usize,
    /// Which blocks are dilated.
    pub rule: DilationRule,
}

/// The dilation of a stage whose stride is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DilationRule {
    /// torchvision's `replace_stride_with_dilation`: the first block has the dilation of the previous stage.
    FirstBlockKeeps,
    /// segmentation-models-pytorch: all blocks of the stage are dilated.
    WholeStage,
}

/// The stages of an encoder with these strides.
pub(crate) fn stages(b: &Builder, strides: &[usize], dilation: Option<Dilation>) -> Result<Vec<Stage>, GraphError> {
    let mut before = 1;
    if strides.is_empty() || !strides.iter().all(|s| *s > 0 && s.is_multiple_of(std::mem::replace(&mut before, *s))) {
        let reason = format!("each stage's stride must be a multiple of the one before, got {strides:?}");
        return Err(b.invalid("encoder", "", reason));
    }
    let last = before;
    let (output_stride, rule) = match dilation {
        Some(dilation) => (dilation.output_stride, dilation.rule),
        None => (last, DilationRule::FirstBlockKeeps),
    };
    let possible = &strides[strides.len().saturating_sub(3)..];
    if !possible.contains(&output_stride) {
        let possible = possible.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let possible =
            possible.rsplit_once(", ").map_or(possible.clone(), |(first, last)| format!("{first} or {last}"));
        return Err(b.invalid("encoder", "", format!("the output stride must be {possible}, got {output_stride}")));
    }
    let (mut before, mut dilated) = (1, 1);
    let stage = |(number, natural): (usize, &usize)| {
        let stride = (*natural).min(output_stride);
        let rest = natural / stride;
        let first = if rule == DilationRule::WholeStage { rest } else { dilated };
        let stage = Stage { number, stride, step: stride / before, first, rest };
        (before, dilated) = (stride, rest);
        stage
    };
    Ok(strides.iter().enumerate().map(stage).collect())
}
