//! The graph of a case and the values of its inputs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use atrous_cpu::Tensor;
use atrous_graph::{DType, Graph, Layout, NodeId, Op, Shape};
use atrous_nn::StoredLayout;

use super::{
    super::{
        CaseError,
        array::{Array, image_shape, to_nhwc},
        input::Input,
    },
    Case,
};

/// A case's operation while it is being built.
pub(super) struct Draft<'a> {
    case: &'a Case,
    pub(super) graph: Graph,
    /// Names of the graph's inputs; all other values are parameters.
    pub(super) images: Vec<String>,
    /// Dense values in the graph's order.
    pub(super) values: BTreeMap<String, (Shape, Vec<f32>)>,
    /// The node of each output that the case may ask for.
    pub(super) outputs: HashMap<&'static str, NodeId>,
    taken: BTreeSet<String>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(case: &'a Case) -> Self {
        Self {
            case,
            graph: Graph::new(),
            images: Vec::new(),
            values: BTreeMap::new(),
            outputs: HashMap::new(),
            taken: BTreeSet::new(),
        }
    }

    /// Whether the case has this input.
    pub(super) fn has(&self, name: &str) -> bool {
        self.case.inputs.get(name).is_some()
    }

    /// The names of all inputs, in the order of the file.
    pub(super) fn input_names(&self) -> Vec<String> {
        self.case.inputs.names().cloned().collect()
    }

    /// The shape of an input as the case has it.
    pub(super) fn stored_shape(&self, name: &str) -> Result<&'a [usize], CaseError> {
        Ok(&self.input(name)?.shape)
    }

    /// The values of an input as the case has them; marks it as used.
    pub(super) fn array(&mut self, name: &str) -> Result<Array, CaseError> {
        self.taken.insert(name.to_owned());
        self.input(name)?.array()
    }

    fn input(&self, name: &str) -> Result<&'a Input, CaseError> {
        let missing = || CaseError::Unsupported(format!("the input \"{name}\" is missing"));
        self.case.inputs.get(name).ok_or_else(missing)
    }

    /// An activation that runs bring along.
    pub(super) fn image(&mut self, name: &str) -> Result<NodeId, CaseError> {
        let array = self.array(name)?;
        let shape = image_shape(&array.shape)?;
        self.images.push(name.to_owned());
        self.values.insert(name.to_owned(), (shape, to_nhwc(shape, &array.values)));
        Ok(self.graph.input(name, shape, DType::F32)?)
    }

    /// A parameter over channels.
    pub(super) fn vector(&mut self, name: &str) -> Result<NodeId, CaseError> {
        let array = self.array(name)?;
        let [c] = array.shape[..] else {
            return Err(CaseError::Unsupported(format!("\"{name}\" of shape {:?} is no vector", array.shape)));
        };
        self.parameter(name, Shape::channels(c), Layout::Image, array.values)
    }

    /// A parameter over channels, if the case has it.
    pub(super) fn optional_vector(&mut self, name: &str) -> Result<Option<NodeId>, CaseError> {
        if self.has(name) { self.vector(name).map(Some) } else { Ok(None) }
    }

    /// A filter stored as `[out, in/groups, kh, kw]`, or `[in, out/groups, kh, kw]` for a transposed convolution.
    pub(super) fn filter(&mut self, name: &str, stored: StoredLayout) -> Result<NodeId, CaseError> {
        let array = self.array(name)?;
        let [o, i, kh, kw] = array.shape[..] else {
            return Err(CaseError::Unsupported(format!("\"{name}\" of shape {:?} is no filter", array.shape)));
        };
        let shape = Shape::new(kh, kw, i, o);
        let at = |a, b, i, o| array.values[stored.stored_index(shape, a, b, i, o)];
        self.filter_of(name, shape, at)
    }

    /// A filter whose element (row, column, in, out) is `at` of these.
    pub(super) fn filter_of(
        &mut self,
        name: &str,
        shape: Shape,
        at: impl Fn(usize, usize, usize, usize) -> f32,
    ) -> Result<NodeId, CaseError> {
        let mut values = Vec::with_capacity(shape.len());
        for a in 0..shape.n {
            for b in 0..shape.h {
                for i in 0..shape.w {
                    values.extend((0..shape.c).map(|o| at(a, b, i, o)));
                }
            }
        }
        self.parameter(name, shape, Layout::Filter, values)
    }

    fn parameter(&mut self, name: &str, shape: Shape, layout: Layout, values: Vec<f32>) -> Result<NodeId, CaseError> {
        self.values.insert(name.to_owned(), (shape, values));
        Ok(self.graph.parameter(name, shape, layout)?)
    }

    /// Adds an operation.
    pub(super) fn add(&mut self, op: Op, inputs: &[NodeId]) -> Result<NodeId, CaseError> {
        Ok(self.graph.add(op.name(), op, inputs)?)
    }

    /// Declares the main result.
    pub(super) fn output(&mut self, node: NodeId) {
        self.outputs.insert("out", node);
    }

    /// All inputs must have been used, and all results the case has must have a node.
    pub(super) fn finish(&self) -> Result<(), CaseError> {
        let unused: Vec<&String> = self.case.inputs.names().filter(|name| !self.taken.contains(*name)).collect();
        if !unused.is_empty() {
            return Err(CaseError::Unsupported(format!("inputs {unused:?} of {}", self.case.op)));
        }
        let unknown: Vec<&String> =
            self.case.outputs.keys().filter(|name| !self.outputs.contains_key(name.as_str())).collect();
        if !unknown.is_empty() {
            return Err(CaseError::Unsupported(format!("results {unknown:?} of {}", self.case.op)));
        }
        Ok(())
    }

    /// The values as the reference takes them.
    pub(super) fn tensors(&self) -> HashMap<String, Tensor> {
        self.values.iter().map(|(name, (shape, values))| (name.clone(), Tensor::from_f32(*shape, values))).collect()
    }

    /// The values of the parameters.
    pub(super) fn parameters(&self) -> HashMap<String, Vec<f32>> {
        let parameters = self.values.iter().filter(|(name, _)| !self.images.contains(name));
        parameters.map(|(name, (_, values))| (name.clone(), values.clone())).collect()
    }
}
