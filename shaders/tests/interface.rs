//! The Rust interface of every kernel says exactly what its linked texts declare.

use std::collections::BTreeSet;

use atrous_shaders::{Access, Call, SHADERS, Shader, conv, find, groups, optim};

/// A call of every variant, and of every group its struct, written by the build.
mod samples {
    include!(concat!(env!("OUT_DIR"), "/samples.rs"));
}

use samples::{geometry, samples, units};

/// What a text declares, as naga reads it.
struct Declared {
    /// The variables by binding index, without the table of sizes.
    variables: Vec<String>,
    /// Overrides, and words of the table of sizes.
    constants: BTreeSet<String>,
}

fn declared(shader: &Shader) -> Declared {
    let module = naga::front::wgsl::parse_str(&shader.source).expect("valid WGSL");
    let bound = module.global_variables.iter().filter_map(|(_, v)| Some((v.binding?.binding, v.name.clone()?)));
    let mut bound: Vec<_> = bound.filter(|(_, name)| shader.sizes.is_empty() || name != "sizes").collect();
    bound.sort_unstable();
    let overrides = module.overrides.iter().filter_map(|(_, o)| o.name.clone());
    let words = shader.sizes.iter().map(|(name, _)| (*name).to_owned());
    Declared {
        variables: bound.into_iter().map(|(_, name)| name).collect(),
        constants: overrides.chain(words).collect(),
    }
}

/// Every constant that a call sets.
fn set<T>(call: &Call<T>) -> Vec<String> {
    let own = call.constants.iter().map(|(name, _)| *name);
    let of_bindings = call.bindings.iter().flat_map(|argument| argument.base.into_iter().chain(argument.stride));
    own.chain(of_bindings).map(str::to_owned).collect()
}

#[test]
fn a_call_of_every_variant_sets_and_binds_what_its_text_declares() {
    let calls = samples();
    assert_eq!(calls.len(), SHADERS.len());
    let mut reached = BTreeSet::new();
    for call in &calls {
        let title = format!("{} [{}]", call.shader.name, call.shader.variant);
        assert!(reached.insert((call.shader.name, call.shader.variant)), "{title} is called twice");
        let declared = declared(call.shader);
        let bound: Vec<&str> = call.bindings.iter().map(|argument| argument.value).collect();
        assert_eq!(bound, declared.variables, "{title}");
        let set = set(call);
        assert_eq!(set.len(), declared.constants.len(), "{title} sets a constant twice, or lacks one");
        assert_eq!(set.into_iter().collect::<BTreeSet<_>>(), declared.constants, "{title}");
        assert!(call.constants.iter().all(|(_, value)| *value == 1.0), "{title}");
        for argument in call.bindings.iter().filter(|argument| argument.base.is_some()) {
            assert_eq!(argument.base, Some(&*format!("{}_BASE", argument.value.to_uppercase())), "{title}");
        }
    }
}

/// A call of a kernel with optional constants and bindings.
fn sgd(momentum: bool, v: Option<&'static str>) -> Call<&'static str> {
    let brought = optim::sgd::Momentum { momentum: 0.5, nesterov: false, keras: true };
    optim::sgd::call(
        optim::sgd::Axes { momentum: momentum.then_some(brought) },
        optim::sgd::Constants { count: 7, decoupled: false },
        optim::sgd::Bindings { g: "g", chunks: "chunks", control: "control", p: "p", v },
    )
}

#[test]
fn a_flag_carries_its_constants() {
    let plain = sgd(false, None);
    assert_eq!(plain.shader.variant, "");
    assert_eq!(plain.constants, [("COUNT", 7.0), ("DECOUPLED", 0.0)]);
    let with = sgd(true, Some("v"));
    assert_eq!(with.shader.variant, "momentum");
    assert_eq!(with.constants[2..], [("KERAS", 1.0), ("MOMENTUM", 0.5), ("NESTEROV", 0.0)]);
    assert_eq!(with.bindings[4].base, Some("V_BASE"));
}

#[test]
#[should_panic(expected = "optim/sgd [momentum] lacks its binding v")]
fn a_binding_that_the_variant_needs_must_be_given() {
    sgd(true, None);
}

#[test]
#[should_panic(expected = "optim/sgd [] has no binding v")]
fn a_binding_that_the_variant_does_not_have_must_not_be_given() {
    sgd(false, Some("v"));
}

#[test]
#[should_panic(expected = "conv/grad_weight_tiled has no variant")]
fn a_tile_that_is_not_linked_is_refused() {
    conv::grad_weight_tiled::call(
        conv::grad_weight_tiled::Axes { half: false, tile_i: 32, tile_o: 48 },
        conv::grad_weight_tiled::Constants { geometry: geometry(), units: units(), accumulate: false },
        conv::grad_weight_tiled::Bindings { x: 0, dy: 1, p: 2 },
    );
}

#[test]
fn a_kernel_gets_of_a_group_what_it_declares() {
    let call = conv::im2col::call(
        conv::im2col::Axes { half: true },
        conv::im2col::Constants { geometry: groups::Geometry { kh: 3, ..geometry() }, m: 5, first: 0 },
        conv::im2col::Bindings { x: 0, columns: 1 },
    );
    assert!(call.constants.contains(&("KH", 3.0)) && call.constants.contains(&("M", 5.0)));
    assert!(!call.constants.iter().any(|(name, _)| *name == "GROUPS"));
    assert_eq!(call.shader.bindings[1], Access::ReadWrite);
    assert!(std::ptr::eq(call.shader, find("conv/im2col", "half").expect("in the table")));
}
