//! Appending one graph to another.

use std::collections::HashMap;

use crate::{Graph, GraphError, NodeId, Op};

impl Graph {
    /// Appends copies of all nodes of `other`. Their names and labels get `prefix` and a dot in front; an empty prefix
    /// adds nothing. `inputs` are pairs of an input of `other` and the node of this graph that replaces it. Inputs of
    /// `other` without a pair stay inputs. The outputs of this graph do not change.
    ///
    /// The result maps the nodes of `other` to nodes of this graph, in the order of `other`: `nodes[id.0]`.
    ///
    /// ```
    /// use atrous_graph::op::Unary;
    /// use atrous_graph::{DType, Graph, Op, Shape};
    ///
    /// let mut head = Graph::new();
    /// let x = head.input("x", Shape::channels(8), DType::F32)?;
    /// let y = head.add("y", Op::Unary(Unary::Relu), &[x])?;
    ///
    /// let mut graph = Graph::new();
    /// let image = graph.input("image", Shape::channels(8), DType::F32)?;
    /// let nodes = graph.append(&head, "head", &[(x, image)])?;
    /// assert_eq!(graph.node(nodes[y.0]).name, "head.y");
    /// assert_eq!(graph.node(nodes[y.0]).inputs, [image]);
    /// # Ok::<(), atrous_graph::GraphError>(())
    /// ```
    ///
    /// # Errors
    /// [`GraphError::Invalid`] if a name is taken, if the first node of a pair is not an input of `other` or is in two
    /// pairs, if the second is not a node of this graph, or if the two have different types. The graph is unchanged
    /// then.
    pub fn append(
        &mut self,
        other: &Self,
        prefix: &str,
        inputs: &[(NodeId, NodeId)],
    ) -> Result<Vec<NodeId>, GraphError> {
        let path = |name: &str| if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
        let stands_for = self.check_inputs(other, prefix, inputs)?;
        let replaced = |id: &NodeId| stands_for.contains_key(id);
        let mut taken: Vec<String> =
            other.names().filter(|(_, id)| !replaced(id)).map(|(name, _)| path(name)).collect();
        taken.retain(|name| self.find(name).is_ok());
        if let Some(name) = taken.iter().min() {
            return Err(invalid(name, "the name is taken".to_owned()));
        }
        let mut nodes: Vec<NodeId> = Vec::with_capacity(other.nodes().len());
        for (id, node) in other.iter() {
            let name = path(&node.name);
            let inputs: Vec<NodeId> = node.inputs.iter().map(|input| nodes[input.0]).collect();
            nodes.push(match stands_for.get(&id) {
                Some(given) => *given,
                None => self.add_copy(&name, node, &inputs)?,
            });
        }
        let mut labels: Vec<(&str, NodeId)> =
            other.names().filter(|(name, id)| !replaced(id) && other.node(*id).name != *name).collect();
        labels.sort_unstable();
        for (name, id) in labels {
            self.label(&path(name), nodes[id.0]);
        }
        Ok(nodes)
    }

    /// Maps the replaced inputs of `other` to the nodes of this graph that replace them.
    fn check_inputs(
        &self,
        other: &Self,
        prefix: &str,
        inputs: &[(NodeId, NodeId)],
    ) -> Result<HashMap<NodeId, NodeId>, GraphError> {
        let mut stands_for = HashMap::new();
        for (input, given) in inputs {
            let Some(node) = other.nodes().get(input.0).filter(|node| matches!(node.op, Op::Input)) else {
                return Err(invalid(prefix, format!("%{} is not an input of the other graph", input.0)));
            };
            let Some(here) = self.nodes().get(given.0) else {
                return Err(invalid(&node.name, format!("it is to be %{}, which this graph does not have", given.0)));
            };
            if node.ty != here.ty {
                return Err(invalid(&node.name, format!("it is {}, \"{}\" is {}", node.ty, here.name, here.ty)));
            }
            if stands_for.insert(*input, *given).is_some() {
                return Err(invalid(&node.name, "it is given twice".to_owned()));
            }
        }
        Ok(stands_for)
    }
}

fn invalid(node: &str, reason: String) -> GraphError {
    GraphError::Invalid { op: "append", node: node.to_owned(), reason }
}
