//! The times of a graph's nodes.

use std::time::Duration;

/// Times of all nodes, measured on the device by timestamps between them.
///
/// Where the adapter can write timestamps inside of a compute pass, the pass is the same as in an ordinary run. Elsewhere every node
/// is a pass of its own, which costs a little more. If the device begins a node before the previous one has ended, the overlap is
/// counted with the previous one.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// The adapter's name.
    pub adapter: String,
    /// Every node with dispatches, in the order of execution, followed by the updates of a training step.
    pub nodes: Vec<NodeProfile>,
}

/// What one node cost.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeProfile {
    /// The node's name.
    pub name: String,
    /// Its operation's name.
    pub op: &'static str,
    /// The kernel variant that serves it.
    pub variant: &'static str,
    /// Number of dispatches.
    pub dispatches: usize,
    /// Multiply-accumulates.
    pub macs: u64,
    /// Bytes read and written, each tensor once.
    pub bytes: u64,
    /// Begin and end in each run, counted from the beginning of the first run.
    pub spans: Vec<[Duration; 2]>,
}

impl Profile {
    /// Number of runs.
    pub fn runs(&self) -> usize {
        self.nodes.first().map_or(0, |node| node.spans.len())
    }

    /// The median time from the beginning of the first node to the end of the last.
    pub fn pass_time(&self) -> Duration {
        let (Some(first), Some(last)) = (self.nodes.first(), self.nodes.last()) else { return Duration::ZERO };
        median(first.spans.iter().zip(&last.spans).map(|(first, last)| last[1].saturating_sub(first[0])))
    }
}

impl NodeProfile {
    /// The median time over all runs.
    pub fn time(&self) -> Duration {
        median(self.spans.iter().map(|[begin, end]| end.saturating_sub(*begin)))
    }

    /// Arithmetic in 10⁹ operations a second, two per multiply-accumulate.
    pub fn gflops(&self) -> f64 {
        2e-9 * self.macs as f64 / self.seconds()
    }

    /// Memory traffic in 10⁹ bytes a second.
    pub fn gbytes(&self) -> f64 {
        1e-9 * self.bytes as f64 / self.seconds()
    }

    /// The median time in seconds, at least 1 ns: coarse timestamps may be equal.
    fn seconds(&self) -> f64 {
        self.time().as_secs_f64().max(1e-9)
    }
}

fn median(times: impl Iterator<Item = Duration>) -> Duration {
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
