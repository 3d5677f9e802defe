//! Every variant in every tile it is linked for: a search for the fastest may choose any of them.

use std::collections::BTreeSet;

use atrous_graph::op::{Conv2d, Unary};
use atrous_kernels::conv::{GRAD_WEIGHT_VARIANTS, tiles};
use atrous_kernels::{Choice, Target};
use atrous_tests::{Case, conv_variants, device, is_reachable};

use crate::conv::{BASE, Row, conv};
use crate::conv_grad::{input, weight};
use crate::fused::fused;

/// Convolutions whose products end within tiles of all sizes: pixels, output channels and input channels.
fn rows() -> Vec<Row> {
    let pointwise = Row { kernel: [1, 1], conv: conv(1, 1, 0, 1), bias: false, ..BASE };
    vec![
        Row { image: [2, 9, 8, 21], cout: 70, ..BASE },
        Row { image: [1, 17, 11, 10], cout: 30, conv: conv(2, 1, 1, 1), ..BASE },
        Row { image: [1, 7, 9, 24], cout: 48, conv: conv(1, 1, 1, 2), bias: false, ..BASE },
        Row { image: [1, 13, 21, 36], cout: 67, ..pointwise },
        Row { image: [1, 1, 1, 130], cout: 3, ..pointwise },
        Row { image: [1, 3, 5, 130], cout: 40, ..BASE },
        Row { image: [2, 11, 37, 3], cout: 37, kernel: [7, 7], conv: conv(2, 1, 3, 1), bias: true },
    ]
}

fn cases() -> Vec<Case> {
    let forward = rows().iter().map(Row::case).collect::<Vec<_>>();
    let finished = [0, 3, 5, 6].map(|i| fused(&rows()[i].case(), None, true, Some(Unary::Relu))).to_vec();
    let gradients = rows()[..3].iter().flat_map(|row| [input(row), weight(row)]).collect();
    let depthwise = Row { image: [1, 9, 7, 6], cout: 12, conv: Conv2d { groups: 6, ..BASE.conv }, ..BASE };
    let single = Row { cout: 6, ..depthwise };
    let depthwise = vec![depthwise.case(), single.case(), input(&single), weight(&single)];
    [forward, finished, gradients, depthwise].concat()
}

fn check(cases: Vec<Case>, target: &Target) -> BTreeSet<Choice> {
    let device = device();
    cases.into_iter().flat_map(|case| case.expect().check_ways(&device, target)).collect()
}

#[test]
fn every_tile_of_every_variant() {
    let target = device().target();
    let ways = check(cases(), &target);
    let gradients = GRAD_WEIGHT_VARIANTS.iter().copied().filter(|variant| is_reachable(variant, &target));
    let all = conv_variants(&target).chain(gradients).flat_map(|variant| {
        let tiles: Vec<_> = tiles(variant).expect("a variant").iter().map(|tile| Some(*tile)).collect();
        if tiles.is_empty() { vec![None] } else { tiles }.into_iter().map(move |tile| Choice { variant, tile })
    });
    let never: Vec<_> = all.filter(|way| !ways.contains(way)).map(|way| way.to_string()).collect();
    assert!(never.is_empty(), "no case reaches {never:?}");
}

/// The kernels that read their sizes from a table on a software adapter, with sizes that are pipeline constants.
#[test]
fn every_tile_in_registers_with_constant_sizes() {
    let target = Target { software: false, ..device().target() };
    let device = device();
    let registers = [
        "stem",
        "gemm_registers",
        "implicit_gemm_registers",
        "gemm_subgroup",
        "implicit_gemm_subgroup",
        "transposed_phase",
        "transposed_subgroup",
        "grad_weight_registers",
        "grad_weight_subgroup",
    ];
    let registers: Vec<_> = registers.into_iter().filter(|variant| is_reachable(variant, &target)).collect();
    let mut served = BTreeSet::new();
    for case in cases() {
        let expected = case.expect();
        for (variant, tile) in
            registers.iter().flat_map(|&v| tiles(v).expect("a variant").iter().map(move |tile| (v, *tile)))
        {
            let choice = Choice { variant, tile: Some(tile) };
            let plan = expected.plan(&target.with(choice));
            if plan.steps.iter().any(|step| step.name == "case" && step.choice() == choice) {
                expected.check_plan(&device, plan).unwrap_or_else(|e| panic!("{case:?}\nby {choice}:\n{e}"));
                served.insert(choice);
            }
        }
    }
    assert_eq!(served.len(), registers.iter().map(|variant| tiles(variant).expect("a variant").len()).sum::<usize>());
}

#[test]
fn every_tile_of_a_gpu_within_tight_limits() {
    let mut target = Target { software: false, ..device().target() };
    target.limits.max_binding = 16 << 10;
    target.limits.max_workgroups = 63;
    let row = rows()[1];
    assert!(check(vec![row.case(), input(&row), weight(&row)], &target).len() > 20);
}

#[test]
fn every_tile_in_f16() {
    let target = device().target();
    if target.f16 {
        let rows = rows();
        let all = rows[..4].iter().map(Row::case).chain(rows[..3].iter().map(weight));
        let cases: Vec<Case> = all.map(|case| case.half()).collect();
        assert!(check(cases, &target).len() > 30);
    }
}
