//! Conditions of several variants of a convolution.

use atrous_graph::op::Padding;

use super::problem::ConvProblem;
use super::tile::TILE_BYTES;
use crate::target::Target;
use crate::variant::{Admission, require};

/// Every group has a single input channel.
pub(super) fn depthwise(p: &ConvProblem<'_>) -> Admission {
    require(p.cin_g == 1, "not one input channel a group")
}

/// The convolution is a matrix product over all pixels.
pub(super) fn pointwise(p: &ConvProblem<'_>) -> Admission {
    require(p.kernel == [1, 1], "the filter is not 1×1")
        .and(require(p.conv.stride == [1, 1], "the stride is not 1"))
        .and(require(p.conv.padding == Padding::NONE, "the image is padded"))
        .and(dense(p))
}

/// There is one group.
pub(super) fn dense(p: &ConvProblem<'_>) -> Admission {
    require(p.conv.groups == 1, "several groups")
}

/// No vec4 holds channels of two groups.
pub(super) fn whole(p: &ConvProblem<'_>) -> Admission {
    require(p.groups_are_whole(), "a group is not a multiple of 4 channels")
}

/// Each group can be a layer of the grid, and no vec4 holds channels of two groups.
pub(super) fn layered(p: &ConvProblem<'_>) -> Admission {
    let most = p.target().limits.max_workgroups as usize;
    whole(p).and(require(p.conv.groups <= most, "more groups than layers of a grid"))
}

/// There is no prologue. These kernels load a value for every tile of output channels, and would compute the function
/// each time.
pub(super) fn bare(p: &ConvProblem<'_>) -> Admission {
    require(p.fused.prologue.is_none(), "it does not compute a function of the image")
}

/// The largest tile that is planned by default fits workgroup memory.
pub(super) fn memory(p: &ConvProblem<'_>) -> Admission {
    require(p.target().limits.workgroup_memory >= TILE_BYTES, "the tile passes the workgroup memory")
}

/// The adapter is no software adapter, where barriers are slow.
pub(super) fn hardware(target: &Target) -> Admission {
    require(!target.software, "a barrier is slow on a software adapter")
}

/// Subgroups have enough invocations to load the rows of a tile.
pub(super) fn subgroups(target: &Target) -> Admission {
    match target.subgroup {
        None => Err("the device was not opened for subgroups"),
        Some(invocations) => require(invocations >= 8, "subgroups of fewer than 8 invocations"),
    }
}

/// A subgroup is a workgroup, most of whose invocations have a vec4 of output channels.
pub(super) fn shared(target: &Target, og4: usize) -> Admission {
    require(target.subgroup == Some(8), "subgroups are larger than a workgroup")
        .and(require(og4 > 4, "too few output channels to fill a workgroup"))
}

/// There is one group, or each group has at least 4 vec4s of output channels, so that tiles are filled.
pub(super) fn filled(p: &ConvProblem<'_>) -> Admission {
    require(p.conv.groups == 1 || p.og4() >= 4, "a group has too few output channels to fill a tile")
}
