//! A few operations.

use atrous_graph::autodiff::Backward;
use atrous_graph::op::{CustomCut, CustomKernel, CustomOp, Grid, Values};
use atrous_graph::{GraphError, NodeId, Op, TensorType};

type Gradient = fn(&mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError>;

/// An operation made of functions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Own {
    pub(crate) name: &'static str,
    pub(crate) inputs: usize,
    /// The input that is a map.
    pub(crate) map: Option<usize>,
    pub(crate) infer: fn(&[TensorType]) -> TensorType,
    pub(crate) reference: fn(&[Values<'_>], &mut [f64]),
    /// Nothing is rounded.
    pub(crate) exact: bool,
    /// `value(i)`, or with a grid the whole kernel.
    pub(crate) wgsl: &'static str,
    pub(crate) grid: Option<Grid>,
    pub(crate) half: bool,
    pub(crate) cut: CustomCut,
    pub(crate) gradient: Option<Gradient>,
}

impl CustomOp for Own {
    fn name(&self) -> &'static str {
        self.name
    }

    fn inputs(&self) -> usize {
        self.inputs
    }

    fn infer(&self, inputs: &[TensorType]) -> Result<TensorType, String> {
        Ok((self.infer)(inputs))
    }

    fn reference(&self, inputs: &[Values<'_>], result: &mut [f64]) {
        (self.reference)(inputs, result);
    }

    fn magnitude(&self, inputs: &[Values<'_>], result: &mut [f64]) {
        if !self.exact {
            (self.reference)(inputs, result);
            result.iter_mut().for_each(|v| *v = v.abs());
        }
    }

    fn kernel(&self, _: &[TensorType], output: TensorType) -> Result<CustomKernel, String> {
        Ok(match self.grid {
            None => CustomKernel::for_each(self.wgsl, output),
            Some(grid) => CustomKernel { wgsl: self.wgsl.into(), constants: Vec::new(), grid },
        })
    }

    fn gradient(&self, backward: &mut Backward<'_>) -> Result<Vec<Option<NodeId>>, GraphError> {
        match self.gradient {
            Some(gradient) => gradient(backward),
            None => Err(backward.unsupported()),
        }
    }

    fn takes_map(&self, input: usize) -> bool {
        self.map == Some(input)
    }

    fn stores_f16(&self, input: usize) -> bool {
        self.half && self.map != Some(input)
    }

    fn cut(&self) -> CustomCut {
        self.cut
    }
}

fn of_each(x: &[Values<'_>], y: &mut [f64], f: impl Fn(f64) -> f64) {
    y.iter_mut().zip(x[0].data).for_each(|(y, x)| *y = f(*x));
}

/// `2 / (1 + x²)`: not 0 at 0, so that padding would not stay so.
pub(crate) const BELL: Own = Own {
    name: "bell",
    inputs: 1,
    map: None,
    infer: |inputs| inputs[0],
    reference: |x, y| of_each(x, y, |x| 2.0 / (1.0 + x * x)),
    exact: false,
    wgsl: "fn value(i: u32) -> vec4<f32> { return 2.0 / (1.0 + load0(i) * load0(i)); }",
    grid: None,
    half: true,
    cut: CustomCut::Rows,
    gradient: Some(|backward| {
        let (x, dy) = (backward.input(0)?, backward.dy());
        Ok(vec![Some(backward.add("grad", Op::custom(BELL_GRAD), &[x, dy])?)])
    }),
};

/// `-4 x / (1 + x²)² * dy`: of `x`, `dy`.
pub(crate) const BELL_GRAD: Own = Own {
    name: "bell_grad",
    inputs: 2,
    reference: |x, y| {
        of_each(x, y, |x| -4.0 * x / (1.0 + x * x).powi(2));
        y.iter_mut().zip(x[1].data).for_each(|(y, dy)| *y *= dy);
    },
    wgsl: "fn value(i: u32) -> vec4<f32> {
        let x = load0(i);
        return -4.0 * x / ((1.0 + x * x) * (1.0 + x * x)) * load1(i);
    }",
    gradient: None,
    ..BELL
};

/// The largest of the pixel itself, the one to its right and the one below it.
pub(crate) const PEAK: Own = Own {
    name: "peak",
    reference: |x, y| {
        let shape = x[0].shape;
        for (i, y) in y.iter_mut().enumerate() {
            let (pixel, c) = (i / shape.c, i % shape.c);
            let (row, column) = (pixel / shape.w, pixel % shape.w);
            let (n, line) = (row / shape.h, row % shape.h);
            let at = |line: usize, column: usize| x[0].at(n, line.min(shape.h - 1), column.min(shape.w - 1), c);
            *y = at(line, column).max(at(line, column + 1)).max(at(line + 1, column));
        }
    },
    exact: true,
    wgsl: "fn value(i: u32) -> vec4<f32> {
        let at = position(i);
        let right = load0(index0(at.x, at.y, min(at.z + 1u, X0_W - 1u), at.w));
        let below = load0(index0(at.x, min(at.y + 1u, X0_H - 1u), at.z, at.w));
        return max(max(load0(i), right), below);
    }",
    cut: CustomCut::Samples,
    gradient: None,
    ..BELL
};

/// A map with 7 added where an image's first channel is positive.
pub(crate) const MARK: Own = Own {
    name: "mark",
    inputs: 2,
    map: Some(1),
    infer: |inputs| inputs[1],
    reference: |x, y| {
        for (i, y) in y.iter_mut().enumerate() {
            *y = x[1].data[i] + if x[0].data[i * x[0].shape.c] > 0.0 { 7.0 } else { 0.0 };
        }
    },
    exact: true,
    wgsl: "fn value(i: u32) -> vec4<u32> {
        let at = position(i);
        return load1(i) + select(0u, 7u, load0(index0(at.x, at.y, at.z, 0u)).x > 0.0);
    }",
    gradient: None,
    ..BELL
};

/// Sums of rows, by workgroups of one row each that add up in workgroup memory. The result is `N×H×1×C`, for samples of 3 rows.
pub(crate) const ROWS: Own = Own {
    name: "rows",
    infer: |inputs| {
        let mut ty = inputs[0];
        ty.shape.w = 1;
        ty
    },
    reference: |x, y| {
        let shape = x[0].shape;
        for (i, y) in y.iter_mut().enumerate() {
            *y = (0..shape.w).map(|w| x[0].data[(i / shape.c * shape.w + w) * shape.c + i % shape.c].abs()).sum();
        }
    },
    wgsl: "var<workgroup> sums: array<vec4<f32>, 8>;

    @compute @workgroup_size(8)
    fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) local: u32) {
        for (var c4 = 0u; c4 < Y_C4; c4++) {
            sums[local] = vec4<f32>();
            for (var x = local; x < X0_W; x += 8u) { sums[local] += abs(load0(index0(group.y, group.x, x, c4))); }
            workgroupBarrier();
            if local == 0u {
                var sum = vec4<f32>();
                for (var k = 0u; k < 8u; k++) { sum += sums[k]; }
                store(index_y(group.y, group.x, 0u, c4), sum);
            }
            workgroupBarrier();
        }
    }",
    grid: Some(Grid::Exact([3, 2, 1])),
    cut: CustomCut::Whole,
    gradient: None,
    ..BELL
};
