//! Every linked variant is valid WGSL within WebGPU's default limits, and the catalogue's table tells the truth.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use atrous_shaders::{Access, SHADERS, Shader, find};
use naga::back::PipelineConstants;
use naga::back::pipeline_constants::process_overrides;
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, ImageClass, Module, Scalar, ShaderStage, StorageAccess, TypeInner};

/// WebGPU's default limits.
const MAX_STORAGE_BUFFERS: usize = 8;
const MAX_WORKGROUP_BYTES: u32 = 16 * 1024;
const MAX_INVOCATIONS: u32 = 256;

fn validate(what: &str, source: &str) -> (Module, ModuleInfo) {
    let module = naga::front::wgsl::parse_str(source)
        .unwrap_or_else(|e| panic!("{what}:\n{}\n{source}", e.emit_to_string(source)));
    let info = Validator::new(ValidationFlags::all(), capabilities(source))
        .validate(&module)
        .unwrap_or_else(|e| panic!("{what}:\n{}\n{source}", e.emit_to_string(source)));
    (module, info)
}

/// What a text may use of what not every adapter can: f16 in words, where it is stored so; cooperative matrices, the number of a
/// subgroup and f16 by itself, where it enables them; subgroups, where it broadcasts in them.
fn capabilities(source: &str) -> Capabilities {
    let mut allowed = Capabilities::empty();
    if source.contains("fn to_halves") || source.contains("fn from_halves") || source.starts_with("// Four f16") {
        allowed |= Capabilities::SHADER_FLOAT16_IN_FLOAT32;
    }
    if source.contains("enable f16;") {
        allowed |= Capabilities::SHADER_FLOAT16;
    }
    if source.contains("enable wgpu_cooperative_matrix;") {
        allowed |= Capabilities::COOPERATIVE_MATRIX | Capabilities::SUBGROUP;
    }
    if source.contains("subgroupBroadcast(") {
        allowed |= Capabilities::SUBGROUP;
    }
    allowed
}

fn title(shader: &Shader) -> String {
    format!("{} [{}]", shader.name, shader.variant)
}

/// The accesses by binding index, as naga reads them from the text.
fn bindings_of(module: &Module) -> Vec<Access> {
    let mut found: Vec<_> = module
        .global_variables
        .iter()
        .filter_map(|(_, variable)| {
            let at = variable.binding?;
            assert_eq!(at.group, 0);
            let access = match (variable.space, &module.types[variable.ty].inner) {
                (AddressSpace::Storage { access }, _) if access.contains(StorageAccess::STORE) => Access::ReadWrite,
                (AddressSpace::Storage { .. }, _) => Access::Read,
                (_, TypeInner::Image { class: ImageClass::Storage { .. }, .. }) => Access::StorageTexture,
                (_, TypeInner::Image { .. }) => Access::Texture,
                (space, _) => panic!("binding {} is of the address space {space:?}", at.binding),
            };
            Some((at.binding, access))
        })
        .collect();
    found.sort_by_key(|(binding, _)| *binding);
    assert!(found.iter().enumerate().all(|(i, (binding, _))| i == *binding as usize));
    found.into_iter().map(|(_, access)| access).collect()
}

#[test]
fn every_variant_is_valid_and_described_by_the_table() {
    assert!(!SHADERS.is_empty());
    for shader in SHADERS {
        let (module, info) = validate(&title(shader), &shader.source);
        assert_eq!(bindings_of(&module), *shader.bindings, "{}", title(shader));
        let textures = shader.bindings.iter().filter(|access| is_texture(**access)).count();
        assert!(shader.bindings.len() - textures <= MAX_STORAGE_BUFFERS, "{}", title(shader));
        assert!(textures == 0 || is_interop(shader), "{} binds textures", title(shader));

        let names = |list: Vec<String>| list.into_iter().collect::<BTreeSet<_>>();
        let declared = module.overrides.iter().filter_map(|(_, o)| o.name.clone()).collect();
        let listed = shader.overrides.iter().map(|s| s.to_string()).collect();
        assert_eq!(names(declared), names(listed), "{}", title(shader));
        let bound = module.global_variables.iter().filter(|(_, v)| v.binding.is_some());
        for (_, variable) in bound.filter(|_| !is_interop(shader)) {
            let name = variable.name.as_deref().unwrap_or("");
            let base = format!("{}_BASE", name.to_uppercase());
            assert!(shader.takes(&base) || (sized(shader) && name == "sizes"), "{} has no {base}", title(shader));
        }

        assert_eq!(module.entry_points.len(), 1, "{}", title(shader));
        let entry = &module.entry_points[0];
        assert_eq!((&*entry.name, entry.stage), ("main", ShaderStage::Compute));

        let (module, _) = process_overrides(&module, &info, None, &PipelineConstants::default())
            .unwrap_or_else(|e| panic!("{}: {e}", title(shader)));
        let invocations: u32 = module.entry_points[0].workgroup_size.iter().product();
        assert!(invocations <= MAX_INVOCATIONS, "{}: {invocations}", title(shader));
        let workgroup = module.global_variables.iter().filter(|(_, v)| v.space == AddressSpace::WorkGroup);
        let bytes: u32 = workgroup.map(|(_, v)| module.types[v.ty].inner.size(module.to_ctx())).sum();
        assert!(bytes <= MAX_WORKGROUP_BYTES, "{}: {bytes} bytes", title(shader));
    }
}

/// Whether a kernel binds textures, and reads sizes and positions from its first binding.
fn is_interop(shader: &Shader) -> bool {
    shader.name.starts_with("interop/")
}

fn is_texture(access: Access) -> bool {
    matches!(access, Access::Texture | Access::StorageTexture)
}

/// Whether a variant reads its sizes from a table.
fn sized(shader: &Shader) -> bool {
    shader.variant.split(',').any(|flag| flag == "sized")
}

/// A text that reads its sizes from a table is that with constants, word by word in its order, and what chooses code stays constant.
#[test]
fn tables_hold_what_are_constants_elsewhere() {
    assert!(SHADERS.iter().filter(|shader| sized(shader)).count() > 100);
    for shader in SHADERS {
        assert_eq!(sized(shader), !shader.sizes.is_empty(), "{}", title(shader));
        if shader.sizes.is_empty() {
            continue;
        }
        let flags: Vec<&str> = shader.variant.split(',').filter(|flag| *flag != "sized").collect();
        let constant = find(shader.name, &flags.join(",")).expect("the same with constants");
        let names: BTreeSet<_> = shader.overrides.iter().copied().chain(shader.sizes.iter().map(|s| s.0)).collect();
        assert_eq!(names, constant.overrides.iter().copied().collect(), "{}", title(shader));
        // Of whole numbers only what chooses code is left.
        let (module, _) = validate(&title(shader), &shader.source);
        let integers = module.overrides.iter().filter(|(_, o)| module.types[o.ty].inner.scalar() == Some(Scalar::U32));
        let left: BTreeSet<_> = integers.filter_map(|(_, o)| o.name.as_deref()).collect();
        let fixed: BTreeSet<_> =
            ["ACTIVATION", "CHANNELS", "PROLOGUE"].into_iter().filter(|name| names.contains(name)).collect();
        assert_eq!(left, fixed, "{}", title(shader));

        let mut text = shader.source.to_string();
        for (i, (name, value)) in shader.sizes.iter().enumerate() {
            let read = format!("    {name} = sizes[{}][{}];\n", i / 4, i % 4);
            assert!(text.contains(&read), "{} does not read {name}", title(shader));
            text = text.replacen(&read, "", 1);
            let declared = format!("override {name}: u32 = {value}u;");
            text = text.replacen(&format!("var<private> {name}: u32;"), &declared, 1);
        }
        let end = text.rfind("\n@group(0)").expect("the table, the last declaration");
        assert!(text[end..].contains("> sizes: array<vec4<u32>, "), "{}", title(shader));
        // The linker orders declarations as it likes.
        let lines = |text: &str| {
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort_unstable();
            lines
        };
        assert_eq!(lines(text[..end].trim_end()), lines(constant.source.trim_end()), "{}", title(shader));
    }
}

#[test]
fn whatever_is_read_can_be_declared_as_written() {
    for shader in SHADERS {
        assert_eq!(shader.declared(&shader.bindings), shader.source);
        for i in (0..shader.bindings.len()).filter(|i| !is_texture(shader.bindings[*i])) {
            let mut access = shader.bindings.to_vec();
            access[i] = Access::ReadWrite;
            let (module, _) = validate(&title(shader), &shader.declared(&access));
            assert_eq!(bindings_of(&module), access, "{}", title(shader));
        }
    }
}

#[test]
fn shaders_are_found_by_name_and_variant() {
    for shader in SHADERS {
        let found = find(shader.name, shader.variant).expect("in the table");
        assert!(std::ptr::eq(found, shader), "{} is listed twice", title(shader));
    }
    assert!(find("conv/gemm_tiled", "bias,TILE_M=32,TILE_N=64").is_some());
    assert!(find("conv/cooperative", "bias,half,SIZE=16").is_some());
    assert!(find("conv/direct", "no such axis").is_none());
    assert!(find("conv/none", "").is_none());
}

/// The files below `folder` that end in `.wesl` or `.wgsl`.
fn shader_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(shader_files(&path));
        } else if path.extension().is_some_and(|e| e == "wesl" || e == "wgsl") {
            found.push(path);
        }
    }
    found
}

#[test]
fn every_kernel_file_is_catalogued_and_opens_with_its_header() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for path in shader_files(root) {
        let text = std::fs::read_to_string(&path).expect("readable");
        let relative = path.strip_prefix(root).expect("below the root").with_extension("");
        let name = relative.to_string_lossy().replace('\\', "/");
        if path.extension().is_some_and(|e| e == "wgsl") {
            validate(&name, &text);
        }
        if name.starts_with("helpers/") {
            assert!(text.starts_with("// "), "{name} has no header");
            continue;
        }
        assert!(SHADERS.iter().any(|s| s.name == name), "{name} is not in catalogue.toml");
        let header: String = text.lines().take_while(|l| l.starts_with("//")).collect();
        for part in ["bindings ", "grid ", "axes ", "overrides ", "CPU twin "] {
            assert!(header.contains(part), "the header of {name} does not tell its {part}");
        }
    }
}
