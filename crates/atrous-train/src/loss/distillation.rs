//! Losses for learning from another network's outputs.

use atrous_graph::op::Unary;
use atrous_graph::{Graph, GraphError, NodeId, Op};

use super::Losses;

/// `T² * mean over pixels of Σ_c q ln(q/p)` with `q = softmax(teacher / T)` and `p = softmax(student / T)`: the divergence from
/// student to teacher (Hinton et al. 2015). No gradient reaches the teacher.
///
/// # Errors
/// If the shapes differ, or the temperature is not positive.
pub fn kl_distillation(
    graph: &mut Graph,
    name: &str,
    student: NodeId,
    teacher: NodeId,
    temperature: f32,
) -> Result<NodeId, GraphError> {
    let (have, want) = (graph.shape(teacher), graph.shape(student));
    let invalid = |reason| Err(GraphError::Invalid { op: "kl_distillation", node: name.to_owned(), reason });
    if have != want {
        return invalid(format!("the teacher must be {want} as the student, got {have}"));
    }
    if !(temperature.is_finite() && temperature > 0.0) {
        return invalid(format!("the temperature must be positive, got {temperature}"));
    }
    let mut l = Losses::new(graph, name);
    let teacher = l.add(Op::StopGradient, &[teacher])?;
    let log = |l: &mut Losses<'_>, x| {
        let cooled = l.affine(x, 1.0 / temperature, 0.0)?;
        l.add(Op::LogSoftmax, &[cooled])
    };
    let (log_q, log_p) = (log(&mut l, teacher)?, log(&mut l, student)?);
    let q = l.unary(Unary::Exp, log_q)?;
    let ratio = l.minus(log_q, log_p)?;
    let terms = l.times(q, ratio)?;
    let sum = l.sum_all(terms)?;
    let pixels = want.n * want.h * want.w;
    l.affine(sum, temperature * temperature / pixels as f32, 0.0)
}
