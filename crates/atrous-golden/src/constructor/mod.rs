//! Networks from the Python call that constructs them in their framework.

mod call;
mod error;

use atrous_graph::Shape;
use atrous_nn::zoo::{
    DeepLabXception65, KerasResNet, KerasXception, ResNet, ResNetEncoder, SegmentationHead, SmpDeepLabV3Plus,
    SmpPspNet, SmpUnet, TorchvisionSegmentation, UNet, Xception65, XceptionPlan,
};
use atrous_nn::{Dilation, DilationRule, Mode, Model, Network};

use crate::TinyCnn;
use call::{Call, Value};

pub use error::ConstructorError;

/// A network and the channels of its images.
type Recipe = (Box<dyn Network>, usize);

/// Builds the network of a constructor call of torchvision, timm, Keras or segmentation-models-pytorch, such as
/// `torchvision.models.resnet18(weights=None)`, for images of shape `N×H×W×C`. The model is named after the function. Arguments that are
/// not given have the framework's defaults. The call must ask for no pretrained weights.
///
/// # Errors
/// [`ConstructorError::Syntax`] for text that is not a call with literal arguments, [`ConstructorError::Unsupported`] for unknown
/// functions or arguments and for images of another number of channels, [`ConstructorError::Graph`] if the images do not fit the network.
pub fn from_constructor(text: &str, image: Shape, mode: Mode) -> Result<Model, ConstructorError> {
    let mut call = Call::parse(text)?;
    let (network, channels) = recipe(&mut call)?;
    call.finish()?;
    if image.c != channels {
        return Err(call.unsupported(format!("its images have {channels} channels, not {}", image.c)));
    }
    Ok(network.build(&call.function, image, mode)?)
}

fn recipe(call: &mut Call) -> Result<Recipe, ConstructorError> {
    let function = call.function.clone();
    let parts: Vec<&str> = function.split('.').collect();
    match parts.as_slice() {
        ["torchvision", "models", "segmentation", name] => torchvision_segmentation(call, name),
        ["torchvision", "models", name] => torchvision(call, name),
        ["timm", "create_model"] => timm(call),
        ["keras", "applications", name] => keras(call, name),
        ["smp" | "segmentation_models_pytorch", name] => smp(call, name),
        ["nets", name] => nets(call, name),
        _ => Err(unknown(call)),
    }
}

fn torchvision(call: &mut Call, name: &str) -> Result<Recipe, ConstructorError> {
    let encoder = resnet(name).ok_or_else(|| unknown(call))?;
    call.require("weights", &Value::None, &Value::None)?;
    let output_stride = match call.take("replace_stride_with_dilation") {
        None | Some(Value::None) => 32,
        Some(Value::List(flags)) => output_stride(call, &flags)?,
        Some(other) => return Err(call.unsupported(format!("replace_stride_with_dilation={other}"))),
    };
    let dilation = Some(Dilation { output_stride, rule: DilationRule::FirstBlockKeeps });
    let classes = call.integer("num_classes", 1000)?;
    Ok((Box::new(ResNet { encoder, dilation, classes }), 3))
}

/// The output stride that follows from torchvision's `replace_stride_with_dilation`: a flag for each of the stages 2, 3 and 4.
fn output_stride(call: &Call, flags: &[Value]) -> Result<usize, ConstructorError> {
    match flags {
        [Value::Bool(false), Value::Bool(false), Value::Bool(false)] => Ok(32),
        [Value::Bool(false), Value::Bool(false), Value::Bool(true)] => Ok(16),
        [Value::Bool(false), Value::Bool(true), Value::Bool(true)] => Ok(8),
        _ => {
            let flags = Value::List(flags.to_vec());
            Err(call.unsupported(format!("replace_stride_with_dilation={flags} is not supported")))
        }
    }
}

fn torchvision_segmentation(call: &mut Call, name: &str) -> Result<Recipe, ConstructorError> {
    let (head, encoder) = match name {
        "deeplabv3_resnet50" => (SegmentationHead::DeepLabV3, ResNetEncoder::RESNET50),
        "deeplabv3_resnet101" => (SegmentationHead::DeepLabV3, ResNetEncoder::RESNET101),
        "fcn_resnet50" => (SegmentationHead::Fcn, ResNetEncoder::RESNET50),
        "fcn_resnet101" => (SegmentationHead::Fcn, ResNetEncoder::RESNET101),
        _ => return Err(unknown(call)),
    };
    call.require("weights", &Value::None, &Value::None)?;
    call.require("weights_backbone", &Value::None, &Value::Text("IMAGENET1K_V1".to_owned()))?;
    let aux = match call.take("aux_loss") {
        None | Some(Value::None) => false,
        Some(Value::Bool(aux)) => aux,
        Some(other) => return Err(call.unsupported(format!("aux_loss must be True or False, got {other}"))),
    };
    let classes = call.integer("num_classes", 21)?;
    Ok((Box::new(TorchvisionSegmentation { aux, classes, ..TorchvisionSegmentation::new(encoder, head) }), 3))
}

fn timm(call: &mut Call) -> Result<Recipe, ConstructorError> {
    call.name_positional(&["model_name"]);
    let name = call.text("model_name", "")?;
    if name != "xception65" {
        return Err(call.unsupported(format!("model_name '{name}' is not known; 'xception65' is")));
    }
    call.require("pretrained", &Value::Bool(false), &Value::Bool(false))?;
    let plan = XceptionPlan::new(call.integer("output_stride", 32)?, 16);
    let classes = call.integer("num_classes", 1000)?;
    Ok((Box::new(Xception65 { plan, classes }), call.integer("in_chans", 3)?))
}

fn keras(call: &mut Call, name: &str) -> Result<Recipe, ConstructorError> {
    call.require("weights", &Value::None, &Value::Text("imagenet".to_owned()))?;
    call.require("classifier_activation", &Value::None, &Value::Text("softmax".to_owned()))?;
    call.require("include_top", &Value::Bool(true), &Value::Bool(true))?;
    let classes = call.integer("classes", 1000)?;
    let network: Box<dyn Network> = match name {
        "ResNet50" => Box::new(KerasResNet { classes, ..KerasResNet::RESNET50 }),
        "ResNet101" => Box::new(KerasResNet { classes, ..KerasResNet::RESNET101 }),
        "ResNet152" => Box::new(KerasResNet { classes, ..KerasResNet::RESNET152 }),
        "Xception" => Box::new(KerasXception { classes }),
        _ => return Err(unknown(call)),
    };
    Ok((network, 3))
}

fn smp(call: &mut Call, name: &str) -> Result<Recipe, ConstructorError> {
    if !["Unet", "DeepLabV3Plus", "PSPNet"].contains(&name) {
        return Err(unknown(call));
    }
    call.require("encoder_weights", &Value::None, &Value::Text("imagenet".to_owned()))?;
    call.require("activation", &Value::None, &Value::None)?;
    let encoder = call.text("encoder_name", "resnet34")?;
    let encoder = resnet(&encoder).ok_or_else(|| {
        call.unsupported(format!("encoder_name '{encoder}' is not known; 'resnet18' to 'resnet152' are"))
    })?;
    let classes = call.integer("classes", 1)?;
    let channels = call.integer("in_channels", 3)?;
    let network: Box<dyn Network> = match name {
        "Unet" => {
            let plain = SmpUnet::new(encoder);
            let decoder_channels = call.array("decoder_channels", plain.decoder_channels)?;
            Box::new(SmpUnet { decoder_channels, classes, ..plain })
        }
        "DeepLabV3Plus" => {
            let plain = SmpDeepLabV3Plus::new(encoder);
            Box::new(SmpDeepLabV3Plus {
                output_stride: call.integer("encoder_output_stride", plain.output_stride)?,
                decoder_channels: call.integer("decoder_channels", plain.decoder_channels)?,
                rates: call.array("decoder_atrous_rates", plain.rates)?,
                classes,
                ..plain
            })
        }
        _ => {
            let plain = SmpPspNet::new(encoder);
            let psp_out_channels = call.integer("psp_out_channels", plain.psp_out_channels)?;
            let dropout = call.number("psp_dropout", 0.2)? as f32;
            Box::new(SmpPspNet { psp_out_channels, dropout, classes, ..plain })
        }
    };
    Ok((network, channels))
}

/// Networks that are in none of these packages: `nets.UNet`, `nets.UNetValid`, `nets.DeepLabXception65`, `nets.TinyCNN`.
fn nets(call: &mut Call, name: &str) -> Result<Recipe, ConstructorError> {
    match name {
        "TinyCNN" => {
            call.name_positional(&["classes"]);
            Ok((Box::new(TinyCnn { classes: call.integer("classes", 10)? }), 3))
        }
        "UNet" | "UNetValid" => {
            call.name_positional(&["cin", "classes", "base"]);
            let plain = if name == "UNet" { UNet::PADDED } else { UNet::VALID };
            let channels = call.integer("cin", plain.info().in_channels)?;
            let classes = call.integer("classes", plain.classes)?;
            let base = call.integer("base", plain.base)?;
            Ok((Box::new(UNet { classes, base, ..plain }), channels))
        }
        "DeepLabXception65" => {
            call.name_positional(&["classes", "output_stride", "rates", "decoder", "separable", "middle"]);
            let plan = XceptionPlan::new(call.integer("output_stride", 16)?, call.integer("middle", 16)?);
            let network = DeepLabXception65 {
                classes: call.integer("classes", 21)?,
                plan,
                rates: call.integers("rates")?,
                decoder: call.boolean("decoder", true)?,
                separable: call.boolean("separable", true)?,
                ..DeepLabXception65::default()
            };
            Ok((Box::new(network), 3))
        }
        _ => Err(unknown(call)),
    }
}

fn resnet(name: &str) -> Option<ResNetEncoder> {
    match name {
        "resnet18" => Some(ResNetEncoder::RESNET18),
        "resnet34" => Some(ResNetEncoder::RESNET34),
        "resnet50" => Some(ResNetEncoder::RESNET50),
        "resnet101" => Some(ResNetEncoder::RESNET101),
        "resnet152" => Some(ResNetEncoder::RESNET152),
        _ => None,
    }
}

fn unknown(call: &Call) -> ConstructorError {
    call.unsupported("the constructor is not known".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        from_constructor(text, Shape::new(1, 64, 64, 3), Mode::Inference).unwrap_err().to_string()
    }

    #[test]
    fn arguments_that_are_not_known_are_refused() {
        let cases = [
            ("torchvision.models.vgg16(weights=None)", "the constructor is not known"),
            ("torchvision.models.resnet18(weights=None, zero_init_residual=True)", "zero_init_residual=True"),
            ("torchvision.models.resnet18(weights='DEFAULT')", "weights must be None, got 'DEFAULT'"),
            ("smp.Unet(classes=2)", "encoder_weights must be None, got 'imagenet'"),
            ("smp.Unet(encoder_weights=None, encoder_name='vgg16')", "encoder_name 'vgg16' is not known"),
            ("keras.applications.ResNet50(weights=None)", "classifier_activation must be None, got 'softmax'"),
            ("nets.UNet(3, 21, 64, 4)", "argument 4 without a name is not supported"),
            ("nets.UNet(cin=1)", "its images have 1 channels, not 3"),
            ("nets.DeepLabXception65(output_stride=4)", "the output stride must be 8, 16 or 32, got 4"),
        ];
        for (text, reason) in cases {
            let error = refusal(text);
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
