//! Tensors to be placed, and the memory they need at least.

/// A tensor to place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Size in bytes.
    pub bytes: u64,
    /// The step that writes it first.
    pub first: usize,
    /// The last step that reads it.
    pub last: usize,
}

impl Request {
    /// Whether two tensors are alive at the same time.
    pub const fn overlaps(&self, other: &Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// Largest sum of tensors alive at one step. No plan needs less.
pub fn lower_bound(requests: &[Request]) -> u64 {
    let mut changes: Vec<(usize, bool, u64)> = Vec::with_capacity(requests.len() * 2);
    for r in requests {
        changes.push((r.first, true, r.bytes));
        changes.push((r.last + 1, false, r.bytes));
    }
    // At each step, tensors that have ended are subtracted before new ones are added.
    changes.sort_unstable();
    let (mut alive, mut most) = (0, 0);
    for (_, begins, bytes) in changes {
        if begins {
            alive += bytes;
            most = most.max(alive);
        } else {
            alive -= bytes;
        }
    }
    most
}
