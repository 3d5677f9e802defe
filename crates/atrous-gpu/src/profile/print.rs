//! A profile as a table.

use std::fmt::Write;
use std::time::Duration;

use super::Roofline;
use super::times::{NodeProfile, Profile};

impl Profile {
    /// A table of all nodes, the most expensive first: time, share of all nodes' time, arithmetic and memory throughput, and the share of
    /// `roofline`.
    pub fn table(&self, roofline: &Roofline) -> String {
        let mut nodes: Vec<&NodeProfile> = self.nodes.iter().collect();
        nodes.sort_by_key(|node| std::cmp::Reverse(node.time()));
        let sum: Duration = nodes.iter().map(|node| node.time()).sum();
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        let mut out = format!(
            "{}: {} nodes, {} dispatches, {:.3} ms ({:.3} ms with what lies between nodes), medians of {} runs\n\
             roofline: {:.1} GFLOP/s by a product of {}x{} matrices, {:.1} GB/s by a copy of {} MiB\n\n\
             {:>10} {:>7} {:>9} {:>8} {:>9}  {:<22} {:<26} name\n",
            self.adapter,
            nodes.len(),
            nodes.iter().map(|node| node.dispatches).sum::<usize>(),
            millis(sum),
            millis(self.pass_time()),
            self.runs(),
            roofline.gflops,
            roofline.gemm,
            roofline.gemm,
            roofline.gbytes,
            roofline.copied >> 20,
            "ms",
            "share",
            "GFLOP/s",
            "GB/s",
            "of roof",
            "op",
            "kernel"
        );
        for node in nodes {
            let share = 100.0 * node.time().as_secs_f64() / sum.as_secs_f64().max(1e-9);
            // Writing to a String cannot fail.
            let _ = writeln!(
                out,
                "{:>10.3} {:>6.1}% {:>9.1} {:>8.1} {:>8.1}%  {:<22} {:<26} {}",
                millis(node.time()),
                share,
                node.gflops(),
                node.gbytes(),
                100.0 * roofline.share(node),
                node.op,
                node.variant,
                node.name
            );
        }
        out
    }
}
