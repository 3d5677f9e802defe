//! Ranges of a filter's output channels, cut at the groups of a convolution.

use std::ops::Range;

use crate::op::{Conv2d, Conv2dGradInput, Convolution};

/// A range of a filter's output channels that has whole groups or lies in one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) channels: Range<usize>,
    pub(super) groups: Range<usize>,
}

impl Part {
    /// Cuts a range of output channels such that each part has whole groups or lies in one. The filter has `all` output
    /// channels in `groups` groups.
    pub(super) fn of(channels: &Range<usize>, all: usize, groups: usize) -> Vec<Self> {
        let len = all / groups;
        let Range { start, end } = *channels;
        let (first, last) = (start.next_multiple_of(len), end / len * len);
        let (first, last) = if first > last { (end, end) } else { (first, last) };
        let ranges = [start..first, first..last, last..end];
        let part = |channels: Range<usize>| Self { groups: channels.start / len..channels.end.div_ceil(len), channels };
        ranges.into_iter().filter(|range| !range.is_empty()).map(part).collect()
    }

    /// The channels of the same groups on the other side of the filter, where there are `all` channels in `groups`
    /// groups.
    pub(super) const fn opposite(&self, all: usize, groups: usize) -> Range<usize> {
        let len = all / groups;
        self.groups.start * len..self.groups.end * len
    }

    /// The convolution restricted to these groups.
    pub(super) const fn convolution(&self, whole: Convolution) -> Convolution {
        match whole {
            Convolution::Forward(conv) => Convolution::Forward(self.conv(conv)),
            Convolution::Transposed(op) => Convolution::Transposed(Conv2dGradInput { conv: self.conv(op.conv), ..op }),
        }
    }

    /// [`Self::convolution`] of a forward convolution.
    pub(super) const fn conv(&self, whole: Conv2d) -> Conv2d {
        Conv2d { groups: self.groups.end - self.groups.start, ..whole }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(channels: Range<usize>, groups: usize) -> Vec<(Range<usize>, Range<usize>)> {
        Part::of(&channels, 24, groups).into_iter().map(|part| (part.channels, part.groups)).collect()
    }

    #[test]
    fn parts_have_whole_groups_or_lie_in_one() {
        assert_eq!(parts(4..20, 1), [(4..20, 0..1)]);
        assert_eq!(parts(4..20, 3), [(4..8, 0..1), (8..16, 1..2), (16..20, 2..3)]);
        assert_eq!(parts(8..24, 3), [(8..24, 1..3)]);
        assert_eq!(parts(9..15, 3), [(9..15, 1..2)]);
        assert_eq!(parts(4..12, 3), [(4..8, 0..1), (8..12, 1..2)]);
        assert_eq!(parts(4..20, 24), [(4..20, 4..20)]);
        let part = &Part::of(&(8..24), 24, 3)[0];
        assert_eq!(part.opposite(15, 3), 5..15);
    }
}
