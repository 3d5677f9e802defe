//! The graph of a case and the values of its inputs.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use atrous_cpu::Tensor;
use atrous_graph::autodiff::{Recompute, backward, backward_from};
use atrous_graph::{DType, Graph, Layout, NodeId, Op, Shape};
use atrous_nn::StoredLayout;

use super::{
    super::{
        CaseError,
        array::{Array, image_shape, to_nchw, to_nhwc},
        input::Input,
    },
    case::{Case, Upstream},
};

/// A case's operation while it is being built.
pub(super) struct Draft<'a> {
    case: &'a Case,
    pub(super) graph: Graph,
    /// Names of the graph's inputs; all other values are parameters.
    pub(super) images: Vec<String>,
    /// For each filter, by name: the stored index of each of its elements in the graph's order.
    stored: BTreeMap<String, Vec<usize>>,
    /// Shape and dense values of each input, in the graph's order.
    pub(super) values: BTreeMap<String, (Shape, Vec<f32>)>,
    /// The node of each result that a case may have stored.
    pub(super) outputs: HashMap<String, NodeId>,
    taken: BTreeSet<String>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(case: &'a Case) -> Self {
        Self {
            case,
            graph: Graph::new(),
            images: Vec::new(),
            stored: BTreeMap::new(),
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

    /// The stored shape of an input.
    pub(super) fn stored_shape(&self, name: &str) -> Result<&'a [usize], CaseError> {
        Ok(&self.input(name)?.shape)
    }

    /// The stored values of an input; marks it as used.
    pub(super) fn array(&mut self, name: &str) -> Result<Array, CaseError> {
        self.taken.insert(name.to_owned());
        self.input(name)?.array()
    }

    fn input(&self, name: &str) -> Result<&'a Input, CaseError> {
        let missing = || CaseError::Unsupported(format!("the input \"{name}\" is missing"));
        self.case.inputs.get(name).ok_or_else(missing)
    }

    /// Adds an activation as an input of the graph.
    pub(super) fn image(&mut self, name: &str) -> Result<NodeId, CaseError> {
        let array = self.array(name)?;
        let shape = image_shape(&array.shape)?;
        self.bring(name, DType::F32, shape, to_nhwc(shape, &array.values))
    }

    /// Adds labels, `[n]` or `[n, h, w]`, as an input of the graph.
    pub(super) fn labels(&mut self, name: &str) -> Result<NodeId, CaseError> {
        let array = self.array(name)?;
        let shape = match array.shape[..] {
            [n] => Shape::new(n, 1, 1, 1),
            [n, h, w] => Shape::new(n, h, w, 1),
            _ => return Err(CaseError::Unsupported(format!("labels of shape {:?}", array.shape))),
        };
        self.bring(name, DType::U32, shape, array.values)
    }

    fn bring(&mut self, name: &str, dtype: DType, shape: Shape, values: Vec<f32>) -> Result<NodeId, CaseError> {
        self.images.push(name.to_owned());
        self.values.insert(name.to_owned(), (shape, values));
        Ok(self.graph.input(name, shape, dtype)?)
    }

    /// Appends the gradients that the case has stored, as the results `grad <input>`.
    pub(super) fn differentiate(&mut self) -> Result<(), CaseError> {
        let case = self.case;
        if case.grads.is_empty() {
            return Ok(());
        }
        let missing = || CaseError::Unsupported("gradients without the one that arrives".to_owned());
        let upstream = case.upstream.as_ref().ok_or_else(missing)?;
        let out = *self.outputs.get("out").ok_or_else(|| CaseError::Failed("gradients of no result".to_owned()))?;
        let wrt = case.grads.keys().map(|name| self.graph.find(name)).collect::<Result<Vec<_>, _>>()?;
        let recompute = Recompute::default();
        let gradients = match upstream {
            Upstream::Constant { constant } => backward(&mut self.graph, &[(out, *constant)], &wrt, &recompute),
            Upstream::Made(input) => {
                let (shape, array) = (self.graph.shape(out), input.array()?);
                if array.values.len() != shape.len() {
                    return Err(CaseError::Failed(format!("the upstream is {:?}, the result {shape}", array.shape)));
                }
                let dy = self.bring("upstream gradient", DType::F32, shape, to_nhwc(shape, &array.values))?;
                backward_from(&mut self.graph, &[(out, dy)], &wrt, &recompute)
            }
        }?;
        for (name, gradient) in case.grads.keys().zip(gradients) {
            let gradient = gradient.ok_or_else(|| CaseError::Failed(format!("no gradient reaches {name}")))?;
            self.outputs.insert(format!("grad {name}"), gradient);
        }
        Ok(())
    }

    /// A result's values in the order of the file: filters as they are stored, all else N×C×H×W.
    pub(super) fn in_file_order<T: Copy + Default>(&self, result: &str, shape: Shape, values: &[T]) -> Vec<T> {
        match result.strip_prefix("grad ").and_then(|input| self.stored.get(input)) {
            None => to_nchw(shape, values),
            Some(places) => {
                let mut stored = vec![T::default(); values.len()];
                for (place, value) in places.iter().zip(values) {
                    stored[*place] = *value;
                }
                stored
            }
        }
    }

    /// Adds an input of the graph with one value per channel of the input `of`, in a shape that broadcasts to it.
    pub(super) fn per_channel(&mut self, name: &str, of: &str) -> Result<NodeId, CaseError> {
        let array = self.array(name)?;
        let c = match (&array.shape[..], self.stored_shape(of)?.len()) {
            ([], _) | ([1], _) => 1,
            ([c], 2) | ([c, 1, 1], 4) | ([1, c, 1, 1], 4) => *c,
            (shape, _) => return Err(CaseError::Unsupported(format!("\"{name}\" of shape {shape:?}"))),
        };
        self.bring(name, DType::F32, Shape::channels(c), array.values)
    }

    /// Adds a parameter with one value per channel.
    pub(super) fn vector(&mut self, name: &str) -> Result<NodeId, CaseError> {
        let array = self.array(name)?;
        let [c] = array.shape[..] else {
            return Err(CaseError::Unsupported(format!("\"{name}\" of shape {:?} is no vector", array.shape)));
        };
        self.parameter(name, Shape::channels(c), Layout::Image, array.values)
    }

    /// Adds a parameter with one value per channel, if the case has it.
    pub(super) fn optional_vector(&mut self, name: &str) -> Result<Option<NodeId>, CaseError> {
        if self.has(name) { self.vector(name).map(Some) } else { Ok(None) }
    }

    /// Adds a filter stored as `[out, in/groups, kh, kw]`, or `[in, out/groups, kh, kw]` for a transposed convolution.
    pub(super) fn filter(&mut self, name: &str, stored: StoredLayout) -> Result<NodeId, CaseError> {
        let array = self.array(name)?;
        let [o, i, kh, kw] = array.shape[..] else {
            return Err(CaseError::Unsupported(format!("\"{name}\" of shape {:?} is no filter", array.shape)));
        };
        let shape = Shape::new(kh, kw, i, o);
        self.filter_of(name, shape, &array.values, |a, b, i, o| stored.stored_index(shape, a, b, i, o))
    }

    /// Adds a filter of this shape whose element (row, column, in, out) is `stored[place(row, column, in, out)]`.
    pub(super) fn filter_of(
        &mut self,
        name: &str,
        shape: Shape,
        stored: &[f32],
        place: impl Fn(usize, usize, usize, usize) -> usize,
    ) -> Result<NodeId, CaseError> {
        let mut places = Vec::with_capacity(shape.len());
        for a in 0..shape.n {
            for b in 0..shape.h {
                for i in 0..shape.w {
                    places.extend((0..shape.c).map(|o| place(a, b, i, o)));
                }
            }
        }
        let values = places.iter().map(|place| stored[*place]).collect();
        self.stored.insert(name.to_owned(), places);
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
        self.outputs.insert("out".to_owned(), node);
    }

    /// Checks that all inputs were used and that every stored result has a node.
    pub(super) fn finish(&self) -> Result<(), CaseError> {
        let unused: Vec<&String> = self.case.inputs.names().filter(|name| !self.taken.contains(*name)).collect();
        if !unused.is_empty() {
            return Err(CaseError::Unsupported(format!("inputs {unused:?} of {}", self.case.op)));
        }
        let unknown: Vec<&String> = self.case.outputs.keys().filter(|name| !self.outputs.contains_key(*name)).collect();
        if !unknown.is_empty() {
            return Err(CaseError::Unsupported(format!("results {unknown:?} of {}", self.case.op)));
        }
        Ok(())
    }

    /// All values, as inputs of the CPU reference.
    pub(super) fn tensors(&self) -> HashMap<String, Tensor> {
        self.values.iter().map(|(name, (shape, values))| (name.clone(), Tensor::from_f32(*shape, values))).collect()
    }

    /// The values of the parameters.
    pub(super) fn parameters(&self) -> HashMap<String, Vec<f32>> {
        let parameters = self.values.iter().filter(|(name, _)| !self.images.contains(name));
        parameters.map(|(name, (_, values))| (name.clone(), values.clone())).collect()
    }
}
