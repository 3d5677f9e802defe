//! The text that is appended to a custom kernel: sizes, bindings, and functions that read and write them.

use std::fmt::Write;

use atrous_graph::{DType, Layout};
use atrous_shaders::{GRID, HALVES};

use crate::Part;
use crate::kernel::vec4s;

/// The interface to these tensors; [`CustomKernel`](atrous_graph::op::CustomKernel) lists its names.
pub(super) fn text(inputs: &[Part], output: &Part) -> String {
    let mut text = String::from("// What atrous puts behind a custom kernel.\n\n");
    text.push_str(GRID);
    if inputs.iter().chain([output]).any(|part| part.ty.dtype == DType::F16) {
        let names = ["from_halves", "to_halves", "nearest"];
        let halves = names.iter().fold(HALVES.to_owned(), |text, name| text.replace(name, &format!("atrous_{name}")));
        write!(text, "\n{halves}").expect("writing to a string");
    }
    for (i, part) in inputs.iter().enumerate() {
        text.push_str(&sizes(&format!("X{i}"), &format!("index{i}"), part));
        text.push_str(&load(i, part));
    }
    text.push_str(&sizes("Y", "index_y", output));
    text.push_str(&store(inputs.len(), output));
    text
}

/// Size constants and the index function of a tensor.
fn sizes(name: &str, index: &str, part: &Part) -> String {
    let (shape, padded, count) = (part.ty.shape, part.ty.padded(), vec4s(part.ty));
    let (w, c4) = (padded.w, padded.c / 4);
    format!(
        "
const {name}_N: u32 = {}u;
const {name}_H: u32 = {}u;
const {name}_W: u32 = {}u;
const {name}_C: u32 = {}u;
const {name}_C4: u32 = {c4}u;
const {name}_COUNT: u32 = {count}u;

fn {index}(n: u32, y: u32, x: u32, c4: u32) -> u32 {{
    return ((n * {name}_H + y) * {w}u + x) * {c4}u + c4;
}}
",
        shape.n, shape.h, shape.w, shape.c
    )
}

/// The type of a vec4 in a kernel, and the type that it is stored as.
const fn types(dtype: DType) -> [&'static str; 2] {
    match dtype {
        DType::F32 => ["vec4<f32>"; 2],
        DType::F16 => ["vec4<f32>", "vec2<u32>"],
        DType::U32 => ["vec4<u32>"; 2],
    }
}

fn load(i: usize, part: &Part) -> String {
    let [value, stored] = types(part.ty.dtype);
    let widen = if part.ty.dtype == DType::F16 { "atrous_from_halves" } else { "" };
    format!(
        "
@group(0) @binding({i}) var<storage, read> atrous_x{i}: array<{stored}>;

fn load{i}(i: u32) -> {value} {{
    return {widen}(atrous_x{i}[i + {}u]);
}}
",
        part.base
    )
}

fn store(binding: usize, part: &Part) -> String {
    let [value, stored] = types(part.ty.dtype);
    let narrow = if part.ty.dtype == DType::F16 { "atrous_to_halves" } else { "" };
    let (w, c4) = (part.ty.padded().w, part.ty.padded().c / 4);
    let row = if part.ty.layout == Layout::Filter { " & vec4(at.z < Y_W)" } else { "" };
    format!(
        "
@group(0) @binding({binding}) var<storage, read_write> atrous_y: array<{stored}>;

fn position(i: u32) -> vec4<u32> {{
    let pixel = i / {c4}u;
    let row = pixel / {w}u;
    return vec4(row / Y_H, row % Y_H, pixel % {w}u, i % {c4}u);
}}

fn store(i: u32, value: {value}) {{
    let at = position(i);
    let exist = (vec4(0u, 1u, 2u, 3u) + 4u * at.w < vec4(Y_C)){row};
    atrous_y[i + {}u] = {narrow}(select({value}(), value, exist));
}}
",
        part.base
    )
}
