//! Convolutions in cooperative matrices. On an adapter without, that it is refused and says why; CI's is one. On one with,
//! every class of shapes against the reference, by the rule of all that is stored in f16: products of f16 are exact in f32, and sums of
//! them no less exact than the other kernels', so there is no bound of its own.

use atrous_gpu::{AdapterChoice, Device, DeviceOptions, GpuError};
use atrous_graph::op::{Conv2d, Convolution, FusedConv, Padding, Unary};
use atrous_kernels::{Limits, Target};
use atrous_tests::{Case, Setting};

use crate::conv::{BASE, Row};
use crate::fused::{self, fused};

/// The device with cooperative matrices; none on an adapter without, whose refusal names it and says why.
fn device() -> Option<Device> {
    let options = DeviceOptions { cooperative: true, checks: true, ..DeviceOptions::from_env().expect("a legal one") };
    match Device::open_blocking(&AdapterChoice::from_env(), options) {
        Ok(device) => {
            assert!(device.target().cooperative.is_some(), "{} fails the test of its matrices", device.info());
            Some(device)
        }
        Err(GpuError::NoCooperative { adapter, reason }) => {
            let usable = |text: &&String| ["8×8×8 f16 -> f32", "16×16×16 f16 -> f32"].contains(&text.as_str());
            let plain = atrous_tests::device();
            assert_eq!(plain.info().name, adapter);
            let lacks = plain.info().cooperative.iter().find(usable).is_none() || reason.contains("subgroups");
            assert!(lacks && !reason.is_empty(), "{adapter}: {reason}, but has {:?}", plain.info().cooperative);
            eprintln!("{adapter} has no cooperative matrices: {reason}");
            None
        }
        Err(error) => panic!("the suite needs an adapter: {error}"),
    }
}

fn asked(device: &Device) -> Target {
    Target { variant: Some("cooperative"), ..device.target() }
}

/// Holds the kernel to the reference.
fn check(cases: impl IntoIterator<Item = Case>, setting: Setting) {
    let Some(device) = device() else { return };
    for case in cases {
        assert_eq!(case.half().expect_in(setting).check(&device, &asked(&device)), "cooperative", "{case:?}");
    }
}

fn conv(stride: usize, dilation: usize, padding: usize, groups: usize) -> Conv2d {
    Conv2d { stride: [stride; 2], dilation: [dilation; 2], padding: Padding::symmetric(padding, padding), groups }
}

fn pointwise(image: [usize; 4], cout: usize) -> Row {
    Row { image, cout, kernel: [1, 1], conv: conv(1, 1, 0, 1), bias: false }
}

/// Rows, channels and terms at and around the edges of tiles and steps; borders, strides, dilations, groups, samples.
fn rows() -> Vec<Row> {
    let four = Padding { top: 2, bottom: 3, left: 0, right: 5 };
    vec![
        BASE,
        pointwise([1, 1, 1, 3], 1),
        pointwise([1, 1, 1, 130], 1000),
        pointwise([1, 4, 8, 32], 32),
        pointwise([1, 5, 13, 33], 65),
        pointwise([3, 7, 9, 68], 31),
        Row { image: [1, 8, 8, 16], cout: 64, ..BASE },
        Row { image: [3, 7, 5, 21], cout: 70, bias: false, ..BASE },
        Row { image: [1, 9, 11, 516], cout: 68, ..BASE },
        Row { image: [2, 13, 11, 12], cout: 20, conv: conv(2, 1, 1, 1), ..BASE },
        Row { image: [1, 13, 14, 8], cout: 12, conv: conv(1, 4, 4, 1), ..BASE },
        Row { image: [1, 13, 14, 8], cout: 12, conv: conv(1, 18, 18, 1), ..BASE },
        Row { image: [1, 9, 7, 10], cout: 12, conv: Conv2d { padding: four, ..BASE.conv }, ..BASE },
        Row { image: [1, 16, 15, 3], kernel: [7, 7], conv: conv(2, 1, 3, 1), cout: 64, ..BASE },
        Row { image: [1, 9, 10, 6], kernel: [1, 7], conv: conv(1, 1, 0, 1), ..BASE },
        Row { image: [1, 9, 10, 24], cout: 48, conv: conv(1, 1, 1, 2), ..BASE },
        Row { image: [2, 9, 7, 16], cout: 16, conv: conv(2, 2, 2, 4), ..BASE },
    ]
}

fn cases() -> Vec<Case> {
    rows().iter().map(Row::case).collect()
}

fn admitted(case: &Case) -> bool {
    let plain = FusedConv::of(&case.op, case.inputs.len()).expect("a convolution");
    let whole = |conv: &Conv2d| conv.groups == 1 || case.inputs[0].shape.c.is_multiple_of(4 * conv.groups);
    match plain.conv {
        Convolution::Forward(conv) => plain.prologue.is_none() && whole(&conv) && conv.groups < 3,
        Convolution::Transposed(_) => false,
    }
}

#[test]
fn shapes_of_every_class() {
    check(cases(), Setting::Alone);
}

#[test]
fn residuals_and_functions_at_the_end() {
    check(fused::all().into_iter().filter(admitted), Setting::Alone);
    let row = Row { image: [2, 9, 11, 20], cout: 37, ..BASE };
    let functions = [Unary::LeakyRelu { slope: 0.2 }, Unary::Abs];
    check(functions.map(|f| fused(&row.case(), None, true, Some(f))), Setting::Alone);
}

#[test]
fn results_over_a_residual_and_in_ranges_of_channels() {
    check(fused::all().into_iter().filter(admitted), Setting::Dying);
    check(cases().into_iter().step_by(3), Setting::Concatenated);
}

#[test]
fn parts_of_an_image() {
    let Some(device) = device() else { return };
    let whole = asked(&device);
    let limits = Limits { max_binding: 6_000, max_workgroups: 3, ..whole.limits };
    for row in [5, 9] {
        let plan = rows()[row].case().half().expect().plan(&Target { limits, ..whole.clone() });
        assert!(plan.steps.iter().flat_map(|step| &step.dispatches).count() > 1, "{plan}");
        assert_eq!(rows()[row].case().half().expect().check_plan(&device, plan), Ok("cooperative"));
    }
}

#[test]
fn two_runs_give_the_same_bits() {
    let Some(device) = device() else { return };
    let expected = rows()[8].case().half().expect();
    let bits = |target: &Target| -> Vec<u32> { expected.result(&device, target).iter().map(|v| v.to_bits()).collect() };
    assert_eq!(bits(&asked(&device)), bits(&asked(&device)));
}

/// A wrong constant of the kernel is a kernel that computes something else.
#[test]
fn a_wrong_kernel_is_found() {
    let Some(device) = device() else { return };
    for (row, name) in [(7, "PAD_TOP"), (7, "CG4"), (4, "OG4"), (15, "CG4")] {
        let expected = rows()[row].case().half().expect();
        let mut broken = expected.plan(&asked(&device));
        for (constant, value) in broken.steps.iter_mut().flat_map(|s| &mut s.dispatches).flat_map(|d| &mut d.overrides)
        {
            *value -= f64::from(*constant == name);
        }
        assert!(expected.check_plan(&device, broken).is_err(), "{name} of {:?}", rows()[row]);
    }
}
