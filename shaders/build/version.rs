//! A number for all linked texts.

/// FNV-1a (<http://www.isthe.com/chongo/tech/comp/fnv/>) of some texts.
pub(crate) struct Version(pub(crate) u64);

impl Default for Version {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Version {
    /// Adds the lines of a linked text in an order of their own: the linker orders declarations as it likes.
    pub(crate) fn add_lines(&mut self, text: &str) {
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        lines.into_iter().for_each(|line| self.add(line));
    }

    pub(crate) fn add(&mut self, text: &str) {
        for byte in text.bytes().chain([0xff]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}
