//! Every linked variant can be translated for every native interface: SPIR-V for Vulkan, HLSL for Direct3D 12, MSL for Metal. Those with
//! cooperative matrices only for SPIR-V and MSL: WGSL has them as an extension of naga, which writes them for no other interface
//! (<https://github.com/gfx-rs/wgpu/blob/v30.0.1/naga/src/back/hlsl/mod.rs#L827>), so that browsers cannot read the text and adapters of
//! Direct3D 12 and OpenGL list none.

use atrous_shaders::{SHADERS, Shader};
use naga::back::pipeline_constants::process_overrides;
use naga::back::{PipelineConstants, hlsl, msl, spv};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{Module, ShaderStage};

const STAGE: ShaderStage = ShaderStage::Compute;

/// The length of a module's translation.
type Translation = fn(&Module, &ModuleInfo) -> Result<usize, String>;

fn is_cooperative(shader: &Shader) -> bool {
    shader.source.contains("enable wgpu_cooperative_matrix;")
}

/// The module of a shader whose overrides all have their default, or all are `value`.
fn specialised(shader: &Shader, value: Option<f64>) -> Result<(Module, ModuleInfo), String> {
    let module = naga::front::wgsl::parse_str(&shader.source).map_err(|e| e.to_string())?;
    let mut allowed = Capabilities::SHADER_FLOAT16_IN_FLOAT32;
    if is_cooperative(shader) {
        allowed |= Capabilities::COOPERATIVE_MATRIX | Capabilities::SUBGROUP | Capabilities::SHADER_FLOAT16;
    }
    if shader.source.contains("subgroupBroadcast(") {
        allowed |= Capabilities::SUBGROUP;
    }
    let info = Validator::new(ValidationFlags::all(), allowed).validate(&module).map_err(|e| e.to_string())?;
    let mut constants = PipelineConstants::default();
    constants.extend(value.iter().flat_map(|v| shader.overrides.iter().map(|name| (name.to_string(), *v))));
    let (module, info) =
        process_overrides(&module, &info, Some((STAGE, "main")), &constants).map_err(|e| e.to_string())?;
    Ok((module.into_owned(), info.into_owned()))
}

fn to_spirv(module: &Module, info: &ModuleInfo) -> Result<usize, String> {
    let pipeline = spv::PipelineOptions { shader_stage: STAGE, entry_point: "main".to_owned() };
    spv::write_vec(module, info, &spv::Options::default(), Some(&pipeline)).map(|w| w.len()).map_err(|e| e.to_string())
}

fn to_hlsl(module: &Module, info: &ModuleInfo) -> Result<usize, String> {
    let options = hlsl::Options { special_constants_binding: Some(hlsl::BindTarget::default()), ..Default::default() };
    let pipeline = hlsl::PipelineOptions { entry_point: Some((STAGE, "main".to_owned())) };
    let mut text = String::new();
    let written = hlsl::Writer::new(&mut text, &options, &pipeline).write(module, info, None);
    let entry = written.map_err(|e| e.to_string())?.entry_point_names;
    entry.into_iter().collect::<Result<Vec<_>, _>>().map_err(|e| e.to_string())?;
    Ok(text.len())
}

fn to_msl(module: &Module, info: &ModuleInfo) -> Result<usize, String> {
    let pipeline = msl::PipelineOptions { entry_point: Some((STAGE, "main".to_owned())), ..Default::default() };
    // The version from which Metal has `simdgroup_matrix`, and wgpu offers cooperative matrices.
    let options = msl::Options { lang_version: (2, 3), ..msl::Options::default() };
    let (text, written) = msl::write_string(module, info, &options, &pipeline).map_err(|e| e.to_string())?;
    written.entry_point_names.into_iter().collect::<Result<Vec<_>, _>>().map_err(|e| e.to_string())?;
    Ok(text.len())
}

#[test]
fn every_variant_can_be_translated_for_every_interface() {
    for shader in SHADERS {
        for value in [None, Some(2.0)] {
            let what = format!("{} [{}] with {value:?}", shader.name, shader.variant);
            let (module, info) = specialised(shader, value).unwrap_or_else(|e| panic!("{what}: {e}"));
            let interfaces: [(&str, Translation); 3] = [("SPIR-V", to_spirv), ("MSL", to_msl), ("HLSL", to_hlsl)];
            for (interface, to) in &interfaces[..if is_cooperative(shader) { 2 } else { 3 }] {
                assert!(to(&module, &info).unwrap_or_else(|e| panic!("{what} as {interface}: {e}")) > 0);
            }
        }
    }
}
